"""Mix clean signals with noise: both come in, windows scaled for the network go out."""

import numpy as np
from numpy.typing import NDArray

from denoise_stream.windows import normalize
from denoise_train.arrays import Array


def mix_at_snr(clean: Array, noise: Array, snr_db: NDArray[np.float64] | float) -> Array:
    """Add noise to each clean row, scaled to the wanted signal-to-noise ratio.

    Parameters
    ----------
    clean, noise
        float64 arrays ``(count, length)``.
    snr_db
        Wanted ratio of the clean row's variance to the noise row's mean square, in dB; one
        number or an array ``(count, 1)``. A constant clean row counts as having variance 1.

    Returns
    -------
    float64 array ``(count, length)``. Silent noise stays silent.
    """
    signal_power = clean.var(axis=-1, keepdims=True)
    signal_power = np.where(signal_power > 0, signal_power, 1.0)
    noise_power = np.mean(noise**2, axis=-1, keepdims=True)
    gain = np.sqrt(signal_power / np.maximum(noise_power, 1e-300) / 10 ** (np.asarray(snr_db) / 10))
    return clean + np.where(noise_power > 0, gain, 0.0) * noise


def scale_by_noisy(noisy: Array, clean: Array) -> tuple[NDArray[np.float32], Array, Array]:
    """Scale pairs of windows by the noisy window's minimum and range.

    The noisy window is scaled as the engine scales it before the network, and the target likewise, so that it
    keeps the clean amplitude (scaling the clean window by its own range would lose it).

    Parameters
    ----------
    noisy, clean
        float64 arrays ``(count, window)``.

    Returns
    -------
    noisy, clean, span
        The scaled windows, the noisy ones float32 in [0, 1], the clean ones float64, and the range ``(count, 1)``
        they were divided by; a constant noisy window becomes 0 and has span 1.
    """
    scaled, minimum, span = normalize(noisy)
    span = np.where(span > 0, span, 1.0)
    return scaled, (clean - minimum) / span, span
