"""Tables of numbers (CSV, TSV): lines come in, chunks of the chosen columns go out, and the way back.

A table is copied byte for byte except for the numbers of the chosen columns. Rows whose denoised values
are not there yet wait in a queue that source and sink share.
"""

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.sources import Chunk

PREVIEW_ROWS = 100
"""Rows that decide which columns are signals; fewer than a window, so a pipe never waits for them."""

NUMBER_FORMAT = ".13g"
"""The network is exact to 1e-7 of a window's range; 13 digits keep that on an offset of a million ranges."""

DELIMITERS = ",;\t|"
LONGEST_RECORD = 1000
"""Lines after which an open quote counts as a mistake."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})

IDENTIFIER = re.compile(
    r"((time|timestamp|timestamps|datetime|date|epoch|unixtime|index|idx)([_ .(\[-].*)?|(.*[_ .-])?id|unnamed: 0|)",
    re.IGNORECASE,
)
"""Names of columns that are never signals."""

COUNTER = re.compile(
    r"(t|n|no|nr|row|#|samples?|frames?|steps?|elapsed|seconds?|ms|us)([_ .(\[-].*)?|.*[_ .-](time|timestamp|date)",
    re.IGNORECASE,
)
"""Names of columns that are time or a count if their values rise from row to row."""

_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|[+-]?inf(inity)?$", re.IGNORECASE | re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?$", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """What a table's first lines tell.

    Attributes
    ----------
    delimiter
        One character: comma, semicolon, tab or bar.
    decimal
        ``"."`` or ``","``.
    names
        Names of all columns; a table without a header calls them ``1``, ``2``, ...
    chosen
        Indices of the columns that are denoised, in the table's order.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    chosen: tuple[int, ...]


