"""Describe estimates, gaps and harm in tables and sentences for a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from denoise_train.evaluation.text_tables import db, new_table, paragraphs, render

if TYPE_CHECKING:
    from denoise_train.evaluation.blind import Blind, Estimate
    from denoise_train.evaluation.harm import Harm
    from denoise_train.evaluation.optimum import Gap
    from denoise_train.evaluation.stretches import Stretch

GAPS = (
    "Optimum: the best linear estimator over the same window, which knows the spectrum, the mean and the noise level; "
    "on these processes no method beats it on average. Single windows are compared with its mean over a window; the "
    "engine, which overlaps windows, with its best sample, the centre, away from a signal's ends."
)

NO_ESTIMATE = (
    "How much of such noise a model removes can only be measured: with --pairs CLEAN NOISY, recordings of the same "
    "signal without and with noise, or with --clean, quiet recordings, and --noise, recorded noise."
)


def describe_estimates(
    estimates: Sequence["Estimate"], blind: "Blind", files: int, limits: str, warnings: Sequence[str], conclusion: str
) -> str:
    """Return the table of estimated improvements, the limits and the conclusion; no numbers after warnings.

    ``warnings`` say where the noise is not what the estimates take it for; ``conclusion`` is what the estimates mean.
    """
    of_files = f" of {files} file{'' if files == 1 else 's'}" if files else ""
    pieces = f"{len(blind.noisy)} pieces{of_files}"
    if warnings:
        return paragraphs(f"No estimate from {pieces}.", *warnings, NO_ESTIMATE)
    table = new_table("method", "estimate")
    table.add_column("setting")
    for one in estimates:
        table.add_row(one.name, db(one.improvement_db), "" if one.setting is None else f"{one.setting} {one.unit}")
    title = f"Estimated SNR improvement in dB, {pieces}, estimated SNR before {round(blind.snr_db)} dB"
    return "\n".join((render((title, table)), paragraphs(limits, conclusion)))


def describe_gaps(gaps: Sequence["Gap"], name: str) -> str:
    """Return the table of gaps to the optimum and the conclusion."""
    table = new_table("cut-off", "roll-off", "SNR", "optimum", "window", "gap", "centre", "engine", "gap ", "harm")
    for gap in gaps:
        numbers = (gap.optimum_db, gap.model_db, gap.window_gap_db, gap.centre_db, gap.engine_db, gap.engine_gap_db)
        harm = "yes" if gap.engine_db < 0 else ""
        table.add_row(f"{gap.cut_off:g}", f"{gap.roll_off:g}", f"{gap.snr_db:g}", *map(db, numbers), harm)
    single, engine = ([getattr(gap, key) for gap in gaps] for key in ("window_gap_db", "engine_gap_db"))
    conclusion = (
        f"{name} is {np.mean(single):.2f} dB below the optimum on average over single windows and "
        f"{max(single):.2f} dB at worst; through the engine {np.mean(engine):.2f} dB and {max(engine):.2f} dB."
    )
    title = "SNR improvement in dB on Gaussian processes, cut-off in cycles per sample"
    return "\n".join((render((title, table)), paragraphs(GAPS, conclusion)))


def describe_harm(families: Mapping[str, "Harm"], verdicts: Sequence[str]) -> str:
    """Return the table of harm to signals with little noise, and whether the aims are met."""
    table = new_table("family", "clean", "at 30", "peaks", "before")
    for name, harm in families.items():
        peaks = (f"{harm.peak_error:.1%}", f"{harm.peak_error_before:.1%}")
        table.add_row(name, db(harm.clean_snr_db), db(harm.improvement_db), *peaks)
    title = (
        "clean: output SNR in dB of signals without noise; at 30: SNR improvement in dB at 30 dB input SNR;\n"
        "peaks: amplitude error of peaks at 20 dB input SNR, and before denoising"
    )
    return "\n".join((render((title, table)), "\n".join(verdicts)))


def describe_stretches(stretches: Sequence["Stretch"], snr_db: Sequence[float], signals: int, length: int) -> str:
    """Return the table of gains by stretch, one method a row."""
    table = new_table("method", *(f"x{one.factor:g}" for one in stretches))
    for name in stretches[0].gains_db:
        table.add_row(name, *(db(one.gains_db[name]) for one in stretches))
    title = (
        f"SNR improvement in dB, white noise, mean over {snr_db[0]:g} to {snr_db[-1]:g} dB, {signals} signals of "
        f"{length} samples;\nx10: ten samples for each that the built-in family needs"
    )
    return render((title, table))
