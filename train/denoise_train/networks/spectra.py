"""Spectra longer than the window: transform samples to band powers, and shares of bins back to samples."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise_train.arrays import Array, Windows
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.recipe import RecipeError

POWER_FLOOR = 1e-7
"""Added to the power of a bin; that of 16-bit quantization is near 1e-8, in units of full scale."""

ANALYSIS_FADE = 16
"""Samples cut off the end of the analysis window's falling flank, so that it does not reach zero."""


class Analysis:
    """The spectrum of the last samples, in single bins and bands, and its way back to the newest ones.

    The analysis window rises slowly and falls as fast as the engine's taper does: D. Mauler, R. Martin, A low delay,
    variable resolution, perfect reconstruction spectral analysis-synthesis system for speech enhancement, EUSIPCO 2007.

    Parameters
    ----------
    window
        Newest samples, the only ones returned.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Number of lowest bins that are treated singly.
    bands
        Bands for the bins above, evenly apart in critical bands.

    Raises
    ------
    RecipeError
        If the sizes do not go together.
    """

    def __init__(self, window: int, analysis: int, single_bins: int, bands: int) -> None:
        if analysis < window or analysis % 4:
            raise RecipeError(f"analysis={analysis} must be a multiple of 4 and at least window={window}")
        if not 0 < single_bins <= analysis // 2 - 2 or bands < 2:
            raise RecipeError(f"single_bins={single_bins} and bands={bands} do not fit {analysis // 2} bins")
        self._half = analysis // 2
        self._window = analysis_window(window, analysis).astype(np.float32)
        self._parts = fixed_layers(transforms(window, analysis) | band_matrices(analysis, single_bins, bands))

    def log_powers(self, samples: Any) -> tuple[Any, list[Any]]:
        """Transform samples ``(..., analysis)``.

        Returns
        -------
        The log power of single bins and bands ``(..., single_bins + bands)``, in nepers; and the spectrum, even and odd
        bins apart, their real and imaginary parts, each ``(..., analysis // 4)``.
        """
        windowed = samples * self._window
        first, second = windowed[..., : self._half], windowed[..., self._half :]
        spectrum = []
        for part in (self._parts["even"](first + second), self._parts["odd"](first - second)):
            spectrum += [part[..., : self._half // 2], part[..., self._half // 2 :]]
        powers = [ops.square(spectrum[place]) + ops.square(spectrum[place + 1]) for place in (0, 2)]
        return 0.5 * ops.log(self._parts["bands"](ops.concatenate(powers, axis=-1)) + POWER_FLOOR), spectrum

    def taken_away(self, shares: Any, spectrum: list[Any]) -> Any:
        """Transform shares ``(..., single_bins + bands)`` of a spectrum to samples ``(..., window)``."""
        share = self._parts["spread"](shares)
        halves = [share[..., : self._half // 2], share[..., self._half // 2 :]]
        taken = [halves[number // 2] * part for number, part in enumerate(spectrum)]
        return self._parts["synthesis"](ops.concatenate(taken, axis=-1))


def fixed_layers(matrices: Mapping[str, Windows]) -> dict[str, keras.Layer]:
    """Make products with matrices that are not trained."""
    made = {}
    for name, matrix in matrices.items():
        made[name] = layers.Dense(matrix.shape[1], use_bias=False, trainable=False, name=name)
        made[name].build((None, matrix.shape[0]))
        made[name].set_weights([matrix])
    return made


def analysis_window(window: int, analysis: int) -> Array:
    """Return the analysis window ``(analysis,)``: a slow quarter of a sine, ones, and near its end the taper's root."""
    fade = window + ANALYSIS_FADE
    falling = np.sin(np.pi * (np.arange(fade) + 0.5) / fade)[-(window // 2) - ANALYSIS_FADE : -ANALYSIS_FADE]
    rising_length = analysis - window
    rising = np.sin(np.pi / 2 * (np.arange(rising_length) + 0.5) / max(rising_length, 1))
    flat = np.ones(analysis - rising_length - len(falling))
    return np.concatenate((rising, flat, falling))


def transforms(window: int, analysis: int) -> dict[str, Windows]:
    """Return the matrices of the transform and its inverse: even and odd bins apart, real parts first.

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


def single_transforms(window: int, analysis: int, single_bins: int) -> dict[str, Windows]:
    """Compute the matrices from samples to the lowest bins, real parts first, and from those back to the window.

    The analysis window is in the first matrix, and taken back in the second.
    """
    bins = np.arange(single_bins)
    angles = 2 * np.pi * np.outer(np.arange(analysis), bins) / analysis
    waves = np.concatenate((np.cos(angles), -np.sin(angles)), axis=1)
    taper = analysis_window(window, analysis)
    back = np.tile(np.where(bins == 0, 1.0, 2.0), 2)[:, None] / analysis * waves[-window:].T / taper[-window:]
    return {"single": (taper[:, None] * waves).astype(np.float32), "single_synthesis": back.astype(np.float32)}


def band_matrices(analysis: int, single_bins: int, bands: int) -> dict[str, Windows]:
    """Return the matrices from the bins' powers to the bands' means, and from the bands' shares back to the bins.

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
        raise RecipeError(f"bands={bands} above {single_bins} single bins exceed the number of bins; use fewer")
    spread = np.concatenate((spread[:, ::2], spread[:, 1::2]), axis=1)  # even bins first, as the transform gives them
    gathered = (spread / spread.sum(axis=1, keepdims=True)).T
    return {"bands": gathered.astype(np.float32), "spread": spread.astype(np.float32)}
