"""The least and the largest values of a long signal, bin by bin: what an overview shows."""

import numpy as np

from denoise_stream.files.protocols import Chunk

LEAST_BINS = 1000
"""A long signal has between so many bins and twice as many."""


class Envelope:
    """Collect the extremes of signals in bins that grow with their length; missing values count where all are.

    Attributes
    ----------
    low, high : ndarray
        Extremes ``(bins, signals, channels)``.
    bin_size : int
        Samples of a bin.
    """

    def __init__(self, signals: int, channels: int) -> None:
        self.low = self.high = np.empty((0, signals, channels))
        self.bin_size = 1
        self._open = self.low

    def observe(self, samples: Chunk) -> None:
        """Look at the next samples ``(n, signals, channels)``."""
        self._open = np.concatenate((self._open, samples))
        bins = len(self._open) // self.bin_size
        full = self._open[: bins * self.bin_size].reshape(bins, self.bin_size, *samples.shape[1:])
        self._open = self._open[bins * self.bin_size :].copy()
        self.low = np.concatenate((self.low, np.fmin.reduce(full, axis=1)))
        self.high = np.concatenate((self.high, np.fmax.reduce(full, axis=1)))
        while len(self.low) >= 2 * LEAST_BINS:
            even = len(self.low) // 2 * 2
            # An odd last bin stays as it is; half a bin of shift is invisible in an overview.
            self.low = np.concatenate((np.fmin(self.low[0:even:2], self.low[1:even:2]), self.low[even:]))
            self.high = np.concatenate((np.fmax(self.high[0:even:2], self.high[1:even:2]), self.high[even:]))
            self.bin_size *= 2

    @property
    def centres(self) -> Chunk:
        """The samples in the middle of the bins, from 0."""
        return (np.arange(len(self.low), dtype=np.float64) + 0.5) * self.bin_size - 0.5
