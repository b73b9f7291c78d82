"""Run an evaluation: measure, and describe what was found."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from denoise_stream import SourceError
from denoise_train.dsp.filters import FILTERS, Filter
from denoise_train.evaluation import harm, optimum
from denoise_train.evaluation.blind import LIMITS, cautions, draw_blind, estimate, rank
from denoise_train.evaluation.compare import (
    Evaluation,
    Panels,
    Result,
    evaluate,
    evaluate_families,
    panels_of_blind,
    panels_of_mixtures,
)
from denoise_train.evaluation.findings_text import (
    describe_estimates,
    describe_gaps,
    describe_harm,
    describe_stretches,
)
from denoise_train.evaluation.lengths import SHORTEST
from denoise_train.evaluation.mixtures import Mixtures, draw_mixtures, draw_pairs
from denoise_train.evaluation.stretches import measure_stretches
from denoise_train.evaluation.text import describe
from denoise_train.recordings.noisy_recordings import NO_NOISE, NoisyRecordings
from denoise_train.recordings.pairs import PairedRecordings
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import EVALUATION, seeded
from denoise_train.synthetic.families import FAMILIES


@dataclass(frozen=True)
class Request:
    """The number and length of the signals, and the seed."""

    seed: int
    signals: int
    length: int

    def for_recordings(self, recordings: Recordings) -> "Request":
        """Return the request with pieces no longer than the longest of the recordings, and 150 samples at least."""
        longest = max(len(signal) for signal in recordings.signals)
        return dataclasses.replace(self, length=min(self.length, max(longest, SHORTEST)))


@dataclass(frozen=True)
class Finding:
    """What an evaluation found.

    Attributes
    ----------
    text
        For the terminal.
    figures
        For JSON.
    panels
        A few signals to draw; None where there are none.
    outcome
        The results to draw improvement against SNR from; None where there are none.
    """

    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    panels: Panels | None = None
    outcome: Evaluation | None = None


def on_mixtures(
    method: Filter,
    request: Request,
    snr_db: Sequence[float],
    clean: Recordings | None,
    noise: Recordings | None,
    kinds: Sequence[str],
    *,
    by_family: bool = False,
) -> Finding:
    """Evaluate on signals with noise mixed in; on request by family, too."""
    request = request if clean is None else request.for_recordings(clean)
    mixtures = draw_mixtures(
        request.seed, request.signals, request.length, snr_db, clean, noise, dict.fromkeys(kinds, 1.0)
    )
    found = _compare(method, mixtures, 0 if clean is None else clean.file_count)
    if by_family:
        per_family = math.ceil(request.signals / len(FAMILIES))
        families = evaluate_families(method, request.seed, per_family, request.length, snr_db)
        found.figures["signals_per_family"] = per_family
        found.figures["families"] = {name: _figures(pair) for name, pair in families.items()}
    return found


def on_pairs(method: Filter, request: Request, pairs: PairedRecordings) -> Finding:
    """Evaluate on recorded pairs."""
    request = request.for_recordings(pairs.clean)
    mixtures = draw_pairs(request.seed, request.signals, request.length, pairs)
    return _compare(method, mixtures, pairs.clean.file_count)


def on_noisy(method: Filter, request: Request, noisy: Recordings) -> Finding:
    """Estimate on noisy recordings alone; SourceError if there is no noise in them."""
    rng = seeded(request.seed, EVALUATION)
    request = request.for_recordings(noisy)
    blind = draw_blind(rng, NoisyRecordings(noisy), request.signals, request.length)
    if not len(blind.noisy):
        raise SourceError(f"in these recordings {NO_NOISE}: there is nothing to estimate")
    itself = estimate(method, None, blind)
    ranked = rank(FILTERS, blind)
    best = ranked[0]
    words = "gains" if itself.improvement_db >= 0 else "loses"
    conclusion = (
        f"{itself.name} {words} about {abs(itself.improvement_db):.1f} dB; the best filter, {best.label}, "
        f"about {best.improvement_db:.1f} dB."
    )
    warnings = cautions(itself, blind)
    snr_db = None if warnings else blind.snr_db
    everything = sorted((itself, *ranked), key=lambda one: -one.improvement_db)
    figures = {
        "estimated": LIMITS,
        "signals": len(blind.noisy),
        "length_samples": blind.noisy.shape[1],
        "signals_left_out": request.signals - len(blind.noisy),
        "estimated_snr_db": snr_db,
        "input_snr_db": snr_db,
        "warnings": warnings,
        "methods": [
            {
                "name": one.name,
                "setting": one.setting,
                "setting_unit": one.unit or None,
                "estimated_improvement_db": one.improvement_db,
                "residual_autocorrelation": one.autocorrelation.tolist(),
            }
            for one in everything
        ],
    }
    text = describe_estimates(everything, blind, noisy.file_count, LIMITS, warnings, conclusion)
    return Finding(text, figures, panels_of_blind(method, blind))


def on_optimum(method: Filter, window: int, request: Request) -> Finding:
    """Measure the gap to the optimal estimator."""
    gaps = optimum.measure_gaps(method, window, request.seed, request.signals)
    rows = [
        dataclasses.asdict(gap) | {"window_gap_db": gap.window_gap_db, "engine_gap_db": gap.engine_gap_db}
        for gap in gaps
    ]
    return Finding(
        describe_gaps(gaps, method.name), {"length_samples": optimum.signal_length(window), "processes": rows}
    )


def on_harm(method: Filter, request: Request) -> Finding:
    """Measure what a model does to signals with little noise."""
    families = harm.measure_harm(method, request.seed, request.signals, request.length)
    verdicts = harm.check_aims(families)
    figures = {"families": {name: dataclasses.asdict(found) for name, found in families.items()}, "verdicts": verdicts}
    return Finding(describe_harm(families, verdicts), figures)


def on_stretches(
    methods: Sequence[Filter], request: Request, snr_db: Sequence[float], factors: Sequence[float]
) -> Finding:
    """Measure a model, in each way to use it, on signals of several stretches."""
    found = measure_stretches(methods, request.seed, request.signals, request.length, snr_db, factors)
    figures = {"snr_db": list(snr_db), "stretches": {f"{one.factor:g}": dict(one.gains_db) for one in found}}
    return Finding(describe_stretches(found, snr_db, request.signals, request.length), figures)


def _compare(method: Filter, mixtures: Mixtures, files: int) -> Finding:
    outcome = evaluate(method, mixtures)
    figures = {
        "signals": len(mixtures.clean),
        "length_samples": mixtures.clean.shape[1],
        "signals_left_out": mixtures.left_out,
        "snr_db": list(mixtures.snr_db),
        "methods": _figures(outcome.results),
    }
    panels = panels_of_mixtures(method, mixtures)
    return Finding(describe(outcome, len(mixtures.clean), mixtures.left_out, files), figures, panels, outcome)


def _figures(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [result.figures() for result in results]
