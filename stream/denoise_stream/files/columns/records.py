"""Find tables whose rows are not samples in time: lists of things that have names, and signals that lie in rows."""

import re
from collections.abc import Sequence

import numpy as np

from denoise_stream.files.columns.assign import Facts, Role

_MOST_CALENDAR_NAMES = 12
"""Months and weekdays, in any language, are no more different names than this."""

_FEWEST_IN_A_ROW = 32
"""Fewest columns of a table whose rows may be signals."""

_NUMBER = re.compile(r"0x[0-9a-f]+|\d+", re.I)


def find_record_names(columns: Sequence[Facts], roles: Sequence[Role]) -> int | None:
    """Return the index of a text column that gives every row a name of its own; None if the rows follow each other.

    Rows follow each other if any column holds times or counts, or if the names differ in their numbers alone, as counts
    of samples do, or in a month or weekday as well.
    """
    if any(role.kind in ("moment", "axis") for role in roles):
        return None
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        names = [text.strip() for text in column.texts] if role.kind == "text" else []
        if not all(names) or len(set(names)) < len(names):
            continue
        if len({_NUMBER.sub("", name) for name in names}) > max(_MOST_CALENDAR_NAMES, len(names) / 2):
            return index
    return None


def rows_are_signals(columns: Sequence[Facts]) -> bool:
    """Tell whether each row is a signal of its own, as in archives of beats or gestures and in transposed tables.

    Many columns without names but numbers go on smoothly from one to the next, and not from row to row; the rows differ
    from each other as much as each varies, which spectra of one thing do not.

    Parameters
    ----------
    columns
        The signals.
    """
    if len(columns) < _FEWEST_IN_A_ROW or any(
        column.named and not _NUMBER.fullmatch(column.name) for column in columns
    ):
        return False
    values = np.stack([column.values for column in columns], axis=1)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 2:
        return False
    along, down = (float(np.mean(np.diff(values, axis=axis) ** 2)) for axis in (1, 0))
    row, column = (float(np.mean(np.var(values, axis=axis))) for axis in (1, 0))
    return along < 0.5 * row and down > 1.4 * column and column > 0.25 * row
