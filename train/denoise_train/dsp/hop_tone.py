"""Measure the tone that a denoiser adds by working hop by hop."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from denoise_train.arrays import Array

LEVEL_HOPS = 20
"""Hops over which the local level is averaged; a whole number, so that the tone itself is averaged away."""

LEAST_LEVEL = 1e-3
"""The local level does not go below this share of the mean one."""

HARMONICS = 8
MAIN_LOBE = 2
"""Bins to either side of a line that a Hann window spreads it over."""

NEIGHBOURS = 40
"""Bins to either side of a line that are compared with it, the main lobe left out."""


def hop_tone_db(signals: Array, hop: float) -> float:
    r"""Measure how much louder a signal is modulated at the hop rate than at the frequencies beside it, in dB.

    A denoiser whose windows do not quite agree where they overlap lets the level of its output rise and fall once per
    hop: a buzz, at 213 Hz for a hop of 75 at 16 kHz, below voices and in their pauses. The envelope

        e[n] = |x[n]| / mean of |x| over 20 hops round n

    has the same weight in pauses as under words. With P its power spectrum (Hann window, over a whole number of hops,
    so that the hop rate is exactly bin K), the measure is

        10 log10 ( sum over h = 1..8 of P[hK] / sum over h of the mean of P[hK - 40 .. hK - 3, hK + 3 .. hK + 40] )

    with numerator and denominator summed over the signals, too. Only a tone that keeps its phase stands out: voices
    at that pitch glide.

    Parameters
    ----------
    signals
        float64 array ``(n, length)``, 100 hops or longer.
    hop
        Samples per hop, 3 or more; not whole where the model has another rate than the signals.

    Returns
    -------
    About 0 dB where nothing stands out; 20 dB is 20 dB above the neighbours.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(8, 96000))
    >>> flutter = 1 + 0.1 * np.sin(2 * np.pi * np.arange(96000) / 75)
    >>> round(hop_tone_db(noise, 75)), round(hop_tone_db(flutter * noise, 75))
    (0, 16)
    """
    hops = int(signals.shape[1] // hop)
    length = round(hops * hop)
    magnitude = np.abs(signals[:, :length])
    level = uniform_filter1d(magnitude, round(LEVEL_HOPS * hop), axis=1, mode="nearest")
    least = np.maximum(LEAST_LEVEL * magnitude.mean(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    envelope = magnitude / np.maximum(level, least)
    envelope -= envelope.mean(axis=1, keepdims=True)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    power = np.sum(np.abs(np.fft.rfft(envelope * window, axis=1)) ** 2, axis=0)
    lines = np.arange(1, min(HARMONICS, int((hop - 1) // 2)) + 1) * hops
    apart = np.arange(MAIN_LOBE + 1, NEIGHBOURS + 1)
    beside = lines[:, None] + np.concatenate((-apart, apart))
    floor = np.maximum(power[beside].mean(axis=1).sum(), np.finfo(np.float64).tiny)
    return float(10 * np.log10(np.maximum(power[lines].sum(), floor * 1e-10) / floor))
