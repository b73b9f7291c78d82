"""What the values of a column say about it: an axis, a wrapping count, a flag, a series with gaps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

MANY = 30
"""Fewest values to judge a column by."""

NEAR = 0.8
"""Share of the steps that must be within half of the usual one."""

FEW = 6
"""A column of no more distinct values holds states, not a signal."""

MOST_HELD = 25
"""No more distinct values hold states where they hardly change."""

HOLDS = 0.9
"""Least share of the rows that repeat the value before, where states hold."""

EVENTS = 0.75
"""Least share of the rows that hold one and the same value, where all others are events."""

LONGEST_GAP = 75
"""A gap of more rows is an outage, not the spacing of a slower sensor."""


def rises(values: Values) -> bool:
    """Tell whether values never fall and rise at least once, or the reverse."""
    steps = np.diff(values)
    return bool(len(steps)) and bool((steps >= 0).all() or (steps <= 0).all()) and bool(steps.any())


def is_axis(values: Values) -> str:
    """Return why values are an axis (time, a count, a distance) rather than a signal; empty if they are not.

    Parameters
    ----------
    values
        Known values ``(n,)`` in the table's order.
    """
    if len(values) < MANY:
        return ""
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return "rises from row to row" if steps[0] > 0 else "falls from row to row"
    if (steps < 0).sum() > (steps > 0).sum():
        values, steps = -values, -steps
    moving = steps[steps > 0]
    falls = np.flatnonzero(steps < 0)
    if len(moving) < 10:
        return "counts rows" if not len(falls) and len(moving) > 2 and _is_regular(np.flatnonzero(steps > 0)) else ""
    near = _is_near(moving)
    if not len(falls):
        return "never falls" if near or len(moving) > 0.5 * len(steps) else ""
    if near and _wraps(values, steps, falls, float(np.median(moving))):
        return "counts up and starts again"
    return ""


def _is_near(steps: Values) -> bool:
    """Tell whether steps are near one size."""
    usual = np.median(steps)
    return bool((np.abs(steps - usual) <= 0.6 * usual).mean() >= NEAR)


def _is_regular(places: NDArray[np.intp]) -> bool:
    """Tell whether places lie at near one distance."""
    gaps = np.diff(places).astype(np.float64)
    return len(gaps) > 1 and float(gaps.max()) <= 1.5 * float(gaps.min())


def _wraps(values: Values, steps: Values, falls: NDArray[np.intp], step: float) -> bool:
    """Tell whether every fall goes from near the top to near the bottom: a count modulo something, or a restart."""
    span = float(values.max() - values.min())
    if span < 10 * step:  # with so few steps they must be exact: noise of few levels looks similar
        counts = np.isclose(steps, step) | np.isclose(steps, -span)
        return bool(counts.all()) and span > 1.5 * step
    margin = 3.5 * step
    full = (values[falls] >= values.max() - margin) & (values[falls + 1] <= values.min() + margin)
    if full.all() and len(falls) <= len(steps) / 5:
        return True
    return len(falls) <= 0.02 * len(steps) and bool((steps[falls] < -5 * step).all())


def is_reset(values: Values) -> bool:
    """Tell whether values rise in any steps and fall seldom, far and to the bottom: a total of each day.

    They fall to zero or rise again: others that drop once and hold are a signal.
    """
    steps = np.diff(values)
    falls = np.flatnonzero(steps < 0)
    if not len(falls) or (steps > 0).sum() < 10 or not (values.min() == 0 or (steps[falls[-1] :] > 0).any()):
        return False
    largest = steps.max()
    far = (steps[falls] < -3 * largest) & (values[falls + 1] <= values.min() + largest)
    return bool(far.all()) and len(falls) <= 0.02 * len(steps)


def is_even(values: Sequence[float] | Values, digits: int) -> bool:
    """Tell whether values go up or down in steps that are equal but for the printed digits.

    Parameters
    ----------
    values
        All values of the column, none missing.
    digits
        Digits after the decimal mark that they are printed with.
    """
    if len(values) < 3:
        return False
    steps = np.diff(np.asarray(values, dtype=np.float64))
    step = float(steps.mean())
    if abs(step) < 0.99 * 10.0**-digits:  # holds and changes by a last digit now and then: a slow sensor
        return False
    rounding = (1.01 if len(values) >= 8 else 0.51) * 10.0**-digits  # of few values, equal steps may be an accident
    return bool(np.all(np.abs(steps - step) <= rounding + 1e-9 * abs(step)))


def is_constant(values: Values) -> bool:
    """Tell whether many values are all the same whole number."""
    return len(values) >= MANY and float(values[0]).is_integer() and bool((values == values[0]).all())


def is_repeated(values: Values) -> bool:
    """Tell whether values are few different ones beside the rows, or one of them holds a quarter of the rows."""
    counts = np.unique(values, return_counts=True)[1]
    return len(counts) <= max(FEW, min(MOST_HELD, len(values) // 4)) or bool(counts.max() >= len(values) / 4)


def are_states(values: Values) -> str:
    """Return why values are states (flags, modes, setpoints) rather than a signal; empty if they are not."""
    if len(values) >= 3 and np.array_equal(np.unique(values), [0, 1]):
        return "2 different whole numbers"
    if len(values) < MANY:
        return ""
    if not (values == np.rint(values)).all():
        return _are_levels(values) or _are_events(values)
    different = len(np.unique(values))
    holds = float((np.diff(values) == 0).mean())
    if different <= FEW or (different <= MOST_HELD and holds >= HOLDS):
        return f"{different} different whole numbers"
    return _are_events(values)


def _are_events(values: Values) -> str:
    """Return why values are single events on a constant (rain, codes of stimuli); empty if they may be a signal.

    The constant is their smallest or largest value, no event lasts, and most differ from it by more than a coarse
    sensor's last steps do. On another constant than zero they are whole numbers far from it: others may be a signal
    that is cut off there.
    """
    levels, counts = np.unique(values, return_counts=True)
    usual = float(levels[counts.argmax()])
    is_event = values != usual
    starts = int((np.diff(is_event.astype(int)) == 1).sum()) + int(is_event[0])
    rare = 3 <= starts and is_event.mean() <= 1 - EVENTS and is_event.sum() <= 2 * starts
    if not rare or usual not in (levels[0], levels[-1]):
        return ""
    sizes = np.abs(values[is_event] - usual)
    smallest, last_digit = float(sizes.min()), 10.0 ** -_digits_of(levels)
    if usual:
        is_far = smallest >= 3 * np.diff(levels).min()
        are_events = is_far and last_digit == 1 and sizes.max() >= 5 * smallest
    else:
        are_events = smallest > 1.5 * last_digit or np.median(sizes) >= 2 * smallest
    return f"always {usual:g} but for single events" if are_events else ""


def _digits_of(levels: Values) -> int:
    """Return the digits after the decimal mark that values have; 7 for more."""
    return next((d for d in range(7) if np.abs(levels * 10**d - np.rint(levels * 10**d)).max() < 1e-3), 7)


def _are_levels(values: Values) -> str:
    """Return why values are a few levels that hold; empty if they may be a slow or coarse sensor's.

    Those lie on an even grid, two of them on neighbouring steps of the last digit or of a binary fraction.
    """
    levels = np.unique(values)
    changes = np.flatnonzero(np.diff(values))
    if not 1 < len(levels) <= FEW or len(changes) > (1 - HOLDS) * (len(values) - 1):
        return ""
    runs = len(changes) + 1
    # A sensor much slower than the rows changes at equal distances, and seldom to a value that it had before.
    if (runs == len(levels) and len(values) < 500) or (runs < 2 * len(levels) and _is_regular(changes)):
        return ""
    gaps = np.diff(levels)
    digits = _digits_of(levels)
    neighbours = np.isclose(gaps.min(), [10.0**-digits, 2 * 10.0**-digits, 2.0**-digits], rtol=1e-2).any()
    if np.allclose(gaps, gaps[0], rtol=1e-2) and (neighbours or len(levels) > 2):
        return ""
    return f"{len(levels)} different values that hold"


def is_driven(values: Values, digits: int) -> bool:
    """Tell whether values go up and down in equal steps and turn a few times: a sweep that drives a measurement.

    Parameters
    ----------
    values
        All values of the column, none missing.
    digits
        Digits after the decimal mark that they are printed with; 17 where that is not known.
    """
    steps = np.diff(values)
    moving = steps[steps != 0]
    if len(values) < MANY or len(moving) < 0.9 * len(steps):
        return False
    turns = int((np.diff(np.sign(moving)) != 0).sum())
    size, unit = float(np.median(np.abs(moving))), 10.0**-digits
    rounding = 0.05 * size if digits >= 17 else 1.01 * unit * (size >= 2 * unit) + 1e-9 * size
    off = np.abs(steps) - size
    return 0 < turns <= len(steps) / 20 and bool((off <= rounding).all()) and int((off < -rounding).sum()) <= 2 * turns


def wraps_around(values: Values) -> bool:
    """Tell whether values are angles in degrees that jump over the end of the circle."""
    if not len(values) or np.ptp(values) <= 180:
        return False
    return bool(values.max() <= 360 and values.min() >= (0 if values.max() > 180 else -180)) and bool(
        (np.abs(np.diff(values)) > 180).any()
    )


def is_part_of_a_second(values: Values, parts: int) -> bool:
    """Tell whether values are whole parts of a second, or fractions of one."""
    if not len(values) or values.min() < 0:
        return False
    return bool(values.max() < 1 or (parts > 1 and values.max() < parts and (values == np.rint(values)).all()))


def is_uniform(values: Values, top: int) -> bool:
    """Tell whether whole values fill the range from 0 to below a number evenly."""
    if len(values) < MANY or not is_part_of_a_second(values, top) or np.ptp(values) < 0.85 * top:
        return False
    return bool(np.abs(np.sort(values) / top - np.linspace(0, 1, len(values))).max() < 0.12)


def common_width(texts: Sequence[str]) -> int:
    """Return the digits that all numbers have where some begin with a zero and all are nothing but digits; else 0."""
    cells = [text.strip().strip('"') for text in texts if any(map(str.isdecimal, text))]
    width = len(cells[0]) if cells else 0
    padded = width > 1 and any(cell[0] == "0" for cell in cells)
    return width if padded and all(len(cell) == width and cell.isdecimal() for cell in cells) else 0


def is_sparse(missing: NDArray[np.bool_]) -> bool:
    """Tell whether more than a third of the cells are empty, in gaps that are short beside a window.

    Parameters
    ----------
    missing
        Whether each cell ``(n,)`` is.
    """
    known = np.flatnonzero(~missing)
    if len(missing) < MANY or len(known) < 4 or missing.mean() <= 1 / 3:
        return False
    return int(np.diff(known).max()) <= LONGEST_GAP
