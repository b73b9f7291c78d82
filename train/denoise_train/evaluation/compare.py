"""Compare a model with plain filters on the same signals.

The signals are drawn from a split of their own, so no training has seen them. Every method gets the same mixtures.
"""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from denoise_stream import Denoiser
from denoise_train.arrays import Array
from denoise_train.dsp.filters import FILTERS, SAVITZKY_GOLAY, Filter, Setting
from denoise_train.dsp.metrics import peak_amplitude_error, rmse, si_sdr_db, snr_improvement_db
from denoise_train.evaluation.blind import Blind
from denoise_train.evaluation.mixtures import Mixtures, draw_lively
from denoise_train.recordings.origins import Crop
from denoise_train.splits import EVALUATION, seeded
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.families import FAMILIES
from denoise_train.synthetic.mixing import mix_at_snr

METRICS = 4
"""SNR improvement, SI-SDR improvement, RMSE and peak amplitude error."""

PANELS = 6
PANEL_SAMPLES = 600
"""Signals in a picture, and how much of each."""

NO_PROCESSING = Filter("no processing", lambda noisy, _: noisy, (None,), "")

Choice = Literal["", "best single", "oracle"]


@dataclass(frozen=True)
class Result:
    """The figures of one method.

    Attributes
    ----------
    name
        The filter or model.
    choice
        How its setting was chosen: ``"best single"``, the one setting that gains most over all signals and SNRs;
        ``"oracle"``, the best setting for each signal at each SNR; ``""`` where there is nothing to choose.
    settings
        Each setting with the number of mixtures it was used for.
    unit
        Unit of a setting.
    improvement_db, si_sdr_improvement_db, rmse, peak_error
        float64 arrays ``(snrs, signals)``; the RMSE is relative to the clean signal's standard deviation.
    """

    name: str
    choice: Choice
    settings: Mapping[Setting, int]
    unit: str
    improvement_db: Array
    si_sdr_improvement_db: Array
    rmse: Array
    peak_error: Array

    @property
    def label(self) -> str:
        """Name and choice, for a table or a legend."""
        return f"{self.name}, {self.choice}" if self.choice else self.name

    @property
    def mean_improvement_db(self) -> float:
        """Mean over all signals and SNRs."""
        return float(self.improvement_db.mean())

    def figures(self) -> dict[str, Any]:
        """Return everything in a form for JSON, by SNR and over all SNRs."""

        def summary(table: Array, worst: bool = False) -> dict[str, Any]:
            by_snr = table.min(axis=1) if worst else table.mean(axis=1)
            return {"by_snr": by_snr.tolist(), "all": float(by_snr.min() if worst else by_snr.mean())}

        return {
            "name": self.name,
            "choice": self.choice or None,
            "settings_used": {str(setting): count for setting, count in self.settings.items() if setting is not None},
            "setting_unit": self.unit or None,
            "improvement_db": summary(self.improvement_db),
            "worst_improvement_db": summary(self.improvement_db, worst=True),
            "si_sdr_improvement_db": summary(self.si_sdr_improvement_db),
            "rmse": summary(self.rmse),
            "peak_amplitude_error": summary(self.peak_error),
        }


