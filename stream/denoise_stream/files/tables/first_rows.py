"""Read the columns of a table's first rows: their numbers, and how they are written."""

import math

import numpy as np

from denoise_stream.files.columns.assign import Facts
from denoise_stream.files.dialect.attached import label_of
from denoise_stream.files.dialect.decide import Dialect
from denoise_stream.files.dialect.marks import kind_of
from denoise_stream.files.dialect.numbers import NumberStyle, decimals_of, may_be_marker, ordinary_span, written_style


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
