"""Plain filters that models are compared with, each with one setting.

Every filter is a pure function ``(noisy, setting) -> denoised`` over the rows of float64 arrays ``(n, length)``,
150 samples or longer. To add a filter, write the function and list it in ``FILTERS`` with the settings to try.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pywt
from scipy import signal as scipy_signal

from denoise_stream.runs.noise_level import NORMAL_MAD
from denoise_train.arrays import Array

Setting = int | float | str | None
"""A setting of a filter; None where there is nothing to tune."""

SAVITZKY_GOLAY_DEGREE = 2
BUTTERWORTH_ORDER = 4


def savitzky_golay(noisy: Array, window: int) -> Array:
    """Fit a parabola to ``window`` samples (odd) round each sample by least squares.

    A. Savitzky, M. J. E. Golay: Smoothing and differentiation of data by simplified least squares procedures,
    Analytical Chemistry 36, 1964.
    """
    smooth: Array = scipy_signal.savgol_filter(noisy, window, SAVITZKY_GOLAY_DEGREE, axis=1)
    return smooth


def wiener(noisy: Array, window: int) -> Array:
    """Pull each sample to the mean of ``window`` samples (odd), the more the less they vary.

    The noise power is the mean of the local variances of the row. J. S. Lim: Two-dimensional signal and image
    processing, 1990, equations 9.44 to 9.46.
    """
    # Row by row, because SciPy takes one noise power for the whole array. Where nothing varies it divides
    # by zero and then discards the result.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([scipy_signal.wiener(row, window) for row in noisy])


def visu_shrink(noisy: Array, wavelet: str) -> Array:
    """Shrink the wavelet details of all levels by the universal threshold, deviation * sqrt(2 ln length).

    D. L. Donoho, I. M. Johnstone: Ideal spatial adaptation by wavelet shrinkage, Biometrika 81, 1994; soft
    thresholding and the deviation by the median of the finest details as there.
    """
    coarse, *details = pywt.wavedec(noisy, wavelet, axis=1)
    threshold = _noise_deviation(details[-1]) * np.sqrt(2 * np.log(noisy.shape[1]))
    return _reconstruct([coarse, *(_shrink(detail, threshold) for detail in details)], wavelet, noisy.shape[1])


def bayes_shrink(noisy: Array, wavelet: str) -> Array:
    """Shrink the wavelet details of each level by noise variance / deviation of the signal's own details.

    S. G. Chang, B. Yu, M. Vetterli: Adaptive wavelet thresholding for image denoising and compression, IEEE
    Transactions on Image Processing 9, 2000. A level with no more power than the noise is set to zero.
    """
    coarse, *details = pywt.wavedec(noisy, wavelet, axis=1)
    noise_power = _noise_deviation(details[-1]) ** 2
    shrunk = []
    for detail in details:
        signal_power = np.maximum(np.mean(detail**2, axis=1, keepdims=True) - noise_power, 0.0)
        largest = np.abs(detail).max(axis=1, keepdims=True)
        threshold = np.divide(
            noise_power, np.sqrt(signal_power), out=largest.copy(), where=signal_power > 1e-12 * noise_power
        )
        shrunk.append(_shrink(detail, threshold))
    return _reconstruct([coarse, *shrunk], wavelet, noisy.shape[1])


def butterworth(noisy: Array, cut_off: float) -> Array:
    """Low-pass forwards and backwards, so without delay; ``cut_off`` in cycles per sample, 0 to 0.5.

    S. Butterworth: On the theory of filter amplifiers, 1930; forwards and backwards as in F. Gustafsson:
    Determining the initial states in forward-backward filtering, IEEE Transactions on Signal Processing 44, 1996.
    """
    sections = scipy_signal.butter(BUTTERWORTH_ORDER, cut_off, output="sos", fs=1.0)
    smooth: Array = scipy_signal.sosfiltfilt(sections, noisy, axis=1)
    return smooth


def _noise_deviation(finest: Array) -> Array:
    """Estimate the noise's standard deviation ``(n, 1)`` by the median absolute value of the finest details."""
    return np.asarray(np.median(np.abs(finest), axis=1, keepdims=True) / NORMAL_MAD)


def _shrink(details: Array, threshold: Array) -> Array:
    shrunk: Array = np.sign(details) * np.maximum(np.abs(details) - threshold, 0.0)
    return shrunk


def _reconstruct(coefficients: list[Array], wavelet: str, length: int) -> Array:
    # An odd length comes back one sample longer.
    signal: Array = pywt.waverec(coefficients, wavelet, axis=1)[:, :length]
    return signal


@dataclass(frozen=True)
class Filter:
    """A way to denoise, with the settings to try.

    Attributes
    ----------
    name
        Its usual name.
    apply
        ``(noisy (n, length), setting) -> (n, length)``.
    settings
        From the weakest smoothing to the strongest; exactly one where there is nothing to tune.
    unit
        Unit of a setting.
    """

    name: str
    apply: Callable[[Array, Any], Array]
    settings: tuple[Setting, ...]
    unit: str


def labelled(name: str, setting: Setting, unit: str) -> str:
    """Return a filter's name with its setting, for use in a sentence.

    >>> labelled("Wiener", 9, "samples"), labelled("general", None, "")
    ('Wiener (9 samples)', 'general')
    """
    return name if setting is None else f"{name} ({setting} {unit})"


# The ranges are wide enough that more settings gain the oracles less than 0.1 dB. Of db4, db8, sym4, sym8, coif3
# and Haar, sym8 is the best wavelet for both ways to shrink on the built-in family, -5 to 25 dB, by 0.1 dB or more.
SAVITZKY_GOLAY = Filter("Savitzky-Golay", savitzky_golay, (5, 7, 11, 17, 27, 43, 69, 111), "samples")
BUTTERWORTH = Filter(
    "Butterworth",
    butterworth,
    (
        0.45,
        0.35,
        0.27,
        0.2,
        0.15,
        0.12,
        0.09,
        0.068,
        0.051,
        0.039,
        0.029,
        0.022,
        0.017,
        0.012,
        0.009,
        0.007,
    ),
    "/sample",
)
BAYES_SHRINK = Filter("BayesShrink", bayes_shrink, ("sym8",), "wavelet")
FILTERS = (
    SAVITZKY_GOLAY,
    Filter("Wiener", wiener, (3, 5, 9, 15, 25, 41, 65, 101), "samples"),
    BUTTERWORTH,
    Filter("VisuShrink", visu_shrink, ("sym8",), "wavelet"),
    BAYES_SHRINK,
)
"""The filters that a model is compared with."""
