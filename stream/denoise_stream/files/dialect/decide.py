"""Decide how a table is written, from its first lines: delimiter, header, names and marks together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from denoise_stream.errors import SourceError, quoted
from denoise_stream.files.dialect.attached import label_of
from denoise_stream.files.dialect.candidates import Line, Reading, best_readings, is_comment, read_with
from denoise_stream.files.dialect.fields import BLANK, NOTHING, Attached, is_blank, is_open, split_fields, unquote
from denoise_stream.files.dialect.headers import NamesDiffer, find_header, refuse_table_above
from denoise_stream.files.dialect.json_lines import is_json
from denoise_stream.files.dialect.marks import Marks, find_marks, kind_of
from denoise_stream.files.dialect.name_lines import UNITS
from denoise_stream.files.dialect.options import TableOptions

LONGEST_RECORD = 200
"""Lines after which an open quote counts as text."""

LOWEST_SCORE = 0.5
AGREEMENT = 0.9
"""No delimiter is accepted if the score is less than this, unless so many rows agree, though with many texts."""

_SEPARATOR_HINT = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)


class TooFewRows(SourceError):
    """The lines looked at hold too few rows to decide; more lines may help."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes
    ----------
    delimiter
        One character, ``" "`` for runs of spaces, ``""`` for one column.
    names
        Names of all columns; a table without a header calls them ``1``, ``2``, ...
    header_line
        Line of the names, 0 if there is none.
    first_line, first_good_line
        Line of the first row of data, and of the first one that agrees with the others.
    marks
        Decimal and grouping mark of each column.
    cells
        The columns' cells in the preview, without quotes and spaces.
    lines
        Lines of the preview's rows in the file.
    kinds
        What each column holds: ``"number"``, ``"moment"``, ``"text"`` or ``"empty"``.
    units
        Units that a line under the names states, empty where none does.
    rate_hz
        Samples per second that the lines above the data state.
    header
        Texts of the lines above the data; where they are repeated (tables put together) they are not rows.
    attached
        What is attached to the numbers of each column (a unit, a currency), not part of ``cells``.
    """

    delimiter: str
    names: tuple[str, ...]
    header_line: int
    first_line: int
    first_good_line: int
    marks: tuple[Marks, ...]
    cells: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    kinds: tuple[str, ...]
    units: tuple[str, ...] = ()
    rate_hz: float | None = None
    header: frozenset[str] = frozenset()
    attached: tuple[Attached, ...] = ()

    @property
    def width(self) -> int:
        """Fields of a row."""
        return len(self.names)


def join_records(lines: Sequence[Line], delimiter: str, eol: str = "\n") -> list[Line]:
    """Join lines where a quoted field spans them, unless the lines within look like rows of their own."""
    records: list[Line] = []
    index = 0
    while index < len(lines):
        line, end = lines[index], index + 1
        if '"' in line.text and is_open(line.text, delimiter):
            alone, text = len(split_fields(line.text, delimiter)), line.text
            while end < min(index + LONGEST_RECORD, len(lines)):
                text += eol + lines[end].text
                end += 1
                if not is_open(text, delimiter):
                    line = Line(line.number, text)
                    break
                if len(split_fields(lines[end - 1].text, delimiter)) == alone:
                    break
            if line is lines[index]:
                end = index + 1
        records.append(line)
        index = end
    return records


def decide_dialect(lines: Sequence[Line], name: str, options: TableOptions, *, eol: str = "\n") -> Dialect:
    """Find out how a table is written.

    Parameters
    ----------
    lines
        The first lines, from line 1 on, without line ends.
    name
        What to call the table in messages.
    options
        What is stated.
    eol
        What ends a line.

    Raises
    ------
    SourceError
        If there are no rows, or nothing makes them agree; the sentence names the option that helps.
    """
    looked_at = [line for line in lines if line.number > max(options.skip_rows, options.header or 0)]
    filled = [line for line in looked_at if not is_blank(line.text)]
    hint = _SEPARATOR_HINT.fullmatch(filled[0].text) if filled else None
    delimiter = options.delimiter
    if hint is not None:
        delimiter = hint[1] if delimiter is None else delimiter
        filled = filled[1:]
    if not filled:
        below = "" if not options.skip_rows and not options.header else " below the lines of its header"
        raise TooFewRows(f"{name} is empty{below}")
    if delimiter is None and is_json(filled):
        raise SourceError(
            f"{name}, line {filled[0].number}: {quoted(filled[0].text[:40])} begins JSON, not a table; write it as CSV "
            "first, or state --delimiter"
        )
    reading = _read(filled, name, delimiter, options, eol)
    above = [line for line in lines if not is_blank(line.text)]
    if options.header and all(line.number != options.header for line in above):
        raise SourceError(
            f"{name}, line {options.header} is empty, so --header {options.header} names no column; "
            f"state the line of the names, or --no-header"
        )
    try:
        header = find_header(reading, options.header, above)
    except NamesDiffer as error:
        raise SourceError(
            f"{name}, line {error.line}: {error.count} names above rows of {reading.width} fields; state --delimiter, "
            f"quote numbers that hold a comma, or say --no-header or --header N"
        ) from error
    refuse_table_above(reading, header.start, name)
    reading.begin_at(header.start)
    rows = reading.rows
    if not rows:
        raise TooFewRows(f"{name} has a header but no rows")
    padded = [row + [""] * (reading.width - len(row)) for row in rows]
    cells = tuple(tuple(column) for column in zip(*(row[: reading.width] for row in padded), strict=True))
    kinds = tuple(column.kind for column in reading.columns)
    marks = find_marks(kinds, cells, reading.delimiter, options.decimal)
    first = reading.lines[header.start].number
    attached = tuple(reading.attached) or (NOTHING,) * reading.width
    names = header.names
    if not header.line:
        names = tuple(label_of(marks) or name for marks, name in zip(attached, names, strict=True))
    return Dialect(
        "," if not reading.delimiter and _quotes_commas(reading) else reading.delimiter,
        names,
        header.line,
        first,
        reading.lines[reading.row_numbers[0]].number,
        tuple(marks),
        cells,
        tuple(reading.lines[index].number for index in reading.row_numbers),
        kinds,
        header.units,
        header.rate_hz,
        frozenset(line.text.strip(BLANK) for line in lines if line.number < first and line.text.strip(BLANK)),
        attached,
    )


def _read(filled: Sequence[Line], name: str, delimiter: str | None, options: TableOptions, eol: str) -> Reading:
    """Choose the delimiter and return the reading with it."""
    if delimiter is not None:
        reading = read_with(delimiter, join_records(filled, delimiter, eol))
    else:
        readings = [_with_records_joined(found, eol) for found in best_readings(filled)]
        if not readings:
            reading = max((read_with(mark, filled) for mark in ",;\t|"), key=lambda found: found.width)
            if len(filled) == 1 and not reading.numeric:
                raise TooFewRows(f"{name} has a header but no rows")
            return reading
        reading = _settle(readings, name, options)
    if options.header == 0:
        reading.begin_at(0)
    if reading.score < LOWEST_SCORE and not (reading.width > 1 and reading.agreement >= AGREEMENT):
        odd = next((line for index, line in enumerate(reading.lines) if not reading.is_row(index)), reading.lines[0])
        if delimiter is None and len(reading.lines) > 15:
            raise TooFewRows(
                f"{name}, line {odd.number}: the rows do not agree with any delimiter; state --delimiter, or leave "
                f"lines above the data out with --skip-rows N"
            )
    return reading


def _with_records_joined(reading: Reading, eol: str) -> Reading:
    """Read lines again where quoted fields span them."""
    records = join_records(reading.lines, reading.delimiter, eol)
    return reading if len(records) == len(reading.lines) else read_with(reading.delimiter, records)


def _quotes_commas(reading: Reading) -> bool:
    """Tell whether the only column's cells with a comma are all quoted, so that new ones need quotes as well."""
    texts = [reading.lines[index].text for index in reading.row_numbers]
    held = [text for text in texts if "," in text]
    return bool(held) and all(len(split_fields(text, ",")) == 1 for text in held)


