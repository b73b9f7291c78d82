"""Find the names of the columns, their units and what a preamble says among the lines above the data."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from denoise_stream.errors import SourceError
from denoise_stream.files.dialect.candidates import COMMENTS, Line, Reading, is_comment
from denoise_stream.files.dialect.fields import BLANK, split_fields, unquote
from denoise_stream.files.dialect.marks import MANY_CELLS, NUMBERS, kind_of
from denoise_stream.files.dialect.name_lines import (
    are_data,
    describes,
    fills_gaps,
    fits,
    in_equal_steps,
    names_no_numbers,
    states_a_value,
    trimmed,
)
from denoise_stream.files.dialect.numbers import may_be_marker, parse_number

FEWEST_ROWS_ABOVE = 20
"""So many rows of another width above the data are a table of their own."""

_FIRST_WORDS = ("TOA5", "TOB1", "TOACI1")


@dataclass(frozen=True)
class Header:
    """The lines above the data.

    Attributes
    ----------
    names
        Names of all columns; ``1``, ``2``, ... where none stand.
    line
        The line with the names; 0 if there is none.
    units
        The line of units under the names, cell by cell, empty where there is none.
    start
        Index, among the preview's lines, of the first row of data.
    rate_hz
        Samples per second that the lines state.
    """

    names: tuple[str, ...]
    line: int
    units: tuple[str, ...]
    start: int
    rate_hz: float | None = None


class NamesDiffer(Exception):
    """The line of names has fewer names than the rows have fields; ``line`` and ``count`` say which and how many."""

    def __init__(self, line: int, count: int) -> None:
        super().__init__(line, count)
        self.line = line
        self.count = count


def find_header(reading: Reading, wanted: int | None, above: Sequence[Line]) -> Header:
    """Find names and units above the data.

    Parameters
    ----------
    reading
        The first lines, split.
    wanted
        The line of the names, if the user stated it; 0 if there is none.
    above
        All lines of the preview, those that a stated line cuts off included.

    Raises
    ------
    NamesDiffer
        If a line of names has another count than the rows, and nothing explains it.
    """
    numbered = tuple(str(index + 1) for index in range(reading.width))
    if wanted == 0:
        return Header(numbered, 0, (), reading.start)
    if wanted:
        (line,) = [line for line in above if line.number == wanted]
        return Header(_fitted(_cells(line, reading), reading, line.number), line.number, (), reading.start)
    start, rate_hz = reading.start, None
    start_and_rate = _start_and_rate(reading)
    if start_and_rate is not None:
        start, rate_hz = start + 2, start_and_rate
    elif _names_above(reading) is None and _numbers_are_names(reading):
        start += 1
    if start > reading.start and rate_hz is None:
        line = reading.lines[reading.start]
        return Header(_fitted(_cells(line, reading), reading, line.number), line.number, (), start)
    found = _names_above(reading)
    if _states_counts(reading):
        start += 1
    elif rate_hz is None:
        start = _first_number(reading, 0 if found is None else found[0] + 1)
    if found is None:
        return Header(numbered, 0, (), start, rate_hz)
    index, names, units = found
    line = reading.lines[index]
    return Header(_fitted(names, reading, line.number), line.number, units, start, rate_hz)


def refuse_table_above(reading: Reading, start: int, name: str) -> None:
    """Refuse a file whose lines above the data hold rows of numbers of another width: a table that would be left.

    Raises
    ------
    SourceError
        If that many rows of one width follow each other.
    """
    rows: list[int] = []
    for index in range(start + 1):
        kinds = reading.kinds[index]
        numbers = len(kinds) > 1 and "text" not in kinds and not NUMBERS.isdisjoint(kinds)
        if rows and len(kinds) == len(reading.kinds[rows[0]]) and numbers:
            rows.append(index)
            continue
        if len(rows) >= FEWEST_ROWS_ABOVE:
            break
        rows = [index] if numbers and len(kinds) != reading.width else []
    else:
        return
    line, last, below = (reading.lines[place].number for place in (rows[0], rows[-1], start))
    raise SourceError(
        f"{name} holds two tables: rows of {len(reading.kinds[rows[0]])} fields from line {line} on, of "
        f"{reading.width} from line {below} on; put them into files of their own, or leave the upper one as it is "
        f"with --skip-rows {last}"
    )


def _first_number(reading: Reading, start: int) -> int:
    """Return the index of the first line, from ``start`` on, that holds a number where the rows do.

    A line with a number in its place is a row, though a bad one, and not a part of the header.
    """
    for index in range(start, reading.start):
        kinds = reading.kinds[index]
        if len(kinds) == reading.width > 1 and not is_comment(reading.lines[index].text, reading.delimiter):
            pairs = zip(reading.columns, kinds, strict=True)
            if any(column.kind == "number" and kind in NUMBERS for column, kind in pairs):
                return index
    return reading.start


def _cells(line: Line, reading: Reading) -> list[str]:
    """Split a line of names, which may follow a comment mark."""
    cells = [unquote(field) for field in split_fields(line.text, reading.delimiter)]
    bare = line.text.lstrip(BLANK if reading.delimiter != "\t" else " \ufeff")
    mark = next((mark for mark in COMMENTS if bare.startswith(mark) and mark != reading.delimiter), "")
    if mark and (len(cells) > reading.width or cells[0] != mark):
        bare = bare[len(mark) :]
        cells = [
            unquote(field)
            for field in split_fields(bare.lstrip(BLANK) if reading.delimiter == " " else bare, reading.delimiter)
        ]
    return cells


def _names_above(reading: Reading) -> tuple[int, list[str], tuple[str, ...]] | None:
    """Return the index of the line of names, the names, and the cells of a line of units below; None without names."""
    rows: list[tuple[int, list[str]]] = []
    units_in_comment = False  # as in NDBC's files: one comment line of names, one of units
    lines = reading.lines[: reading.start]
    for index in range(len(lines) - 1, -1, -1):
        nearest = index == len(lines) - 1
        comment = is_comment(lines[index].text, reading.delimiter)
        cells = _cells(lines[index], reading)
        wide = len(trimmed(cells)) >= min(2, reading.width) and fits(cells, reading)
        numeric = are_data(cells)
        if comment and units_in_comment and wide and not numeric and len(cells) == len(rows[0][1]):
            if len(set(cells)) == len(cells):
                rows.append((index, cells))
            break
        states = states_a_value(cells, nearest)
        if comment and (rows or not wide or numeric or states):
            if rows:
                break
            continue
        if not wide or cells[0] in _FIRST_WORDS or (numeric and rows) or states:
            if rows:
                break
            continue
        if not numeric:
            rows.append((index, cells))
        if comment and not describes(cells, reading.width):
            break
        units_in_comment = comment
    if not rows:
        return None
    position = 0
    while position + 1 < len(rows) and (
        describes(rows[position][1], reading.width) or names_no_numbers(rows[position][1], reading)
    ):
        position += 1
    index, cells = rows[position]
    for place, (lower, names) in enumerate(rows[:position]):
        if fills_gaps(names, cells, reading):  # groups above, such as ``Left,,,Right,,``, and names below
            units = tuple(rows[place - 1][1]) if place else ()
            return lower, [name or group for name, group in zip(names, cells, strict=False)], units
    return index, cells, tuple(rows[position - 1][1]) if position else ()


def _fitted(cells: Sequence[str], reading: Reading, line: int) -> tuple[str, ...]:
    """Return a name for each column; rows may have an empty field more, or names of rows in front, as R writes them."""
    names, width = list(cells), reading.width
    while len(names) > width and (not names[-1] or len(names) > width):
        names.pop()
    missing = width - len(names)
    if missing and all(column.kind == "empty" for column in reading.columns[-missing:]):
        return (*names, *[""] * missing)
    if missing == 1 and _row_names(reading):
        return ("", *names)
    if missing:
        raise NamesDiffer(line, len(names))
    return tuple(names)


def _row_names(reading: Reading) -> bool:
    """Tell whether the first field of every row is quoted, as R writes names of rows, or text."""
    if reading.columns[0].kind == "text":
        return True
    rows = reading.lines[reading.start :]
    return (
        bool(rows)
        and all(line.text.lstrip(BLANK).startswith('"') for line in rows)
        and not all(line.text.count('"') >= 2 * reading.width for line in rows)
    )


def _numbers_are_names(reading: Reading) -> bool:
    """Tell whether the first row names the columns by numbers: counts, years, wavelengths.

    They are in equal steps, and either printed with other digits than all numbers below, or whole and beside them, or
    they count the columns and do not go on counting in the next row.
    """
    if len(reading.rows) < 3:
        return False
    first, rows = trimmed(reading.rows[0]), reading.rows[1:]
    places = [place for place, cell in enumerate(first) if reading.columns[place].kind == "number" and cell]
    below = [[row[place] for row in rows if not _says_nothing(row[place])] for place in places]
    if not places or not all(below):
        return False
    if any(not first[place].isdigit() for place in places):
        return (
            len(places) > 2
            and in_equal_steps([first[place] for place in places])
            and _printed_otherwise([first[place] for place in places], below)
        )
    numbers = [int(first[place]) for place in places]
    steps = {later - earlier for earlier, later in zip(numbers, numbers[1:], strict=False)}
    if len(numbers) > 1 and (len(steps) > 1 or min(steps) < 1):
        return False
    decimals = [all(kind_of(cell) != "whole" for cell in column) for column in below]
    if len(reading.columns) == 1:
        fractions = {len(re.split("[.,]", cell)[-1]) for cell in below[0]}
        alike = len({len(cell) for cell in below[0]}) <= 2 or (len(fractions) == 1 and len(below[0]) >= MANY_CELLS)
        return numbers[0] == 0 and decimals[0] and alike
    beside = [_lies_beside(number, column) for number, column in zip(numbers, below, strict=True)]
    if all(decimals) or (len(numbers) > 1 and all(beside)):
        return True
    goes_on = any(column[0] == str(number + 1) for column, number in zip(below, numbers, strict=True))
    unnamed = not first[0]
    counts = numbers[0] in (0, 1) and steps == {1}
    return counts and (unnamed or any(decimals) or (len(numbers) > 2 and not goes_on))


def _printed_otherwise(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether every column below is printed with digits of one number, and its first cell with another."""
    for cell, column in zip(cells, below, strict=True):
        digits = {len(re.split("[.,]", text)[-1]) if kind_of(text) != "whole" else 0 for text in column}
        if len(digits) > 1 or {len(re.split("[.,]", cell)[-1])} == digits:
            return False
    return True


