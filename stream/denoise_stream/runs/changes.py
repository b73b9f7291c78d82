"""Measure what denoising changed: how much was removed, where the most, and which isolated peaks were lowered."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.peaks import BLOCK, isolated_peaks


@dataclass(frozen=True)
class Change:
    """One sample before and after; ``sample`` counts from 0, ``time`` is what a column of time says there."""

    sample: int
    before: float
    after: float
    time: str = ""

    @property
    def size(self) -> float:
        """How far the sample was moved."""
        return abs(self.before - self.after)


class ChangeMeter:
    """Measure per channel what was removed, seeing every sample of both signals once.

    Kept between calls: sums, the largest change, and both signals of an unfinished block of 150 samples. Sums are of
    differences to the first known sample of a channel, so that a large offset costs no digits.

    Parameters
    ----------
    channels
        Channels of both signals.
    peaks
        Whether to look for isolated peaks; what is removed from sound is too uneven for that.
    stamp_at
        Returns the time stamp of a row that was just read, if the table has a column of time.
    """

    def __init__(self, channels: int, *, peaks: bool, stamp_at: Callable[[int], str] | None = None) -> None:
        self._channels = channels
        self._looks_for_peaks = peaks
        self._stamp_at = stamp_at
        self._first = np.full(channels, np.nan)
        self._sums = np.zeros((3, channels))  # of the input, of its squares, of the squares of what was removed
        self._counts = np.zeros(channels)
        self._seen = 0
        self._largest: list[Change | None] = [None] * channels
        self._peaks = np.zeros(channels, dtype=np.int64)
        self._largest_peak: list[Change | None] = [None] * channels
        self._noisy: Chunk = np.empty((0, channels))
        self._denoised: Chunk = np.empty((0, channels))

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples of both signals, ``(n, channels)``, missing values as NaN."""
        self._noisy = np.concatenate((self._noisy, noisy))
        self._denoised = np.concatenate((self._denoised, denoised))
        ready = len(self._noisy) // BLOCK * BLOCK
        self._measure(ready)

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of each channel.

        Returns
        -------
        For each channel ``removed_rms`` and ``input_deviation`` (standard deviation of the input) in the signal's unit,
        ``removed_share`` of one in the other, ``estimated_snr_db`` of the input if what was removed is the noise,
        ``largest_change`` and ``largest_lowered_peak`` (``sample`` from 0, ``before``, ``after``, and ``time`` as a
        column of time says it; None without), and ``lowered_peaks``. Unknown values are None.
        """
        self._measure(len(self._noisy))
        return [self._facts_of(channel) for channel in range(self._channels)]

    def _facts_of(self, channel: int) -> dict[str, Any]:
        total, squares, removed = (float(value) for value in self._sums[:, channel])
        count = max(float(self._counts[channel]), 1.0)
        deviation = _root(squares / count - (total / count) ** 2)
        removed_rms = _root(removed / count)
        known = deviation is not None and removed_rms is not None and deviation > 0
        share = removed_rms / deviation if known else None  # type: ignore[operator]
        snr = None
        if share is not None and 0 < share < 1:
            snr = 10 * math.log10(1 / share**2 - 1)
        largest, peak = self._largest[channel], self._largest_peak[channel]
        return {
            "removed_rms": removed_rms,
            "input_deviation": deviation,
            "removed_share": share,
            "estimated_snr_db": snr,
            "largest_change": asdict(largest) if largest else None,
            "lowered_peaks": int(self._peaks[channel]),
            "largest_lowered_peak": asdict(peak) if peak else None,
        }

    def _measure(self, count: int) -> None:
        """Measure the first samples that wait."""
        noisy, denoised = self._noisy[:count], self._denoised[:count]
        self._noisy, self._denoised = self._noisy[count:].copy(), self._denoised[count:].copy()
        if not count:
            return
        unknown = np.isnan(self._first)
        if unknown.any():
            known = ~np.isnan(noisy)
            self._first = np.where(
                unknown & known.any(axis=0), noisy[known.argmax(axis=0), range(self._channels)], self._first
            )
        with np.errstate(over="ignore", invalid="ignore"):
            removed = noisy - denoised
            moved = noisy - self._first
            self._sums += [np.nansum(moved, axis=0), np.nansum(moved**2, axis=0), np.nansum(removed**2, axis=0)]
        self._counts += np.count_nonzero(~np.isnan(noisy), axis=0)
        size = np.abs(np.nan_to_num(removed))
        for channel, place in enumerate(size.argmax(axis=0)):
            change = Change(self._seen + int(place), float(noisy[place, channel]), float(denoised[place, channel]))
            self._largest[channel] = self._larger(self._largest[channel], change)
        if self._looks_for_peaks:
            self._look_for_peaks(noisy, denoised)
        self._seen += count

    def _look_for_peaks(self, noisy: Chunk, denoised: Chunk) -> None:
        """Count the isolated peaks of whole blocks."""
        peaks = isolated_peaks(noisy, denoised)
        starts = peaks.copy()
        starts[1:] &= ~peaks[:-1]
        starts[::BLOCK] = peaks[::BLOCK]  # blocks know nothing of each other
        self._peaks += starts.sum(axis=0)
        for place, channel in np.argwhere(peaks).tolist():
            change = Change(self._seen + place, float(noisy[place, channel]), float(denoised[place, channel]))
            self._largest_peak[channel] = self._larger(self._largest_peak[channel], change)

    def _larger(self, one: Change | None, other: Change) -> Change | None:
        """Return the larger change; None if both are 0."""
        if not other.size > 0 or (one is not None and one.size >= other.size):
            return one
        return other if self._stamp_at is None else replace(other, time=self._stamp_at(other.sample))


def _root(square: float) -> float | None:
    """Return the square root; None if the square overflowed."""
    return math.sqrt(max(square, 0.0)) if math.isfinite(square) else None