@dataclass(frozen=True)
class _Row:
    """One line: its raw fields, or only its text when nothing in it is denoised."""

    line: int
    text: str
    fields: Sequence[str] = ()


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

        Raises
        ------
        SourceError
            If the table is empty or ragged, a column is unknown or holds text, or none is numeric.
        """
        self.name = name
        self.sample_rate_hz = sample_rate_hz
        self.length_samples: int | None = None
        self.waiting: deque[_Row] = deque()
        self._records = _records(blocks, name)
        self._ahead: list[list[_Row]] = []
        self.layout = self._find_layout(delimiter, columns)
        self.channels = len(self.layout.chosen)
        self.column_names = [self.layout.names[index] for index in self.layout.chosen]

    def _find_layout(self, delimiter: str | None, columns: Sequence[str] | None) -> Layout:
        preview: list[_Row] = []
        for records in self._records:
            self._ahead.append(records)
            preview += [row for row in records if _is_data(row.text)]
            if len(preview) > PREVIEW_ROWS:
                break
        if not preview:
            raise SourceError(f"{self.name} is empty")
        delimiter = delimiter or _find_delimiter(preview[0].text)
        first = [_core(part) for part in _split(preview[0].text, delimiter)]
        has_header = not any(
            _PLAIN_NUMBER.match(part) or (delimiter != "," and _COMMA_NUMBER.match(part)) for part in first
        )
        self._header_line = preview[0].line if has_header else 0
        names = tuple(first if has_header else (str(index + 1) for index in range(len(first))))
        rows = [self._fields(row, len(names), delimiter) for row in preview[has_header : PREVIEW_ROWS + 1]]
        if not rows:
            raise SourceError(f"{self.name} has a header but no rows")
        texts = [[_core(row[index]) for row in rows] for index in range(len(names))]
        comma = delimiter != "," and any(_COMMA_NUMBER.match(text) for column in texts for text in column)
        decimal = "," if comma else "."
        if columns is None:
            chosen = _signal_columns(names, texts, decimal, named=has_header)
            if not chosen:
                raise SourceError(
                    f"{self.name} has no numeric column besides time stamps and indices "
                    f"(columns: {', '.join(names)}); name the ones to denoise with --columns"
                )
        else:
            chosen = [self._index_of(column, names) for column in dict.fromkeys(columns)]
        return Layout(delimiter, decimal, names, tuple(sorted(set(chosen))))

    def _index_of(self, column: str, names: tuple[str, ...]) -> int:
        if column in names:
            return names.index(column)
        raise SourceError(f"{self.name} has no column {column!r}; it has {', '.join(names)}")

    def _fields(self, row: _Row, count: int, delimiter: str) -> list[str]:
        parts = _split(row.text, delimiter)
        if len(parts) != count:
            raise SourceError(f"{self.name}, line {row.line}: {len(parts)} columns, the others have {count}")
        return parts

    def __iter__(self) -> Iterator[Chunk]:
        """Give the values ``(rows, channels)`` of each batch of lines; NaN where a value is missing."""
        for records in self._ahead:
            yield self._parse(records)
        self._ahead = []
        for records in self._records:
            yield self._parse(records)

    def close(self) -> None:
        """Nothing to release: who opened the file closes it."""

    def _parse(self, records: list[_Row]) -> Chunk:
        layout, values = self.layout, []
        for row in records:
            if row.line == self._header_line or not _is_data(row.text):
                self.waiting.append(row)
                continue
            fields = self._fields(row, len(layout.names), layout.delimiter)
            values.append([self._value(fields[index], index, row.line) for index in layout.chosen])
            self.waiting.append(_Row(row.line, row.text, fields))
        return np.array(values, dtype=np.float64).reshape(-1, self.channels)

    def _value(self, field: str, index: int, line: int) -> float:
        value = parse_number(_core(field), self.layout.decimal)
        if value is None or math.isinf(value):
            kind = "is not a number" if value is None else "is not finite"
            raise SourceError(f"{self.name}, line {line}, column {self.layout.names[index]!r}: {_core(field)!r} {kind}")
        return value


class TableSink:
    """Write a table back with denoised values in the place of the chosen columns.

    ``file`` is a binary file, or None to forget the rows; every row is written as soon as its values are there.
    """

    def __init__(self, source: TableSource, file: BinaryIO | None) -> None:
        self._source = source
        self._file = file

    def write(self, samples: Chunk) -> None:
        """Write the next rows, given their values ``(rows, channels)``."""
        lines = self._passive()
        for values in samples.tolist():
            lines.append(self._render(self._source.waiting.popleft(), values))
            lines += self._passive()
        self._put(lines)

    def close(self) -> None:
        """Write what is left behind the last row of numbers."""
        self._put(self._passive())

    def _render(self, row: _Row, values: Sequence[float]) -> str:
        layout, fields = self._source.layout, list(row.fields)
        for index, value in zip(layout.chosen, values, strict=True):
            old = _core(fields[index])
            if math.isnan(value) or parse_number(old, layout.decimal) == value:
                continue
            new = format(value, NUMBER_FORMAT).replace(".", layout.decimal)
            fields[index] = fields[index].replace(old, new, 1)
        return layout.delimiter.join(fields)

    def _passive(self) -> list[str]:
        """Take the lines at the head of the queue that hold no numbers."""
        lines = []
        while self._source.waiting and not self._source.waiting[0].fields:
            lines.append(self._source.waiting.popleft().text)
        return lines

    def _put(self, lines: list[str]) -> None:
        if lines and self._file is not None:
            try:
                self._file.write("".join(lines).encode("utf-8", "surrogateescape"))
                self._file.flush()
            except BrokenPipeError:
                raise
            except OSError as error:
                raise SinkError(f"cannot write the table: {error.strerror}") from error


def parse_number(text: str, decimal: str = ".") -> float | None:
    """Read a number; NaN for a missing value, None for text.

    >>> parse_number("-1.5e3"), parse_number("1,5", decimal=","), parse_number("abc")
    (-1500.0, 1.5, None)
    >>> parse_number("n/a")
    nan
    """
    if decimal != ".":
        text = text.replace(decimal, ".") if "." not in text else "text"
    if _PLAIN_NUMBER.match(text):
        return float(text)
    return math.nan if text.lower() in MISSING else None


def _records(blocks: Iterator[bytes], name: str) -> Iterator[list[_Row]]:
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
                rows.append(_Row(line, held))
                line, held = line + lines, ""
            elif lines > LONGEST_RECORD:
                raise SourceError(f"{name}, line {line}: a quoted field does not end")
        if rows:
            yield rows
    held += rest.decode("utf-8", "surrogateescape")
    if held:
        yield [_Row(line, held)]


def _is_data(text: str) -> bool:
    """Tell a row from a blank line or a comment."""
    stripped = text.strip()
    return bool(stripped) and (stripped[0] != "#" or re.match(r"#\s*[,;\t|]", stripped) is not None)


def _split(text: str, delimiter: str) -> list[str]:
    """Split a record into raw fields that still hold their quotes, spaces and the line ending."""
    if '"' not in text:
        return text.split(delimiter)
    fields, held = [], ""
    for piece in text.split(delimiter):
        held += piece
        if held.count('"') % 2 == 0:
            fields.append(held)
            held = ""
        else:
            held += delimiter
    return [*fields, held] if held else fields


def _core(field: str) -> str:
    """Strip spaces, quotes, the line ending and a byte-order mark from a raw field."""
    text = field.strip("\ufeff \t\r\n")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"').strip()
    return text


def _find_delimiter(line: str) -> str:
    """Find the most frequent delimiter outside quotes; a comma between digits may be a decimal comma."""
    unquoted = re.sub(r"(?<=\d),(?=\d)", "", re.sub(r'"[^"]*"', "", line))
    return max(DELIMITERS, key=unquoted.count)


def _signal_columns(names: Sequence[str], texts: Sequence[Sequence[str]], decimal: str, *, named: bool) -> list[int]:
    """Choose every mostly numeric column that is not a time stamp or an index."""
    numeric: dict[int, list[float]] = {}
    for index, column in enumerate(texts):
        values = [parse_number(text, decimal) for text in column]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if len(known) > values.count(None):
            numeric[index] = known
    signals = [index for index, values in numeric.items() if not (named and _is_time_or_index(names[index], values))]
    uneven = [index for index in signals if not _is_even(numeric[index], texts[index])]
    return uneven or signals


def _is_time_or_index(name: str, values: Sequence[float]) -> bool:
    if IDENTIFIER.fullmatch(name):
        return True
    rises = all(later > earlier for earlier, later in zip(values, values[1:], strict=False))
    return rises and COUNTER.fullmatch(name) is not None


def _is_even(values: Sequence[float], texts: Sequence[str]) -> bool:
    """Tell whether values go up or down in steps that are equal but for the printed digits.

    Such a column counts rows or time; if it is a signal all the same, it has no noise to remove.
    """
    if len(values) < 3 or len(values) < len(texts):
        return False
    digits = max(len(text.replace(",", ".").partition(".")[2]) if "e" not in text.lower() else 17 for text in texts)
    steps = np.diff(values)
    step = float(steps.mean())
    return step != 0 and bool(np.all(np.abs(steps - step) <= 1.01 * 10.0**-digits + 1e-9 * abs(step)))
