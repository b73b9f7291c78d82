"""Denoise a table with many series, each on its own, in the table's order.

Each series has a stream of its own. A first reading counts its rows, so that its stream is flushed at its last row. A
row is written as soon as it and all rows before it are finished; none waits for the end of the table.
"""

from collections import Counter, deque
from collections.abc import Callable
from itertools import groupby
from typing import Any, Protocol, cast

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.steps import Steps, run_many
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.errors import SourceError
from denoise_stream.files.protocols import Chunk, Source
from denoise_stream.runs.changes import ChangeMeter, Rows, share_removed
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

    Attributes
    ----------
    rows_of_series : Counter
        Rows of each series in the whole table.
    released : list
        The rows that the last call returned: runs of rows of one series, each its name and their number.
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
        self.rows_of_series = Counter(self._left)
        self.released: list[tuple[str, int]] = []
        self._streams: dict[str, DenoiseStream] = {}
        self._order: deque[tuple[str, int]] = deque()  # runs of rows of one series
        self._finished: dict[str, deque[Chunk]] = {}
        self.sample_rate_hz = source.sample_rate_hz or denoiser.contract.sample_rate_hz
        self._example = denoiser.stream(self.channels, self.sample_rate_hz)  # whose facts hold for every series

    @property
    def latency_samples(self) -> int:
        """Rows of a series that must arrive before one of its rows is returned, itself included."""
        return self._example.latency_samples

    @property
    def lookahead_samples(self) -> int:
        """Rows after a window that the model uses."""
        return self._example.lookahead_samples

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
        self.released = []
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
            self.released.append((name, len(part)))
            self.samples_out += len(part)
        return np.concatenate(parts) if parts else np.empty((0, self.channels))


class SeriesChanges:
    """Measure what denoising changed in a table of many series, each against its own variation.

    Kept between calls: a meter for each series that has begun and not ended, and sums over those that have.

    Parameters
    ----------
    stream
        What denoises the table; it tells to which series the rows belong that it returned.
    peaks
        Whether to look for isolated peaks.
    stamp_at
        As for :class:`~denoise_stream.runs.changes.ChangeMeter`.
    """

    def __init__(self, stream: SeriesStream, *, peaks: bool, stamp_at: Callable[[int], str] | None = None) -> None:
        self._stream = stream
        self._peaks = peaks
        self._stamp_at = stamp_at
        self._left = Counter(stream.rows_of_series)
        self._meters: dict[str, ChangeMeter] = {}
        self._squares = np.zeros((3, stream.channels))
        nothing = {"largest_change": None, "lowered_peaks": 0, "largest_lowered_peak": None}
        series = {"number": 0, "most_changed": None, "largest_removed_share": None}
        self._found: list[dict[str, Any]] = [nothing | {"series": dict(series)} for _ in range(stream.channels)]
        self._row = 0

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the rows that the stream's last call returned, ``(n, channels)``."""
        if not len(noisy):
            return
        rows: dict[str, list[Rows]] = {}
        first = 0
        for name, count in self._stream.released:
            rows.setdefault(name, []).append(np.arange(first, first + count))
            first += count
        for name, parts in rows.items():
            own = np.concatenate(parts)
            if name not in self._meters:
                self._meters[name] = ChangeMeter(self._stream.channels, peaks=self._peaks, stamp_at=self._stamp_at)
            self._meters[name].observe(noisy[own], denoised[own], self._row + own)
            self._left[name] -= len(own)
            if not self._left[name]:
                self._end(name)
        self._row += first

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of each channel, as a meter of one signal does, and what of its series.

        What was removed and the input's deviation are those about the mean of each series, over all of them together.
        ``series`` has the number of series, and the name and the share of the one that lost the largest share.
        """
        for name in list(self._meters):
            self._end(name)
        return [
            {
                "estimated_snr_db": None,
                "hum": None,
                **found,
                **share_removed(*self._squares[:, channel].tolist()),
            }
            for channel, found in enumerate(self._found)
        ]

    def _end(self, name: str) -> None:
        """Add what was found in a series that has ended."""
        meter = self._meters.pop(name)
        self._squares += meter.squares()
        for so_far, new in zip(self._found, meter.facts(), strict=True):
            series, share = so_far["series"], new["removed_share"]
            if share is not None and share > (series["largest_removed_share"] or 0.0):
                series |= {"most_changed": name, "largest_removed_share": share}
            series["number"] += 1
            for key in ("largest_change", "largest_lowered_peak"):
                so_far[key] = max(so_far[key], new[key], key=_size)
            so_far["lowered_peaks"] += new["lowered_peaks"]


def _size(change: dict[str, Any] | None) -> float:
    return -1.0 if change is None else abs(change["before"] - change["after"])


def open_stream(denoiser: Denoiser, signal: Source, series_column: str | None) -> Stream:
    """Open what denoises a source: one stream, or one for each series or sparse column of a table."""
    if series_column is not None:
        return SeriesStream(denoiser, cast(SeriesSource, signal))
    rate = signal.sample_rate_hz or denoiser.contract.sample_rate_hz
    sparse: tuple[bool, ...] = getattr(signal, "sparse", ())
    if any(sparse):
        return SparseStream(denoiser, rate, sparse)
    return denoiser.stream(signal.channels, rate)
