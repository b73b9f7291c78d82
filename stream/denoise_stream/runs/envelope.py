"""The least and the largest values of a long signal, bin by bin: what an overview shows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk

LEAST_BINS = 1000
"""A long signal has between this many bins and twice as many."""


class GrowingBins:
    """Reduce a signal of unknown length to bins; their size doubles whenever there are twice the least number.

    Parameters
    ----------
    reduce
        Combines the values of a bin, such as ``np.fmin``.
    least
        A long signal has between this many bins and twice as many.
    empty
        Array ``(0, ...)`` of the shape and dtype of the values.

    Attributes
    ----------
    values : ndarray
        The bins ``(bins, ...)``; the last one may not be full.
    size : int
        Values of a full bin.
    count : int
        Values so far.
    """

    def __init__(self, reduce: np.ufunc, least: int, empty: NDArray[Any]) -> None:
        self._reduce = reduce
        self._least = least
        self.values = empty
        self.size = 1
        self.count = 0

    def observe(self, values: NDArray[Any]) -> None:
        """Look at the next values ``(n, ...)``."""
        if not len(values):
            return
        filled = self.count % self.size  # of the last bin
        bins = self._reduce.reduceat(values, np.maximum(np.arange(-filled, len(values), self.size), 0))
        if filled:
            bins[0] = self._reduce(self.values[-1], bins[0])
        self.values = np.concatenate((self.values[: self.count // self.size], bins))
        self.count += len(values)
        while len(self.values) >= 2 * self._least:
            self.values = self._reduce.reduceat(self.values, np.arange(0, len(self.values), 2))
            self.size *= 2


class Envelope:
    """Collect the extremes of signals in bins that grow with their length; a bin is missing only if all its values are.

    Parameters
    ----------
    signals, channels
        Of the samples.
    """

    def __init__(self, signals: int, channels: int) -> None:
        empty = np.empty((0, signals, channels))
        self._low, self._high = (GrowingBins(extreme, LEAST_BINS, empty) for extreme in (np.fmin, np.fmax))

    def observe(self, samples: Chunk) -> None:
        """Look at the next samples ``(n, signals, channels)``."""
        self._low.observe(samples)
        self._high.observe(samples)

    @property
    def low(self) -> Chunk:
        """The least values ``(bins, signals, channels)``."""
        return self._low.values

    @property
    def high(self) -> Chunk:
        """The largest values ``(bins, signals, channels)``."""
        return self._high.values

    @property
    def bin_size(self) -> int:
        """Samples of a full bin."""
        return self._low.size

    @property
    def centres(self) -> Chunk:
        """The samples in the middle of the bins, from 0."""
        middles = (np.arange(len(self.low), dtype=np.float64) + 0.5) * self.bin_size - 0.5
        return np.minimum(middles, self._low.count - 1)
