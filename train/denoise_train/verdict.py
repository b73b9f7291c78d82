"""The verdict on a training with somebody's own signals: networks and held-out recordings come in, a sentence goes out.

What is measured is what a user gets: the network in the streaming engine at the recipe's hop, on the test part of the
recordings. Every filter has the setting that gains most on the validation part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from denoise_train.arrays import Array
from denoise_train.blind import LIMITS, Blind, draw_blind, estimate, estimate_best, warnings
from denoise_train.evaluation import Evaluation, evaluate
from denoise_train.filters import FILTERS, Filter
from denoise_train.mixtures import Mixtures, draw_mixtures, draw_pairs
from denoise_train.noisy_recordings import NoisyRecordings
from denoise_train.pairs import PairedRecordings, PairSource
from denoise_train.recipe import Recipe
from denoise_train.recordings import Recordings
from denoise_train.splits import TEST, VALIDATION, seeded

SIGNALS = 100
LONGEST = 1500
SHORTEST = 150
SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
PANELS = 6
PANEL_SAMPLES = 600
NOTHING_DB = 0.1
"""Less than this is no gain."""


@dataclass(frozen=True)
class OwnData:
    """What somebody brought to a training; None for what they did not."""

    clean: Recordings | None = None
    noise: Recordings | None = None
    pairs: PairSource | None = None

    def __bool__(self) -> bool:
        return any(source is not None for source in (self.clean, self.noise, self.pairs))


@dataclass(frozen=True)
class Verdict:
    """What a training is worth.

    Attributes
    ----------
    sentence
        What to tell the user.
    figures
        The same as numbers.
    panels
        Noisy and denoised signals ``(n, length)``, and clean ones where they are known.
    """

    sentence: str
    figures: dict[str, Any]
    panels: tuple[Array, Array, Array | None] | None


def judge(model: Filter, start: Filter | None, recipe: Recipe, own: OwnData) -> Verdict:
    """Compare a network, and the one it started from, with the best filter on recordings that no training saw.

    Parameters
    ----------
    model, start
        The networks in the engine; ``start`` is None where the training began from nothing.
    recipe
        Kinds of noise, SNRs and seed of the training.
    own
        The recordings, unsplit.
    """
    methods = (model, *((start,) if start is not None else ()))
    if isinstance(own.pairs, NoisyRecordings):
        return _judge_blindly(methods, recipe, own.pairs)
    validation, test = (_draw(recipe, own, split) for split in (VALIDATION, TEST))
    tuned = tuple(_tune(evaluate(model, validation)))
    outcome, *others = [evaluate(method, test, tuned) for method in methods]
    gains = [each.model.mean_improvement_db for each in (outcome, *others)]
    best = max(outcome.filters, key=lambda result: result.mean_improvement_db)
    setting = next(iter(best.settings))
    filter_name = best.name if setting is None else f"{best.name} ({setting} {best.unit})"
    what = "synthetic signals with your held-out noise" if not (own.clean or own.pairs) else "your held-out recordings"
    at = f"at {test.snr_db[0]:.1f} dB SNR" if own.pairs else f"from {test.snr_db[0]:g} to {test.snr_db[-1]:g} dB SNR"
    sentence = _say(f"On {what}, {at},", gains, filter_name, best.mean_improvement_db, methods)
    figures = {
        "gain_db": gains[0],
        "start_gain_db": gains[1] if start is not None else None,
        "best_filter": filter_name,
        "best_filter_gain_db": best.mean_improvement_db,
        "snr_db": list(test.snr_db),
        "gain_db_by_snr": outcome.model.improvement_db.mean(axis=1).tolist(),
        "peak_amplitude_error": float(outcome.model.peak_error.mean()),
        "best_filter_peak_amplitude_error": float(best.peak_error.mean()),
        "how": f"{len(test.clean)} crops of the test part through the engine at hop {recipe.hop}; filters set on the "
        "validation part",
    }
    noisy = test.noisy[len(test.noisy) // 2, :PANELS]
    shown = [rows[:, :PANEL_SAMPLES] for rows in (noisy, model.apply(noisy, None), test.clean[:PANELS])]
    return Verdict(sentence, figures, (shown[0], shown[1], shown[2]))


def _judge_blindly(methods: Sequence[Filter], recipe: Recipe, source: NoisyRecordings) -> Verdict:
    validation, test = (
        draw_blind(seeded(recipe.seed, split), source.part(split), SIGNALS, _length(source.part(split).noisy))
        for split in (VALIDATION, TEST)
    )
    if not (len(validation.noisy) and len(test.noisy)):
        return Verdict("Your held-out recordings hold no noise that could be seen: nothing can be estimated.", {}, None)
    found = [estimate(method, None, test) for method in methods]
    filters = [estimate(method, estimate_best(method, validation).setting, test) for method in FILTERS]
    best = max(filters, key=lambda one: one.improvement_db)
    gains = [one.improvement_db for one in found]
    at = f"at about {test.snr_db:.0f} dB SNR"
    sentence = _say(
        f"On your held-out recordings, {at} and by estimate,", gains, best.label, best.improvement_db, methods
    )
    cautions = _cautions(methods, test)
    figures = {
        "estimated": LIMITS,
        "gain_db": gains[0],
        "start_gain_db": gains[1] if len(gains) > 1 else None,
        "best_filter": best.label,
        "best_filter_gain_db": best.improvement_db,
        "input_snr_db": test.snr_db,
        "residual_autocorrelation": found[0].autocorrelation.tolist(),
        "warnings": cautions,
        "how": f"{len(test.noisy)} crops of the test part through the engine at hop {recipe.hop}",
    }
    noisy = test.noisy[:PANELS]
    panels = noisy[:, :PANEL_SAMPLES], methods[0].apply(noisy, None)[:, :PANEL_SAMPLES], None
    return Verdict(" ".join([*cautions, sentence]), figures, panels)


def _cautions(methods: Sequence[Filter], test: Blind) -> list[str]:
    """Give the warnings by the network's residual, or by that of the network it started from, which may know more."""
    for method in methods:
        if found := warnings(estimate(method, None, test), test):
            return found
    return []


