"""Draw noise of many kinds, additive or depending on the signal.

Additive noise does not depend on the signal: every kind is one function ``(rng, count, length) -> float64 array
(count, length)`` with zero mean and unit power in expectation. A distortion depends on the signal: it is one function
``(rng, clean, snr_db) -> noisy``. To add a kind, write the function and list it in ``ADDITIVE`` or ``DISTORTIONS``.
"""

from collections.abc import Callable

import numpy as np

from denoise_train.arrays import Array, Draw, log_uniform
from denoise_train.synthetic.electrode_noise import motion, muscle, wander

Distort = Callable[[np.random.Generator, Array, Array], Array]

MOST_REPLACED = 0.5
"""Salt and pepper replaces at most this share of the samples, whatever the SNR asked for."""


def white(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white Gaussian noise."""
    return rng.normal(size=(count, length))


def uniform(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white noise with a uniform distribution, as fine rounding makes it."""
    half_width = np.sqrt(3.0)
    return rng.uniform(-half_width, half_width, (count, length))


def laplacian(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white noise with a Laplacian distribution: more outliers than Gaussian noise has."""
    return rng.laplace(0.0, np.sqrt(0.5), (count, length))


def impulsive(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw impulses: 1 to 10 % of the samples are hit, by about the same height or by normally distributed ones."""
    rate = log_uniform(rng, 0.01, 0.10, count, 1)
    hit = rng.random((count, length)) < rate
    sign = rng.choice([-1.0, 1.0], (count, length))
    even = rng.uniform(0.7, 1.3, (count, length)) / np.sqrt(1 + 0.3**2 / 3)
    height = np.where(rng.random((count, 1)) < 0.5, even, np.abs(rng.normal(size=(count, length))))
    return np.where(hit, sign * height / np.sqrt(rate), 0.0)


def gusty(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw white Gaussian noise whose level rises and falls, within some 50 to 1000 samples."""
    time = np.arange(length)
    level = np.zeros((count, length))
    for _ in range(2):
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        level += np.sin(2 * np.pi * time / log_uniform(rng, 50, 1000, count, 1) + phase)
    gain = np.exp(rng.uniform(0.3, 1.0, (count, 1)) * level)
    return _unit_power(gain * rng.normal(size=(count, length)))


def pink(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw noise whose power falls as 1/f above two cycles per row."""
    return _power_law(rng, count, length, 1.0)


def brown(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw noise whose power falls as 1/f² above two cycles per row: a random walk that returns."""
    return _power_law(rng, count, length, 2.0)


def hum(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw mains hum: 50 or 60 Hz at sample rates of 150 Hz to 3 kHz, with up to nine harmonics.

    The fundamental lies between 1/60 and 0.4 cycles per sample, so that a window of 150 samples sees it.
    """
    time = np.arange(length)
    fundamental = log_uniform(rng, 1 / 60, 0.4, count, 1)
    decay = rng.uniform(0.5, 2.5, (count, 1))
    total = np.zeros((count, length))
    for order in range(1, 11):
        strength = order**-decay * rng.uniform(0.2, 1.0, (count, 1)) * (order * fundamental < 0.5)
        # The odd harmonics of a mains frequency outweigh the even ones.
        strength *= 1.0 if order % 2 else 0.3
        total += strength * np.sin(2 * np.pi * order * fundamental * time + rng.uniform(0, 2 * np.pi, (count, 1)))
    return _unit_power(total)


def salt_and_pepper(rng: np.random.Generator, clean: Array, snr_db: Array) -> Array:
    """Replace samples by the signal's least or largest value: as many as the SNR asks for, half at most.

    Parameters
    ----------
    rng
        Source of all randomness.
    clean
        float64 array ``(count, length)``.
    snr_db
        float64 array ``(count, 1)``, the SNR in expectation.
    """
    least, most = clean.min(axis=1, keepdims=True), clean.max(axis=1, keepdims=True)
    error = ((most - clean) ** 2 + (clean - least) ** 2).mean(axis=1, keepdims=True) / 2
    power = clean.var(axis=1, keepdims=True) / 10 ** (snr_db / 10)
    rate = np.minimum(power / np.maximum(error, 1e-300), MOST_REPLACED)
    return replace_samples(rng, clean, rate, least, most)


def replace_samples(
    rng: np.random.Generator, clean: Array, rate: Array | float, least: Array | float, most: Array | float
) -> Array:
    """Replace a share of the samples, 0 to 1, by the least or the largest value, as often one as the other."""
    salt = rng.random(clean.shape) < 0.5
    return np.where(rng.random(clean.shape) < rate, np.where(salt, most, least), clean)


def quantization(rng: np.random.Generator, clean: Array, snr_db: Array) -> Array:
    """Round to steps of ``sqrt(12 * noise power)``, where rounding errors are spread evenly.

    W. R. Bennett: Spectra of quantized signals, Bell System Technical Journal 27, 1948. The grid is shifted at random.
    The parameters are those of :func:`salt_and_pepper`.
    """
    step = np.sqrt(12 * clean.var(axis=1, keepdims=True) / 10 ** (snr_db / 10))
    step = np.maximum(step, 1e-300)
    offset = rng.random((len(clean), 1))
    rounded: Array = (np.round(clean / step + offset) - offset) * step
    return np.where(step > 1e-300, rounded, clean)


def _power_law(rng: np.random.Generator, count: int, length: int, exponent: float) -> Array:
    frequency = np.fft.rfftfreq(length)
    gain = np.maximum(frequency, 2 / length) ** (-exponent / 2)
    gain[0] = 0.0
    spectrum = gain * (rng.normal(size=(count, gain.size)) + 1j * rng.normal(size=(count, gain.size)))
    return _unit_power(np.fft.irfft(spectrum, length, axis=1))


def _unit_power(rows: Array) -> Array:
    power = np.mean(rows**2, axis=1, keepdims=True)
    scaled: Array = rows / np.sqrt(np.maximum(power, 1e-300))
    return scaled


ADDITIVE: dict[str, Draw] = {
    make.__name__: make
    for make in (white, uniform, laplacian, impulsive, gusty, pink, brown, hum, wander, muscle, motion)
}
"""The kinds of additive noise by name."""

DISTORTIONS: dict[str, Distort] = {make.__name__: make for make in (salt_and_pepper, quantization)}
"""The kinds of noise that depend on the signal, by name."""

NOISE_KINDS = (*ADDITIVE, *DISTORTIONS)
"""The names of all kinds."""
