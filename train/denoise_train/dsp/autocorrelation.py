"""The autocorrelation of what a method removed: near 0 for white noise."""

import numpy as np

from denoise_train.arrays import Array

WHITE_LAGS = 40
"""Lags of the autocorrelation."""


def autocorrelation(residual: Array) -> Array:
    """Correlate what a method removed with itself, all rows together.

    Parameters
    ----------
    residual
        float64 array ``(n, length)``: noisy - denoised; longer than 40 samples.

    Returns
    -------
    float64 array ``(40,)``, from -1 to 1, for lags 1, 2, ...; zeros for a residual of zeros.

    Examples
    --------
    >>> autocorrelation(np.tile([1.0, -1.0], (1, 50)))[:2]
    array([-1.,  1.])
    """
    power = float(np.mean(residual**2))
    if power == 0:
        return np.zeros(WHITE_LAGS)
    length = residual.shape[1]
    lags = range(1, WHITE_LAGS + 1)
    return np.array([np.mean(residual[:, lag:] * residual[:, : length - lag]) for lag in lags]) / power