def _also_split(comma: Reading) -> Reading | None:
    """Return a reading with another delimiter, if that stands equally often in every row: the comma may be decimal."""
    rows = [comma.lines[index].text for index in comma.row_numbers]
    for mark in ";\t|":
        counts = {text.count(mark) for text in rows}
        if len(counts) == 1 and 0 not in counts:
            other = read_with(mark, comma.lines)
            if other.width > 1 and other.numeric:
                return other
    return _decimal_between_spaces(comma)


def _decimal_between_spaces(comma: Reading) -> Reading | None:
    """Return the reading with spaces, if every comma is in a number there and splits texts off numbers here.

    So it is in ``12,5 door``, which commas would split into ``12`` and ``5 door``.
    """
    if all(column.kind != "text" for column in comma.columns):
        return None
    spaces = read_with(" ", comma.lines)
    if spaces.width == 1 or not set(comma.row_numbers) <= set(spaces.row_numbers):
        return None
    for index in comma.row_numbers:
        words = [word.strip(BLANK) for word in split_fields(comma.lines[index].text, " ")]
        if any("," in word and word[0] != '"' and kind_of(word)[0] != "," for word in words):
            return None
    return spaces


def _settle(readings: Sequence[Reading], name: str, options: TableOptions) -> Reading:
    """Choose among readings of about equal score: a comma may delimit whole numbers or be their decimal mark."""
    by_mark = {reading.delimiter: reading for reading in readings}
    comma, single, spaces = by_mark.get(","), by_mark.get(""), by_mark.get(" ")
    if spaces is not None and single is not None and single.columns[0].counts["g"]:
        return _grouped_or_spaced(spaces, single, name)
    other = _also_split(comma) if comma is not None and readings[0] is comma else None
    if comma is not None and other is not None:
        if options.decimal is not None:
            return other if options.decimal == "," else comma
        line = comma.lines[comma.row_numbers[0]]
        if other.delimiter == " " and comma.start:
            above = comma.lines[comma.start - 1].text
            named = [found for found in (comma, other) if len(split_fields(above, found.delimiter)) == found.width]
            if len(named) == 1:
                return named[0]
        mark = {"\t": "tab", " ": "space"}.get(other.delimiter, repr(other.delimiter))
        raise SourceError(
            f"{name}, line {line.number}: {quoted(line.text)} can be split at ',' or at {mark}; say which with "
            f"--delimiter , or --delimiter {mark}"
        )
    if comma is not None and options.decimal is None and readings[0] is comma:
        _check_pairs(comma, name)
    if comma is None or single is None or not single.columns[0].counts[","] + single.columns[0].counts[",?"]:
        return readings[0]
    if options.decimal is not None:
        return single if options.decimal == "," else comma
    names = [line for line in single.lines[: single.start] if not is_comment(line.text, ",")]
    names_width = len(split_fields(names[-1].text, ",")) if names else 0
    spaced = (
        bool(names) and ", " in names[-1].text and not any(", " in line.text for line in single.lines[single.start :])
    )
    if names and not (spaced and names_width == comma.width):
        if names_width < comma.width:
            return single
        if comma.width > 2 or _counts(comma) or not _may_be_decimal(comma, names):
            return comma
        raise _two_readings(single, name)
    if _counts(comma):
        return comma
    if any(re.match(r"0\d", cell) for cells in comma.rows for cell in cells[1:]) or comma.score < single.score - 0.1:
        return single
    raise _two_readings(single, name)


