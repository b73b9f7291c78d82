"""Alter synthetic signals: saturate, rectify, smooth ...

Sensors saturate, rectify, smooth, drift and hold. An alteration makes new signals out of those that the families draw:
one function ``(rng, rows) -> rows``, float64 arrays ``(count, length)``. To add one, write the function and list it in
``ALTERATIONS``.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from denoise_train.arrays import Array, log_uniform

Alter = Callable[[np.random.Generator, Array], Array]


def saturate(rng: np.random.Generator, rows: Array) -> Array:
    """Bend the large values towards two limits, softly or hard, about a level that is not the mean."""
    drive = log_uniform(rng, 0.5, 5, len(rows), 1)
    bent = drive * (rows + rng.normal(0, 0.5, (len(rows), 1)))
    return np.where(rng.random((len(rows), 1)) < 0.5, np.tanh(bent), np.clip(bent, -1, 1))


def rectify(rng: np.random.Generator, rows: Array) -> Array:
    """Fold values below a level up to the other side, or clip them."""
    above = rows - rng.normal(0, 0.5, (len(rows), 1))
    return np.where(rng.random((len(rows), 1)) < 0.5, np.abs(above), np.maximum(above, 0))


def exponentiate(rng: np.random.Generator, rows: Array) -> Array:
    """Stretch the upper values, as rates and concentrations do."""
    return np.exp(np.clip(rng.uniform(0.3, 1.2, (len(rows), 1)) * rows, -6, 6))


def smooth(rng: np.random.Generator, rows: Array) -> Array:
    """Smooth by a Gaussian of 0.7 to 12 samples, one of eight widths."""
    widths = np.geomspace(0.7, 12, 8)
    chosen = rng.integers(len(widths), size=len(rows))
    smoothed = np.empty_like(rows)
    for index, width in enumerate(widths):
        smoothed[chosen == index] = ndimage.gaussian_filter1d(rows[chosen == index], width, axis=1)
    return smoothed


def reverse(rng: np.random.Generator, rows: Array) -> Array:
    """Reverse time: decays become swells."""
    return rows[:, ::-1]


def swell(rng: np.random.Generator, rows: Array) -> Array:
    """Let the amplitude rise and fall slowly, down to nothing."""
    beat = 2 * np.pi * np.arange(rows.shape[1]) / log_uniform(rng, 150, 3000, len(rows), 1)
    return rows * (1 + np.sin(beat + rng.uniform(0, 2 * np.pi, (len(rows), 1)))) ** rng.uniform(0.5, 2, (len(rows), 1))


def drift(rng: np.random.Generator, rows: Array) -> Array:
    """Add a slow wander: a straight line and a wave longer than a window."""
    time = np.arange(rows.shape[1])
    wave = np.sin(
        2 * np.pi * time / log_uniform(rng, 300, 3000, len(rows), 1) + rng.uniform(0, 2 * np.pi, (len(rows), 1))
    )
    return rows + rng.normal(0, 1.0, (len(rows), 1)) * wave + rng.normal(0, 0.002, (len(rows), 1)) * time


ALTERATIONS: dict[str, Alter] = {
    alter.__name__: alter for alter in (saturate, rectify, exponentiate, smooth, reverse, swell, drift)
}
"""The alterations by name."""


def alter_some(rng: np.random.Generator, rows: Array, share: float) -> Array:
    """Alter a share of the rows, each by one alteration drawn for it; the others are returned as they are."""
    altered = rows.copy()
    chosen = np.where(rng.random(len(rows)) < share, rng.integers(len(ALTERATIONS), size=len(rows)), -1)
    for index, alter in enumerate(ALTERATIONS.values()):
        if (chosen == index).any():
            altered[chosen == index] = alter(rng, rows[chosen == index])
    return altered
