"""Measure denoising: SNR, SI-SDR, RMSE and errors at peaks, one figure per signal.

Every metric is a pure function over the rows of float64 arrays ``(n, length)`` and gives a float64 array ``(n,)``.
"""

import numpy as np

from denoise_train.arrays import Array

SMALLEST_POWER = float(np.finfo(np.float64).tiny)
SMALLEST_SHARE = 1e-10
"""SI-SDR ends at 100 dB and -100 dB: at least this share of an estimate's power is target, and is error."""


def snr_improvement_db(clean: Array, noisy: Array, denoised: Array) -> Array:
    """Measure by how much the signal-to-noise ratio rises, in dB; below 0 the signal got worse.

    The ratio of the error's power before to its power after. An offset or a wrong amplitude counts as error.

    Parameters
    ----------
    clean, noisy, denoised
        float64 arrays ``(n, length)``.

    Returns
    -------
    float64 array ``(n,)``, always finite.

    Examples
    --------
    >>> clean, noisy = np.zeros((1, 4)), np.array([[1.0, -1.0, 1.0, -1.0]])
    >>> snr_improvement_db(clean, noisy, 0.1 * noisy).round(6)
    array([20.])
    """
    before = np.maximum(np.mean((noisy - clean) ** 2, axis=1), SMALLEST_POWER)
    after = np.maximum(np.mean((denoised - clean) ** 2, axis=1), SMALLEST_POWER)
    improvement: Array = 10 * (np.log10(before) - np.log10(after))
    return improvement


def si_sdr_db(clean: Array, estimate: Array) -> Array:
    """Measure the scale-invariant signal-to-distortion ratio in dB.

    The estimate is split into its projection on the clean signal (the target) and the rest (the distortion).
    With the cosine r between both signals the ratio of their powers is r² / (1 - r²). No mean is removed.

    Parameters
    ----------
    clean, estimate
        float64 arrays ``(n, length)``.

    Returns
    -------
    float64 array ``(n,)`` from -100 (an estimate of zeros, too) to 100 dB.

    References
    ----------
    J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey: SDR - half-baked or well done? ICASSP 2019, equation 5.

    Examples
    --------
    >>> clean, error = np.array([[1.0, 1.0, -1.0, -1.0]]), np.array([[0.1, -0.1, 0.1, -0.1]])
    >>> si_sdr_db(clean, 3 * (clean + error)).round(6)
    array([20.])
    """
    product = np.sum(clean * estimate, axis=1) ** 2
    powers = np.sum(clean**2, axis=1) * np.sum(estimate**2, axis=1)
    share = np.clip(product / np.maximum(powers, SMALLEST_POWER), SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    ratio: Array = 10 * np.log10(share / (1 - share))
    return ratio


def rmse(clean: Array, estimate: Array) -> Array:
    """Measure the root of the mean squared error, in the unit of the signals.

    Examples
    --------
    >>> rmse(np.zeros((1, 2)), np.array([[1.0, 7.0]]))
    array([5.])
    """
    error: Array = np.sqrt(np.mean((estimate - clean) ** 2, axis=1))
    return error


def peak_amplitude_error(clean: Array, estimate: Array) -> Array:
    """Measure by how much the highest peaks and deepest troughs are missed, as a share of their height.

    Heights are deviations from the clean row's median. Counted are the clean row's local extremes of at least half
    its largest deviation - R peaks of an ECG, tops of pulses, plateaus of steps, all their samples - and the error is
    that at the very same sample, with its sign dropped, over the extreme's height; the mean over the row's extremes.
    Smearing, clipping and noise left on a peak all count.

    Parameters
    ----------
    clean, estimate
        float64 arrays ``(n, length)``.

    Returns
    -------
    float64 array ``(n,)``: 0.05 is an error of 5 %. 0 for a constant clean row.

    Examples
    --------
    >>> clean = np.array([[0.0, 0.0, 2.0, 0.0, 0.0, 0.5, 0.0, -1.0, 0.0]])
    >>> peak_amplitude_error(clean, 0.9 * clean).round(6)
    array([0.1])
    """
    height = np.abs(clean - np.median(clean, axis=1, keepdims=True))
    beyond = np.pad(height, ((0, 0), (1, 1)), constant_values=-1.0)
    extreme = (height >= beyond[:, :-2]) & (height >= beyond[:, 2:])
    extreme &= (height >= 0.5 * height.max(axis=1, keepdims=True)) & (height > 0)
    missed = np.where(extreme, np.abs(estimate - clean) / np.where(extreme, height, 1.0), 0.0)
    error: Array = missed.sum(axis=1) / np.maximum(extreme.sum(axis=1), 1)
    return error
