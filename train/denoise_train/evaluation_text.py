"""The text of an evaluation: its figures come in, tables and sentences for a terminal go out."""

import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from denoise_train.evaluation import Evaluation, Result

PAGE_WIDTH = 79
WIDEST_PAGE = 1000
CHOICES = (
    "Best single: one setting for all signals and SNRs, the one that gains most on them. "
    "Oracle: for each signal at each SNR the setting that gains most, found by comparing with the clean signal; "
    "a bound on what the filter can do, not something to use."
)


def describe(evaluation: "Evaluation", signals: int) -> str:
    """Give both tables, what the choices mean, and the conclusion."""
    paragraphs = (textwrap.fill(text, PAGE_WIDTH) for text in (CHOICES, _conclusion(evaluation)))
    return "\n".join((_tables(evaluation, signals), "\n\n".join(paragraphs)))


def _tables(evaluation: "Evaluation", signals: int) -> str:
    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "padding": 0}
    by_snr, overall = Table(**look), Table(**look)
    by_snr.add_column("method")
    for heading in (*(f"{snr:g}" for snr in evaluation.snr_db), "mean"):
        by_snr.add_column(heading, justify="right", min_width=5)
    overall.add_column("method")
    for heading in ("mean", "worst", "SI-SDR", "RMSE"):
        overall.add_column(heading, justify="right", min_width=5)
    overall.add_column("setting")
    last_of_group = (evaluation.model, evaluation.filters[-1])
    for result in evaluation.results:
        row: dict[str, Any] = {
            "style": "bold" if result is evaluation.model else "",
            "end_section": any(result is last for last in last_of_group),
        }
        mean = _db(result.mean_improvement_db)
        by_snr.add_row(result.label, *map(_db, result.improvement_db.mean(axis=1)), mean, **row)
        worst, si_sdr = _db(result.improvement_db.min()), _db(result.si_sdr_improvement_db.mean())
        overall.add_row(result.label, mean, worst, si_sdr, f"{result.rmse.mean():.3f}", _settings(result), **row)
    # A pipe has no width: every row stays on one line.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDEST_PAGE)
    with console.capture() as captured:
        console.print(f"SNR improvement in dB by SNR of the input in dB, mean of {signals} signals\n", by_snr, "")
        console.print("Over all SNRs: mean and worst signal in dB; RMSE in clean standard deviations\n", overall)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _db(number: float) -> str:
    # Adding zero turns -0.0 into 0.0.
    return f"{round(float(number), 1) + 0.0:.1f}"


def _settings(result: "Result") -> str:
    used = [str(setting) for setting in result.settings if setting is not None]
    return f"{'-'.join(dict.fromkeys((used[0], used[-1])))} {result.unit}" if used else ""


def _conclusion(evaluation: "Evaluation") -> str:
    """Say in words what the figures mean for the choice between the model, a filter and doing nothing."""
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
    return f"{'gains' if gain >= 0 else 'loses'} {_db(abs(gain))} dB"


def _join(snr_db: Sequence[float], chosen: Any) -> str:
    return ", ".join(f"{snr:g}" for snr, one in zip(snr_db, chosen, strict=True) if one)
