"""Draw synthetic clean signals."""

import numpy as np

from denoise_train.arrays import Array, draw_by_kind, standardize
from denoise_train.synthetic.alterations import alter_some
from denoise_train.synthetic.families import FAMILIES

SHORTEST_DRAWN = 150
"""Families are drawn at least a window long; shorter signals are cut out of them."""


def draw_signals(
    rng: np.random.Generator,
    count: int,
    length: int,
    families: tuple[str, ...] = (),
    overlays: float = 0.25,
    altered: float = 0.3,
) -> Array:
    """Draw signals from randomly chosen families.

    Parameters
    ----------
    rng
        Source of all randomness.
    count, length
        Number of signals and samples per signal.
    families
        Names to choose from; empty means every family.
    overlays
        Share of the signals, 0 to 1, that are the sum of two families, the second one weaker.
    altered
        Share of the signals, 0 to 1, that are altered before: see :mod:`denoise_train.synthetic.alterations`.

    Returns
    -------
    float64 array ``(count, length)`` in random order of families; every signal has mean 0 and
    standard deviation 1 over its length (a constant signal stays 0).

    Raises
    ------
    ValueError
        If a family is not known.
    """
    names = families or tuple(FAMILIES)
    for name in names:
        if name not in FAMILIES:
            raise ValueError(f"family={name!r} is not known; use one of {', '.join(FAMILIES)}")
    signals = _draw_mixture(rng, count, length, names, altered)
    with_overlay = rng.random(count) < overlays
    second = _draw_mixture(rng, int(with_overlay.sum()), length, names, altered)
    signals[with_overlay] += second * rng.uniform(0.1, 0.7, (len(second), 1))
    return standardize(signals)


def _draw_mixture(rng: np.random.Generator, count: int, length: int, names: tuple[str, ...], altered: float) -> Array:
    chosen = rng.integers(len(names), size=count)
    rows = standardize(draw_by_kind(rng, chosen, [FAMILIES[name] for name in names], length))
    return standardize(alter_some(rng, rows, altered))
