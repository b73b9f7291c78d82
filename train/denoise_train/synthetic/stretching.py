"""Stretch coarsely sampled signals: the same rows with more samples.

Sampling rates are not chosen to suit a model: a temperature at 1 Hz or an ECG at 2 kHz has a hundred samples where
one would do.
"""

import numpy as np
from scipy import interpolate

from denoise_train.arrays import Array, log_uniform

INTERPOLATIONS = ("linear", "monotone", "cubic", "b-spline", "hold")
SHARES = (0.2, 0.2, 0.3, 0.25, 0.05)
"""Relative frequency of each kind: held values make stairs, which few instruments do."""


def stretch(rows: Array, factor: float, length: int, kind: str) -> Array:
    """Interpolate rows so that each of their steps takes ``factor`` samples.

    Parameters
    ----------
    rows
        float64 ``(count, n)``, n at least 4 and ``(length - 1) / factor + 1``.
    factor
        Samples per sample, 1 or more; 1 returns the first ``length`` samples.
    length
        Samples per row of the result.
    kind
        One of :data:`INTERPOLATIONS`.

    Returns
    -------
    float64 ``(count, length)``.

    Raises
    ------
    ValueError
        If the kind is not known.

    >>> stretch(np.array([[0.0, 1.0, 0.0, 0.0]]), 2.0, 5, "linear")
    array([[0. , 0.5, 1. , 0.5, 0. ]])
    """
    places = np.arange(length) / factor
    known = np.arange(rows.shape[1], dtype=np.float64)
    if factor == 1:
        return rows[:, :length]
    if kind == "hold":
        return rows[:, places.astype(np.intp)]
    if kind == "linear":
        left = np.minimum(places.astype(np.intp), rows.shape[1] - 2)
        share = places - left
        return np.asarray(rows[:, left] * (1 - share) + rows[:, left + 1] * share)
    if kind == "monotone":
        return np.asarray(interpolate.PchipInterpolator(known, rows, axis=1)(places))
    if kind == "cubic":
        return np.asarray(interpolate.CubicSpline(known, rows, axis=1)(places))
    if kind == "b-spline":
        coefficients = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
        knots = np.arange(-3.0, rows.shape[1] + 3.0)
        return np.asarray(interpolate.BSpline(knots, coefficients, 3, axis=1)(places))
    raise ValueError(f"interpolation {kind!r} is not known; use one of {', '.join(INTERPOLATIONS)}")


def rows_needed(factor: float, length: int) -> int:
    """Count the samples that a row needs to be stretched to ``length``.

    >>> rows_needed(2.0, 5), rows_needed(1.0, 150), rows_needed(200.0, 150)
    (4, 150, 4)
    """
    return max(4, int(np.ceil((length - 1) / factor)) + 1)


def draw_drift(rng: np.random.Generator, rows: Array) -> Array:
    """Draw slow changes to add to rows of unit deviation: a line, a wave, and in one row of ten a jump.

    They reach from half to thirty deviations, the jump to 100,000: far more than a window may show of the signal.
    """
    count, length = rows.shape
    time = np.linspace(-1, 1, length)
    size = log_uniform(rng, 0.5, 30, count, 1)
    turns = log_uniform(rng, 0.2, 5, count, 1)
    wave = np.sin(np.pi * turns * time + rng.uniform(0, 2 * np.pi, (count, 1)))
    share = rng.random((count, 1))
    drift: Array = size * (share * rng.choice([-1.0, 1.0], (count, 1)) * time + (1 - share) * wave)
    jumps = (rng.random((count, 1)) < 0.1) * log_uniform(rng, 3, 1e5, count, 1) * rng.choice([-1.0, 1.0], (count, 1))
    return np.asarray(drift + jumps * (np.arange(length) >= rng.integers(length, size=(count, 1))))


def draw_interpolation(rng: np.random.Generator) -> str:
    """Draw a kind of interpolation by its share."""
    return str(rng.choice(INTERPOLATIONS, p=SHARES))
