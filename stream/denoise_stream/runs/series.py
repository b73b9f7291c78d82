"""Denoise a table with many series, each on its own, in the table's order.

Each series has a stream of its own. A first reading counts its rows, so that its stream is flushed at its last row. A
row is written as soon as it and all rows before it are finished; none waits for the end of the table.
"""

from collections import Counter, deque
from itertools import groupby
from typing import Protocol, cast

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.steps import Steps, run_many
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.errors import SourceError
from denoise_stream.files.protocols import Chunk, Source
from denoise_stream.runs.run import Stream
from denoise_stream.runs.sparse import SparseStream


class SeriesSource(Protocol):
    """A table that knows to which series each row belongs."""

    name: str
    channels: int
    sample_rate_hz: float | None

    def count_series(self) -> Counter[str]:
        """Count the rows of each series, in a reading of its own."""
        ...

    def take_series(self, rows: int) -> list[str]:
        """Return the series of the next rows that were read."""
        ...


class SeriesStream:
    """Denoise a table row by row, each series with its own stream; the methods are those of a stream.

    Kept between calls: a stream for each series that has begun and not ended, and rows that wait for rows before them.
    Interleaved series of n rows at a time keep about one window of rows each.
    """

    def __init__(self, denoiser: Denoiser, source: SeriesSource) -> None:
        self.channels = source.channels
        self.samples_in = 0
        self.samples_out = 0
        self.missing_samples = 0
        self.failed_windows = 0
        self._denoiser = denoiser
        self._source = source
        self._left = source.count_series()
        self._streams: dict[str, DenoiseStream] = {}
        self._order: deque[tuple[str, int]] = deque()  # runs of rows of one series
        self._finished: dict[str, deque[Chunk]] = {}
        self.sample_rate_hz = source.sample_rate_hz or denoiser.contract.sample_rate_hz
        self._model_of = denoiser.stream(self.channels, self.sample_rate_hz)

    @property
    def latency_samples(self) -> int:
        """Rows of a series that must arrive before one of its rows is returned, itself included."""
        return self._model_of.latency_samples

    @property
    def lookahead_samples(self) -> int:
        """Rows after a window that the model uses."""
        return self._model_of.lookahead_samples

    def process(self, chunk: Chunk) -> Chunk:
        """Take the next rows ``(n, channels)``; return those that are finished and have none unfinished before them.

        Raises
        ------
        SourceError
            If a row holds an infinity, or the table has changed since its rows were counted.
        """
        names = self._source.take_series(len(chunk))
        self.samples_in += len(chunk)
        rows: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            rows.setdefault(name, []).append(index)
        self._order.extend((name, sum(1 for _ in run)) for name, run in groupby(names))
        finished = run_many(self._denoiser.model, [self._steps(name, chunk[part]) for name, part in rows.items()])
        for name, parts in zip(rows, finished, strict=True):
            self._finished.setdefault(name, deque()).extend(part for part in parts if len(part))
        return self._release()

    def flush(self) -> Chunk:
        """Return nothing: every series has ended with its last row.

        Raises
        ------
        SourceError
            If rows are missing that were counted.
        """
        if self._order:
            raise SourceError(f"{self._source.name} was changed while it was read")
        return np.empty((0, self.channels))

    def _steps(self, name: str, rows: Chunk) -> Steps[list[Chunk]]:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = self._denoiser.stream(self.channels, self.sample_rate_hz)
        self._left[name] -= len(rows)
        if self._left[name] < 0:
            raise SourceError(f"{self._source.name} was changed while it was read")
        missing, failed = stream.missing_samples, stream.failed_windows
        parts = [(yield from stream.process_steps(rows))]
        if self._left[name] == 0:
            parts.append((yield from stream.flush_steps()))
            del self._streams[name]
        self.missing_samples += stream.missing_samples - missing
        self.failed_windows += stream.failed_windows - failed
        return parts

    def _release(self) -> Chunk:
        """Return the finished rows at the head of the table's order."""
        parts: list[Chunk] = []
        while self._order and (waiting := self._finished.get(self._order[0][0])):
            name, wanted = self._order.popleft()
            part = waiting.popleft()
            if len(part) > wanted:
                waiting.appendleft(part[wanted:])
                part = part[:wanted]
            elif len(part) < wanted:
                self._order.appendleft((name, wanted - len(part)))
            if not waiting:
                del self._finished[name]
            parts.append(part)
            self.samples_out += len(part)
        return np.concatenate(parts) if parts else np.empty((0, self.channels))


def open_stream(denoiser: Denoiser, signal: Source, series_column: str | None) -> Stream:
    """Open what denoises a source: one stream, or one for each series or sparse column of a table."""
    if series_column is not None:
        return SeriesStream(denoiser, cast(SeriesSource, signal))
    rate = signal.sample_rate_hz or denoiser.contract.sample_rate_hz
    sparse: tuple[bool, ...] = getattr(signal, "sparse", ())
    if any(sparse):
        return SparseStream(denoiser, rate, sparse)
    return denoiser.stream(signal.channels, rate)
