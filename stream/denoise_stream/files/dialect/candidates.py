"""Read the first lines of a table with each possible delimiter, and choose the one that makes the rows agree."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from denoise_stream.files.dialect.attached import find_attached
from denoise_stream.files.dialect.fields import BLANK, Attached, split_fields, unquote
from denoise_stream.files.dialect.marks import NUMBERS, Column, kind_of, sort_column

DELIMITERS = (",", ";", "\t", "|", " ", "")
"""In the order of preference among equals."""

COMMENTS = ("#", "%", "//", ";", "!")
"""What a comment line begins with."""

SIGHT = 4
"""Rows looked at to tell whether the data begin."""

TIE = 0.02
"""Scores closer than this are equal."""


_RULER = re.compile(r"[ \t|+:]*(?:[-=_]{2,}+[ \t|+:]*+)+")
"""A line drawn between names and data."""

Kinds = tuple[str, ...]
"""The kinds of a row's cells."""


@dataclass(frozen=True)
class Line:
    """A record of the preview: its first line in the file, from 1, and its text without the line end."""

    number: int
    text: str


@dataclass
class Reading:
    """The first lines, split by one delimiter.

    Attributes
    ----------
    delimiter
        As for :func:`~denoise_stream.files.dialect.fields.split_fields`.
    lines
        Records without blank lines.
    cells, kinds
        Their fields without quotes and spaces, and what kind of cell each is.
    width
        Fields of most rows.
    columns
        What the columns hold in rows of that width.
    start
        Index of the first row of data among the lines; their number if there is none.
    attached
        What is attached to the numbers of each column, taken off the cells.
    """

    delimiter: str
    lines: Sequence[Line]
    cells: list[list[str]]
    kinds: list[Kinds]
    width: int
    columns: list[Column]
    start: int
    attached: list[Attached] = field(default_factory=list)
    _fitting: dict[Kinds, bool] = field(default_factory=dict, init=False, repr=False)  # most rows are alike

    def is_row(self, index: int) -> bool:
        """Tell whether a line has the width and the kinds of the columns; an empty last field may come or lack."""
        kinds = self.kinds[index]
        if len(kinds) == self.width + 1 and self.width > 1 and not self.cells[index][-1]:
            kinds = kinds[:-1]
        fits = self._fitting.get(kinds)
        if fits is None:
            fits = self._fitting[kinds] = self._fits(kinds)
        return fits

    def _fits(self, kinds: Kinds) -> bool:
        width = self.width
        if len(kinds) != width and not (len(kinds) == width - 1 and width > 1 and self.columns[-1].kind == "empty"):
            return False
        return all(column.fits(kind) for column, kind in zip(self.columns, kinds, strict=False))

    def may_begin(self, index: int) -> bool:
        """Tell whether the data may begin with a line: a row that is neither empty nor a line drawn below names."""
        text = self.lines[index].text
        drawn = _RULER.fullmatch(text) and text not in self._missing_between_rows
        return self.is_row(index) and any(self.cells[index]) and not drawn

    @cached_property
    def _missing_between_rows(self) -> set[str]:
        """Lines that look drawn, such as ``--``, but stand between rows: they mark a missing value."""
        drawn = [_RULER.fullmatch(line.text) is not None for line in self.lines]
        inner = [n for n in range(1, len(drawn) - 1) if drawn[n] and not drawn[n - 1] and not drawn[n + 1]]
        return {self.lines[n].text for n in inner if self.is_row(n - 1) and self.is_row(n + 1)}

    @cached_property
    def row_numbers(self) -> list[int]:
        """Indices of the lines, from the first row of data on, that are rows."""
        return [index for index in range(self.start, len(self.lines)) if self.is_row(index)]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the rows."""
        return [self.cells[index] for index in self.row_numbers]

    def take_columns(self, columns: list[Column]) -> None:
        """Take other columns."""
        self.columns = columns
        self._fitting.clear()
        self.__dict__.pop("_missing_between_rows", None)

    def begin_at(self, start: int) -> None:
        """Take another line for the first row of data."""
        self.start = start
        self.__dict__.pop("row_numbers", None)
        self.__dict__.pop("score", None)

    @cached_property
    def score(self) -> float:
        """How well the rows agree, times how many of their cells are numbers, moments or missing; 0 to 1."""
        if not self.row_numbers or not self.numeric:
            return 0.0
        cells = sum(len(self.kinds[index]) for index in self.row_numbers)
        texts = sum(self.kinds[index].count("text") for index in self.row_numbers)
        return self.agreement * (0.2 + 0.8 * (1 - texts / cells))

    @property
    def agreement(self) -> float:
        """Share of the lines from the first row on, comments left out, that are rows."""
        rows = len(self.row_numbers)
        others = set(range(self.start, len(self.lines))).difference(self.row_numbers)
        bad = sum(not is_comment(self.lines[index].text, self.delimiter) for index in others)
        return rows / max(1, rows + bad)

    @property
    def numeric(self) -> bool:
        """Whether any column holds numbers."""
        return any(column.kind == "number" for column in self.columns)


def is_comment(text: str, delimiter: str) -> bool:
    """Tell whether a line outside the rows is a comment."""
    bare = text.lstrip(BLANK if delimiter != "\t" else " \ufeff")  # an empty field in front is one
    if not bare.startswith(COMMENTS) or (delimiter in COMMENTS and bare.startswith(delimiter)):
        return False
    # A missing value, such as #N/A, begins like a comment.
    return kind_of(unquote(split_fields(bare, delimiter)[0])) != "missing"


def read_with(delimiter: str, lines: Sequence[Line]) -> Reading:
    """Split lines by a delimiter and find the width, the columns and the first row."""
    cells = [[unquote(field) for field in split_fields(line.text, delimiter)] for line in lines]
    likely = [row for line, row in zip(lines, cells, strict=True) if not is_comment(line.text, delimiter)] or cells
    # The tail is where a preamble has ended; a short table is looked at whole.
    last = likely[len(likely) // 3 if len(likely) > 15 else 0 :]
    widths = Counter(map(len, last))
    width = max(widths, key=lambda count: (widths[count], count), default=0)
    attached = find_attached([row for row in last if len(row) == width])
    _take_off(cells, attached)
    kinds = [tuple(map(kind_of, row)) for row in cells]
    tail = [tuple(map(kind_of, row)) for row in last]
    reading = Reading(delimiter, lines, cells, kinds, width, _sort_columns(tail, width), len(lines), attached)
    for index in range(len(lines)):
        if reading.may_begin(index):
            seen = [reading.may_begin(later) for later in range(index, min(index + SIGHT, len(lines)))]
            if 2 * sum(seen) >= len(seen):
                reading.start = index
                break
    # Without the lines above, columns may show another kind: in a short table, names look like text among numbers.
    if any(len(row) == width for row in kinds[reading.start :]):
        reading.take_columns(_sort_columns(kinds[reading.start :], width))
    return reading


def _take_off(cells: Sequence[list[str]], attached: Sequence[Attached]) -> None:
    """Take units and the like off the cells of columns whose numbers all have them."""
    for index, marks in enumerate(attached):
        if marks:
            for row in cells:
                if index < len(row) <= len(attached) + 1:
                    number = marks.take_off(row[index])
                    row[index] = row[index] if number is None else number


def _sort_columns(kinds: Sequence[Sequence[str]], width: int) -> list[Column]:
    return [sort_column(column) for column in zip(*(row for row in kinds if len(row) == width), strict=True)]


def _has_names(reading: Reading, rows: int) -> bool:
    """Tell whether a mark other than spaces parts every row, and a line of names, into as many fields.

    Spaces are then within the fields: of dates and times beside texts, where the reading with spaces has more cells
    that are not text. No field holds several numbers, as fields between decimal commas would.
    """
    if reading.delimiter in " " or not reading.numeric or len(reading.row_numbers) < rows:
        return False
    above = reading.kinds[max(0, reading.start - SIGHT) : reading.start]
    if not any(len(kinds) == reading.width and set(kinds) == {"text"} for kinds in above):
        return False
    spaced = (cell.split() for row in reading.rows for cell in row if " " in cell)
    return not any(all(kind_of(word) in NUMBERS for word in words) for words in spaced)


def best_readings(lines: Sequence[Line]) -> list[Reading]:
    """Return the readings with the best score, those of equal score in the order of preference; empty if none is.

    Where one of them has one column, the one with commas is among them as well: decimal commas look like delimiters.
    """
    readings = []
    for delimiter in DELIMITERS:
        if delimiter and not any(delimiter in line.text for line in lines):
            continue
        reading = read_with(delimiter, lines)
        if reading.width > 1 or not delimiter:
            readings.append(reading)
    best = max((reading.score for reading in readings), default=0.0)
    chosen = [reading for reading in readings if reading.score > 0 and reading.score >= best - TIE]
    spaces = next((reading for reading in chosen if reading.delimiter == " "), None)
    if spaces is not None and all(reading.delimiter in " " for reading in chosen):
        named = [reading for reading in readings if _has_names(reading, len(spaces.row_numbers))]
        chosen = [*named[:1], *(reading for reading in chosen if not named or reading is not spaces)]
    if any(not reading.delimiter for reading in chosen):
        chosen += [
            reading for reading in readings if reading.delimiter == "," and reading not in chosen and reading.score
        ]
    return chosen
