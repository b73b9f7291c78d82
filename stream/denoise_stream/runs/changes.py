"""Measure what denoising changed: how much was removed, where the most, and which isolated peaks were lowered."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.noise_level import HEAVY_TAILS, NORMAL_MAD, HumMeter, at_half_rate, noise_level
from denoise_stream.runs.peaks import BLOCK, isolated_peaks

MOST_RATIO = 1.2
"""White noise has a ``noise_level.level_ratio`` between one over this and this; pink noise about 1.35."""

AGREE_DB = 3.0
"""Largest difference between the noise level and the RMS of what was removed at which the SNR is reported."""

LEAST_HUM = 0.25
"""Hum is reported if it has this share of the noise's power or more: the SNR would be wrong by 1 dB."""

LEAST_HUM_SHARE = 1e-4
"""Hum is reported if it has this share of the signal's power or more."""

CHANNELS_AT_ONCE = 64
"""Channels whose noise is estimated by one computation: more take more memory, fewer more time."""

Rows = NDArray[np.int64]


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

    The SNR before denoising is reported only if the noise is white: pink noise, hum and impulses are partly kept or
    missed. Noise counts as white if its level is the same at half the sample rate, and if what was removed has that
    level and no impulses. A steady tone at a harmonic of the mains, which may be signal or hum, is reported instead.

    Parameters
    ----------
    channels
        Channels of both signals.
    peaks
        Whether to look for isolated peaks; what is removed from sound is too uneven for that.
    noise
        Whether to estimate the SNR before; the noise in sound is never white.
    sample_rate_hz
        Of both signals, if it is known; without it no hum is found.
    stamp_at
        Returns the time stamp of a row that was just read, if the table has a column of time.
    """

    def __init__(
        self,
        channels: int,
        *,
        peaks: bool,
        noise: bool = False,
        sample_rate_hz: float | None = None,
        stamp_at: Callable[[int], str] | None = None,
    ) -> None:
        self._channels = channels
        self._looks_for_peaks = peaks
        self._noise = NoiseMeter(channels, sample_rate_hz) if noise else None
        self._stamp_at = stamp_at
        self._first = np.full(channels, np.nan)
        self._sums = np.zeros((3, channels))  # of the input, of its squares, of the squares of what was removed
        self._counts = np.zeros(channels)
        self._largest: list[Change | None] = [None] * channels
        self._peaks = np.zeros(channels, dtype=np.int64)
        self._largest_peak: list[Change | None] = [None] * channels
        self._noisy: Chunk = np.empty((0, channels))
        self._denoised: Chunk = np.empty((0, channels))
        self._rows: Rows = np.empty(0, dtype=np.int64)
        self._next_row = 0

    def observe(self, noisy: Chunk, denoised: Chunk, rows: Rows | None = None) -> None:
        """Look at the next samples of both signals, ``(n, channels)``, missing values as NaN.

        ``rows`` are their numbers from 0, where others lie between them.
        """
        if not len(noisy):
            return
        if rows is None:
            rows = np.arange(self._next_row, self._next_row + len(noisy))
        self._next_row = int(rows[-1]) + 1
        self._sum(noisy, denoised, rows)
        self._noisy = np.concatenate((self._noisy, noisy))
        self._denoised = np.concatenate((self._denoised, denoised))
        self._rows = np.concatenate((self._rows, rows))
        self._look_at_blocks(len(self._noisy) // BLOCK * BLOCK)

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of each channel.

        Returns
        -------
        For each channel ``removed_rms`` and ``input_deviation`` (standard deviation of the input) in the signal's unit,
        ``removed_share`` of one in the other, ``estimated_snr_db`` of the input if its noise is white,
        ``hum`` (``mains_hz`` and ``tone_hz`` of a steady tone that may be mains hum; None without), ``largest_change``
        and ``largest_lowered_peak`` (``sample`` from 0, ``before``, ``after``, and ``time`` as a column of time says
        it; None without), and ``lowered_peaks``. Unknown values are None.
        """
        self._look_at_blocks(len(self._noisy))
        return [self._facts_of(channel) for channel in range(self._channels)]

    def squares(self) -> tuple[Chunk, Chunk, Chunk]:
        """Return per channel the sum of squares of the input about its mean, that of what was removed, and the samples.

        Each is ``(channels,)``.
        """
        total, squares, removed = self._sums
        with np.errstate(over="ignore", invalid="ignore"):  # the squares of numbers around 1e200 overflow
            return squares - total**2 / np.maximum(self._counts, 1), removed, self._counts

    def _facts_of(self, channel: int) -> dict[str, Any]:
        share = share_removed(*(float(values[channel]) for values in self.squares()))
        snr = hum = None
        if self._noise is not None:
            hum = self._noise.hum(channel, share["input_deviation"])
            snr = None if hum else self._noise.snr_db(channel, share["input_deviation"], share["removed_rms"])
        largest, peak = self._largest[channel], self._largest_peak[channel]
        return {
            **share,
            "estimated_snr_db": snr,
            "hum": hum,
            "largest_change": asdict(largest) if largest else None,
            "lowered_peaks": int(self._peaks[channel]),
            "largest_lowered_peak": asdict(peak) if peak else None,
        }

    def _sum(self, noisy: Chunk, denoised: Chunk, rows: Rows) -> None:
        """Add up the next samples, and remember the one that was changed most."""
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
            change = Change(int(rows[place]), float(noisy[place, channel]), float(denoised[place, channel]))
            self._largest[channel] = self._larger(self._largest[channel], change)

    def _look_at_blocks(self, count: int) -> None:
        """Look at the first samples that wait: whole blocks, or all that is left."""
        noisy, denoised, rows = self._noisy[:count], self._denoised[:count], self._rows[:count]
        self._noisy, self._denoised = self._noisy[count:].copy(), self._denoised[count:].copy()
        self._rows = self._rows[count:].copy()
        if self._noise is not None:
            self._noise.observe(noisy, denoised)
        if not self._looks_for_peaks:
            return
        peaks = isolated_peaks(noisy, denoised)
        starts = peaks.copy()
        starts[1:] &= ~peaks[:-1]
        starts[::BLOCK] = peaks[::BLOCK]  # blocks know nothing of each other
        self._peaks += starts.sum(axis=0)
        for place, channel in np.argwhere(peaks).tolist():
            change = Change(int(rows[place]), float(noisy[place, channel]), float(denoised[place, channel]))
            self._largest_peak[channel] = self._larger(self._largest_peak[channel], change)

    def _larger(self, one: Change | None, other: Change) -> Change | None:
        """Return the larger change; None if both are 0."""
        if not other.size > 0 or (one is not None and one.size >= other.size):
            return one
        return other if self._stamp_at is None else replace(other, time=self._stamp_at(other.sample))


