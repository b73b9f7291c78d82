"""Sort the cells of a table's first rows into kinds, and find the decimal mark of each column."""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from denoise_stream.errors import quoted
from denoise_stream.files.dialect.numbers import GROUP_MARKS, MISSING

DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[-/. ]?[^\W\d]{3,9}\.?[-/., ]+\d{2,4}"
DATE += (
    r"|\d{4}[- ][^\W\d]{3}[- ]\d{1,2}|[^\W\d]{3,9}\.? \d{1,2},? \d{4}|\d{4}[^\W\d]{3}\d{2}|\d{4}-\d{3}|\d{4}-W\d\d-\d)"
)
TIME = r"\d{1,3}:\d{2}(?::\d{2}(?:[.,:]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
ZONE = r"(?: ?(?:Z|[A-Z]{3,4}|[+-]\d{2}:?\d{2}))?"
MOMENT = re.compile(rf"(?:[^\W\d]{{2,9}}\.?,? )?(?:{DATE}(?:[T ,_]+{TIME})?|{TIME}(?: {DATE})?){ZONE}")
"""Dates, times of day and both."""

_SIGN = "[+\u2212\u2013-]?"
_END = r"(?:[eEdD][+-]?\d+)?"
_INTEGER = re.compile(rf"{_SIGN}\d+{_END}|[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_ONE_MARK = re.compile(rf"{_SIGN}(\d*)([.,])(\d*)({_END})", re.ASCII)
_GROUPS = re.compile(rf"{_SIGN}\d{{1,3}}(?:([.,{GROUP_MARKS}])\d{{3}})(?:\1\d{{3}})*(?:([.,])\d*)?", re.ASCII)


@functools.lru_cache(maxsize=1 << 13)
def kind_of(text: str) -> str:
    """Return the kind of a cell.

    ``"missing"``, ``"moment"`` (a date or a time), ``"text"``, or of numbers: ``"whole"``; ``"."`` and ``","`` where
    that mark is the decimal mark beyond doubt; ``".?"`` and ``",?"`` where it might as well group three digits;
    ``".g"`` and ``",g"`` where it groups digits beyond doubt; ``"g"`` where another mark does.
    """
    if text.lower() in MISSING:
        return "missing"
    if _INTEGER.fullmatch(text):
        return "whole"
    one = _ONE_MARK.fullmatch(text)
    if one is not None and (one[1] or (one[3] and one[2] == ".")):
        ambiguous = 1 <= len(one[1]) <= 3 and one[1][0] != "0" and len(one[3]) == 3 and not one[4]
        return f"{one[2]}?" if ambiguous else one[2]
    groups = _GROUPS.fullmatch(text)
    if groups is not None and groups[1] != groups[2]:
        if groups[2] is not None:
            return groups[2]
        return f"{groups[1]}g" if groups[1] in ".," else "g"
    return "moment" if MOMENT.fullmatch(text) else "text"


MANY_CELLS = 30
"""Fewest cells for which the digits after their commas are not a coincidence."""

MOST_FLAGS = 3

APOSTROPHES = ("", "'", "\u2019")

NUMBERS = frozenset({"whole", ".", ",", ".?", ",?", ".g", ",g", "g"})


@dataclass(frozen=True)
class Column:
    """What the cells of one column are.

    ``kind`` is ``"number"``, ``"moment"``, ``"text"`` or ``"empty"``; ``counts`` counts the kinds of its cells.
    """

    kind: str
    counts: Counter[str]

    @property
    def points(self) -> int:
        """Cells whose decimal mark is a point beyond doubt."""
        return self.counts["."] + self.counts[",g"]

    @property
    def commas(self) -> int:
        """Cells whose decimal mark is a comma beyond doubt."""
        return self.counts[","] + self.counts[".g"]

    def fits(self, kind: str) -> bool:
        """Tell whether a cell of this kind can belong to the column."""
        if self.kind == "number":
            return kind in NUMBERS or kind == "missing"
        if self.kind == "moment":
            return kind in ("moment", "missing")
        return self.kind == "text" or kind == "missing"


def sort_column(kinds: Iterable[str]) -> Column:
    """Find what kind of column holds cells of these kinds."""
    counts = Counter(kinds)
    numbers = sum(count for kind, count in counts.items() if kind in NUMBERS)
    known = sum(counts.values()) - counts["missing"]
    if not known:
        return Column("empty", counts)
    if 2 * numbers >= known:
        return Column("number", counts)
    return Column("moment" if 2 * counts["moment"] > known else "text", counts)


@dataclass(frozen=True)
class Marks:
    """The marks of a column: decimal (empty if unknown), grouping, and what speaks against reading it.

    ``digits`` is set where both readings stay true only with that many digits after the mark; ``doubt`` says why the
    column cannot be read without help, ``odd`` why it does not look like the others.
    """

    decimal: str
    group: str = ""
    digits: int | None = None
    doubt: str = ""
    odd: str = ""


def find_marks(kinds: Sequence[str], cells: Sequence[Sequence[str]], delimiter: str, stated: str | None) -> list[Marks]:
    """Find the decimal and the grouping mark of every column.

    A mark that is certain in a column decides for it; then what the other columns say; then the delimiter.

    Parameters
    ----------
    kinds, cells
        Of each column its kind, and its cells in the rows, without quotes and spaces.
    delimiter
        The table's delimiter: a comma cannot stand in a field of a comma table, unless it is quoted.
    stated
        The decimal mark, if the user stated it.
    """
    columns = [Column(kind, Counter(map(kind_of, texts))) for kind, texts in zip(kinds, cells, strict=True)]
    numeric = [column for column in columns if column.kind == "number"]
    points, commas = sum(column.points for column in numeric), sum(column.commas for column in numeric)
    usual = stated or ("" if not points and not commas else "." if points >= commas else ",")
    spaced = any(_space_group(cells[index]) not in APOSTROPHES for index, c in enumerate(columns) if c.kind == "number")
    # Whole numbers do not show a decimal mark; only a comma as the delimiter rules one out.
    of_whole = "." if delimiter == "," and not spaced else ""
    return [
        _marks_of(column, texts, usual, delimiter, stated, of_whole) if column.kind == "number" else Marks(usual or ".")
        for column, texts in zip(columns, cells, strict=True)
    ]


def _marks_of(
    column: Column, texts: Sequence[str], usual: str, delimiter: str, stated: str | None, of_whole: str
) -> Marks:
    counts = column.counts
    own = stated or (("." if column.points >= column.commas else ",") if column.points or column.commas else "")
    decimal = own or usual
    if decimal:
        other = "," if decimal == "." else "."
        odd = f"its decimal mark is {decimal!r}, that of the others {usual!r}" if usual != decimal else ""
        if decimal == delimiter == "," and _ends_in_flags(texts):
            odd = "what follows its commas looks like a flag"
        return Marks(decimal, _group_of(texts, other, counts, decimal), odd=odd)
    unsure = [mark for mark in ".," if counts[f"{mark}?"]]
    if not unsure:
        return Marks(of_whole, _space_group(texts))
    mark = unsure[0]
    example = next(text for text in texts if kind_of(text) == f"{mark}?")
    whole = next((text for text in texts if kind_of(text) == "whole"), None)
    as_decimal, as_group = example.replace(",", "."), example.replace(mark, "")
    if len(unsure) > 1 or whole is not None or (mark == "," and delimiter != ";"):
        beside = f" beside {quoted(whole)}" if whole is not None else ""
        other = "," if mark == "." else "."
        doubt = (
            f"{example!r}{beside} can be read as {as_decimal} or as {as_group}; "
            f"say which with --decimal {mark} ({as_decimal}) or --decimal {other} ({as_group})"
        )
        return Marks(mark, doubt=doubt)
    # With exactly three digits written, both readings of the column stay true.
    return Marks(mark, digits=None if delimiter == "," else 3)


def _ends_in_flags(texts: Sequence[str]) -> bool:
    """Tell whether a flag follows the commas, as in NOAA's ``"+0224,1"``: few different digits, and never 0."""
    ends = {text.partition(",")[2] for text in texts if "," in text}
    return len(texts) >= MANY_CELLS and 0 < len(ends) <= MOST_FLAGS and all(re.fullmatch("[1-9]", end) for end in ends)


def _group_of(texts: Sequence[str], other: str, counts: Counter[str], decimal: str) -> str:
    """Return the mark that groups digits beside a known decimal mark."""
    if counts[f"{other}g"] or counts[f"{other}?"]:
        return other
    if any(other in text and decimal in text for text in texts if kind_of(text) == decimal):
        return other
    return _space_group(texts)


def _space_group(texts: Sequence[str]) -> str:
    for text in texts:
        groups = _GROUPS.fullmatch(text)
        if groups is not None and groups[1] not in (".", ","):
            return str(groups[1])
    return ""