def _draw(recipe: Recipe, own: OwnData, split: int) -> Mixtures:
    seed = int(seeded(recipe.seed, split).integers(2**32))
    if isinstance(own.pairs, PairedRecordings):
        pairs = own.pairs.part(split)
        return draw_pairs(seed, SIGNALS, _length(pairs.clean), pairs)
    clean, noise = (source.part(split) if source is not None else None for source in (own.clean, own.noise))
    least, most = recipe.data.get("snr_db", SNR_DB[:: len(SNR_DB) - 1])
    snr_db = [snr for snr in SNR_DB if least <= snr <= most] or [(least + most) / 2]
    length = LONGEST if clean is None else _length(clean)
    share = float(recipe.data.get("noise_recordings_share", 1.0))
    return draw_mixtures(seed, SIGNALS, length, snr_db, clean, noise, recipe.noise, share)


def _length(recordings: Recordings) -> int:
    return int(np.clip(max(len(signal) for signal in recordings.signals), SHORTEST, LONGEST))


def _tune(outcome: Evaluation) -> list[Filter]:
    """Give every filter the one setting that gained most."""
    settings = {result.name: next(iter(result.settings)) for result in outcome.filters}
    return [replace(method, settings=(settings[method.name],)) for method in FILTERS]


def _say(where: str, gains: Sequence[float], best: str, best_gain: float, methods: Sequence[Filter]) -> str:
    """Put the comparison into words, and what to do if the training was for nothing."""
    started = f"; {methods[1].name}, where it started, {_gains(gains[1])}" if len(gains) > 1 else ""
    sentence = f"{where} the model {_gains(gains[0])}; the best filter, {best}, {_gains(best_gain)}{started}."
    if best_gain >= gains[0] - NOTHING_DB and best_gain > 0:
        return f"{sentence} The model is no better than the filter: use the filter, or train longer or on more."
    if gains[0] <= NOTHING_DB:
        return f"{sentence} The model gains nothing: leave such signals as they are."
    if len(gains) > 1 and gains[0] <= gains[1] + NOTHING_DB:
        return f"{sentence} The training gained nothing: use {methods[1].name} as it is, or train on more."
    return sentence


def _gains(gain: float) -> str:
    return f"{'gains' if gain >= 0 else 'loses'} {abs(gain):.1f} dB"
