"""Read tables of numbers (CSV, TSV) as chunks of their signal columns.

A table is written back byte for byte except for the numbers of those columns, by
:class:`~denoise_stream.files.tables.sink.TableSink`. Rows whose denoised values are not there yet wait in a queue that
source and sink share.
"""

import bisect
import dataclasses
import math
import operator
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from denoise_stream.errors import SourceError, quoted
from denoise_stream.files.columns.names import named_column
from denoise_stream.files.dialect.candidates import is_comment
from denoise_stream.files.dialect.fields import BLANK, is_blank, split_fields, unquote
from denoise_stream.files.dialect.marks import Column, kind_of
from denoise_stream.files.paths import check_readable
from denoise_stream.files.pipes import read_blocks
from denoise_stream.files.protocols import Chunk, Reading
from denoise_stream.files.tables.first_rows import read_first_rows
from denoise_stream.files.tables.preview import FILE_ROWS, PIPE_ROWS, Preview, read_preview
from denoise_stream.files.tables.rows import Lines, Passed, Rows, read_lines, split_off_totals

MOST_CELLS = 1 << 17
"""Cells that are split at once; a table of very many columns is read in smaller parts."""

RECENT_ROWS = 1 << 16
"""Rows whose time stamps are kept; denoised rows come back while theirs are there."""