class NoiseMeter:
    """Estimate the level of white noise per channel, block by block; blocks with missing values are left out.

    With a sample rate it looks for mains hum too, which the estimate would count as signal.
    """

    def __init__(self, channels: int, sample_rate_hz: float | None = None) -> None:
        self._hum = None if sample_rate_hz is None else HumMeter(channels, sample_rate_hz)
        # Of the noise level, of that at half the sample rate, and of the level of what was removed, by its median.
        self._squares = np.zeros((3, channels))
        self._blocks = np.zeros(channels)

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next whole blocks ``(n, channels)``; what is left after them is too short to count."""
        if self._hum is not None:
            self._hum.observe(noisy)
        count, channels = len(noisy) // BLOCK, noisy.shape[1]
        before, after = (
            signal[: count * BLOCK].reshape(count, BLOCK, channels).transpose(2, 0, 1) for signal in (noisy, denoised)
        )
        for first in range(0, channels if count else 0, CHANNELS_AT_ONCE):
            part = slice(first, first + CHANNELS_AT_ONCE)
            blocks = before[part].reshape(-1, BLOCK)
            removed = np.abs(blocks - after[part].reshape(-1, BLOCK))
            known = np.asarray(np.isfinite(removed).all(axis=1))
            blocks = np.where(known[:, None], blocks, 0.0)
            removed[~known] = 0.0
            with np.errstate(over="ignore", invalid="ignore"):
                typical = np.median(removed, axis=1) / NORMAL_MAD
                levels = np.stack([noise_level(blocks)[:, 0], noise_level(at_half_rate(blocks))[:, 0], typical])
                self._squares[:, part] += np.square(levels).reshape(3, -1, count).sum(axis=2)
            self._blocks[part] += np.count_nonzero(known.reshape(-1, count), axis=1)

    def snr_db(self, channel: int, deviation: float | None, removed_rms: float | None) -> float | None:
        """Return the SNR of the input in dB; None if the noise is not white, or none was found."""
        level, half, typical = self._levels(channel)
        if not (removed_rms and deviation and 0 < level < deviation):
            return None
        white = 1 / MOST_RATIO <= half / level <= MOST_RATIO
        agrees = abs(20 * math.log10(removed_rms / level)) <= AGREE_DB
        steady = removed_rms <= HEAVY_TAILS * typical
        return 10 * math.log10((deviation / level) ** 2 - 1) if white and agrees and steady else None

    def hum(self, channel: int, deviation: float | None) -> dict[str, int] | None:
        """Return ``mains_hz`` and ``tone_hz`` of a steady tone that is strong beside the noise; None without one."""
        if self._hum is None or deviation is None:
            return None
        mains, tone, power = self._hum.strongest(channel)
        least = max(LEAST_HUM * self._levels(channel)[0] ** 2, LEAST_HUM_SHARE * deviation**2)
        return {"mains_hz": mains, "tone_hz": tone} if power > least else None

    def _levels(self, channel: int) -> list[float]:
        return [math.sqrt(square) for square in self._squares[:, channel] / max(self._blocks[channel], 1)]


def share_removed(about_mean: float, removed: float, count: float) -> dict[str, float | None]:
    """Return what was removed, the input's deviation and the share, from sums of squares over ``count`` samples."""
    deviation, rms = _root(about_mean / max(count, 1.0)), _root(removed / max(count, 1.0))
    share = rms / deviation if deviation and rms is not None else None
    return {"removed_rms": rms, "input_deviation": deviation, "removed_share": share}


def _root(square: float) -> float | None:
    """Return the square root; None if the square overflowed."""
    return math.sqrt(max(square, 0.0)) if math.isfinite(square) else None
