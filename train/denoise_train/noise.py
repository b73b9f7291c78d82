"""Draw noise: a seeded generator comes in, noise of unit power goes out.

Every kind is one function ``(rng, count, length) -> float64 array (count, length)`` with zero mean and
unit power in expectation. To add a kind, write the function and list it in ``NOISE_KINDS``.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Array, Draw, draw_by_kind


def white(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white Gaussian noise."""
    return rng.normal(size=(count, length))


def uniform(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white noise with a uniform distribution, as rounding makes it."""
    half_width = np.sqrt(3.0)
    return rng.uniform(-half_width, half_width, (count, length))


def laplacian(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white noise with a Laplacian distribution: more outliers than Gaussian noise has."""
    return rng.laplace(0.0, np.sqrt(0.5), (count, length))


def impulsive(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw salt and pepper: 1 to 10 % of the samples are hit by an impulse of either sign."""
    rate = rng.uniform(0.01, 0.10, (count, 1))
    hit = rng.random((count, length)) < rate
    sign = rng.choice([-1.0, 1.0], (count, length))
    height = rng.uniform(0.7, 1.3, (count, length)) / np.sqrt(rate * (1 + 0.3**2 / 3))
    return np.where(hit, sign * height, 0.0)


def pink(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw noise whose power falls as 1/f above two cycles per row."""
    frequency = np.fft.rfftfreq(length)
    gain = 1 / np.sqrt(np.maximum(frequency, 2 / length))
    gain[0] = 0.0
    spectrum = gain * (rng.normal(size=(count, gain.size)) + 1j * rng.normal(size=(count, gain.size)))
    rows = np.fft.irfft(spectrum, length, axis=1)
    power = np.mean(rows**2, axis=1, keepdims=True)
    scaled: Array = rows / np.sqrt(np.maximum(power, 1e-300))
    return scaled


NOISE_KINDS: dict[str, Draw] = {make.__name__: make for make in (white, uniform, laplacian, impulsive, pink)}
"""The kinds of noise by name."""


def draw_noise(rng: np.random.Generator, count: int, length: int, shares: Mapping[str, float]) -> Array:
    """Draw noise of several kinds.

    Parameters
    ----------
    rng
        Source of all randomness.
    count, length
        Number of rows and samples per row.
    shares
        Kind to its relative share of the rows; the shares need not sum to 1.

    Returns
    -------
    float64 array ``(count, length)``, zero mean and unit power in expectation.

    Raises
    ------
    ValueError
        If a kind is not known, or a share is negative, or all are zero.
    """
    for kind, share in shares.items():
        if kind not in NOISE_KINDS:
            known = ", ".join(NOISE_KINDS)
            raise ValueError(f"noise kind {kind!r} is not known; use one of {known}")
        if not share >= 0:
            raise ValueError(f"the share of noise kind {kind!r} is {share}; it must be 0 or more")
    weights = np.array(list(shares.values()), dtype=np.float64)
    if weights.sum() <= 0:
        raise ValueError("no kind of noise has a share above 0")
    chosen: NDArray[np.intp] = rng.choice(len(weights), size=count, p=weights / weights.sum())
    return draw_by_kind(rng, chosen, [NOISE_KINDS[kind] for kind in shares], length)
