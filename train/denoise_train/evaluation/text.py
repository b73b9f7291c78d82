"""Describe an evaluation in tables and sentences for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from denoise_train.evaluation.text_tables import db, new_table, paragraphs, percent, render

if TYPE_CHECKING:
    from denoise_train.evaluation.compare import Evaluation, Result

OVERALL = "Over all SNRs: mean and worst in dB; RMSE in clean deviations; error at peaks"
LEFT_OUT = "they have no noise, at one of the SNRs at least, or nothing but noise"
CHOICES = (
    "Best single: one setting for all signals and SNRs, the one that gains most on them. "
    "Oracle: for each signal at each SNR the setting that gains most, found by comparing with the clean signal; "
    "a bound on what the filter can do, not something to use."
)


def describe(evaluation: "Evaluation", signals: int, left_out: int = 0, files: int = 0) -> str:
    """Return both tables, an explanation of the choices, the number of signals left out, and the conclusion.

    ``files`` is the number of recordings that the signals are pieces of; 0 for drawn signals.
    """
    what = f"{signals} pieces of {files} file{'' if files == 1 else 's'}" if files else f"{signals} signals"
    missing = [f"{left_out} more signals were drawn and left out: {LEFT_OUT}."] if left_out else []
    return "\n".join((_tables(evaluation, what), paragraphs(CHOICES, *missing, _conclusion(evaluation))))


def _tables(evaluation: "Evaluation", what: str) -> str:
    by_snr = new_table("method", *(f"{snr:.3g}" for snr in evaluation.snr_db), "mean")
    overall = new_table("method", "mean", "worst", "SI-SDR", "RMSE", "peaks")
    overall.add_column("setting")
    last_of_group = (evaluation.model, evaluation.filters[-1])
    for result in evaluation.results:
        row: dict[str, Any] = {
            "style": "bold" if result is evaluation.model else "",
            "end_section": any(result is last for last in last_of_group),
        }
        mean = db(result.mean_improvement_db)
        by_snr.add_row(result.label, *map(db, result.improvement_db.mean(axis=1)), mean, **row)
        worst, si_sdr = db(result.improvement_db.min()), db(result.si_sdr_improvement_db.mean())
        peaks = percent(float(result.peak_error.mean()))
        overall.add_row(result.label, mean, worst, si_sdr, f"{result.rmse.mean():.3f}", peaks, _settings(result), **row)
    heading = f"SNR improvement in dB by SNR of the input in dB, mean of {what}"
    return render((heading, by_snr), (OVERALL, overall))


def _settings(result: "Result") -> str:
    used = [str(setting) for setting in result.settings if setting is not None]
    return f"{'-'.join(dict.fromkeys((used[0], used[-1])))} {result.unit}" if used else ""


def _conclusion(evaluation: "Evaluation") -> str:
    """Describe what the figures mean for the choice between the model, a filter and doing nothing."""
    model = evaluation.model
    best = max(evaluation.filters, key=lambda result: result.mean_improvement_db)
    oracle = max(evaluation.oracles, key=lambda result: result.mean_improvement_db)
    sentences = [
        f"{model.name} {_gains(model)} on average; the best filter that needs no oracle, {best.label}, "
        f"{_gains(best)}; the best oracle filter, {oracle.name}, {_gains(oracle)}."
    ]
    means = model.improvement_db.mean(axis=1)
    strongest = np.max([result.improvement_db.mean(axis=1) for result in evaluation.filters], axis=0)
    if (behind := (strongest > means) & (strongest > 0)).any():
        where = _join(evaluation.snr_db, behind)
        sentences.append(f"At an input SNR of {where} dB a filter without oracle gains more than {model.name}.")
    if (harmed := means <= -0.05).any():
        where = _join(evaluation.snr_db, harmed)
        sentences.append(f"At {where} dB {model.name} does harm: such signals are better left alone.")
    return " ".join(sentences)


def _gains(result: "Result") -> str:
    gain = result.mean_improvement_db
    return f"{'gains' if gain >= 0 else 'loses'} {db(abs(gain))} dB"


def _join(snr_db: Sequence[float], chosen: Any) -> str:
    return ", ".join(f"{snr:g}" for snr, one in zip(snr_db, chosen, strict=True) if one)
