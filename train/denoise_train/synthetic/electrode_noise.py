"""Draw what electrodes on the skin pick up beside the heart: a wandering baseline, muscles, movement.

Each kind is one function ``(rng, count, length) -> float64 array (count, length)`` of unit power, for samples at some
360 Hz. They stand in for the three recordings of the MIT-BIH Noise Stress Test Database: G. B. Moody, W. E. Muldrow,
R. G. Mark: A noise stress test for arrhythmia detectors, Computers in Cardiology 11, 1984.
"""

import numpy as np

from denoise_train.arrays import Array, gaussian_process, log_uniform, standardize

FASTEST_WANDER, SLOWEST_WANDER = 1 / 300, 1 / 7200
"""A baseline's drift in cycles per sample: its power ends at 1.2 Hz, and is even below 0.05 Hz, at 360 Hz."""


def wander(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw a wandering baseline: breathing, whose depth changes, and slow drift of power 1/f²."""
    time = np.arange(length)
    period = log_uniform(rng, 700, 3000, count, 1)  # 7 to 31 breaths a minute
    angle = 2 * np.pi * time / period + 0.5 * np.sin(np.pi * time / (3 * period)) + _phase(rng, count)
    slow_angle = 2 * np.pi * time / (log_uniform(rng, 3, 12, count, 1) * period) + _phase(rng, count)
    second = rng.uniform(0, 0.4, (count, 1)) * np.sin(2 * angle + _phase(rng, count))
    breath = (1 + 0.7 * np.sin(slow_angle)) * (np.sin(angle) + second)
    frequency = np.fft.rfftfreq(2 * length)
    gain = (frequency < FASTEST_WANDER) / np.maximum(frequency, SLOWEST_WANDER)
    drift = gaussian_process(rng, np.tile(gain, (count, 1)), length)
    share = rng.random((count, 1))
    return standardize(np.sqrt(share) * standardize(breath) + np.sqrt(1 - share) * standardize(drift))


def muscle(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw the noise of muscles: a broad hump of frequencies whose level follows contractions of 100 to 2000 samples.

    The hump lies between 20 to 60 Hz and 80 to 180 Hz at 360 Hz, like that of electromyograms on the skin: C. J. De
    Luca and others: Filtering the surface EMG signal, Journal of Biomechanics 43, 2010.
    """
    frequency = np.fft.rfftfreq(2 * length)
    low, high = log_uniform(rng, 1 / 18, 1 / 6, count, 1), log_uniform(rng, 1 / 4.5, 1 / 2, count, 1)
    pace = log_uniform(rng, 1 / 2000, 1 / 100, count, 1)
    ratio = frequency / low
    hump = gaussian_process(rng, ratio / (1 + ratio**2) / (1 + (frequency / high) ** 2), length)
    level = standardize(gaussian_process(rng, 1 / (1 + (frequency / pace) ** 2), length))
    return standardize(np.exp(rng.uniform(0, 1.2, (count, 1)) * level) * hump)


def motion(rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw an electrode that moves: jumps that decay within 30 to 1500 samples, rounded over 2 to 40, and wander."""
    moves = rng.normal(size=(count, length)) * (
        rng.random((count, length)) < log_uniform(rng, 1 / 2000, 1 / 150, count, 1)
    )
    moves[:, 0] += rng.normal(size=count)  # a row without a jump would be silent
    decay, rounding = log_uniform(rng, 30, 1500, count, 1), log_uniform(rng, 2, 40, count, 1)
    speed = 2j * np.pi * np.fft.rfftfreq(2 * length)
    response = decay / (1 + decay * speed) / (1 + rounding * speed)
    # Over twice the length, so that what decays at the end does not come round to the beginning.
    jumps = np.fft.irfft(np.fft.rfft(moves, 2 * length, axis=1) * response, 2 * length, axis=1)[:, :length]
    return standardize(standardize(jumps) + rng.uniform(0, 0.7, (count, 1)) * wander(rng, count, length))


def _phase(rng: np.random.Generator, count: int) -> Array:
    return rng.uniform(0, 2 * np.pi, (count, 1))
