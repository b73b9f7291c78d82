"""High-pass filters for speech: inaudible content below the cut-off counts neither in levels nor in scores."""

import numpy as np
from scipy import signal as scipy_signal

from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ

LOWEST_HZ = 50.0
"""Where wideband speech begins (ITU-T Recommendation P.341): levels and scores are measured above."""

KEPT_HZ = 10.0
"""Where a recording begins to be kept: below lie offsets and drifts of the equipment."""

ORDER = 4
EDGE_PERIODS = 2
"""Periods of the cut-off by which a signal is continued at both ends, where the filter settles."""


def high_pass(signals: Array, cut_off_hz: float) -> Array:
    """Filter signals by a fourth-order Butterworth high-pass that runs forwards and backwards, so without delay.

    Parameters
    ----------
    signals
        float64 array ``(..., length)`` at 16 kHz, not empty.
    cut_off_hz
        Where the power falls to a quarter, in Hz: to a half in each direction.

    Returns
    -------
    float64 array of the same shape.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / RATE_HZ)
    >>> bool(np.abs(high_pass(3 + tone, LOWEST_HZ) - tone)[2000:-2000].max() < 1e-2)
    True
    """
    sections = scipy_signal.butter(ORDER, cut_off_hz, "highpass", fs=RATE_HZ, output="sos")
    edge = min(round(EDGE_PERIODS * RATE_HZ / cut_off_hz), signals.shape[-1] - 1)
    return np.asarray(scipy_signal.sosfiltfilt(sections, signals, padlen=edge))
