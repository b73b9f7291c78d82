"""The time of every sample of a long signal, from some of its time stamps."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk

MOST_STAMPS = 4000
"""Most time stamps that are read; times between them are interpolated."""

DAY_S = 86_400.0


class SampleTimes:
    """Find out when samples were taken: from a table's own time stamps, its gaps included, else from the rate.

    Parameters
    ----------
    sample_rate_hz
        Samples per second, if known.
    start
        Moment of second 0, if known.
    seconds_at
        Returns the time of a row that was just read, in s; None if its stamp cannot be read.
    """

    def __init__(
        self,
        sample_rate_hz: float | None,
        start: datetime | None = None,
        seconds_at: Callable[[int], float | None] | None = None,
    ) -> None:
        self.start = start if sample_rate_hz else None
        self._rate = sample_rate_hz
        self._seconds_at = seconds_at if sample_rate_hz else None
        self._every = 1
        self._stamps: list[tuple[int, float]] = []

    @property
    def unit(self) -> str:
        """What the times are: ``"time"`` (moments), ``"s"`` or ``"sample"``."""
        return "time" if self.start is not None else "s" if self._rate else "sample"

    def observe(self, first: int, count: int) -> None:
        """Look at the stamps of the next samples."""
        if self._seconds_at is None:
            return
        for row in range(-(-first // self._every) * self._every, first + count, self._every):
            seconds = self._seconds_at(row)
            if seconds is not None:
                self._stamps.append((row, seconds))
            if len(self._stamps) >= MOST_STAMPS:
                self._every *= 2
                self._stamps = [stamp for stamp in self._stamps if stamp[0] % self._every == 0]
                return self.observe(row + 1, first + count - row - 1)

    def seconds(self, samples: Chunk) -> Chunk:
        """Return the times of samples in s, or the samples themselves without a rate."""
        if self._rate is None:
            return samples
        evenly = samples / self._rate
        if len(self._stamps) < 2:
            return evenly
        rows, seconds = np.array(self._stamps).T
        if (np.diff(seconds) < -DAY_S / 2).any():  # times of day
            seconds = np.unwrap(seconds, period=DAY_S)
        if (np.diff(seconds) < 0).any():  # a log that starts again
            return evenly
        # Beyond the last stamp, times continue at the known rate.
        beyond = np.maximum(samples - rows[-1], 0) / self._rate
        times: Chunk = np.interp(samples, rows, seconds) + beyond
        return times

    def moments(self, samples: Chunk) -> NDArray[np.datetime64] | Chunk:
        """Return what stands on a time axis: moments where they are known, else as ``seconds`` does."""
        seconds = self.seconds(samples)
        if self.start is None:
            return seconds
        steps: NDArray[np.datetime64] = np.datetime64(self.start) + (seconds * 1e6).astype("timedelta64[us]")
        return steps
