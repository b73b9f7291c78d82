"""Find the column that says to which of several series each row belongs: their rows alternate or follow each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.assign import Facts, Role
from denoise_stream.files.columns.times import clock_of_moments

_ALTERNATING = 0.4
"""Share of the rows that must belong to another series than the row before."""

_FARTHER = 4.0
"""Least ratio of the median step between rows to the median step within a series."""

_JUMP = 8.0
"""Least ratio of the step from one series to the next to the median step within, where series follow each other."""

_FEWEST_ROWS = 30
_FEWEST_MOMENTS = 10


def find_interleaved(columns: Sequence[Facts], roles: Sequence[Role]) -> int | None:
    """Return the index of the column that names the series of each row; None if the rows are one series.

    A text or an identifier names series if it alternates and either the signals lie much closer to the last value of
    the same name than to the row before, or every moment has one row of each name.
    """
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        if role.kind not in ("text", "identifier") or len(column.texts) < _FEWEST_ROWS:
            continue
        names, labels = np.unique(np.asarray(column.texts, dtype=str), return_inverse=True)
        if not 1 < len(names) <= len(labels) // 8 or (np.diff(labels) != 0).mean() < _ALTERNATING:
            continue
        others = list(zip(columns, roles, strict=True))
        signals = [other.values for other, role in others if role.kind == "signal"]
        moments = [_moments(other) for other, role in others if role.kind in ("moment", "axis")]
        if any(_are_closer_to_their_series(values, labels) for values in signals if len(values) == len(labels)):
            return index
        if any(_have_a_row_of_each(rows, labels) for rows in moments if len(rows) == len(labels)):
            return index
    return None


def find_consecutive(columns: Sequence[Facts], roles: Sequence[Role]) -> int | None:
    """Return the index of the column that names series of which one begins where another ends; None without one.

    Wherever the name changes, a time starts again, and a signal jumps.
    """
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        if role.kind not in ("text", "identifier", "states") or len(column.texts) < _FEWEST_ROWS:
            continue
        changes = np.flatnonzero(np.diff(np.unique(np.asarray(column.texts, dtype=str), return_inverse=True)[1]))
        if start_anew(columns, roles, changes, len(column.texts)):
            return index
    return None


def start_anew(
    columns: Sequence[Facts], roles: Sequence[Role], changes: Sequence[int] | NDArray[np.intp], rows: int
) -> bool:
    """Tell whether another series starts behind each of some rows: a time starts again, and a signal jumps.

    Parameters
    ----------
    columns, roles
        All columns of the table.
    changes
        Indices of the rows that end a series.
    rows
        The number of all rows.
    """
    places = np.asarray(changes, dtype=np.intp)
    if not 0 < len(places) <= rows // 8:
        return False
    others = list(zip(columns, roles, strict=True))
    signals = [other.values for other, role in others if role.kind == "signal"]
    if not any(_jumps(values, places) for values in signals if len(values) == rows):
        return False
    restarts = (_restarts(other) for other, role in others if role.kind in ("moment", "axis"))
    return any(len(falls) == rows - 1 and falls[places].all() for falls in restarts)


def find_restarts(columns: Sequence[Facts], roles: Sequence[Role]) -> list[int]:
    """Return the indices of the rows behind which all columns of times and counts start again."""
    falls = [_restarts(column) for column, role in zip(columns, roles, strict=True) if role.kind in ("moment", "axis")]
    if not falls or len(set(map(len, falls))) > 1:
        return []
    return [int(row) for row in np.flatnonzero(np.all(falls, axis=0))]


def _restarts(column: Facts) -> NDArray[np.bool_]:
    """Tell for each row but the first ``(rows - 1,)`` whether a time falls, or comes to a moment that it had before."""
    if column.kind == "number" or not len(column.texts):
        return np.diff(column.values) < 0
    seen: set[str] = set()
    again = []
    for before, text in zip(column.texts, column.texts[1:], strict=False):
        seen.add(before)
        again.append(text != before and text in seen)
    clock = clock_of_moments(column.texts, column.name)
    if clock is None or clock.start is None:
        return np.array(again, dtype=bool)
    seconds = [clock.seconds(text) if text else None for text in column.texts]
    return np.array(again, dtype=bool) | (np.diff(np.array(seconds, dtype=np.float64)) < 0)


def _jumps(values: NDArray[np.float64], changes: NDArray[np.intp]) -> bool:
    steps = np.abs(np.diff(values))
    at, within = steps[changes], np.delete(steps, changes)
    at, within = at[np.isfinite(at)], within[np.isfinite(within)]
    return bool(len(at) and len(within)) and bool(np.median(at) > _JUMP * np.median(within) > 0)


def _are_closer_to_their_series(values: NDArray[np.float64], labels: NDArray[np.intp]) -> bool:
    order = np.argsort(labels, kind="stable")
    same = np.diff(labels[order]) == 0
    own = np.abs(np.diff(values[order]))[same]
    near = np.abs(np.diff(values))
    own, near = own[np.isfinite(own)], near[np.isfinite(near)]
    return min(len(own), len(near)) >= _FEWEST_ROWS // 2 and bool(np.median(near) > _FARTHER * np.median(own))


def _moments(column: Facts) -> NDArray[np.intp]:
    """Return a number for each row's moment ``(rows,)``, the same as the row before where the cell is."""
    cells = np.asarray(column.texts, dtype=str) if len(column.texts) else column.values
    return np.concatenate([[0], np.cumsum(cells[1:] != cells[:-1])])


def _have_a_row_of_each(moments: NDArray[np.intp], labels: NDArray[np.intp]) -> bool:
    """Tell whether most rows share their moment with others, and no name comes twice in one."""
    count = int(moments[-1]) + 1
    if count < _FEWEST_MOMENTS or count > (1 - _ALTERNATING) * len(moments):
        return False
    return len(np.unique(np.stack([moments, labels]), axis=1).T) == len(labels)
