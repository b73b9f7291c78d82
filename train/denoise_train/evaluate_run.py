"""Run an evaluation: what to measure comes in, a text for the terminal and figures and signals for files go out."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from denoise_train import evaluation, harm, optimum
from denoise_train.arrays import Array
from denoise_train.blind import LIMITS, draw_blind, estimate, rank, warnings
from denoise_train.evaluation_text import describe
from denoise_train.families import FAMILIES
from denoise_train.filters import FILTERS, Filter
from denoise_train.findings_text import describe_estimates, describe_gaps, describe_harm
from denoise_train.mixtures import Mixtures, draw_mixtures, draw_pairs
from denoise_train.noisy_recordings import NoisyRecordings
from denoise_train.pairs import PairedRecordings
from denoise_train.recordings import Recordings
from denoise_train.splits import EVALUATION, seeded

if TYPE_CHECKING:
    from denoise_train.evaluation import Evaluation, Result

PANELS = 6
PANEL_SAMPLES = 600
SIGNALS_PER_FAMILY = 25
NOTHING_NOISY = "no noise was found in these recordings: there is nothing to estimate"


@dataclass(frozen=True)
class Request:
    """How many signals of which length, drawn from which seed."""

    seed: int
    signals: int
    length: int


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
        A few signals ``(n, length)``: noisy, denoised, and clean where it is known; None where there are none.
    outcome
        What improvement against SNR can be drawn from; None where there is no such thing.
    """

    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    panels: tuple[Array, Array, Array | None] | None = None
    outcome: "Evaluation | None" = None


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
    """Evaluate on signals with noise mixed in; by family, too, if asked for."""
    mixtures = draw_mixtures(
        request.seed, request.signals, request.length, snr_db, clean, noise, dict.fromkeys(kinds, 1.0)
    )
    found = _compare(method, mixtures)
    if by_family:
        per_family = math.ceil(request.signals / len(FAMILIES))
        families = evaluation.evaluate_families(method, request.seed, per_family, request.length, snr_db)
        found.figures["signals_per_family"] = per_family
        found.figures["families"] = {name: _figures(pair) for name, pair in families.items()}
    return found


def on_pairs(method: Filter, request: Request, pairs: PairedRecordings) -> Finding:
    """Evaluate on recorded pairs."""
    return _compare(method, draw_pairs(request.seed, request.signals, request.length, pairs))


def on_noisy(method: Filter, request: Request, noisy: Recordings) -> Finding:
    """Estimate on noisy recordings alone."""
    rng = seeded(request.seed, EVALUATION)
    blind = draw_blind(rng, NoisyRecordings(noisy), request.signals, request.length)
    if not len(blind.noisy):
        return Finding(NOTHING_NOISY, {"methods": []})
    itself = estimate(method, None, blind)
    ranked = rank(FILTERS, blind)
    best = ranked[0]
    words = "gains" if itself.improvement_db >= 0 else "loses"
    conclusion = (
        f"{itself.name} {words} about {abs(itself.improvement_db):.1f} dB; the best filter, {best.label}, "
        f"about {best.improvement_db:.1f} dB."
    )
    cautions = warnings(itself, blind)
    everything = sorted((itself, *ranked), key=lambda one: -one.improvement_db)
    figures = {
        "estimated": LIMITS,
        "input_snr_db": blind.snr_db,
        "warnings": cautions,
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
    chosen = blind.noisy[:PANELS, :PANEL_SAMPLES]
    text = describe_estimates(everything, blind, LIMITS, [*cautions, conclusion])
    return Finding(text, figures, (chosen, method.apply(blind.noisy[:PANELS], None)[:, :PANEL_SAMPLES], None))


def on_optimum(method: Filter, window: int, request: Request) -> Finding:
    """Measure the gap to the optimal estimator."""
    gaps = optimum.measure_gaps(method, window, request.seed, request.signals)
    rows = [
        dataclasses.asdict(gap) | {"window_gap_db": gap.window_gap_db, "engine_gap_db": gap.engine_gap_db}
        for gap in gaps
    ]
    return Finding(describe_gaps(gaps, method.name), {"processes": rows})


def on_harm(method: Filter, request: Request) -> Finding:
    """Measure what a model does to signals with little noise."""
    families = harm.measure_harm(method, request.seed, request.signals, request.length)
    verdicts = harm.judge(families)
    figures = {"families": {name: dataclasses.asdict(found) for name, found in families.items()}, "verdicts": verdicts}
    return Finding(describe_harm(families, verdicts), figures)


def _compare(method: Filter, mixtures: Mixtures) -> Finding:
    outcome = evaluation.evaluate(method, mixtures)
    figures = {"snr_db": list(mixtures.snr_db), "methods": _figures(outcome.results)}
    noisy = mixtures.noisy[len(mixtures.noisy) // 2][:PANELS]
    noisy, denoised, clean = (
        rows[:, :PANEL_SAMPLES] for rows in (noisy, method.apply(noisy, None), mixtures.clean[:PANELS])
    )
    return Finding(describe(outcome, len(mixtures.clean)), figures, (noisy, denoised, clean), outcome)


def _figures(results: Sequence["Result"]) -> list[dict[str, Any]]:
    return [result.figures() for result in results]