def _says_nothing(cell: str) -> bool:
    return kind_of(cell) in ("missing", "text") or may_be_marker(cell)


def _lies_beside(number: int, column: Sequence[str]) -> bool:
    """Tell whether a number of a year's or a wavelength's size lies far outside of the range of those below it."""
    values = [
        value for cell in column if (value := parse_number(cell, "," if kind_of(cell) == "," else ".")) is not None
    ]
    low, high = min(values, default=0.0), max(values, default=math.inf)
    return number >= 100 and not low - (high - low) <= number <= high + (high - low)


def _states_counts(reading: Reading) -> bool:
    """Tell whether the first row states how many samples each column has, as AcqKnowledge writes it.

    Such a row has no time in its first cell, and one and the same whole number in all others, no less than the rows.
    """
    if reading.start == 0 or len(reading.rows) < 3:
        return False
    first, *below = reading.rows
    counts = set(trimmed(first)[1:])
    unnamed = not first[0] and all(kind_of(row[0]) in NUMBERS for row in below)
    if not unnamed or len(counts) != 1:
        return False
    count = counts.pop()
    return kind_of(count) == "whole" and int(count) >= len(below)


def _start_and_rate(reading: Reading) -> float | None:
    """Return the rate if the first two rows are a start time and a rate, as Empatica's wristbands write them."""
    if len(reading.rows) < 4 or reading.start > 0:
        return None
    first, second = reading.rows[0], reading.rows[1]
    if len(set(first)) > 1 or len(set(second)) > 1 or kind_of(first[0]) not in (".", "whole"):
        return None
    start, rate = parse_number(first[0]), parse_number(second[0])
    if start is None or rate is None:
        return None
    others = [parse_number(cell) for cells in reading.rows[2:] for cell in cells]
    largest = max((abs(value) for value in others if value is not None and value == value), default=0.0)
    if 9e8 < start < 2.2e9 and largest < 1e8 and 0 < rate <= 1e5:
        return rate
    return None
