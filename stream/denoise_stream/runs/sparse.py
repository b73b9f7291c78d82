"""Denoise columns with gaps at regular places: their known values are a series of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.files.protocols import Chunk


class SparseStream:
    """Denoise channels some of which are sparse; the methods are those of a stream.

    Kept between calls: rows that wait until every channel has denoised them, at most one window of known values and its
    look-ahead of the sparsest channel.
    """

    def __init__(self, denoiser: Denoiser, sample_rate_hz: float | None, sparse: Sequence[bool]) -> None:
        self.channels = len(sparse)
        self.samples_in = 0
        self.samples_out = 0
        self.missing_samples = 0
        dense = [index for index, alone in enumerate(sparse) if not alone]
        groups = [dense] if dense else []
        self._parts = [_Whole(denoiser.stream(len(group), sample_rate_hz), group) for group in groups]
        self._parts += [
            _Known(denoiser.stream(1, denoiser.contract.sample_rate_hz), [index])
            for index, alone in enumerate(sparse)
            if alone
        ]
        example = denoiser.stream(1, sample_rate_hz)  # whose facts hold for every channel
        self.sample_rate_hz = example.sample_rate_hz
        self.latency_samples = example.latency_samples
        self.lookahead_samples = example.lookahead_samples

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged."""
        return sum(part.stream.failed_windows for part in self._parts)

    def process(self, chunk: Chunk) -> Chunk:
        """Take the next rows ``(n, channels)``; return those that every channel has finished."""
        self.samples_in += len(chunk)
        self.missing_samples += int(np.isnan(chunk).sum())
        for part in self._parts:
            part.take(chunk[:, part.channels])
        return self._release()

    def flush(self) -> Chunk:
        """Return all rows that are still inside."""
        for part in self._parts:
            part.end()
        return self._release()

    def _release(self) -> Chunk:
        ready = min(part.ready for part in self._parts)
        rows = np.empty((ready, self.channels))
        for part in self._parts:
            rows[:, part.channels] = part.give(ready)
        self.samples_out += ready
        return rows


class _Whole:
    """Channels that are denoised row by row."""

    def __init__(self, stream: DenoiseStream, channels: list[int]) -> None:
        self.stream = stream
        self.channels = channels
        self._done: Chunk = np.empty((0, len(channels)))

    @property
    def ready(self) -> int:
        """Rows that are finished."""
        return len(self._done)

    def take(self, chunk: Chunk) -> None:
        """Denoise the next rows of these channels."""
        self._keep(self.stream.process(chunk))

    def end(self) -> None:
        """Finish all rows."""
        self._keep(self.stream.flush())

    def give(self, count: int) -> Chunk:
        """Return the next finished rows."""
        given, self._done = self._done[:count], self._done[count:].copy()
        return given

    def _keep(self, done: NDArray[Any]) -> None:
        self._done = np.concatenate((self._done, done.reshape(-1, len(self.channels))))


class _Known(_Whole):
    """A channel whose known values are denoised as a series of their own."""

    def __init__(self, stream: DenoiseStream, channels: list[int]) -> None:
        super().__init__(stream, channels)
        self._known: NDArray[np.bool_] = np.empty(0, dtype=bool)

    @property
    def ready(self) -> int:
        """Rows up to the first known one that is not finished."""
        unfinished = np.flatnonzero(self._known)[len(self._done) :]
        return int(unfinished[0]) if len(unfinished) else len(self._known)

    def take(self, chunk: Chunk) -> None:
        """Denoise the known values of the next rows."""
        known = ~np.isnan(chunk[:, 0])
        self._known = np.concatenate((self._known, known))
        super().take(chunk[known])

    def give(self, count: int) -> Chunk:
        """Return the next finished rows, NaN where a value is missing."""
        known, self._known = self._known[:count], self._known[count:].copy()
        rows = np.full((count, 1), np.nan)
        rows[known] = super().give(int(known.sum()))
        return rows
