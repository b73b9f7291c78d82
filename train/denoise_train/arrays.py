"""Rows of samples: their type, and operations on them.

Signals, noise and crops of recordings are all float64 arrays ``(count, length)``.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Array]
"""Draws rows: ``(rng, count, length) -> (count, length)``; ``count`` is 1 or more."""


def log_uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Array:
    """Draw values whose logarithm is uniform between ``low`` and ``high``."""
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), shape)))


def draw_by_kind(rng: np.random.Generator, chosen: NDArray[np.intp], kinds: Sequence[Draw], length: int) -> Array:
    """Draw each row from the kind chosen for it, all rows of a kind together.

    Parameters
    ----------
    rng
        Source of all randomness.
    chosen
        For each row the index of its kind.
    kinds
        What draws the rows; a kind that no row has chosen is not called.
    length
        Samples per row.

    Returns
    -------
    float64 array ``(len(chosen), length)``.
    """
    drawn = np.empty((len(chosen), length))
    for index, draw in enumerate(kinds):
        rows = chosen == index
        if rows.any():
            drawn[rows] = draw(rng, int(rows.sum()), length)
    return drawn


def gaussian_process(rng: np.random.Generator, gain: Array, length: int) -> Array:
    """Draw Gaussian processes ``(count, length)``, given their amplitudes ``(count, length + 1)``.

    The amplitudes belong to the frequencies of ``np.fft.rfftfreq(2 * length)``.
    """
    spectrum = gain * (rng.normal(size=gain.shape) + 1j * rng.normal(size=gain.shape))
    # Twice the length is drawn and half kept, so the ends do not wrap round onto each other.
    return np.fft.irfft(spectrum, 2 * length, axis=1)[:, :length]


def standardize(rows: Array) -> Array:
    """Shift and scale each row to mean 0 and standard deviation 1; a constant row becomes 0."""
    centered = rows - rows.mean(axis=1, keepdims=True)
    deviation = centered.std(axis=1, keepdims=True)
    constant = deviation <= 1e-9 * np.abs(rows).max(axis=1, keepdims=True, initial=1e-300)
    scaled: Array = np.where(constant, 0.0, centered / np.where(constant, 1.0, deviation))
    return scaled


Windows = NDArray[np.float32]