@dataclass(frozen=True)
class Evaluation:
    """A model among filters: ``filters`` have one setting for all signals, ``oracles`` are set by the clean signals."""

    snr_db: tuple[float, ...]
    reference: Result
    model: Result
    filters: tuple[Result, ...]
    oracles: tuple[Result, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """All results, no processing first."""
        return (self.reference, self.model, *self.filters, *self.oracles)


def engine_methods(model: str | Path) -> list[Filter]:
    """Wrap each way to use a model as a method: live and, if it can look ahead, with its longest look-ahead."""
    denoiser = Denoiser(model, lookahead_samples=0)
    live = engine_method(denoiser)
    if not denoiser.contract.most_lookahead_samples:
        return [live]
    files = engine_method(Denoiser(model, lookahead_samples="auto"))
    return [replace(live, name=f"{live.name}, live"), replace(files, name=f"{files.name}, files")]


def engine_method(denoiser: Denoiser, sample_rate_hz: float | None = None) -> Filter:
    """Wrap the engine as a method like the filters; the signals are its channels."""

    def denoise(noisy: Array, _: None) -> Array:
        return denoiser.denoise(noisy, sample_rate_hz, axis=1)

    return Filter(denoiser.contract.name, denoise, (None,), "")


@dataclass(frozen=True)
class Panels:
    """A few signals for a picture.

    Attributes
    ----------
    noisy, denoised, clean
        float64 arrays ``(n, length)``, scaled as they were measured; ``clean`` is None where it is not known.
    crops
        Where each comes from and how it was scaled; empty for drawn signals.
    snr_db
        SNR of the noisy ones, if it is known.
    """

    noisy: Array
    denoised: Array
    clean: Array | None
    crops: Sequence[Crop] = ()
    snr_db: float | None = None


def panels_of_mixtures(method: Filter, mixtures: Mixtures) -> Panels:
    """Return the beginnings of the first few signals at the middle SNR."""
    middle = len(mixtures.noisy) // 2
    return _panels(method, mixtures.noisy[middle], mixtures.clean, mixtures.crops, mixtures.snr_db[middle])


def panels_of_blind(method: Filter, blind: Blind) -> Panels:
    """Return the beginnings of the first few noisy signals."""
    return _panels(method, blind.noisy, None, blind.crops, None)


def _panels(method: Filter, noisy: Array, clean: Array | None, crops: Sequence[Crop], snr_db: float | None) -> Panels:
    denoised = method.apply(noisy[:PANELS], method.settings[0])
    first = slice(PANELS), slice(PANEL_SAMPLES)
    return Panels(noisy[first], denoised[first], None if clean is None else clean[first], crops[:PANELS], snr_db)


def evaluate(
    model: Filter,
    mixtures: Mixtures,
    methods: Sequence[Filter] = FILTERS,
    *,
    show: Callable[[float], None] = lambda share: None,
) -> Evaluation:
    """Measure no processing, the model, and the filters with one setting and with an oracle.

    ``show`` gets the share done.
    """
    reference, itself, *others = _measure((NO_PROCESSING, model, *methods), mixtures, show)
    filters = tuple(result for result in others if result.choice != "oracle")
    oracles = tuple(result for result in others if result.choice == "oracle")
    return Evaluation(mixtures.snr_db, reference, itself, filters, oracles)


def evaluate_families(
    model: Filter, seed: int, count: int, length: int, snr_db: Sequence[float]
) -> dict[str, tuple[Result, Result]]:
    """Measure the model and the Savitzky-Golay oracle on ``count`` signals of each built-in family."""
    families: dict[str, tuple[Result, Result]] = {}
    for index, family in enumerate(FAMILIES, start=1):
        rng = seeded(seed, EVALUATION, index)
        draw = functools.partial(draw_signals, families=(family,), overlays=0.0, altered=0.0)
        clean = draw_lively(draw, rng, count, length)
        noise = rng.normal(size=clean.shape)
        noisy = np.stack([mix_at_snr(clean, noise, snr) for snr in snr_db])
        mixtures = Mixtures(clean, noisy, tuple(snr_db))
        itself, _, oracle = _measure((model, SAVITZKY_GOLAY), mixtures)
        families[family] = itself, oracle
    return families


def _measure(
    methods: Sequence[Filter], mixtures: Mixtures, show: Callable[[float], None] = lambda share: None
) -> list[Result]:
    shape = (len(mixtures.snr_db), len(mixtures.clean))
    tables = [np.empty((METRICS, len(method.settings), *shape)) for method in methods]
    for index, noisy in enumerate(mixtures.noisy):
        for method, scores in zip(methods, tables, strict=True):
            for choice, setting in enumerate(method.settings):
                scores[:, choice, index] = _score(mixtures.clean, noisy, method.apply(noisy, setting))
        show((index + 1) / len(mixtures.noisy))
    return [result for pair in zip(methods, tables, strict=True) for result in _results(*pair)]


def _results(method: Filter, scores: Array) -> list[Result]:
    """Choose the settings by ``scores (metrics, settings, snrs, signals)``, if there is more than one."""
    gains = scores[0]
    if len(method.settings) == 1:
        return [_result(method, "", gains.argmax(axis=0), scores)]
    best = np.full(gains.shape[1:], gains.mean(axis=(1, 2)).argmax())
    return [
        _result(method, "best single", best, scores),
        _result(method, "oracle", gains.argmax(axis=0), scores),
    ]


def _score(clean: Array, noisy: Array, denoised: Array) -> Array:
    """Return all metrics ``(metrics, signals)``: SNR improvement, SI-SDR improvement, RMSE, peak amplitude error."""
    return np.stack(
        (
            snr_improvement_db(clean, noisy, denoised),
            si_sdr_db(clean, denoised) - si_sdr_db(clean, noisy),
            rmse(clean, denoised) / clean.std(axis=1),
            peak_amplitude_error(clean, denoised),
        )
    )


def _result(method: Filter, choice: Choice, chosen: NDArray[np.intp], scores: Array) -> Result:
    figures = np.take_along_axis(scores, chosen[None, None], axis=1)[:, 0]
    used = Counter(chosen.ravel().tolist())
    settings = {method.settings[index]: used[index] for index in sorted(used)}
    return Result(method.name, choice, settings, method.unit, *figures)
