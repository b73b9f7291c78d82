"""Score speech as listeners would: PESQ and STOI, one score per signal.

Like :mod:`denoise_train.dsp.metrics`, over the rows of float64 arrays ``(n, length)`` at 16 kHz. A score is NaN where
the standard gives none: for silence, or less speech than it needs.
"""

import warnings

import numpy as np
import pesq as itu_pesq
import pystoi

from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ, SILENT


def pesq(clean: Array, estimate: Array) -> Array:
    """Predict how good listeners would find speech: wideband PESQ, from 1.0 (bad) to 4.6 (excellent).

    Parameters
    ----------
    clean, estimate
        float64 arrays ``(n, length)`` at 16 kHz; neither level matters.

    Returns
    -------
    float64 array ``(n,)``, NaN where either signal is silent or holds no utterance.

    References
    ----------
    ITU-T Recommendations P.862 and P.862.2, Perceptual evaluation of speech quality, 2001 and 2007; the package
    ``pesq`` wraps their reference code.
    """
    return np.array([_pesq(one, other) for one, other in zip(clean, estimate, strict=True)])


def _pesq(clean: Array, estimate: Array) -> float:
    if min(clean.std(), estimate.std()) < SILENT:
        return np.nan
    try:
        return float(itu_pesq.pesq(int(RATE_HZ), clean, estimate, "wb"))
    except (itu_pesq.NoUtterancesError, itu_pesq.BufferTooShortError):
        return np.nan


def stoi(clean: Array, estimate: Array) -> Array:
    """Predict which share of the words listeners would understand: STOI, from 0 to 1.

    Parameters
    ----------
    clean, estimate
        float64 arrays ``(n, length)`` at 16 kHz; neither level matters.

    Returns
    -------
    float64 array ``(n,)``, NaN where less than 0.4 s of the clean signal is speech.

    References
    ----------
    C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen: An algorithm for intelligibility prediction of time-frequency
    weighted noisy speech, IEEE Transactions on Audio, Speech, and Language Processing 19, 2011.
    """
    return np.array([_stoi(one, other) for one, other in zip(clean, estimate, strict=True)])


def _stoi(clean: Array, estimate: Array) -> float:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(pystoi.stoi(clean, estimate, int(RATE_HZ)))
        except RuntimeWarning:
            return np.nan
