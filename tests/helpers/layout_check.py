"""Check whether a drawn table was denoised correctly."""

import csv
import re

import numpy as np

from layouts import Table
from tables import GENERAL


def check(table: Table, after: bytes) -> str:
    """Return what is wrong with a denoised table; empty if nothing is."""
    codec = table.encoding
    old, new = (data.decode(codec).lstrip("\ufeff").split(table.eol) for data in (table.data, after))
    marks = [data.decode(codec)[:1] == "\ufeff" for data in (table.data, after)]
    if marks[0] != marks[1]:
        return "byte-order mark"
    if len(old) != len(new):
        return f"{len(new)} lines instead of {len(old)}"
    if old[: table.header] != new[: table.header]:
        return f"header: {new[: table.header]}"
    body = slice(table.header, table.header + len(table.values[0]))
    if old[body.stop :] != new[body.stop :]:
        return "what follows the rows"
    rows = [(cells(a, table), cells(b, table)) for a, b in zip(old[body], new[body], strict=True)]
    for a, b in rows:
        if len(a) != len(b):
            return f"{a} became {b}"
        others = [(x, y) for index, (x, y) in enumerate(zip(a, b, strict=True)) if index not in table.signals]
        if any(x != y for x, y in others):
            return f"other columns: {a} became {b}"
    for column, values, digits in zip(table.signals, table.values, table.digits, strict=True):
        found = [b[column] for _, b in rows]
        known = ~np.isnan(values)
        if any(a[column] != b[column] for (a, b), k in zip(rows, known, strict=True) if not k):
            return f"missing values of column {column}"
        expected = GENERAL.denoise(values[known]) if known.mean() < 2 / 3 else GENERAL.denoise(values)[known]
        try:
            numbers = np.array([number(cell, table) for cell, k in zip(found, known, strict=True) if k])
        except ValueError as error:
            return f"column {column}: {error}"
        groups = [a[column] for a, _ in rows[:250] if table.group in a[column]]
        if table.group and groups and any(ungrouped(cell, table) for cell, k in zip(found, known, strict=True) if k):
            return f"grouping of column {column}"
        error = float(np.abs(numbers - expected).max())
        span = np.ptp(values[known])
        if error > max(0.51 * 10.0**-digits if not table.layout["exponent"] else 2e-3 * span, 2e-6 * span):
            return f"column {column} is off by {error:g}"
    return ""


def cells(line: str, table: Table) -> list[str]:
    """Split a line at the table's delimiter."""
    if not table.delimiter or not line:  # an empty line of one column is an empty cell
        return [line.strip('"')]
    if '5"" pipe' not in line:
        line = line.replace('5" pipe', "5 inch pipe")  # a lone quote is text, which the csv module cannot know
    if table.delimiter == " ":
        return [quoted or plain for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^ ]+)', line)]
    return next(csv.reader([line], delimiter=table.delimiter))


def number(cell: str, table: Table) -> float:
    """Read a cell as its table means it."""
    text = cell.replace(table.group, "") if table.group else cell
    if table.decimal == "," and "." in text:
        raise ValueError(f"{cell!r} has another decimal mark")
    return float(text.replace(table.decimal, "."))


def ungrouped(cell: str, table: Table) -> bool:
    """Tell whether a number of four digits lacks its grouping."""
    whole = cell.lstrip("-").split(table.decimal)[0]
    return whole.isdigit() and len(whole) > 3 and "e" not in cell