class TableSource:
    """The signal columns of a table, as channels.

    Kept between chunks: the rows that wait for their denoised values.

    Attributes
    ----------
    layout : Layout
        How the table is written, and what each column is.
    column_names, column_units : list of str
        Names of the signal columns, in the table's order, and the units that a line under the names states, if any.
    bad_rows : int
        Rows that could not be read and were passed on or left out; ``first_bad_row`` says what the first one held.
    """

    def __init__(
        self,
        blocks: Iterator[bytes],
        name: str,
        reading: Reading | None = None,
        *,
        preview_rows: int = PIPE_ROWS,
    ) -> None:
        """Read the first rows and find the columns.

        Parameters
        ----------
        blocks
            The table's bytes, cut anywhere.
        name
            What to call the table in messages.
        reading
            What is stated about the table. Columns without names are called by their numbers from 1; without a rate, a
            column of time tells it.
        preview_rows
            Rows that decide how the table is written.

        Raises
        ------
        SourceError
            If the table is empty or cannot be read without help, a column is unknown or holds text, or none is a
            signal.
        """
        self.name = name
        self.length_samples: int | None = None
        self.waiting: deque[Rows | Passed] = deque()
        self.bad_rows = 0
        self.first_bad_row = ""
        reading = reading or Reading()
        columns, series_column, self._options = reading.columns, reading.series_column, reading.table
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._most_columns = reading.max_columns
        self._preview = read_preview(blocks, name, self._options, preview_rows, self._most_columns)
        self.dialect = self._preview.dialect
        self.encoding = self._preview.encoding
        first = read_first_rows(self.dialect, name, columns, series_column)
        facts, styles, self.layout = first.facts, first.styles, first.layout
        self._guards, self._times = first.guards, first.times
        for index in self.layout.chosen:
            self._check_signal(index)
        self.styles = [styles[index] for index in self.layout.chosen]
        self.sample_rate_hz = reading.sample_rate_hz or self.dialect.rate_hz or self.layout.rate_hz
        if series_column is not None:  # what the rows tell is the rate of all series together
            self.sample_rate_hz = reading.sample_rate_hz
        self._series_index = None
        if series_column is not None:
            self._series_index = self.layout.names.index(named_column(series_column, self.layout.names, name))

        self._series: deque[str] = deque()
        self.channels = len(self.layout.chosen)
        self._stamps: deque[str] = deque(maxlen=RECENT_ROWS)
        self._rows_read = 0
        self._clock_style = styles[self.layout.clock_index]
        self.column_names = [self.layout.names[index] for index in self.layout.chosen]
        self.column_units = [facts[index].unit for index in self.layout.chosen]
        self.all_column_names = self.layout.names
        self.dialect = dataclasses.replace(self.dialect, cells=(), lines=())  # which tables of many columns fill
        self._preview = dataclasses.replace(self._preview, dialect=self.dialect)
        self.start = self.layout.start if self.sample_rate_hz == self.layout.rate_hz else None
        self.sparse = self.layout.sparse if series_column is None else ()
        delimiter = self.dialect.delimiter
        plain_split = operator.methodcaller("split", delimiter or "\n")
        self.split: Callable[[str], list[str]] = (
            plain_split if delimiter != " " else partial(split_fields, delimiter=" ")
        )

    def _check_signal(self, index: int) -> None:
        """Refuse a column that holds no numbers, or whose numbers can be read in two ways."""
        column, dialect = self.layout.names[index], self.dialect
        doubt, cells = dialect.marks[index].doubt, dialect.cells[index]
        if doubt:
            row = next(row for row, text in enumerate(cells) if kind_of(text) in (".?", ",?"))
        elif dialect.kinds[index] != "number":
            row = next((row for row, text in enumerate(cells) if text), 0)
            doubt = f"{quoted(cells[row])} is not a number"
        else:
            return
        raise SourceError(f"{self.name}, line {dialect.lines[row]}, column {quoted(column)}: {doubt}")

    @classmethod
    def open(cls, path: Path, reading: Reading | None = None) -> "TableSource":
        """Open a table file.

        Raises
        ------
        SourceError
            If it cannot be read, or as for the constructor.
        """
        check_readable(path)
        file = path.open("rb")
        try:
            table = cls(read_blocks(file.fileno()), path.name, reading, preview_rows=FILE_ROWS)
        except BaseException:
            file.close()
            raise
        table._file = file
        table._path = path
        return table

    def __iter__(self) -> Iterator[Chunk]:
        """Return the values ``(rows, channels)`` of each batch of lines; NaN where a value is missing."""
        for lines, totals in self._read_lines(self._preview):
            values: list[Chunk] = []
            try:
                for part in self._parse(lines, totals):
                    self.waiting.append(part)
                    if isinstance(part, Rows):
                        values.append(part.values)
                        self._series.extend(part.series)
                        self._stamps.extend(part.stamps)
                        self._rows_read += len(part.values)
            except SourceError:
                yield self._as_chunk(values)
                raise
            yield self._as_chunk(values)

    def count_series(self) -> Counter[str]:
        """Count the rows of each series, in a reading of its own; only a file can be read twice."""
        assert self._path is not None
        counts: Counter[str] = Counter()
        with self._path.open("rb") as file:
            again = read_preview(read_blocks(file.fileno()), self.name, self._options, FILE_ROWS, self._most_columns)
            try:
                for lines, totals in self._read_lines(again):
                    for part in self._parse(lines, totals):
                        if isinstance(part, Rows):
                            counts.update(part.series)
            except SourceError:
                pass  # raised again by the reading that denoises, after the rows above it
        self.bad_rows, self.first_bad_row = 0, ""
        return counts

    def take_series(self, rows: int) -> list[str]:
        """Return the series of the next rows that were read."""
        return [self._series.popleft() for _ in range(rows)]

    def stamp_at(self, row: int) -> str:
        """Return what the column of time holds in a row, from 0; empty without one, or if that was long ago."""
        index = row - (self._rows_read - len(self._stamps))
        return unquote(self._stamps[index]) if 0 <= index < len(self._stamps) else ""

    def seconds_at(self, row: int) -> float | None:
        """Return the time of a row in s, since ``start`` if there is one; None if its stamp does not tell."""
        clock, stamp = self.layout.clock, self.stamp_at(row)
        if clock is None or not stamp or self.sample_rate_hz != self.layout.rate_hz:
            return None
        value = stamp if clock.form else self._clock_style.parse(stamp)
        return None if value is None else clock.seconds(value)

    def facts(self) -> dict[str, Any]:
        """Return what reports say about the table."""
        facts = self.layout.facts(self.sample_rate_hz)
        if self.start is not None:
            facts["time_span_s"] = self.seconds_at(self._rows_read - 1)
        if self.dialect.rate_hz is not None and self.sample_rate_hz == self.dialect.rate_hz:
            facts["rate_from"] = "the lines above the data"
        markers = sorted(set().union(*(style.markers for style in self.styles)))
        rounded = [n for n, style in zip(self.column_names, self.styles, strict=True) if not style.decimal]
        facts["rounded"] = rounded
        return facts | {"markers": markers, "bad_rows": self.bad_rows, "first_bad_row": self.first_bad_row}

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _as_chunk(self, values: list[Chunk]) -> Chunk:
        return np.concatenate(values) if values else np.empty((0, self.channels))

    def _read_lines(self, preview: Preview) -> Iterator[tuple[Lines, bool]]:
        """Cut the table into records, and tell whether they are totals: the last ones, where they lack a time."""
        batches = read_lines(preview, self.name, self._most_columns)
        if not self._times:
            return ((lines, False) for lines in batches)

        def lacks_time(text: str) -> bool:
            fields = split_fields(text, self.dialect.delimiter)
            return len(fields) >= self.dialect.width and all(
                kind_of(unquote(fields[index])) == "missing" for index in self._times
            )

        return split_off_totals(batches, lacks_time)

    def _parse(self, lines: Lines, totals: bool) -> Iterator[Rows | Passed]:
        """Sort a batch of records into rows and what is passed on."""
        if totals:
            yield from self._read_carefully(lines, totals)
            return
        size = max(1, MOST_CELLS // self.dialect.width)
        above = bisect.bisect_left(lines.numbers, self.dialect.first_line)
        if above:
            yield from self._read_carefully(lines.part(0, above))
        for start in range(above, len(lines.texts), size):
            yield from self._read(lines.part(start, start + size))

    def _read(self, lines: Lines) -> Iterator[Rows | Passed]:
        """Read records together; where some are not plain, only those near them are read one by one."""
        rows = self._read_plain(lines)
        if rows is not None:
            yield rows
        elif len(lines.texts) <= FEW_ROWS:
            yield from self._read_carefully(lines)
        else:
            for start in range(0, len(lines.texts), FEW_ROWS):
                yield from self._read(lines.part(start, start + FEW_ROWS))

    def _read_plain(self, lines: Lines) -> Rows | None:
        """Read records that the delimiter alone splits into rows of numbers; None if there are others among them."""
        width, layout = self.dialect.width, self.layout
        if '"' in "".join(lines.texts):
            return None
        fields = list(map(self.split, lines.texts))
        if set(map(len, fields)) != {width}:
            return None
        firsts = {row[0].lstrip()[:1] for row in fields}
        if firsts & COMMENT_CHARACTERS or (width == 1 and "" in firsts):
            return None
        for index in self._guards:
            if not {row[index].lstrip()[:1] for row in fields} <= FIRST_CHARACTERS:
                return None
        values = np.empty((len(fields), self.channels))
        plain = self.dialect.delimiter != " "
        for channel, (index, style) in enumerate(zip(layout.chosen, self.styles, strict=True)):
            column = [row[index] for row in fields]
            read = style.read_column(column)
            if read is None:
                return None
            values[:, channel], simple = read
            plain = plain and simple
        if np.isinf(values).any():
            return None
        series = [] if self._series_index is None else [unquote(row[self._series_index]) for row in fields]
        clock = self.layout.clock_index
        stamps = [] if clock < 0 else [row[clock] for row in fields]
        return Rows(lines.texts, values, lines.end, plain, series, stamps, lines.numbers)

    def _read_carefully(self, lines: Lines, totals: bool = False) -> Iterator[Rows | Passed]:
        """Read records one by one: quotes, comments, blank lines and bad rows among them."""
        layout = self.layout
        open_rows = Rows([], np.empty((0, self.channels)), lines.end, False)
        values: list[list[float]] = []
        numbers: list[int] = []

        def finished() -> Iterator[Rows]:
            nonlocal open_rows
            if values:
                open_rows.values, open_rows.numbers = np.array(values), tuple(numbers)
                yield open_rows
            open_rows = Rows([], np.empty((0, self.channels)), lines.end, False)
            values.clear()
            numbers.clear()

        for number, text in zip(lines.numbers, lines.texts, strict=True):
            if number >= self.dialect.first_line and not is_blank(text, self.dialect.delimiter):
                fields = split_fields(text, self.dialect.delimiter)
                read = self._lack_of_time(number) if totals else self._read_row(fields, number)
                if not isinstance(read, str):
                    values.append(read)
                    numbers.append(number)
                    open_rows.texts.append(text)
                    if self._series_index is not None:
                        open_rows.series.append(unquote(fields[self._series_index]))
                    if layout.clock_index >= 0:
                        open_rows.stamps.append(fields[layout.clock_index])
                    continue
                if not is_comment(text, self.dialect.delimiter) and text.strip(BLANK) not in self.dialect.header:
                    if self._options.on_bad_row == "stop" and not totals:
                        yield from finished()
                        above = number < self.dialect.first_good_line
                        option = f"--skip-rows {number} leaves lines above the data" if above else PASS
                        raise SourceError(f"{read}; {self._options.way_out or f'{option} as they are'}")
                    self.bad_rows += 1
                    self.first_bad_row = self.first_bad_row or read
                    if self._options.on_bad_row == "skip":
                        continue
            yield from finished()
            yield Passed(text + lines.end)
        yield from finished()

    def _lack_of_time(self, line: int) -> str:
        """Return what is wrong with a row of totals."""
        column = quoted(self.layout.names[self._times[0]])
        return f"{self.name}, line {line}, column {column}: no time, as in a row of totals"

    def _read_row(self, fields: list[str], line: int) -> list[float] | str:
        """Return the values of a row, or what is wrong with it."""
        width, where = self.dialect.width, f"{self.name}, line {line}"
        if len(fields) == width + 1 and width > 1 and not fields[-1].strip(BLANK):
            fields = fields[:-1]
        short = len(fields) == width - 1 and width > 2 and self.dialect.kinds[-1] == "empty"
        if len(fields) != width and not short:
            return f"{where}: {len(fields)} columns, the others have {width}"
        for index in self._guards:
            text, column = unquote(fields[index]), Column(self.dialect.kinds[index], EMPTY)
            if not column.fits(kind_of(self.dialect.attached[index].take_off(text) or text)):
                kind = "number" if column.kind == "number" else "date or time"
                return f"{where}, column {quoted(self.layout.names[index])}: {quoted(text)} is not a {kind}"
        values = []
        for index, style in zip(self.layout.chosen, self.styles, strict=True):
            text = unquote(fields[index])
            value = style.parse(text)
            if value is None or math.isinf(value):
                kind = "is not a number" if value is None else "is not finite"
                if value is None and style.can_be_grouped(text):
                    kind = "can be a decimal or a grouped number; say which with --decimal . or --decimal ,"
                return f"{where}, column {quoted(self.layout.names[index])}: {quoted(text)} {kind}"
            values.append(value)
        return values


FEW_ROWS = 64
"""Rows that are read one by one if one of them is not plain: quoted, a comment, blank or bad."""

FIRST_CHARACTERS = frozenset("0123456789+-. ") | {""}
"""What times and counts begin with; a row where one begins otherwise is looked at on its own."""

EMPTY: Counter[str] = Counter()

PASS = "--on-bad-row pass leaves such rows"

COMMENT_CHARACTERS = frozenset("#%/;!")
"""What may begin a comment; a row that begins so is looked at on its own."""
