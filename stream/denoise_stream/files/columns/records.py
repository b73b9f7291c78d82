"""Find tables whose rows are not samples in time: lists of things that have names, and signals that lie in rows."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.assign import Facts, Role

_MOST_CALENDAR_NAMES = 12
"""Months and weekdays, in any language, are no more different names than this."""

_FEWEST_IN_A_ROW = 32
"""Fewest columns of a table whose rows may be signals."""

_FEWEST_TIMES = 12
"""Fewest columns named by times of day that make each row a day."""

_DAY_S = 86400.0
_HOURS = (frozenset(range(24)), frozenset(range(1, 25)), frozenset(range(1, 26)))
"""The numbers of a day's hours; on one day a year there are 25."""

_FEWEST_ROWS = 30
_JOINED = 1.3
_FARTHER = 1.8
"""Where one signal goes on from row to row: most ratio of the usual step from the end of a row to the start of the next
to that within rows, and least ratio of that down the columns."""

_TIME_OF_DAY = re.compile(r"\D?\d{1,2}:\d{2}\b.*")
_HOUR = re.compile(r"(h|he|hr|hour|hora|heure|stunde)[ _]?(\d{1,2})", re.I)
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


def rows_are_signals(columns: Sequence[Facts], rate_hz: float | None = None) -> bool:
    """Tell whether each row is a signal of its own, as in archives of beats or gestures and in transposed tables.

    Many columns without names but numbers go on smoothly from one to the next, and not from row to row; the rows differ
    from each other as much as each varies, which spectra of one thing do not. A single long row is one, too, and so are
    rows whose columns are named by times of day, or in a table of days by all hours.

    Parameters
    ----------
    columns
        The signals.
    rate_hz
        Rows per second, if a column of time tells it.
    """
    if len(columns) >= _FEWEST_TIMES and all(_TIME_OF_DAY.fullmatch(column.name) for column in columns):
        return True
    if _are_hours([column.name for column in columns], rate_hz):
        return True
    if len(columns) < _FEWEST_IN_A_ROW or not _are_unnamed(columns):
        return False
    values = _known_rows(columns)
    if len(values) < 2:
        return len(columns[0].values) == 1
    along, down = (float(np.mean(np.diff(values, axis=axis) ** 2)) for axis in (1, 0))
    row, column = (float(np.mean(np.var(values, axis=axis))) for axis in (1, 0))
    return along < 0.5 * row and down > 1.4 * column and column > 0.25 * row


def _are_hours(names: Sequence[str], rate_hz: float | None) -> bool:
    """Tell whether columns are all hours of a day, by rows of a day each; ``H1`` may be a hydrophone without a date."""
    hours = [hour for hour in map(_HOUR.fullmatch, names) if hour]
    if len(hours) < len(names) or {int(hour[2]) for hour in hours} not in _HOURS:
        return False
    return len(hours[0][1]) > 1 if rate_hz is None else rate_hz * _DAY_S < 1.01


def rows_go_on(columns: Sequence[Facts]) -> bool:
    """Tell whether one signal fills row after row, as seismic archives and programs in Fortran write it.

    Then the step from the last value of a row to the first of the next is as small as those within a row, and smaller
    than those down each column; spectra hardly change at their ends.

    Parameters
    ----------
    columns
        The signals, with nothing beside them but axes.
    """
    if len(columns) < 3 or not _are_unnamed(columns):
        return False
    values = _known_rows(columns)
    if len(values) < _FEWEST_ROWS:
        return False
    within, joint = (
        float(np.median(np.abs(step))) for step in (np.diff(values, axis=1), values[1:, 0] - values[:-1, -1])
    )
    down = float(np.median(np.abs(np.diff(values, axis=0)), axis=0).min())
    return joint <= _JOINED * within and down >= _FARTHER * within > 0


def _are_unnamed(columns: Sequence[Facts]) -> bool:
    return not any(column.named and not _NUMBER.fullmatch(column.name) for column in columns)


def _known_rows(columns: Sequence[Facts]) -> NDArray[np.float64]:
    values = np.stack([column.values for column in columns], axis=1)
    return values[np.isfinite(values).all(axis=1)]
