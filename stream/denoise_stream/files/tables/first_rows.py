"""Read the columns of a table's first rows: their numbers, and how they are written."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from denoise_stream.files.columns.assign import Facts
from denoise_stream.files.columns.choose import Layout, choose_columns
from denoise_stream.files.dialect.attached import label_of
from denoise_stream.files.dialect.decide import Dialect
from denoise_stream.files.dialect.marks import kind_of
from denoise_stream.files.dialect.numbers import NumberStyle, decimals_of, may_be_marker, ordinary_span, written_style

MOST_TOTALS = 5
"""With more rows without a time at its end a table has lost its clock; they are samples, not totals."""

MOST_WITHOUT_TIME = 0.2
"""A column with a larger share of missing times has them where they change alone, such as dates of merged cells."""


@dataclass(frozen=True)
class FirstRows:
    """What the first rows of a table tell.

    Attributes
    ----------
    facts, styles
        Of each column what its cells say, and how it writes numbers.
    layout
        What the columns are.
    guards
        Indices of the columns of times and counts, in which text makes a row a bad one.
    times
        Those of them that have a time or a count in nearly every row.
    """

    facts: Sequence[Facts]
    styles: Sequence[NumberStyle]
    layout: Layout
    guards: Sequence[int]
    times: Sequence[int]


def read_first_rows(dialect: Dialect, name: str, columns: Sequence[str] | None, series_column: str | None) -> FirstRows:
    """Read what the first rows of a table tell, without totals at their end: one of those widens a column's range.

    The parameters and errors are those of :func:`~denoise_stream.files.columns.choose.choose_columns`.
    """
    facts, styles = read_columns(dialect)
    layout = choose_columns(facts, name, columns, series_column, dialect.lines)
    guards = [
        index
        for index, role in enumerate(layout.roles)
        if role.kind in ("axis", "moment") and index not in layout.chosen
    ]
    missing = {index: [kind_of(cell) == "missing" for cell in dialect.cells[index]] for index in guards}
    times = [index for index, cells in missing.items() if cells and sum(cells) <= MOST_WITHOUT_TIME * len(cells)]
    totals = min((missing[index][::-1].index(False) for index in times), default=0)
    if 0 < totals <= MOST_TOTALS:
        cells = tuple(texts[:-totals] for texts in dialect.cells)
        dialect = dataclasses.replace(dialect, cells=cells, lines=dialect.lines[:-totals])
        return read_first_rows(dialect, name, columns, series_column)
    return FirstRows(facts, styles, layout, guards, times)


def read_columns(dialect: Dialect) -> tuple[list[Facts], list[NumberStyle]]:
    """Return what the first rows say about each column, and how it writes numbers."""
    facts, styles = [], []
    for index, (name, kind) in enumerate(zip(dialect.names, dialect.kinds, strict=True)):
        texts, style, values = dialect.cells[index], NumberStyle(), np.empty(0)
        if kind == "number":
            style, values = _read_numbers(dialect, index)
        unit = (dialect.units[index] if index < len(dialect.units) else "") or dialect.attached[index].behind.strip()
        named = dialect.header_line > 0 or label_of(dialect.attached[index]) != ""
        odd = dialect.marks[index].odd
        facts.append(Facts(name, kind, values, texts, unit, _digits(texts, style), named, odd))
        styles.append(style)
    return facts, styles


def _read_numbers(dialect: Dialect, index: int) -> tuple[NumberStyle, np.ndarray]:
    texts, marks = dialect.cells[index], dialect.marks[index]
    reader = NumberStyle(marks.decimal, marks.group)
    read = [reader.parse(text) for text in texts]
    values = [math.nan if value is None else value for value in read]
    ordinary = [v for v, text in zip(values, texts, strict=True) if math.isfinite(v) and not may_be_marker(text)]
    reader.ordinary = ordinary_span(ordinary)
    known = [math.nan if reader.is_marker(text, v) else v for text, v in zip(texts, values, strict=True)]
    style = written_style(texts, known, marks.decimal, marks.group, marks.digits)
    style.ordinary, style.attached = reader.ordinary, dialect.attached[index]
    return style, np.array(known)


def _digits(texts: tuple[str, ...], style: NumberStyle) -> int:
    """Return the digits after the decimal mark that a column is printed with."""
    if style.exponent:
        return 17
    return max(
        (decimals_of(text, style.decimal) for text in texts if kind_of(text) not in ("text", "missing")), default=0
    )
