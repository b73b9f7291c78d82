"""Estimate improvements without clean signals.

Stein's unbiased risk estimate. With ``n`` samples ``y`` in white Gaussian noise of power s², and a method f,

    mean squared error of f(y)  =  mean (f(y) - y)² - s² + 2 s² div f(y) / n        in expectation

and the divergence is measured by moving the samples a little: div f(y) = b · (f(y + e b) - f(y)) / e with random
signs b. C. M. Stein: Estimation of the mean of a multivariate normal distribution, Annals of Statistics 9, 1981;
S. Ramani, T. Blu, M. Unser: Monte-Carlo SURE, IEEE Transactions on Image Processing 17, 2008.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from denoise_stream.runs.noise_level import HEAVY_TAILS, NORMAL_MAD, level_ratio
from denoise_train.arrays import Array
from denoise_train.dsp.autocorrelation import autocorrelation
from denoise_train.dsp.filters import Filter, Setting, labelled
from denoise_train.recordings.noisy_recordings import NoisyRecordings, has_noise
from denoise_train.recordings.origins import Crop

PROBE = 0.05
"""Size of the perturbation that measures the divergence, as a share of the noise level.

It is far above float32's rounding and far below the thresholds of the filters."""

PROBES = 2
WHITE_CORRELATION = 0.3
"""A residual with more autocorrelation than this is called coloured.

Negative autocorrelation is not: a method that leaves slow noise in the signal removes the rest, which has it."""

WHITE_RATIO = 1.25
LEAST_SHARE = 1e-3
"""Improvements end at 30 dB: an estimate has errors of its own."""

LIMITS = (
    "Estimated without clean signals, by Stein's unbiased risk estimate. It takes the noise for white, independent "
    "from sample to sample and near Gaussian, and its level from the finest structure. Hum, pink noise and drifts "
    "count as signal here, and impulses are not seen; it is good to rank methods; trust it to about 1 dB."
)


@dataclass(frozen=True)
class Blind:
    """Noisy crops ``(n, length)``, the noise level ``(n, 1)`` in each, and where they come from, if that is known."""

    noisy: Array
    level: Array
    crops: Sequence[Crop] = ()

    @property
    def snr_db(self) -> float:
        """The estimated SNR of all crops together."""
        noise = float(np.mean(self.level**2))
        return float(10 * np.log10(max(float(np.mean(self.noisy.var(axis=1))) - noise, 1e-3 * noise) / noise))


@dataclass(frozen=True)
class Estimate:
    """The estimate for one method: its setting, the improvement in dB, and properties of what it removed.

    ``autocorrelation`` is at lags 1, 2, ...; ``heavy_tails`` is the root mean square relative to that of a Gaussian
    with the same median.
    """

    name: str
    setting: Setting
    unit: str
    improvement_db: float
    autocorrelation: Array
    heavy_tails: float

    @property
    def label(self) -> str:
        """Name and setting, for use in a sentence."""
        return labelled(self.name, self.setting, self.unit)


def draw_blind(rng: np.random.Generator, source: NoisyRecordings, count: int, length: int) -> Blind:
    """Draw crops with their noise level; those without noise are left out, and all may be."""
    places = source.noisy.places(rng, count, length)
    crops, level = source.noisy.crops(places, length), source.levels(places, length)
    noisy = has_noise(crops, level)
    unit = crops[noisy].std(axis=1, keepdims=True)
    middle = crops[noisy].mean(axis=1, keepdims=True)
    origins = [origin for origin, one in zip(source.noisy.origins_of(places), noisy, strict=True) if one]
    scales = zip(origins, middle[:, 0].tolist(), unit[:, 0].tolist(), strict=True)
    return Blind((crops[noisy] - middle) / unit, level[noisy] / unit, [Crop(*scale) for scale in scales])


