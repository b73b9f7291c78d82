"""The least and the largest values of a long signal, bin by bin: what an overview shows."""

import numpy as np

from denoise_stream.files.protocols import Chunk

LEAST_BINS = 1000
"""A long signal has between this many bins and twice as many."""


class Envelope:
    """Collect the extremes of signals in bins that grow with their length; a bin is missing only if all its values are.

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
        self._seen = 0

    def observe(self, samples: Chunk) -> None:
        """Look at the next samples ``(n, signals, channels)``."""
        if not len(samples):
            return
        filled = self._seen % self.bin_size  # of the last bin
        starts = np.maximum(np.arange(-filled, len(samples), self.bin_size), 0)
        low, high = np.fmin.reduceat(samples, starts), np.fmax.reduceat(samples, starts)
        if filled:
            low[0], high[0] = np.fmin(self.low[-1], low[0]), np.fmax(self.high[-1], high[0])
        whole = self._seen // self.bin_size
        self.low, self.high = np.concatenate((self.low[:whole], low)), np.concatenate((self.high[:whole], high))
        self._seen += len(samples)
        while len(self.low) >= 2 * LEAST_BINS:
            pairs = np.arange(0, len(self.low), 2)
            self.low, self.high = np.fmin.reduceat(self.low, pairs), np.fmax.reduceat(self.high, pairs)
            self.bin_size *= 2

    @property
    def centres(self) -> Chunk:
        """The samples in the middle of the bins, from 0."""
        middles = (np.arange(len(self.low), dtype=np.float64) + 0.5) * self.bin_size - 0.5
        return np.minimum(middles, self._seen - 1)
