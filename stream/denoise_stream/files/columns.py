"""Read a table's layout: its first rows come in, delimiter, names and signal columns go out."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_stream.errors import SourceError

if TYPE_CHECKING:
    pass

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

DELIMITERS = ",;\t|"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})

IDENTIFIER = re.compile(
    r"((time|timestamp|timestamps|datetime|date|epoch|unixtime|index|idx)([_ ./(\[-].*)?|(.*[_ .-])?id|unnamed: 0|)",
    re.IGNORECASE,
)
"""Names of columns that are never signals."""

COUNTER = re.compile(
    r"(.*[_ .-])?(t|n|no|nr|row|#|samples?|frames?|steps?|elapsed|seconds?|ms|us|ts|utc|unix|tick|clock|seq"
    r"|millis|micros|sec|msec|usec|zeit|datum)([_ ./(\[-].*)?|.*[_ .-](time|timestamp|date)",
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
        ``","`` if numbers may have a decimal comma, else ``"."``.
    names
        Names of all columns; a table without a header calls them ``1``, ``2``, ...
    chosen
        Indices of the columns that are denoised, in the table's order.
    header_line
        Line of the header, 0 if there is none.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    chosen: tuple[int, ...]
    header_line: int


@dataclass(frozen=True)
class Row:
    """One record: its first line, its text and, where something in it is denoised, its raw fields."""

    line: int
    text: str
    fields: Sequence[str] = ()


def find_layout(
    rows: Sequence[Row],
    name: str,
    delimiter: str | None,
    columns: Sequence[str] | None,
    series_column: str | None = None,
) -> Layout:
    """Find out how a table is written and which of its columns are signals.

    Parameters
    ----------
    rows
        The first rows with anything in them, the header included.
    name
        What to call the table in messages.
    delimiter
        One character; None finds it in the first row.
    columns
        Names of the columns to denoise; None means every numeric one that is not a time stamp or an index.
    series_column
        Name of the column that says to which series a row belongs, if there is one; it is no signal.

    Raises
    ------
    SourceError
        If there are no rows, they are ragged, a column is unknown, or none is numeric.
    """
    if not rows:
        raise SourceError(f"{name} is empty")
    delimiter = delimiter or _find_delimiter(rows[0].text)
    first = [unquote(field) for field in split_fields(rows[0].text, delimiter)]
    has_header = _begins_with_names(first, [split_fields(row.text, delimiter) for row in rows[1:]], delimiter)
    names = tuple(first if has_header else (str(index + 1) for index in range(len(first))))
    fields = [fields_of(row, delimiter, len(names), name) for row in rows[has_header:]]
    if not fields:
        raise SourceError(f"{name} has a header but no rows")
    texts = [[unquote(row[index]) for row in fields] for index in range(len(names))]
    decimal = "." if delimiter == "," else ","
    for column in [*(columns or ()), *([] if series_column is None else [series_column])]:
        if column not in names:
            raise SourceError(f"{name} has no column {column!r}; it has {', '.join(names)}")
    if columns is None:
        chosen = _signal_columns(names, texts, decimal, named=has_header)
        chosen = [index for index in chosen if names[index] != series_column]
        if not chosen:
            raise SourceError(
                f"{name} has no numeric column besides time stamps and indices "
                f"(columns: {', '.join(names)}); name the ones to denoise with --columns"
            )
    else:
        if series_column in columns:
            raise SourceError(f"{name}, column {series_column!r} names the series, so it is no signal; leave it out")
        chosen = sorted({names.index(column) for column in columns})
    return Layout(delimiter, decimal, names, tuple(chosen), rows[0].line if has_header else 0)


def _begins_with_names(first: Sequence[str], others: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Tell a header from a row of values: some column begins with no number, and goes on with numbers or dates."""
    numbers = [_is_number(field, delimiter) for field in first]
    if not any(numbers):
        return True
    for index, text in enumerate(first):
        below = [unquote(fields[index]) for fields in others if len(fields) > index]
        values = [field for field in below if field.lower() not in MISSING]
        alike = [_is_number(field, delimiter) or field[:1].isdigit() for field in values]
        if not numbers[index] and not text[:1].isdigit() and len(alike) > 0 and all(alike):
            return True
    return False


def _is_number(field: str, delimiter: str) -> bool:
    return bool(_PLAIN_NUMBER.match(field) or (delimiter != "," and _COMMA_NUMBER.match(field)))


def fields_of(row: Row, delimiter: str, count: int, name: str) -> list[str]:
    """Split a row into ``count`` raw fields.

    Raises
    ------
    SourceError
        If it has more or fewer.
    """
    fields = split_fields(row.text, delimiter)
    if len(fields) != count:
        raise SourceError(f"{name}, line {row.line}: {len(fields)} columns, the others have {count}")
    return fields


def parse_number(text: str, decimal: str = ".") -> float | None:
    """Read a number; NaN for a missing value, None for text.

    >>> parse_number("-1.5e3"), parse_number("1,5", decimal=","), parse_number("abc")
    (-1500.0, 1.5, None)
    >>> parse_number("n/a")
    nan
    """
    if decimal != "." and "." not in text:
        text = text.replace(decimal, ".")
    if _PLAIN_NUMBER.match(text):
        return float(text)
    return math.nan if text.lower() in MISSING else None


def split_fields(text: str, delimiter: str) -> list[str]:
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


def unquote(field: str) -> str:
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
    if abs(step) < 0.99 * 10.0**-digits:  # holds and changes by a last digit now and then: a slow sensor
        return False
    return bool(np.all(np.abs(steps - step) <= 1.01 * 10.0**-digits + 1e-9 * abs(step)))


def as_names(values: Iterable[Any]) -> list[str]:
    """Give the names of series as text; a missing one is empty."""
    return ["" if value is None else str(value) for value in values]
