"""The program ``denoise-evaluate``: a model comes in, its figures beside those of plain filters go out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console

from denoise_stream import Denoiser
from denoise_stream.command_line import CONTEXT_SETTINGS, PATH, examples, needs_extra, run_command, version_option
from denoise_stream.sinks import check_outputs, whole_file, write_json
from denoise_train.evaluation_text import CHOICES, describe
from denoise_train.recordings import load_recordings

if TYPE_CHECKING:
    from denoise_train.evaluation import Result

LARGEST_SNR_DB = 100.0
HELP = f"""Measure how much a model improves noisy signals, beside plain filters.

MODEL is a bundled name (general, x2) or an ONNX file; it runs in the streaming engine at its own hop,
window by window. The filters see each signal as a whole.

Filters that need a setting appear twice. {CHOICES}
"""


EPILOG = examples(
    "denoise-evaluate general",
    "denoise-evaluate model.onnx --plot figures.png --json figures.json",
    "denoise-evaluate general --clean ecg/ --snr 0,10,20 --rate 360",
    "denoise-evaluate general --clean speech/ --noise street.wav --length 16000",
)


def _parse_snr(context: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError:
        numbers = [math.nan]
    if not all(abs(number) <= LARGEST_SNR_DB for number in numbers):
        raise click.UsageError(f"--snr {text!r}: use numbers from -100 to 100 in dB with commas, such as -5,0,10")
    return tuple(numbers)


@click.command(help=HELP, epilog=EPILOG, context_settings=CONTEXT_SETTINGS)
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
    help="Sample rate of the signals; needed only for a model trained for one rate.",
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
@version_option
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
    try:
        check_outputs(plot, report, force=force, inputs=(Path(model), *clean, *noise))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with needs_extra("evaluating", "evaluate"):
        from denoise_train import evaluation
        from denoise_train.families import FAMILIES

        if plot is not None:
            from denoise_train.plots import draw_improvements
    denoiser = Denoiser(model)
    try:
        denoiser.stream(1, rate)
    except ValueError as error:
        raise click.UsageError(f"--rate: {error}") from error
    clean_recordings = load_recordings(clean) if clean else None
    noise_recordings = load_recordings(noise) if noise else None
    families = {}
    signals_per_family = math.ceil(signals / len(FAMILIES))
    with Console(stderr=True).status(f"evaluating {denoiser.contract.name} ..."):
        mixtures = evaluation.draw_mixtures(seed, signals, length, snr_db, clean_recordings, noise_recordings)
        method = evaluation.engine_method(denoiser, rate)
        outcome = evaluation.evaluate(method, mixtures)
        if report is not None and not (clean or noise):
            families = evaluation.evaluate_families(method, seed, signals_per_family, length, snr_db)
    if plot is not None:
        with whole_file(plot) as partial:
            draw_improvements(outcome, partial, f"{denoiser.contract.name} beside plain filters")
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
            "methods": _figures(outcome.results),
        }
        if families:
            facts["signals_per_family"] = signals_per_family
            facts["families"] = {name: _figures(pair) for name, pair in families.items()}
        write_json(report, facts)
    click.echo(describe(outcome, signals))


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-evaluate")


def _figures(results: Sequence["Result"]) -> list[dict[str, Any]]:
    return [result.figures() for result in results]
