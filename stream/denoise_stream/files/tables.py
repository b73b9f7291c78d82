"""Tables of numbers (CSV, TSV): lines come in, chunks of the chosen columns go out, and the way back.

A table is copied byte for byte except for the numbers of the chosen columns. Rows whose denoised values
are not there yet wait in a queue that source and sink share.
"""

import contextlib
import itertools
import math
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from denoise_stream.errors import SourceError
from denoise_stream.files.columns import Row, fields_of, find_layout, parse_number, unquote
from denoise_stream.files.paths import check_readable
from denoise_stream.files.pipes import read_blocks, write_through
from denoise_stream.files.protocols import Chunk, Format, Reading

TABLE_DELIMITERS = {".csv": None, ".tsv": "\t"}
"""Extensions of tables; None finds the delimiter in the first line."""

PREVIEW_ROWS = 100
"""Rows that decide which columns are signals; with windows of 150 samples a pipe never waits for them."""

NUMBER_FORMAT = ".13g"
"""The network is exact to 1e-7 of a window's range; 13 digits keep that on an offset of a million ranges."""

LONGEST_RECORD = 1000
"""Lines after which an open quote counts as a mistake."""


class TableSource:
    """The chosen columns of a table, as channels.

    Kept between chunks: the rows that wait for their denoised values.
    """

    def __init__(
        self,
        blocks: Iterator[bytes],
        name: str,
        *,
        delimiter: str | None = None,
        columns: Sequence[str] | None = None,
        sample_rate_hz: float | None = None,
        series_column: str | None = None,
    ) -> None:
        """Read the first rows and find the columns.

        Parameters
        ----------
        blocks
            The table's bytes, cut anywhere.
        name
            What to call the table in messages.
        delimiter
            One character; None finds it in the first line.
        columns
            Names (or numbers from 1) of the columns to denoise; None means every numeric column that
            is not a time stamp or an index.
        sample_rate_hz
            Rows per second, if known.
        series_column
            Name of the column that says to which series a row belongs, if there is one.

        Raises
        ------
        SourceError
            If the table is empty or ragged, a column is unknown or holds text, or none is numeric.
        """
        self.name = name
        self.sample_rate_hz = sample_rate_hz
        self.length_samples: int | None = None
        self.waiting: deque[Row] = deque()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._rows = _rows(blocks, name)
        self._ahead: list[list[Row]] = []
        self.layout = find_layout(self._read_ahead(), name, delimiter, columns, series_column)
        self._series_index = None if series_column is None else self.layout.names.index(series_column)
        self._series: deque[str] = deque()
        self.channels = len(self.layout.chosen)
        self.column_names = [self.layout.names[index] for index in self.layout.chosen]

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        columns: Sequence[str] | None = None,
        sample_rate_hz: float | None = None,
        series_column: str | None = None,
    ) -> "TableSource":
        """Open a table file; its extension may tell the delimiter.

        Raises
        ------
        SourceError
            If it cannot be read, or as for the constructor.
        """
        check_readable(path)
        delimiter = TABLE_DELIMITERS.get(path.suffix.lower())
        file = path.open("rb")
        try:
            blocks = read_blocks(file.fileno())
            table = cls(
                blocks,
                path.name,
                delimiter=delimiter,
                columns=columns,
                sample_rate_hz=sample_rate_hz,
                series_column=series_column,
            )
        except BaseException:
            file.close()
            raise
        table._file = file
        table._path = path
        return table

    def _read_ahead(self) -> list[Row]:
        """Read the rows that decide about the columns."""
        preview: list[Row] = []
        for rows in self._rows:
            self._ahead.append(rows)
            preview += [row for row in rows if _is_data(row.text)]
            if len(preview) > PREVIEW_ROWS:
                break
        return preview[: PREVIEW_ROWS + 1]

    def __iter__(self) -> Iterator[Chunk]:
        """Give the values ``(rows, channels)`` of each batch of lines; NaN where a value is missing."""
        for rows in itertools.chain(self._ahead, self._rows):
            yield from self._parse(rows)

    def count_series(self) -> Counter[str]:
        """Count the rows of each series, in a reading of its own; only a file can be read twice."""
        assert self._path is not None
        assert self._series_index is not None
        counts: Counter[str] = Counter()
        with self._path.open("rb") as file:
            for rows in _rows(read_blocks(file.fileno()), self.name):
                for row in rows:
                    if row.line != self.layout.header_line and _is_data(row.text):
                        counts[unquote(self._fields(row)[self._series_index])] += 1
        return counts

    def take_series(self, rows: int) -> list[str]:
        """Give the series of the next rows that were read."""
        return [self._series.popleft() for _ in range(rows)]

    def _fields(self, row: Row) -> list[str]:
        return fields_of(row, self.layout.delimiter, len(self.layout.names), self.name)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _parse(self, rows: list[Row]) -> Iterator[Chunk]:
        """Give the values of a batch of rows; before a row that is wrong, those of the rows above it."""
        layout = self.layout
        values: list[list[float]] = []
        try:
            for row in rows:
                if row.line == layout.header_line or not _is_data(row.text):
                    self.waiting.append(row)
                    continue
                fields = self._fields(row)
                values.append([self._value(fields[index], index, row.line) for index in layout.chosen])
                if self._series_index is not None:
                    self._series.append(unquote(fields[self._series_index]))
                self.waiting.append(Row(row.line, row.text, fields))
        except SourceError:
            yield self._as_chunk(values)
            raise
        yield self._as_chunk(values)

    def _as_chunk(self, values: list[list[float]]) -> Chunk:
        return np.array(values, dtype=np.float64).reshape(-1, self.channels)

    def _value(self, field: str, index: int, line: int) -> float:
        value = parse_number(unquote(field), self.layout.decimal)
        if value is None or math.isinf(value):
            kind = "is not a number" if value is None else "is not finite"
            raise SourceError(
                f"{self.name}, line {line}, column {self.layout.names[index]!r}: {unquote(field)!r} {kind}"
            )
        return value


