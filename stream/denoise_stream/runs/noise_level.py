"""Estimate the level of noise, and whether it is white, without a clean signal.

Pure functions over the rows of float64 arrays ``(n, length)``.
"""

import math

import numpy as np

from denoise_stream.files.protocols import Chunk

NORMAL_MAD = 0.6745
"""Median of the absolute value of a standard normal variable."""

ORDERS = (2, 4, 8)
"""Orders of differences that cancel the signal and keep white noise: high for tones, low for many jumps."""

SHORTEST = 2 * ORDERS[-1]
LEAST_OF_THREE = 0.57
"""Relative bias of the smallest of three estimates, times sqrt(samples); measured on white noise."""

HEAVY_TAILS = 1.25
"""Noise whose root mean square is more than so many times what its median tells comes in impulses or gusts."""


def noise_level(noisy: Chunk) -> Chunk:
    """Estimate the standard deviation of white noise in each row, without a clean signal.

    The median absolute value of differences of the second, fourth and eighth order, the least of the three: smooth
    signals vanish in them, and jumps and peaks are too few to move the median. Structure as fine as the noise counts
    as noise, and noise that hits fewer than half of the samples (impulses) is not seen.

    D. L. Donoho, I. M. Johnstone: Ideal spatial adaptation by wavelet shrinkage, Biometrika 81, 1994, with
    differences in place of the finest wavelet.

    Parameters
    ----------
    noisy
        float64 array ``(n, length)``, 16 samples or longer.

    Returns
    -------
    float64 array ``(n, 1)``.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.5, (1, 100_000))
    >>> noise_level(noise + np.sin(np.arange(100_000) / 20)).round(2)
    array([[0.5]])
    """
    levels = []
    for order in ORDERS:
        spread = np.median(np.abs(np.diff(noisy, order, axis=1)), axis=1, keepdims=True)
        # The squares of the difference's weights, the binomial coefficients, sum to this.
        levels.append(spread / NORMAL_MAD / math.sqrt(math.comb(2 * order, order)))
    return np.asarray(np.min(levels, axis=0)) / (1 - LEAST_OF_THREE / math.sqrt(noisy.shape[1]))


def level_ratio(noisy: Chunk) -> Chunk:
    """Compare the noise level at half the sample rate with that at the full rate.

    White noise has the same level at both, 1 in the mean. Found on ECG at 0 to 12 dB: white noise 1.0 to 1.05 in the
    median of crops, Laplacian to 1.1, pink 1.4, brown 2.1, impulses 2.6, hum of 60 Hz at 360 Hz 8.9. A signal with
    as much fine structure as the noise raises it too.

    Parameters
    ----------
    noisy
        float64 array ``(n, length)``, 32 samples or longer.

    Returns
    -------
    float64 array ``(n, 1)``; 1 where there is no noise.
    """
    level = noise_level(noisy)
    return np.divide(noise_level(at_half_rate(noisy)), level, out=np.ones_like(level), where=level > 0)


def at_half_rate(noisy: Chunk) -> Chunk:
    """Return ``(n, length // 2)``: the sums of neighbours over the square root of 2, which keep white noise's level."""
    whole = noisy.shape[1] // 2 * 2
    return np.asarray(noisy[:, :whole].reshape(len(noisy), -1, 2).mean(axis=2) * np.sqrt(2))