def squared_error(method: Filter, setting: Setting, blind: Blind) -> tuple[Array, Array]:
    """Estimate a method's mean squared error ``(n,)`` in each crop, relative to the noise power; return its output too.

    This is Stein's unbiased risk estimate, ``mean((output - noisy)^2) / level^2 - 1 + 2 divergence``, with the
    divergence of the method measured by random perturbations. Single crops scatter, also below 0: only the mean of many
    is useful.
    """
    noisy, level = blind.noisy, blind.level
    denoised = method.apply(noisy, setting)
    rng = np.random.default_rng(0)
    divergence = np.zeros(len(noisy))
    for _ in range(PROBES):
        signs = rng.choice([-1.0, 1.0], noisy.shape)
        moved = method.apply(noisy + PROBE * level * signs, setting)
        divergence += np.mean(signs * (moved - denoised) / (PROBE * level), axis=1) / PROBES
    removed: Array = np.mean((denoised - noisy) ** 2, axis=1) / level[:, 0] ** 2
    return removed - 1 + 2 * divergence, denoised


def estimate(method: Filter, setting: Setting, blind: Blind) -> Estimate:
    """Estimate the improvement of a method with one setting, by the powers of error and noise over all crops."""
    error, denoised = squared_error(method, setting, blind)
    improvement = -10 * np.log10(max(float(np.average(error, weights=blind.level[:, 0] ** 2)), LEAST_SHARE))
    removed = (blind.noisy - denoised) / blind.level
    return Estimate(method.name, setting, method.unit, float(improvement), autocorrelation(removed), tails(removed))


def tails(removed: Array) -> float:
    """Return the ratio of the removed noise's root mean square to that of a Gaussian of the same median."""
    typical = float(np.median(np.abs(removed))) / NORMAL_MAD
    return float(np.sqrt(np.mean(removed**2))) / typical if typical > 0 else 1.0


def estimate_best(method: Filter, blind: Blind) -> Estimate:
    """Estimate the improvement with the best setting, the same for all crops."""
    found = [estimate(method, setting, blind) for setting in method.settings]
    return max(found, key=lambda one: one.improvement_db)


def rank(methods: Sequence[Filter], blind: Blind) -> list[Estimate]:
    """Estimate every method with its best setting, the best method first."""
    return sorted((estimate_best(method, blind) for method in methods), key=lambda one: -one.improvement_db)


def cautions(method: Estimate, blind: Blind) -> list[str]:
    """Warn in sentences where the noise violates the assumptions of training and estimates without clean signals.

    Parameters
    ----------
    method
        A good method's estimate, with what it removed.
    blind
        The noisy crops.
    """
    found: list[str] = []
    lag = int(method.autocorrelation.argmax()) + 1
    correlation = float(method.autocorrelation[lag - 1])
    ratio = float(np.median(level_ratio(blind.noisy)))
    if correlation > WHITE_CORRELATION:
        found.append(
            f"what {method.name} removes has an autocorrelation of {correlation:.2f} at a lag of {lag} samples, "
            f"white noise less than {WHITE_CORRELATION}"
        )
    if not 1 / WHITE_RATIO <= ratio <= WHITE_RATIO:
        found.append(
            f"at half the sample rate the noise's level is {ratio:.2f} times that at the full rate, white noise's "
            f"between {1 / WHITE_RATIO:.2f} and {WHITE_RATIO}"
        )
    sentences = []
    if found:
        sentences.append(
            f"Warning: the noise is not independent from sample to sample ({'; '.join(found)}), as in hum, pink noise "
            "or drifts, or the signal is as fine as the noise: without clean signals neither a training nor an "
            "estimate can tell such noise from the signal, and the noise stays."
        )
    if method.heavy_tails > HEAVY_TAILS:
        how_much = f"{method.heavy_tails:.1f} times stronger"
        sentences.append(
            f"Warning: the noise comes in impulses or gusts (what {method.name} removes is {how_much} "
            f"than its median tells, steady Gaussian noise less than {HEAVY_TAILS}): its level is taken for too small, "
            "and these estimates are too low."
        )
    return sentences
