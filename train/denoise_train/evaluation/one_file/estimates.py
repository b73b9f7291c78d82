"""Estimate the errors of a model and of plain filters on one noisy signal, in two ways that fail differently.

*Stein's estimate* (:mod:`denoise_train.evaluation.blind`) needs the noise level and noise that is white and near
Gaussian. *Masking* needs no level and no shape of the noise, only that it is independent from sample to sample: some
samples are replaced by the line between their neighbours, and what a method makes of them is compared with what was
there. J. Batson, L. Royer: Noise2Self, ICML 2019. It measures a method that does not see the sample itself, so it
favours methods that average over many; but where it agrees with Stein's estimate, both are right more often.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from denoise_stream.runs.noise_level import level_ratio, noise_level
from denoise_train.arrays import Array
from denoise_train.dsp.autocorrelation import autocorrelation
from denoise_train.dsp.filters import FILTERS, Filter, Setting, labelled
from denoise_train.evaluation.blind import LEAST_SHARE, PROBE, PROBES, tails
from denoise_train.recordings.noisy_recordings import STRETCH

SHORTEST_SIGNAL = 1000
"""Samples below which nothing can be judged."""

BLOCK = 250
"""Samples whose errors are averaged before they scatter: longer than the memory of the noise and of most filters."""

MASKS, SPACING = 4, 8
"""Rounds of masking: one sample in eight is masked in each, another one each time."""

CROP = 1500
"""Samples over which the colour of the noise is measured."""


@dataclass(frozen=True)
class Method:
    """A filter with one setting, or the model."""

    filter: Filter
    setting: Setting

    @property
    def label(self) -> str:
        """Name and setting, for a sentence."""
        return labelled(self.filter.name, self.setting, self.filter.unit)

    def apply(self, noisy: Array) -> Array:
        """Denoise rows ``(n, length)``."""
        return self.filter.apply(noisy, self.setting)


@dataclass(frozen=True)
class Gain:
    """A method and the SNR improvement in dB that is estimated for it."""

    method: Method
    gain_db: float


@dataclass(frozen=True)
class Comparison:
    """The estimates for a model and for plain filters on one signal, without a clean one.

    Attributes
    ----------
    model
        The model and its estimated gain. Gains are 30 dB at most, as an estimate has errors of its own.
    filters
        Every filter at the setting of the least estimated error, the best one first.
    denoised, filtered
        What the model and the best filter make of the signal, ``(pieces, length)``.
    input_snr_db
        Estimated SNR before.
    margin_db
        How much more the model gains than the best filter.
    deviations
        The same difference of their errors in its own standard deviations, by blocks of the signal.
    masked_deviations
        The difference by masking, in its standard deviations.
    level
        Estimated noise level.
    level_ratio, autocorrelation, heavy_tails
        Of the noise: its level at half the sample rate over that at the full rate; the largest autocorrelation of what
        the model removed and of what the filter did; and how much stronger that is than its median tells. 1, 0 and 1
        for white Gaussian noise.
    """

    model: Gain
    filters: tuple[Gain, ...]
    denoised: Array
    filtered: Array
    input_snr_db: float
    margin_db: float
    deviations: float
    masked_deviations: float
    level: float
    level_ratio: float
    autocorrelation: float
    heavy_tails: float


def compare_blindly(model: Filter, noisy: Array) -> Comparison | None:
    """Compare a model with plain filters on one signal.

    Parameters
    ----------
    model
        In the engine, from :func:`~denoise_train.evaluation.compare.engine_method`.
    noisy
        float64 array ``(pieces, length)``: pieces of the signal, 1000 samples or longer, no gaps.

    Returns
    -------
    The comparison; None if the signal has no noise that can be seen.
    """
    level = level_along(noisy)
    noise_power = float(np.mean(level**2))
    if not noise_power > 0:
        return None
    moved = _Moved(noisy, level)
    itself = Method(model, None)
    errors = {itself: moved.stein(itself)}
    best_of_each = []
    for method in FILTERS:
        settings = [Method(method, setting) for setting in method.settings]
        errors |= {one: moved.stein(one) for one in settings}
        best_of_each.append(min(settings, key=lambda one: float(errors[one].mean())))
    best_of_each.sort(key=lambda one: float(errors[one].mean()))
    gains = {one: _db(noise_power / max(float(errors[one].mean()), LEAST_SHARE * noise_power)) for one in errors}
    best = best_of_each[0]
    masked = {one: moved.masked(one) for one in (itself, best)}
    denoised, filtered = (one.apply(noisy) for one in (itself, best))
    removed = [(noisy - cleaned) / level for cleaned in (denoised, filtered)]
    power = max(float(np.mean(noisy.var(axis=1))) - noise_power, LEAST_SHARE * noise_power)
    return Comparison(
        model=Gain(itself, gains[itself]),
        filters=tuple(Gain(one, gains[one]) for one in best_of_each),
        denoised=denoised,
        filtered=filtered,
        input_snr_db=_db(power / noise_power),
        margin_db=gains[itself] - gains[best],
        deviations=_deviations(errors[best] - errors[itself]),
        masked_deviations=_deviations(masked[best] - masked[itself]),
        level=float(np.sqrt(noise_power)),
        level_ratio=float(np.median(level_ratio(_rows(noisy, min(CROP, noisy.shape[1]))))),
        autocorrelation=max(float(autocorrelation(residual).max()) for residual in removed),
        heavy_tails=max(map(tails, removed)),
    )


def level_along(pieces: Array) -> Array:
    """Estimate the noise level at each sample of pieces ``(n, length)``, over stretches of about 4096 samples."""
    parts = np.array_split(pieces, max(1, round(pieces.shape[1] / STRETCH)), axis=1)
    levels = np.concatenate([np.repeat(noise_level(part), part.shape[1], axis=1) for part in parts], axis=1)
    # A stretch without noise, such as a bridged gap, must not divide by zero.
    return np.asarray(np.maximum(levels, 1e-3 * np.sqrt(np.mean(levels**2))))


class _Moved:
    """Pieces of a signal and their perturbed and masked copies; estimates the errors of any method on them."""

    def __init__(self, noisy: Array, level: Array) -> None:
        rng = np.random.default_rng(0)
        self._noisy, self._level = noisy, level
        self._signs = rng.choice([-1.0, 1.0], (PROBES, *noisy.shape))
        places = noisy.shape[1] // SPACING
        order = np.argsort(rng.random((places, SPACING)), axis=1)[:, :MASKS]
        self._masks = [np.arange(places) * SPACING + order[:, turn] for turn in range(MASKS)]

    def stein(self, method: Method) -> Array:
        """Estimate the mean squared error of a method in each block ``(blocks,)``."""
        step = PROBE * self._level
        denoised, *moved = self._apply(method, [self._noisy, *(self._noisy + step * signs for signs in self._signs)])
        slopes = [signs * (each - denoised) / step for signs, each in zip(self._signs, moved, strict=True)]
        error = (denoised - self._noisy) ** 2 - self._level**2 + 2 * self._level**2 * np.mean(slopes, axis=0)
        return np.asarray(_rows(error, BLOCK).mean(axis=1))

    def masked(self, method: Method) -> Array:
        """Return the mean square of what a method misses at masked samples, noise included, in each block."""
        missed = np.full(self._noisy.shape, np.nan)
        filled = [self._fill(mask) for mask in self._masks]
        for mask, found in zip(self._masks, self._apply(method, filled), strict=True):
            missed[:, mask] = (found[:, mask] - self._noisy[:, mask]) ** 2
        return np.asarray(np.nanmean(_rows(missed, BLOCK), axis=1))

    def _apply(self, method: Method, versions: list[Array]) -> list[Array]:
        return np.split(method.apply(np.concatenate(versions)), len(versions))

    def _fill(self, mask: NDArray[np.intp]) -> Array:
        """Interpolate the masked samples linearly."""
        known = np.ones(self._noisy.shape[1], dtype=bool)
        known[mask] = False
        places = np.flatnonzero(known)
        filled = self._noisy.copy()
        for row in filled:
            row[mask] = np.interp(mask, places, row[places])
        return filled


def _rows(pieces: Array, length: int) -> Array:
    """Cut pieces into rows ``(n, length)``, without the rest at the end of each."""
    count = pieces.shape[1] // length
    return pieces[:, : count * length].reshape(-1, length)


def _deviations(differences: Array) -> float:
    """Return a mean divided by its standard error, from independent blocks."""
    scatter = float(differences.std(ddof=1)) / np.sqrt(len(differences))
    return float(differences.mean() / scatter) if scatter > 0 else 0.0


def _db(ratio: float) -> float:
    return float(10 * np.log10(ratio))
