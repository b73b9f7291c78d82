"""Spectra behind a short window: sizes come in, matrices of transforms and of bands go out."""

import numpy as np

from denoise_train.arrays import Array, Windows
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.recipe import RecipeError

ANALYSIS_FADE = 16
"""Samples by which the analysis window's falling flank would go on behind the last sample: it does not reach zero."""


def analysis_window(window: int, analysis: int) -> Array:
    """Give the analysis window ``(analysis,)``: a slow quarter of a sine, ones, and near its end the taper's root."""
    fade = window + ANALYSIS_FADE
    falling = np.sin(np.pi * (np.arange(fade) + 0.5) / fade)[-(window // 2) - ANALYSIS_FADE : -ANALYSIS_FADE]
    rising_length = analysis - window
    rising = np.sin(np.pi / 2 * (np.arange(rising_length) + 0.5) / max(rising_length, 1))
    flat = np.ones(analysis - rising_length - len(falling))
    return np.concatenate((rising, flat, falling))


def transforms(window: int, analysis: int) -> dict[str, Windows]:
    """Give the matrices of the transform and its inverse: even and odd bins apart, real parts first.

    The even bins see the sum of both halves of the samples, the odd ones their difference (the first step of a fast
    Fourier transform). The bin at half the sample rate is left out: it passes.
    """
    half, quarter = analysis // 2, analysis // 4
    matrices, rows = {}, []
    for name, first in (("even", 0), ("odd", 1)):
        bins = first + 2 * np.arange(quarter)
        angles = 2 * np.pi * np.outer(np.arange(analysis), bins) / analysis
        waves = np.concatenate((np.cos(angles), -np.sin(angles)), axis=1)
        matrices[name] = waves[:half]
        rows.append(np.tile(np.where(bins == 0, 1.0, 2.0), 2)[:, None] / analysis * waves[-window:].T)
    matrices["synthesis"] = np.concatenate(rows) / analysis_window(window, analysis)[-window:]
    return {name: matrix.astype(np.float32) for name, matrix in matrices.items()}


def band_matrices(analysis: int, single_bins: int, bands: int) -> dict[str, Windows]:
    """Give the matrices from the bins' powers to the bands' means, and from the bands' shares back to the bins.

    Bands are evenly apart on the ERB-rate scale: B. R. Glasberg, B. C. J. Moore, Derivation of auditory filter shapes
    from notched-noise data, Hearing Research 47, 1990, with the frequencies of a rate of 16 kHz.
    """
    bins = analysis // 2
    hz = np.arange(bins) * (RATE_HZ / analysis)
    rate = 21.4 * np.log10(1 + 0.00437 * hz)
    centres = np.linspace(rate[single_bins], rate[-1], bands)
    spread = np.zeros((single_bins + bands, bins))
    spread[np.arange(single_bins), np.arange(single_bins)] = 1
    for band in range(bands):
        spread[single_bins + band, single_bins:] = np.interp(rate[single_bins:], centres, np.eye(bands)[band])
    if not spread.any(axis=1).all():
        raise RecipeError(f"bands={bands} above {single_bins} single bins are more than there are bins for; use fewer")
    spread = np.concatenate((spread[:, ::2], spread[:, 1::2]), axis=1)  # even bins first, as the transform gives them
    gathered = (spread / spread.sum(axis=1, keepdims=True)).T
    return {"bands": gathered.astype(np.float32), "spread": spread.astype(np.float32)}