def _counts(reading: Reading) -> bool:
    """Tell whether the first cells of the rows count in equal steps."""
    cells = [row[0] for row in reading.rows]
    if len(cells) < 3 or not all(cell.isdigit() for cell in cells):
        return False
    steps = {int(later) - int(earlier) for earlier, later in zip(cells, cells[1:], strict=False)}
    return len(steps) == 1 and steps != {0}


def _two_readings(single: Reading, name: str) -> SourceError:
    line = single.lines[single.start]
    return SourceError(
        f"{name}, line {line.number}: {quoted(line.text.strip(BLANK))} can be one number with a decimal comma or two "
        "columns; say which with --decimal , or --delimiter ,"
    )


def _may_be_decimal(comma: Reading, above: Sequence[Line]) -> bool:
    """Tell whether a line of two cells above pairs may be a setting and its value, and the pairs decimal commas.

    So it is where a blank line parts them, there are several such lines, the second cell is a unit, or a second number
    has a zero in front, as digits after a comma have.
    """
    last = above[-1]
    apart = comma.lines[comma.row_numbers[0]].number > last.number + 1
    several = sum(len(split_fields(line.text, ",")) == 2 for line in above) > 1
    unit = unquote(split_fields(last.text, ",")[1]).lower() in UNITS
    return apart or several or unit or any(re.match(r"0\d", cells[1]) for cells in comma.rows)