class TableSink:
    """Write a table back with denoised values in the place of the chosen columns.

    ``file`` is a binary file, or None to forget the rows; every row is written as soon as its values are there.
    """

    def __init__(self, source: TableSource, file: BinaryIO | None) -> None:
        self._source = source
        self._file = file
        self._commas = False  # whether a number with a decimal comma has been met

    def write(self, samples: Chunk) -> None:
        """Write the next rows, given their values ``(rows, channels)``."""
        lines = self._take_lines_without_numbers()
        for values in samples.tolist():
            lines.append(self._render(self._source.waiting.popleft(), values))
            lines += self._take_lines_without_numbers()
        self._put(lines)

    def close(self) -> None:
        """Write what is left behind the last row of numbers."""
        self._put(self._take_lines_without_numbers())

    def _render(self, row: Row, values: Sequence[float]) -> str:
        layout, fields = self._source.layout, list(row.fields)
        for index, value in zip(layout.chosen, values, strict=True):
            old = unquote(fields[index])
            if math.isnan(value) or parse_number(old, layout.decimal) == value:
                continue
            new = format(value, NUMBER_FORMAT)
            if "," in old or (self._commas and "." not in old):
                self._commas = True
                new = new.replace(".", ",")
            fields[index] = fields[index].replace(old, new, 1)
        return layout.delimiter.join(fields)

    def _take_lines_without_numbers(self) -> list[str]:
        """Take the lines at the head of the queue that hold no numbers."""
        lines = []
        while self._source.waiting and not self._source.waiting[0].fields:
            lines.append(self._source.waiting.popleft().text)
        return lines

    def _put(self, lines: list[str]) -> None:
        if lines and self._file is not None:
            write_through(self._file, "".join(lines).encode("utf-8", "surrogateescape"))


def _rows(blocks: Iterator[bytes], name: str) -> Iterator[list[Row]]:
    """Cut bytes into records; a record is a line, or several where a quoted field spans them."""
    rest, held, line = b"", "", 1
    for block in blocks:
        if b"\0" in block:
            raise SourceError(f"{name} is not text in UTF-8: it holds zero bytes")
        *whole, rest = (rest + block).split(b"\n")
        rows = []
        for raw in whole:
            held += raw.decode("utf-8", "surrogateescape") + "\n"
            lines = held.count("\n")
            if held.count('"') % 2 == 0:
                rows.append(Row(line, held))
                line, held = line + lines, ""
            elif lines > LONGEST_RECORD:
                raise SourceError(f"{name}, line {line}: a quoted field does not end")
        if rows:
            yield rows
    held += rest.decode("utf-8", "surrogateescape")
    if held:
        yield [Row(line, held)]


def _is_data(text: str) -> bool:
    """Tell a row from a blank line or a comment."""
    stripped = text.strip(" \r\n")
    return bool(stripped) and (stripped[0] != "#" or re.match(r"#\s*[,;\t|]", stripped) is not None)


def _open(path: Path, reading: Reading) -> TableSource:
    return TableSource.open(
        path,
        columns=reading.columns,
        sample_rate_hz=reading.sample_rate_hz,
        series_column=reading.series_column,
    )


def _create(source: TableSource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> TableSink:
    return TableSink(source, stack.enter_context(path.open("wb")))


TABLE = Format("table", tuple(TABLE_DELIMITERS), _open, _create, in_pipes=True)
