"""Spectrograms of a long signal before and after, in bounded memory."""

import math

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.envelope import GrowingBins

WINDOW_S = 0.032
LEAST_COLUMNS = 400
"""A long signal has between this many columns and twice as many."""

FLOOR_DB = -160.0
LARGEST = 1e30
"""Powers are clipped here, so that no sum is infinite."""


class SpectrogramPair:
    """Mean power over time and frequency of both signals, and over all channels; a sine of full scale has 0 dB.

    Kept between calls: the columns and less than two windows of samples.

    Parameters
    ----------
    sample_rate_hz
        Of both signals.
    channels
        Of both signals.

    Attributes
    ----------
    size : int
        Samples of a window; windows overlap by half.
    """

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self.size: int = min(1 << max(6, round(math.log2(WINDOW_S * sample_rate_hz))), 8192)
        self._rate = sample_rate_hz
        self._hop = self.size // 2
        self._taper = np.hanning(self.size + 1)[:-1]
        self._open = np.empty((0, 2, channels))
        self._sums = GrowingBins(np.add, LEAST_COLUMNS, np.empty((0, 2, self._hop + 1), np.float32))  # over frames

    def observe(self, samples: Chunk) -> None:
        """Look at the next samples of both signals ``(n, 2, channels)``."""
        self._open = np.concatenate((self._open, np.nan_to_num(samples)))
        count = max(0, (len(self._open) - self.size) // self._hop + 1)
        if not count:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._open, self.size, axis=0)[:: self._hop]
        with np.errstate(over="ignore", invalid="ignore"):
            spectra = np.fft.rfft(windows * self._taper)  # (frames, 2, channels, frequencies)
            powers = (np.abs(spectra) ** 2).mean(axis=2) * (2 / self._taper.sum()) ** 2
        self._open = self._open[count * self._hop :].copy()
        self._sums.observe(np.fmin(powers, LARGEST).astype(np.float32))

    def decibels(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the levels of both signals in dB, ``(frequencies, columns)`` each."""
        frames = np.full((self.columns, 1, 1), self._sums.size, np.float32)
        if len(frames):
            frames[-1] = (self._sums.count - 1) % self._sums.size + 1
        levels = 10 * np.log10(np.maximum(self._sums.values / frames, 10 ** (FLOOR_DB / 10)))
        return levels[:, 0].T, levels[:, 1].T

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self._sums.values)

    @property
    def highest_hz(self) -> float:
        """The highest frequency."""
        return self._rate / 2

    @property
    def extent_s(self) -> tuple[float, float]:
        """Where the first column begins and the last one ends, in s."""
        margin = (self.size - self._hop) / 2
        length = self._sums.count * self._hop
        return margin / self._rate, (margin + length) / self._rate
