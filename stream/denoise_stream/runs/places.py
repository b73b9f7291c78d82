"""Keep the places of a signal that are worth a closer look, in bounded memory: the largest change, a typical one."""

from dataclasses import dataclass

import numpy as np

from denoise_stream.files.protocols import Chunk

MOST_STRETCHES = 16
"""Stretches from which the typical one is chosen, at most; half as many at least in a long signal."""


@dataclass(frozen=True)
class Place:
    """A part of a signal before and after.

    Attributes
    ----------
    start
        Its first sample, from 0.
    before, after
        Both signals there ``(n, channels)``.
    """

    start: int
    before: Chunk
    after: Chunk

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.before)


class LargestChange:
    """Find the sample that was changed most in any channel, and keep what surrounds it.

    Kept between calls: a few times ``length`` samples of both signals.

    Parameters
    ----------
    length
        Samples of the place.
    channels
        Channels of both signals.

    Attributes
    ----------
    sample : int
        The sample that was changed most, from 0.
    size : float
        How far.
    """

    def __init__(self, length: int, channels: int) -> None:
        self.sample = 0
        self.size = -1.0
        self._length = length
        self._seen = 0
        self._recent: list[Chunk] = []  # parts (n, 2, channels) that hold the last ``length`` samples
        self._kept = np.empty((0, 2, channels))
        self._kept_start = 0

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples of both signals, ``(n, channels)``; what is missing has not changed."""
        for start in range(0, len(noisy), self._length):
            end = start + self._length
            self._look_at(np.stack([noisy[start:end], denoised[start:end]], axis=1))

    def _look_at(self, part: Chunk) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            sizes = np.abs(np.nan_to_num(part[:, 0] - part[:, 1])).max(axis=1)
        self._recent.append(part)
        self._seen += len(part)
        place = int(sizes.argmax())
        if sizes[place] > self.size:
            self.size, self.sample = float(sizes[place]), self._seen - len(part) + place
            self._kept = np.concatenate(self._recent)
            self._kept_start = self._seen - len(self._kept)
        elif len(self._kept) < (wanted := self.sample + self._length - self._kept_start):
            self._kept = np.concatenate((self._kept, part[: wanted - len(self._kept)]))
        while sum(map(len, self._recent)) - len(self._recent[0]) >= self._length:
            self._recent.pop(0)

    def place(self, most: int | None = None) -> Place:
        """Return the samples around the largest change: ``length`` or at most ``most``, all of a shorter signal."""
        length = self._length if most is None else min(most, self._length)
        start = max(0, min(self.sample - length // 2, self._seen - length))
        kept = self._kept[start - self._kept_start :][:length]
        return Place(start, kept[:, 0], kept[:, 1])


class TypicalStretch:
    """Keep stretches all over a signal, and choose the one that was changed as much as most.

    Kept between calls: ``MOST_STRETCHES`` stretches and an unfinished one.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._every = 1
        self._count = 0
        self._open: list[Chunk] = []  # parts (n, 2, channels) of the unfinished stretch
        self._stretches: list[Place] = []

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples of both signals, ``(n, channels)``."""
        rest = np.stack([noisy, denoised], axis=1)
        while len(rest):
            missing = self._length - sum(map(len, self._open))
            self._open.append(rest[:missing])
            rest = rest[missing:]
            if len(self._open[-1]) == missing:
                self._keep(self._open)
                self._open = []

    def _keep(self, parts: list[Chunk]) -> None:
        if self._count % self._every == 0:
            stretch = np.concatenate(parts)
            self._stretches.append(Place(self._count * self._length, stretch[:, 0], stretch[:, 1]))
        self._count += 1
        if len(self._stretches) >= MOST_STRETCHES:
            self._stretches = self._stretches[::2]
            self._every *= 2

    def place(self, channel: int, apart_from: Place, most: int | None = None) -> Place | None:
        """Choose, from the livelier half, the stretch of a channel whose change is nearest to the median.

        Parameters
        ----------
        channel
            The channel that is looked at.
        apart_from
            A place that it must not overlap.
        most
            Samples of it, at most.

        Returns
        -------
        The stretch of this channel alone; None if no whole one is left.
        """
        own = slice(channel, channel + 1)
        cut = [Place(place.start, place.before[:most, own], place.after[:most, own]) for place in self._stretches]
        last = apart_from.start + len(apart_from)
        free = [place for place in cut if place.start >= last or place.start + len(place) <= apart_from.start]
        if not free:
            return None
        liveliness = [_deviation(place.before) for place in free]
        lively = [place for place, value in zip(free, liveliness, strict=True) if value >= np.median(liveliness)]
        changes = np.array([_deviation(place.before - place.after) for place in lively])
        return lively[int(np.abs(changes - np.median(changes)).argmin())]


def _deviation(samples: Chunk) -> float:
    """Return the standard deviation of what is known and finite, 0 without."""
    known = samples[np.isfinite(samples)]
    return float(known.std()) if len(known) else 0.0
