"""The program ``denoise-evaluate``: a model comes in, its figures beside those of plain filters go out."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console

from denoise_stream import Denoiser
from denoise_stream.command_line import CONTEXT_SETTINGS, PATH, examples, needs_extra, run_command, version_option
from denoise_stream.sinks import check_outputs, whole_file, write_json
from denoise_train.evaluation_text import CHOICES
from denoise_train.pairs import load_pairs
from denoise_train.recordings import load_recordings

if TYPE_CHECKING:
    from denoise_train.evaluate_run import Finding

LARGEST_SNR_DB = 100.0
SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
SIGNALS, FEW_SIGNALS = 200, 25
LENGTH = 1500
HELP = f"""Measure how much a model improves noisy signals, beside plain filters.

MODEL is a bundled name (general, general-small, x2) or an ONNX file; it runs in the streaming engine
at its own hop, window by window. The filters see each signal as a whole.

Give it clean signals and a noise to mix (or neither: the built-in family and white noise), or recorded --pairs, or
--noisy recordings alone, for an estimate. --optimum and --harm ask other questions.

Filters that need a setting appear twice. {CHOICES}
"""


EPILOG = examples(
    "denoise-evaluate general",
    "denoise-evaluate model.onnx --plot figures.png --json figures.json",
    "denoise-evaluate general --clean ecg/ --snr 0,10,20 --rate 360",
    "denoise-evaluate general --clean speech/ --noise street.wav --noise impulsive --panels before-after.png",
    "denoise-evaluate mine.onnx --pairs unseen/clean/ unseen/noisy/",
    "denoise-evaluate mine.onnx --noisy unseen/",
)


def _parse_snr(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
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
@click.option(
    "--noise",
    multiple=True,
    metavar="PATH|KIND",
    help="Recorded noise, or a kind: white, uniform, laplacian, impulsive, gusty, pink, brown, hum, salt_and_pepper, "
    "quantization. Repeatable; each signal gets one of them. Default: white.",
)
@click.option(
    "--pairs",
    type=(PATH, PATH),
    metavar="CLEAN NOISY",
    help="Recorded pairs that the model was not trained on: two files, or two folders whose files have the same names "
    "but for the ending.",
)
@click.option(
    "--noisy",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Noisy recordings that the model was not trained on, without clean ones: the improvement is estimated, for "
    "white noise. Repeatable.",
)
@click.option("--optimum", is_flag=True, help="Measure the gap to the best possible estimator on Gaussian processes.")
@click.option("--harm", is_flag=True, help="Measure what the model does to signals with little or no noise.")
@click.option(
    "--snr",
    "snr_db",
    metavar="DB,DB...",
    callback=_parse_snr,
    help=f"SNRs of the input, in dB. Default: {','.join(f'{snr:g}' for snr in SNR_DB)}.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="HZ",
    help="Sample rate of the signals: audio of another one is resampled, tables are taken to have it. Default: the "
    "model's, if it was trained for one.",
)
@click.option(
    "--signals",
    type=click.IntRange(1),
    metavar="N",
    help=f"Number of signals. Default: {SIGNALS}; {FEW_SIGNALS} per process or family with --optimum and --harm.",
)
@click.option("--length", type=click.IntRange(150), metavar="N", help=f"Samples per signal. Default: {LENGTH}.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Draw other signals and noise."
)
@click.option("--plot", type=PATH, metavar="FILE.png", help="Draw improvement against SNR.")
@click.option("--panels", type=PATH, metavar="FILE.png", help="Draw a few signals before and after, at the middle SNR.")
@click.option("--json", "report", type=PATH, metavar="FILE", help="Write all figures.")
@click.option("--force", is_flag=True, help="Replace outputs that exist.")
@version_option
def command(
    model: str,
    clean: tuple[Path, ...],
    noise: tuple[str, ...],
    pairs: tuple[Path, Path] | None,
    noisy: tuple[Path, ...],
    optimum: bool,
    harm: bool,
    snr_db: tuple[float, ...] | None,
    rate: float | None,
    signals: int | None,
    length: int | None,
    seed: int,
    plot: Path | None,
    panels: Path | None,
    report: Path | None,
    force: bool,
) -> None:
    """Check the arguments, evaluate, write the outputs."""
    given = {
        "--clean or --noise": bool(clean or noise),
        "--pairs": bool(pairs),
        "--noisy": bool(noisy),
        "--optimum": optimum,
        "--harm": harm,
    }
    asked = [name for name, present in given.items() if present]
    if len(asked) > 1:
        raise click.UsageError(f"{asked[0]} and {asked[1]} are two evaluations; ask for one of them")
    alone = asked[0] if asked and asked[0] != "--clean or --noise" else ""
    if snr_db is not None and alone:
        raise click.UsageError(f"--snr says how much noise to mix in, which {alone} does not leave open")
    if length is not None and optimum:
        raise click.UsageError("--length is about signals that are drawn; --optimum chooses it by the model's window")
    if plot is not None and alone:
        raise click.UsageError(f"--plot draws improvement against SNR, which {alone} does not measure")
    if panels is not None and alone in ("--optimum", "--harm"):
        raise click.UsageError(f"--panels draws signals before and after, which {alone} has none of")
    with needs_extra("evaluating", "evaluate"):
        from denoise_train import evaluate_run
        from denoise_train.evaluation import engine_method
        from denoise_train.noise import NOISE_KINDS

        if plot is not None or panels is not None:
            from denoise_train import plots
    kinds = tuple(name for name in noise if name in NOISE_KINDS)
    files = tuple(Path(name) for name in noise if name not in NOISE_KINDS)
    try:
        inputs = (Path(model), *clean, *files, *(pairs or ()), *noisy)
        check_outputs(plot, panels, report, force=force, inputs=inputs)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    denoiser = Denoiser(model)
    try:
        denoiser.stream(1, rate)
    except ValueError as error:
        raise click.UsageError(f"--rate: {error}") from error
    method = engine_method(denoiser, rate)
    loaded_hz = rate or denoiser.contract.sample_rate_hz
    request = evaluate_run.Request(seed, signals or (FEW_SIGNALS if optimum or harm else SIGNALS), length or LENGTH)
    found: Finding
    with Console(stderr=True).status(f"evaluating {denoiser.contract.name} ..."):
        if pairs:
            found = evaluate_run.on_pairs(method, request, load_pairs(*pairs, loaded_hz))
        elif noisy:
            found = evaluate_run.on_noisy(method, request, load_recordings(noisy, loaded_hz))
        elif optimum:
            try:
                found = evaluate_run.on_optimum(method, denoiser.contract.window, request)
            except ValueError as error:
                raise click.UsageError(f"--optimum: {error}") from error
        elif harm:
            found = evaluate_run.on_harm(method, request)
        else:
            found = evaluate_run.on_mixtures(
                method,
                request,
                snr_db or SNR_DB,
                load_recordings(clean, loaded_hz) if clean else None,
                load_recordings(files, loaded_hz) if files else None,
                kinds,
                by_family=report is not None and not (clean or noise),
            )
    name = denoiser.contract.name
    if plot is not None and found.outcome is not None:
        with whole_file(plot) as partial:
            plots.draw_improvements(found.outcome, partial, f"{name} beside plain filters")
    if panels is not None and found.panels is not None:
        with whole_file(panels) as partial:
            plots.draw_panels(*found.panels, partial, f"{name}, before and after")
    if report is not None:
        facts: dict[str, Any] = {
            "model": name,
            "file": model,
            "hop": denoiser.hop,
            "sample_rate_hz": rate,
            "signals": request.signals,
            "length_samples": request.length,
            "seed": seed,
        }
        if not alone:
            facts["clean"] = [str(path) for path in clean] or "built-in family"
            facts["noise"] = list(noise) or "white"
        elif pairs or noisy:
            facts[alone[2:]] = [str(path) for path in pairs or noisy]
        write_json(report, facts | found.figures)
    click.echo(found.text)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-evaluate")
