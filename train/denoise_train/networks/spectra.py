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
    """The spectrum of the last samples, its powers in single bins and bands, and its way back to the newest samples.

    Even and odd bins lie apart, as the first step of a fast Fourier transform leaves them, and so do even and odd
    bands: a spectrum is ``(..., 2, 2, analysis / 4)``, even and odd bins, of each the real and the imaginary parts.

    The analysis window rises slowly and falls as fast as the engine's taper does: D. Mauler, R. Martin, A low delay,
    variable resolution, perfect reconstruction spectral analysis-synthesis system for speech enhancement, EUSIPCO 2007.

    Parameters
    ----------
    window
        Newest samples, the only ones returned.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Number of bins, from the lowest on, that are treated one by one; an even number.
    bands
        Bands for the bins above, evenly apart in critical bands; an even number.

    Raises
    ------
    RecipeError
        If the sizes do not go together.
    """

    def __init__(self, window: int, analysis: int, single_bins: int, bands: int) -> None:
        if analysis < window or analysis % 4:
            raise RecipeError(f"analysis={analysis} must be a multiple of 4 and at least window={window}")
        if not 0 < single_bins <= analysis // 2 - 2 or bands < 2 or single_bins % 2 or bands % 2:
            raise RecipeError(
                f"single_bins={single_bins} and bands={bands} do not fit {analysis // 2} bins; use even numbers"
            )
        self._half = analysis // 2
        self._single, self._bands = single_bins // 2, bands // 2
        self._window = analysis_window(window, analysis).astype(np.float32)
        self._parts = fixed_layers(transforms(window, analysis) | band_matrices(analysis, single_bins, bands))

    def spectrum(self, samples: Any) -> Any:
        """Transform samples ``(..., analysis)`` to their spectrum."""
        windowed = samples * self._window
        first, second = windowed[..., : self._half], windowed[..., self._half :]
        parts = [self._parts["even"](first + second), self._parts["odd"](first - second)]
        return ops.reshape(ops.concatenate(parts, axis=-1), (*leading(samples), 2, 2, self._half // 2))

    def singles(self, spectrum: Any) -> Any:
        """Take the single bins of a spectrum, ``(..., 2, 2, single_bins / 2)``."""
        return spectrum[..., : self._single]

    def log_powers(self, spectrum: Any) -> Any:
        """Return the log powers of single bins and bands in nepers, ``(..., single_bins + bands)``, even ones first."""
        powers = ops.sum(ops.square(spectrum), axis=-2)
        lead = leading(powers, 2)
        above = ops.reshape(powers[..., self._single :], (*lead, 2 * (self._half // 2 - self._single)))
        bands = ops.reshape(self._parts["bands"](above), (*lead, 2, self._bands))
        both = ops.concatenate([powers[..., : self._single], bands], axis=-1)
        return 0.5 * ops.log(ops.reshape(both, (*lead, 2 * (self._single + self._bands))) + POWER_FLOOR)

    def removed(self, shares: Any, spectrum: Any, filtered: Any) -> Any:
        """Transform the part to remove from a spectrum to samples ``(..., window)``.

        Parameters
        ----------
        shares
            Shares to remove of single bins and bands, ``(..., 2, (single_bins + bands) / 2)``.
        spectrum
            Of the samples.
        filtered
            Spectrum of the single bins to remove as well, ``(..., 2, 2, single_bins / 2)``.
        """
        lead = leading(shares, 2)
        bands = ops.reshape(shares[..., self._single :], (*lead, 2 * self._bands))
        above = ops.reshape(self._parts["spread"](bands), (*lead, 2, self._half // 2 - self._single))
        share = ops.concatenate([shares[..., : self._single], above], axis=-1)
        padding = (*((0, 0),) * (len(filtered.shape) - 1), (0, self._half // 2 - self._single))
        removed = ops.expand_dims(share, -2) * spectrum + ops.pad(filtered, padding)
        return self._parts["synthesis"](ops.reshape(removed, (*lead, 2 * self._half)))


def leading(tensor: Any, last: int = 1) -> tuple[int, ...]:
    """Return the axes before the ``last`` ones, the batch's as -1: ``(-1,)`` or ``(count, -1)``."""
    return (-1,) if len(tensor.shape) == 1 + last else (tensor.shape[0], -1)


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


def band_matrices(analysis: int, single_bins: int, bands: int) -> dict[str, Windows]:
    """Return the matrices from the powers of the upper bins to the bands' means, and from the bands' shares back.

    Bins and bands are in the order of :class:`Analysis`, even ones first. Bands are evenly apart on the ERB-rate scale:
    B. R. Glasberg, B. C. J. Moore, Derivation of auditory filter shapes from notched-noise data, Hearing Research 47,
    1990, with the frequencies of a rate of 16 kHz.
    """
    hz = np.arange(single_bins, analysis // 2) * (RATE_HZ / analysis)
    rate = 21.4 * np.log10(1 + 0.00437 * hz)
    centres = np.linspace(rate[0], rate[-1], bands)
    spread = np.stack([np.interp(rate, centres, band) for band in np.eye(bands)])
    if not spread.any(axis=1).all():
        raise RecipeError(f"bands={bands} above {single_bins} single bins exceed the number of bins; use fewer")
    by_parity = [np.r_[0:count:2, 1:count:2] for count in spread.shape]
    spread = spread[np.ix_(*by_parity)]
    gathered = (spread / spread.sum(axis=1, keepdims=True)).T
    return {"bands": gathered.astype(np.float32), "spread": spread.astype(np.float32)}
