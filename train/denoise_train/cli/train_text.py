"""The text that ``denoise-train`` prints before and after a training."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from denoise_stream.runs.report.quantities import rate_in_words
from denoise_train.evaluation.text_tables import paragraphs
from denoise_train.recipe import Recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import FILES_TO_SPLIT, Recordings
from denoise_train.splits import TEST, TRAINING, VALIDATION

DURATIONS = ((2 * 86_400.0, 86_400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "s"))
"""Durations of this many seconds and more are given in this unit."""


def opening(recipe: Recipe, name: str, folder: Path, own: OwnData, now: datetime) -> Iterator[str]:
    """Yield lines about what was found, how it is split, how long the training lasts, and what comes next.

    Parameters
    ----------
    recipe, name
        What is trained, and the model's name.
    folder
        The run folder.
    own
        The user's recordings.
    now
        When the training begins.
    """
    found = own.by_kind
    for kind, recordings in found.items():
        yield f"found    {kind}: {_amount(recordings)}"
    if found:
        yield f"split    {_split(next(iter(found.values())))}"
    start = f" from {recipe.start}" if recipe.start else ""
    minutes, epochs = recipe.schedule.minutes, recipe.schedule.epochs
    lasts = _count(epochs, "epoch")
    if minutes:
        ends = now + timedelta(minutes=minutes)
        lasts = f"{minutes:g} minutes, until about {ends:%H:%M}, and then some time to measure"
    yield f"train    {name}{start}: {lasts}; Ctrl-C keeps the best so far"
    yield f"then     {next_command(name, folder)}"


def ending(folder: Path, name: str, report: dict[str, Any]) -> str:
    """Summarize a training: how long it took, what the model gains, where the files are, what comes next."""
    if not report["epochs"]:
        return "interrupted before the first epoch was complete: no network was kept; start again"
    ended = "interrupted" if report["interrupted"] else "done"
    own = report.get("own_recordings")
    if own:
        gain = own["verdict"]
    elif "summary" in report:
        gain = f"{name}: {report['summary']}."
    else:
        gain = f"On synthetic test signals {name} gains {report['snr_improvement_db']:.1f} dB."
    pictures = [folder / "own.png"] * bool(own) + [folder / "samples.png", folder / "history.png"]
    return "\n".join(
        (
            f"{ended} after {_count(report['epochs'], 'epoch')} in {duration(report['training_seconds'])}",
            paragraphs(gain),
            f"pictures {', '.join(str(path) for path in pictures)}; figures {folder / 'report.json'}",
            f"next     {next_command(name, folder)}",
        )
    )


def next_command(name: str, folder: Path) -> str:
    """Return the command that makes a model of a run folder."""
    return f"denoise-export {folder} --output {name}.onnx"


def duration(seconds: float) -> str:
    """Return a duration in words.

    >>> duration(95), duration(600), duration(3e6)
    ('95 s', '10 minutes', '34.7 days')
    """
    unit, name = next((unit, name) for least, unit, name in DURATIONS if seconds >= least)
    return f"{seconds / unit:.3g} {name}"


def _amount(recordings: Recordings) -> str:
    """Describe recordings: the number of files, signals and samples, their duration and sample rates."""
    samples = sum(map(len, recordings.signals))
    files = recordings.file_count
    said = f"{_count(files, 'file')}, {_count(len(recordings.signals), 'signal')}, {_count(samples, 'sample')}"
    rates = [origin.rate_hz for origin in recordings.origins if origin.rate_hz]
    if not rates:
        return f"{said}; no file states its sample rate"
    lengths = zip(recordings.signals, recordings.origins, strict=True)
    seconds = math.fsum(len(signal) / origin.rate_hz for signal, origin in lengths if origin.rate_hz)
    least, most = min(rates), max(rates)
    at = rate_in_words(most) if least == most else f" at {least:.6g} to {most:.6g} Hz"
    unknown = len(recordings.signals) - len(rates)
    without = f", and {_count(unknown, 'signal')} without a rate" if unknown else ""
    return f"{said}; {duration(seconds)}{at}{without}"


def _split(recordings: Recordings) -> str:
    if recordings.file_count < FILES_TO_SPLIT:
        return "in time: the first 80 % of each signal to train, 10 % to choose the best epoch, the last 10 % to test"
    counts = [recordings.part(split).file_count for split in (TRAINING, VALIDATION, TEST)]
    return "by file: {} to train, {} to choose the best epoch, {} to test".format(*counts)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
