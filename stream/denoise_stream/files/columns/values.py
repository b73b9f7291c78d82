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
"""Different whole values that are states, not a signal."""

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
    if span < 10 * step:  # so few steps between top and bottom must be exact: noise of few levels looks alike
        counts = np.isclose(steps, step) | np.isclose(steps, -span)
        return bool(counts.all()) and span > 1.5 * step
    margin = 3.5 * step
    full = (values[falls] >= values.max() - margin) & (values[falls + 1] <= values.min() + margin)
    if full.all() and len(falls) <= len(steps) / 5:
        return True
    return len(falls) <= 0.02 * len(steps) and bool((steps[falls] < -5 * step).all())


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


def are_states(values: Values) -> str:
    """Return why whole values are states (flags, modes, a battery) rather than a signal; empty if they are not."""
    if len(values) < MANY or not (values == np.rint(values)).all():
        return ""
    different = len(np.unique(values))
    holds = float((np.diff(values) == 0).mean())
    if different <= FEW or (different <= 25 and holds >= 0.9):
        return f"{different} different whole numbers"
    return ""


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
