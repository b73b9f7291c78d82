"""Measure the level of speech without its pauses."""

import numpy as np

from denoise_train.arrays import Array

RATE_HZ = 16_000.0
"""The rate of wideband speech, and the only one that wideband PESQ knows."""

QUANTUM = 2.0**-15
"""A step of 16-bit audio."""

ACTIVE_DB = 35.0
"""A frame this far below the loudest one is a pause."""

FRAME = 320
"""Samples of a frame, 20 ms."""

SILENT = 1e-5
"""Below this level, 100 dB under full scale, there is nothing to hear."""


def level(signal: Array) -> float:
    """Measure the root mean square of a signal ``(n,)``, in its unit."""
    return float(np.sqrt(np.mean(np.square(signal))))


def at_level_1(signal: Array) -> Array:
    """Scale a signal to a root mean square of 1; silence stays silent."""
    return signal / max(level(signal), SILENT)


def active_level(signal: Array) -> float:
    """Measure the root mean square of a signal's 20 ms frames that are within 35 dB of the loudest.

    Pauses count in neither direction, so that an SNR says how loud the noise is under the words: what ITU-T
    Recommendation P.56 is for, with frames instead of an envelope.

    Parameters
    ----------
    signal
        float64 array ``(n,)``, full scale 1, at 16 kHz.

    Returns
    -------
    The level, in the signal's unit; 0 for silence, and for less than a frame.

    Examples
    --------
    >>> words = np.tile(np.repeat([0.5, 0.0], 1600), 5)
    >>> active_level(words)
    0.5
    """
    powers = np.mean(np.square(signal[: len(signal) // FRAME * FRAME].reshape(-1, FRAME)), axis=1)
    least = max(float(powers.max(initial=0.0)) * 10 ** (-ACTIVE_DB / 10), SILENT**2)
    active = powers[powers > least]
    return float(np.sqrt(active.mean())) if len(active) else 0.0
