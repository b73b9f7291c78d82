"""The verdict on a training with the user's own signals, measured on held-out recordings.

What is measured is what a user gets: the network in the streaming engine at the recipe's hop, on the test part of the
recordings. Every filter has the setting that gains most on the validation part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from denoise_train.dsp.filters import FILTERS, Filter, labelled
from denoise_train.evaluation.blind import LIMITS, Blind, cautions, draw_blind, estimate, estimate_best
from denoise_train.evaluation.compare import (
    NO_PROCESSING,
    Evaluation,
    Panels,
    evaluate,
    panels_of_blind,
    panels_of_mixtures,
)
from denoise_train.evaluation.lengths import SHORTEST
from denoise_train.evaluation.mixtures import Mixtures, draw_mixtures, draw_pairs
from denoise_train.recipe import Recipe
from denoise_train.recordings.noisy_recordings import NoisyRecordings
from denoise_train.recordings.pairs import OwnData, PairedRecordings
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded

SIGNALS = 100
LONGEST = 1500
SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
TUNING_STEPS = 4
"""Setting the filters takes about this many times as long as measuring a model."""

NOTHING_DB = 0.1
"""Less than this does not count as a gain."""


@dataclass(frozen=True)
class HeldOut:
    """The validation and test signals of a verdict; ``what`` describes them in its sentence."""

    what: str
    hop: int
    validation: Mixtures | Blind
    test: Mixtures | Blind


@dataclass(frozen=True)
class Verdict:
    """The gain of a training on signals that it did not see.

    Attributes
    ----------
    sentence
        The verdict in words.
    figures
        The same as numbers.
    panels
        A few signals before and after, to draw.
    """

    sentence: str
    figures: dict[str, Any]
    panels: Panels | None


def hold_out(recipe: Recipe, own: OwnData) -> HeldOut:
    """Draw the validation and test signals of a verdict from the parts of the recordings that no training sees.

    Parameters
    ----------
    recipe
        Kinds of noise, SNRs and seed of the training.
    own
        The recordings, unsplit.

    Raises
    ------
    SourceError
        If the recordings are too short to be split, or hold nothing to learn from or to judge by.
    """
    if isinstance(own.pairs, NoisyRecordings):
        training = own.pairs.part(TRAINING)
        training.require_noise(seeded(recipe.seed, TRAINING), SIGNALS, _length(training.noisy))
    validation, test = (_draw(recipe, own, split) for split in (VALIDATION, TEST))
    return HeldOut(_describe(recipe, own), recipe.hop, validation, test)


def judge(methods: Sequence[Filter], held_out: HeldOut, show: Callable[[float], None] = lambda share: None) -> Verdict:
    """Compare a network, and the one it started from, with the best filter on recordings that no training saw.

    Parameters
    ----------
    methods
        The network in the engine, and the one it started from, if it did not start from random weights.
    held_out
        From :func:`hold_out`.
    show
        Gets the share that is done.
    """
    show(0.0)
    if isinstance(held_out.validation, Blind) and isinstance(held_out.test, Blind):
        return _judge_blindly(methods, held_out.hop, held_out.validation, held_out.test)
    assert isinstance(held_out.validation, Mixtures)
    assert isinstance(held_out.test, Mixtures)
    test = held_out.test
    steps = TUNING_STEPS + len(methods)
    filters = _tune(evaluate(NO_PROCESSING, held_out.validation, show=lambda share: show(share * TUNING_STEPS / steps)))
    show(TUNING_STEPS / steps)
    outcome = evaluate(methods[0], test, filters)
    show((TUNING_STEPS + 1) / steps)
    models = [outcome.model, *(evaluate(method, test, ()).model for method in methods[1:])]
    gains = [model.mean_improvement_db for model in models]
    best = max(outcome.filters, key=lambda result: result.mean_improvement_db)
    filter_name = labelled(best.name, next(iter(best.settings)), best.unit)
    first, last = test.snr_db[0], test.snr_db[-1]
    at = f"at {first:.1f} dB SNR" if first == last else f"from {first:g} to {last:g} dB SNR"
    figures = {
        "gain_db": gains[0],
        "start_gain_db": gains[1] if len(gains) > 1 else None,
        "best_filter": filter_name,
        "best_filter_gain_db": best.mean_improvement_db,
        "snr_db": list(test.snr_db),
        "gain_db_by_snr": outcome.model.improvement_db.mean(axis=1).tolist(),
        "peak_amplitude_error": float(outcome.model.peak_error.mean()),
        "best_filter_peak_amplitude_error": float(best.peak_error.mean()),
        "left_out": test.left_out,
        "how": f"{len(test.clean)} crops of the test part through the engine at hop {held_out.hop}; filters set on the "
        "validation part",
    }
    sentence = _say(f"On {held_out.what}, {at},", gains, filter_name, best.mean_improvement_db, methods)
    return Verdict(sentence, figures, panels_of_mixtures(methods[0], test))


def _judge_blindly(methods: Sequence[Filter], hop: int, validation: Blind, test: Blind) -> Verdict:
    if not (len(validation.noisy) and len(test.noisy)):
        return Verdict("Your held-out recordings hold no measurable noise: nothing can be estimated.", {}, None)
    found = [estimate(method, None, test) for method in methods]
    filters = [estimate(method, estimate_best(method, validation).setting, test) for method in FILTERS]
    best = max(filters, key=lambda one: one.improvement_db)
    gains = [one.improvement_db for one in found]
    # The starting network may know more about the noise than one trained on these recordings alone.
    warnings = next(filter(None, (cautions(one, test) for one in found)), [])
    snr = "" if warnings else f", at an estimated SNR before of {round(test.snr_db)} dB"
    sentence = _say(f"On your held-out recordings{snr}, by estimate,", gains, best.label, best.improvement_db, methods)
    figures = {
        "estimated": LIMITS,
        "gain_db": gains[0],
        "start_gain_db": gains[1] if len(gains) > 1 else None,
        "best_filter": best.label,
        "best_filter_gain_db": best.improvement_db,
        "input_snr_db": None if warnings else test.snr_db,
        "residual_autocorrelation": found[0].autocorrelation.tolist(),
        "warnings": warnings,
        "how": f"{len(test.noisy)} crops of the test part through the engine at hop {hop}",
    }
    return Verdict(" ".join([*warnings, sentence]), figures, panels_of_blind(methods[0], test))


def _draw(recipe: Recipe, own: OwnData, split: int) -> Mixtures | Blind:
    if isinstance(own.pairs, NoisyRecordings):
        noisy = own.pairs.part(split)
        return draw_blind(seeded(recipe.seed, split), noisy, SIGNALS, _length(noisy.noisy))
    seed = int(seeded(recipe.seed, split).integers(2**32))
    if isinstance(own.pairs, PairedRecordings):
        pairs = own.pairs.part(split)
        return draw_pairs(seed, SIGNALS, _length(pairs.clean), pairs)
    clean, noise = (source.part(split) if source is not None else None for source in (own.clean, own.noise))
    least, most = recipe.data.get("snr_db", SNR_DB[:: len(SNR_DB) - 1])
    snr_db = [snr for snr in SNR_DB if least <= snr <= most] or [(least + most) / 2]
    length = LONGEST if clean is None else _length(clean)
    return draw_mixtures(seed, SIGNALS, length, snr_db, clean, noise, recipe.noise if noise is None else None)


def _describe(recipe: Recipe, own: OwnData) -> str:
    """Name the signals and the noise that a verdict is about."""
    signals = "your held-out recordings" if own.clean or own.pairs else "synthetic signals"
    if own.pairs:
        return signals
    if own.noise:
        return f"{signals} with your held-out noise"
    kinds = [kind for kind, share in recipe.noise.items() if share > 0]
    return f"{signals} with synthetic {'noise of many kinds' if len(kinds) > 1 else f'{kinds[0]} noise'}"


def _length(recordings: Recordings) -> int:
    return int(np.clip(max(len(signal) for signal in recordings.signals), SHORTEST, LONGEST))


def _tune(outcome: Evaluation) -> list[Filter]:
    """Choose for every filter the one setting that gained most."""
    settings = {result.name: next(iter(result.settings)) for result in outcome.filters}
    return [replace(method, settings=(settings[method.name],)) for method in FILTERS]


def _say(where: str, gains: Sequence[float], best: str, best_gain: float, methods: Sequence[Filter]) -> str:
    """Describe the comparison, and what to do if the training gained nothing."""
    started = f"; {methods[1].name}, where it started, {_gains(gains[1])}" if len(gains) > 1 else ""
    sentence = f"{where} {methods[0].name} {_gains(gains[0])}; the best filter, {best}, {_gains(best_gain)}{started}."
    if len(gains) > 1 and gains[1] >= gains[0] - NOTHING_DB and gains[1] > max(best_gain, NOTHING_DB):
        return f"{sentence} The training gained nothing: use {methods[1].name} as it is, or train on more."
    if best_gain >= gains[0] - NOTHING_DB and best_gain > 0:
        return f"{sentence} The model is no better than the filter: use the filter, or train longer or on more."
    if gains[0] <= NOTHING_DB:
        return f"{sentence} The model gains nothing: leave such signals as they are."
    return sentence


def _gains(gain: float) -> str:
    return f"{'gains' if gain >= 0 else 'loses'} {abs(gain):.1f} dB"
