"""Samples with the times at which they were taken: what LSL streams hold, and what lines get when they arrive."""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.pipes import ByteWriter, write_through
from denoise_stream.files.protocols import Chunk
from denoise_stream.files.tables.rows import Passed
from denoise_stream.files.tables.source import TableSource

Stamped = tuple[NDArray[Any], list[float]]
"""Samples ``(n, channels)`` and the time of each in s."""


class StampedSource(Protocol):
    """A source whose samples have time stamps.

    Attributes
    ----------
    all_names, all_units
        Names and units of all channels, also of those that are not denoised; units may be empty.
    content
        What kind of signal it is, such as ``EEG``; empty if unknown.
    dtype
        In which numbers it comes.
    """

    all_names: list[str]
    all_units: list[str]
    content: str
    dtype: np.dtype[Any]
    sample_rate_hz: float | None

    def stamped(self, samples: Chunk) -> Stamped:
        """Return the next denoised samples ``(n, channels)`` with all channels and their time stamps."""
        ...


class Arrivals:
    """When each line of a text arrived.

    Kept: the times of the lines that were not asked for yet.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[int, float]] = deque()
        self._lines = 0

    def noting(self, blocks: Iterable[tuple[float, bytes]]) -> Iterator[bytes]:
        """Pass blocks on, and note when the lines came that end in them."""
        for time_s, block in blocks:
            self._lines += block.count(b"\n") or block.count(b"\r")
            self._ends.append((self._lines, time_s))
            yield block

    def time_of(self, line: int) -> float:
        """Return the time of a line, from 1, in s; lines are asked for in their order."""
        while len(self._ends) > 1 and self._ends[0][0] < line:
            self._ends.popleft()
        return self._ends[0][1]


class StampedTable:
    """The signal columns of a table that comes line by line, each row stamped with the time of its arrival."""

    content = ""

    def __init__(self, table: TableSource, arrivals: Arrivals) -> None:
        self._table = table
        self._arrivals = arrivals
        self._done = 0  # rows of the first batch in the queue that are stamped
        self.all_names = table.column_names
        self.all_units = table.column_units
        self.dtype: np.dtype[Any] = np.dtype(np.float64)
        self.sample_rate_hz = table.sample_rate_hz

    def stamped(self, samples: Chunk) -> Stamped:
        """Return samples with the times at which their rows arrived."""
        stamps: list[float] = []
        waiting = self._table.waiting
        while len(stamps) < len(samples):
            head = waiting[0]
            if not isinstance(head, Passed):
                numbers = head.numbers[self._done : self._done + len(samples) - len(stamps)]
                stamps += map(self._arrivals.time_of, numbers)
                self._done += len(numbers)
                if self._done < len(head.numbers):
                    break
            waiting.popleft()
            self._done = 0
        return samples, stamps


class StampedRows:
    """Write samples with time stamps as lines of CSV, the time in s first.

    ``file`` takes bytes, or is None to forget them; every row is written as soon as it is there.
    """

    def __init__(self, source: StampedSource, file: ByteWriter | None) -> None:
        self._source = source
        self._file = file
        self._begun = False

    def write(self, samples: Chunk) -> None:
        """Write the next rows, given their values ``(rows, channels)``."""
        values, stamps = self._source.stamped(samples)
        if self._file is None or not stamps:
            return
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not self._begun:
            rows.writerow(["time", *self._source.all_names])
            self._begun = True
        for stamp, row in zip(stamps, values, strict=True):
            rows.writerow([repr(stamp), *(str(value) for value in row)])
        write_through(self._file, text.getvalue().encode())

    def close(self) -> None:
        """Nothing is left to write."""