def _grouped_or_spaced(spaces: Reading, single: Reading, name: str) -> Reading:
    """Choose between columns that spaces delimit and numbers whose digits spaces group: names decide.

    Raises
    ------
    SourceError
        If there are none.
    """
    names = [line for line in single.lines[: single.start] if not is_comment(line.text, " ")]
    if names:
        return spaces if len(split_fields(names[-1].text, " ")) >= spaces.width else single
    line = single.lines[single.start]
    raise SourceError(
        f"{name}, line {line.number}: {quoted(line.text.strip(BLANK))} can be one number with grouped digits or two "
        "columns; say which with --delimiter none or --delimiter space"
    )


def _check_pairs(reading: Reading, name: str) -> None:
    """Refuse rows of whole numbers that look like pairs around unquoted decimal commas.

    Raises
    ------
    SourceError
        If there are about half as many names as fields, or no names and some field has a zero in front, as the second
        half of 20,04 has.
    """
    if reading.width < 3 or any(kind in (".", ".?") for index in reading.row_numbers for kind in reading.kinds[index]):
        return
    if reading.start:
        _check_names_of_pairs(reading, name)
        return
    for index, cells in enumerate(reading.cells):
        for field in cells[1:]:
            if re.fullmatch(r"0\d+", field) and len(set(map(len, (row[-1] for row in reading.rows)))) == 1:
                raise SourceError(
                    f"{name}, line {reading.lines[index].number}: {quoted(field)} looks like the digits after a "
                    "decimal comma, but commas delimit the fields as well; quote such numbers, or confirm with "
                    "--decimal ."
                )


def _check_names_of_pairs(reading: Reading, name: str) -> None:
    """Refuse rows right below a line of names that has about half as many cells as they have."""
    line, row = reading.lines[reading.start - 1], reading.lines[reading.start]
    names = [unquote(field) for field in split_fields(line.text, reading.delimiter)]
    words = all(kind_of(cell) == "text" for cell in names)
    halves = 1 < len(names) < reading.width - 1 and reading.width <= 2 * len(names)
    if row.number == line.number + 1 and words and halves and not is_comment(line.text, reading.delimiter):
        raise SourceError(
            f"{name}, line {line.number}: {len(names)} names above rows of {reading.width} fields, as if commas were "
            "decimal marks too; quote such numbers, or say --decimal . if they are whole, or --header N"
        )


__all__ = ["Dialect", "Line", "decide_dialect", "join_records"]
