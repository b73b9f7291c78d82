"""Dates and times of day that are written as one whole number: 20240501, 2024050113, 1345."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

DATES = {"%Y%m%d": 8, "%Y%m%d%H": 10, "%Y%m%d%H%M": 12, "%Y%m%d%H%M%S": 14}
"""Digits of each way to write a date."""

TIMES_OF_DAY = {"%H%M": 4, "%H%M%S": 6}
"""Digits of each way to write a time of day."""

_DAY = 86400.0


def moment_of(text: str, form: str) -> datetime:
    """Read a date or a time of day; 24:00 is the next midnight, zeros in front may be missing.

    Raises
    ------
    ValueError
        If it is none.

    >>> str(moment_of("930", "%H%M").time()), str(moment_of("2024050113", "%Y%m%d%H"))
    ('09:30:00', '2024-05-01 13:00:00')
    """
    width = TIMES_OF_DAY.get(form, 0)
    text = text.zfill(width)
    if width and text == "24".ljust(width, "0"):
        text = "0" * width
    if len(text) != (width or DATES.get(form, len(text))):
        raise ValueError("too few digits")
    return datetime.strptime(text, form)  # noqa: DTZ007


def as_dates(values: NDArray[np.float64]) -> tuple[str, list[datetime]] | None:
    """Read whole numbers ``(n,)`` as dates from 1900 to 2100: return their format and the dates, or None."""
    if not len(values) or not (values == np.rint(values)).all() or (np.diff(values) < 0).any():
        return None
    texts = [f"{value:.0f}" for value in values]
    form = next((form for form, width in DATES.items() if width == len(texts[0])), "")
    try:
        moments = [moment_of(text, form) for text in texts] if form else []
    except ValueError:
        return None
    return (form, moments) if moments and 1900 <= moments[0].year <= moments[-1].year <= 2100 else None


def as_times_of_day(values: NDArray[np.float64], width: int = 0) -> tuple[str, NDArray[np.float64]] | None:
    """Read whole numbers as times of day that advance: return their format and the seconds since the first midnight.

    Parameters
    ----------
    values
        Numbers ``(n,)``.
    width
        Digits that all are written with; 0 if that differs or is not known.

    Returns
    -------
    tuple or None
        The form and the seconds ``(n,)``. None if a number is not a time of day, if all are within one hour, or if one
        falls other than at midnight.
    """
    if len(values) < 2 or not (values == np.rint(values)).all() or values.min() < 0:
        return None
    for form, digits in TIMES_OF_DAY.items():
        if width not in (0, digits) or values.max() > 24 * 10 ** (digits - 2):
            continue
        pairs = [values // 100**place % 100 for place in range(digits // 2)][::-1]
        if any((pair >= 60).any() for pair in pairs[1:]):
            continue
        seconds = sum(pair * 60.0 ** (2 - place) for place, pair in enumerate(pairs))
        falls = np.diff(seconds) < 0
        if values.max() < 100 or falls.mean() > 0.25 or (np.diff(seconds)[falls] > -_DAY / 2).any():
            continue
        return form, seconds + _DAY * np.concatenate([[0], np.cumsum(falls)])
    return None


def share_of_usual_steps(seconds: NDArray[np.float64]) -> float:
    """Return the share of the steps that equal the most frequent one; months count as equal."""
    steps = np.diff(seconds)
    steps = np.where((steps >= 28 * _DAY) & (steps <= 31 * _DAY), 30 * _DAY, steps)
    usual = np.median(steps) if len(steps) else 0.0
    return float((np.abs(steps - usual) <= 0.01 * abs(usual)).mean()) if len(steps) else 0.0
