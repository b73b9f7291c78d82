"""Resample a signal chunk by chunk, with about a millisecond of latency."""

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Samples, detached
from denoise_stream.engine.rates.polyphase import polyphase

BLOCK_SAMPLES = 1024
"""Output samples computed at once: the windows under them stay in the processor's cache."""


class Resampler:
    """Resample a chunked signal; the output is aligned in time with the input.

    The signal is extended by its first value before it begins and by its last value after it ends; a missing value
    (NaN) counts as the last known one. Kept between calls: the samples that the filter still reaches, two values per
    channel.

    Parameters
    ----------
    from_hz, to_hz
        The two rates in Hz.
    channels
        Number of channels.
    keep_gaps
        Whether an output sample is missing when the nearest input sample is.
    """

    def __init__(self, from_hz: float, to_hz: float, channels: int, *, keep_gaps: bool = False) -> None:
        self._filter = polyphase(from_hz, to_hz)
        self._channels = channels
        self._keep_gaps = keep_gaps
        self._baseline = Baseline(channels)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._baseline.reset()
        self._kept: Samples = np.zeros((self._channels, self._filter.reach - 1))
        self._missing = np.zeros(self._kept.shape, dtype=bool)
        self._kept_from = 1 - self._filter.reach
        self._taken = 0
        self._given = 0

    def process(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return those ready at the other rate."""
        self._taken += samples.shape[1]
        return self._take(self._baseline.remove(samples), np.isnan(samples))

    def flush(self) -> Samples:
        """Return the tail ``(channels, n)``, up to the end of the last sample, and reset."""
        self._taken += self._filter.reach
        beyond = np.repeat(self._baseline.held, self._filter.reach, axis=1)
        tail = self._take(beyond, np.zeros(beyond.shape, dtype=bool))
        self.reset()
        return tail

    def _take(self, samples: Samples, missing: NDArray[np.bool_]) -> Samples:
        self._kept = np.concatenate((self._kept, samples), axis=1)
        self._missing = np.concatenate((self._missing, missing), axis=1)
        count = self._filter.ready(self._taken) - self._given
        starts = range(0, count, BLOCK_SAMPLES)
        blocks = [self._compute(min(BLOCK_SAMPLES, count - start)) for start in starts]
        self._kept, self._missing = detached(self._kept), detached(self._missing)
        return np.concatenate(blocks, axis=1) if blocks else np.empty((self._channels, 0))

    def _compute(self, count: int) -> Samples:
        """Compute the next output samples and drop the input that later ones do not need."""
        reach = self._filter.reach
        whole, beyond, parts = self._filter.places(self._given, count + 1)
        first = whole - reach + 1 - self._kept_from + beyond
        windows = _windows(self._kept, 2 * reach)[:, first[:-1]]
        filtered = np.einsum("cnk,nk->cn", windows, self._filter.weights(parts[:-1]))
        resampled = self._baseline.restore(filtered, self._kept_from + first[:-1] + 2 * reach - 1)
        if self._keep_gaps and self._missing.any():
            nearest = first[:-1] + reach - 1 + (2 * parts[:-1] >= self._filter.parts)
            resampled[self._missing[:, nearest]] = np.nan
        self._given += count
        self._kept, self._missing = self._kept[:, first[-1] :], self._missing[:, first[-1] :]
        self._kept_from += int(first[-1])
        return resampled


def _windows(samples: Samples, length: int) -> Samples:
    """Return a view of the window that starts at each sample, ``(channels, n - length + 1, length)``."""
    shape = (samples.shape[0], samples.shape[1] - length + 1, length)
    strides = (*samples.strides, samples.strides[1])
    return np.lib.stride_tricks.as_strided(samples, shape, strides, writeable=False)


class Baseline:
    """Subtract each channel's first value before a filter and add it back after; hold values over gaps.

    A filter takes the signal for 0 before it begins: one with an offset would begin with a step. It cannot wait for the
    value after a gap either, so the last value is held over missing ones (NaN). Kept between calls: two values per
    channel, and where the first one stood.

    Attributes
    ----------
    held
        The last value per channel ``(channels, 1)``, without the first one.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is sample 0."""
        self._begun = np.zeros(self._channels, dtype=bool)
        self._first: Samples = np.zeros((self._channels, 1))
        self._first_at = np.full((self._channels, 1), np.inf)
        self._taken = 0
        self.held: Samples = np.zeros((self._channels, 1))

    def remove(self, samples: Samples) -> Samples:
        """Take the next samples ``(channels, n)``; return as many, without NaN and without the first value."""
        if samples.shape[1] == 0:
            return samples
        for channel in np.flatnonzero(~self._begun):
            known = np.flatnonzero(~np.isnan(samples[channel]))
            if len(known):
                self._begun[channel] = True
                self._first[channel] = samples[channel, known[0]]
                self._first_at[channel] = self._taken + known[0]
        self._taken += samples.shape[1]
        joined = np.concatenate((self.held, samples - self._first), axis=1)
        missing = np.isnan(joined)
        if missing.any():
            source = np.where(missing, 0, np.arange(joined.shape[1]))
            joined = np.take_along_axis(joined, np.maximum.accumulate(source, axis=1), axis=1)
        self.held = joined[:, -1:].copy()
        return joined[:, 1:]

    def restore(self, samples: Samples, heard_until: NDArray[np.int64]) -> Samples:
        """Add the first value back to samples ``(channels, n)``; 0 to channels that have had none.

        ``heard_until`` ``(n,)`` is the last input sample that each of them depends on; samples that arrived later must
        not matter.
        """
        return samples + np.where(heard_until >= self._first_at, self._first, 0.0)
