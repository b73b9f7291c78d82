"""The program ``denoise-evaluate``: a model comes in, its figures beside those of plain filters go out."""

import json
import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from denoise_stream import Denoiser, MissingExtra
from denoise_stream.command_line import run_command
from denoise_stream.sinks import check_writable, whole_file

if TYPE_CHECKING:
    from denoise_train.evaluation import Evaluation, Result

LARGEST_SNR_DB = 100.0
PATH = click.Path(path_type=Path)
PAGE_WIDTH = 79
WIDEST_PAGE = 1000
OPTIONAL_PACKAGES = ("pywt", "matplotlib")
CHOICES = (
    "Best single: one setting for all signals and SNRs, the one that gains most on them. "
    "Oracle: for each signal at each SNR the setting that gains most, found by comparing with the clean signal; "
    "a bound on what the filter can do, not something to use."
)
HELP = f"""Measure how much a model improves noisy signals, beside plain filters.

MODEL is a bundled name (general, x2) or an ONNX file; it runs in the streaming engine at its own hop,
window by window. The filters see each signal as a whole.

Filters that need a setting appear twice. {CHOICES}
"""


def _parse_snr(context: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError:
        numbers = [math.nan]
    if not all(abs(number) <= LARGEST_SNR_DB for number in numbers):
        raise click.UsageError(f"--snr {text!r}: use numbers from -100 to 100 in dB with commas, such as -5,0,10")
    return tuple(numbers)


@click.command(
    help=HELP,
    epilog="Examples:\n\n\b\n"
    "  denoise-evaluate general\n"
    "  denoise-evaluate model.onnx --plot figures.png --json figures.json\n"
    "  denoise-evaluate general --clean ecg/ --snr 0,10,20 --rate 360\n"
    "  denoise-evaluate general --clean speech/ --noise street.wav --length 16000",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.argument("model", metavar="MODEL")
@click.option(
    "--clean",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Clean recordings that the model was not trained on: audio, .csv, .tsv, .npz, .npy, or folders of them. "
    "Repeatable. Default: the built-in family of signals, with seeds that no training uses.",
)
@click.option("--noise", type=PATH, multiple=True, metavar="PATH", help="Recorded noise. Default: white noise.")
@click.option(
    "--snr",
    "snr_db",
    default="-5,0,5,10,15,20,25",
    show_default=True,
    metavar="DB,DB...",
    callback=_parse_snr,
    help="SNRs of the input, in dB.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="HZ",
    help="Sample rate of the signals, for a model with a rate of its own; nothing else is resampled.",
)
@click.option(
    "--signals", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="Number of signals."
)
@click.option(
    "--length", type=click.IntRange(150), default=1500, show_default=True, metavar="N", help="Samples per signal."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Draw other signals and noise."
)
@click.option("--plot", type=PATH, metavar="FILE.png", help="Draw improvement against SNR.")
@click.option("--json", "report", type=PATH, metavar="FILE", help="Write all figures.")
@click.option("--force", is_flag=True, help="Replace outputs that exist.")
@click.version_option(package_name="denoise-stream", message="denoise-evaluate %(version)s")
def command(
    model: str,
    clean: tuple[Path, ...],
    noise: tuple[Path, ...],
    snr_db: tuple[float, ...],
    rate: float | None,
    signals: int,
    length: int,
    seed: int,
    plot: Path | None,
    report: Path | None,
    force: bool,
) -> None:
    """Check the arguments, evaluate, write the outputs."""
    outputs = [path for path in (plot, report) if path is not None]
    for path in outputs:
        check_writable(path, force=force, inputs=(Path(model), *clean, *noise))
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise click.UsageError("--plot and --json name the same file")
    evaluation, plots = _import_tools(drawing=plot is not None)
    from denoise_train.recordings import load_recordings

    denoiser = Denoiser(model)
    try:
        denoiser.stream(1, rate)
    except ValueError as error:
        raise click.UsageError(f"--rate: {error}") from error
    clean_recordings = load_recordings(clean) if clean else None
    noise_recordings = load_recordings(noise) if noise else None
    families = {}
    signals_per_family = math.ceil(signals / len(evaluation.FAMILIES))
    with Console(stderr=True).status(f"evaluating {denoiser.contract.name} ..."):
        mixtures = evaluation.draw_mixtures(seed, signals, length, snr_db, clean_recordings, noise_recordings)
        method = evaluation.engine_method(denoiser, rate)
        outcome = evaluation.evaluate(method, mixtures)
        if report is not None and not (clean or noise):
            families = evaluation.evaluate_families(method, seed, signals_per_family, length, snr_db)
    if plot is not None:
        with whole_file(plot) as partial:
            plots.draw_improvements(outcome, partial, f"{denoiser.contract.name} beside plain filters")
    if report is not None:
        facts = {
            "model": denoiser.contract.name,
            "file": model,
            "hop": denoiser.hop,
            "sample_rate_hz": rate,
            "clean": [str(path) for path in clean] or "built-in family",
            "noise": [str(path) for path in noise] or "white",
            "signals": signals,
            "length_samples": length,
            "seed": seed,
            "snr_db": snr_db,
            "methods": [result.figures() for result in outcome.results],
        }
        if families:
            facts["signals_per_family"] = signals_per_family
            facts["families"] = {name: [one.figures() for one in pair] for name, pair in families.items()}
        with whole_file(report) as partial:
            partial.write_text(json.dumps(facts, indent=2) + "\n")
    click.echo(_tables(outcome, signals))
    click.echo(textwrap.fill(CHOICES, PAGE_WIDTH) + "\n\n" + textwrap.fill(_conclusion(outcome), PAGE_WIDTH))


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-evaluate")


def _import_tools(*, drawing: bool) -> tuple[Any, Any]:
    """Import what the extra ``evaluate`` brings, so that --help works without it."""
    try:
        from denoise_train import evaluation

        if not drawing:
            return evaluation, None
        from denoise_train import plots
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in OPTIONAL_PACKAGES:
            raise
        raise MissingExtra("drawing a picture" if error.name != "pywt" else "evaluating a model", "evaluate") from error
    return evaluation, plots


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
