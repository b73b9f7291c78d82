"""The command ``denoise-evaluate``."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console

from denoise_stream import Denoiser, bundled_models
from denoise_stream.cli.command_line import PATH, in_options, refuse_options, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.errors import needs_extra
from denoise_stream.files.paths import check_outputs, picture_format, whole_file, write_json
from denoise_train.cli.evaluate_checks import choose_evaluation
from denoise_train.cli.evaluate_options import Options, Outputs, recording_of
from denoise_train.cli.evaluations import (
    EVALUATIONS,
    FEW_SIGNALS,
    LENGTH,
    SIGNALS,
    SNR_DB,
    SPEECH_LENGTH,
    SPEECH_SIGNALS,
    SPEECH_SNR_DB,
    STRETCH_LENGTH,
    STRETCH_SIGNALS,
    Evaluation,
    Subject,
)
from denoise_train.cli.judge import ALLOWED, judge_recording
from denoise_train.evaluation.listening import check_folder
from denoise_train.evaluation.text import CHOICES
from denoise_train.synthetic.noise import NOISE_KINDS

if TYPE_CHECKING:
    from denoise_train.evaluation.run import Finding

LARGEST_SNR_DB = 100.0
LARGEST_STRETCH = 1000.0
HELP = f"""Tell whether a model is better than plain filters: on one recording, or measured on many signals.

FILE is a noisy recording (audio, .csv, .tsv, .parquet, .npy, .npz): five lines and a picture beside it say whether
it is better denoised by the model or by the best plain filter, how that was estimated, and how sure it is.

MODEL is a bundled name ({", ".join(sorted(bundled_models()))}) or an ONNX file; it runs in the streaming
engine at its own hop, window by window. The filters see each signal as a whole. Give clean signals and noise to mix in
(by default built-in signals and white noise), or recorded --pairs, or --noisy recordings alone, for an estimate.
--optimum, --harm and --stretch run other measurements, and --speech compares with RNNoise, noisereduce and
programs of yours by perceptual scores.

Filters that need a setting appear twice. {CHOICES}
"""


EPILOG = examples(
    "denoise-evaluate sensor.csv",
    "denoise-evaluate sensor.csv --columns temperature --model mine.onnx",
    "denoise-evaluate general",
    "denoise-evaluate model.onnx --plot figures.png --json figures.json",
    "denoise-evaluate general --stretch 1,10,100",
    "denoise-evaluate general --clean ecg/ --snr 0,10,20 --rate 360",
    "denoise-evaluate general --clean speech/ --noise street.wav --noise impulsive --panels before-after.png",
    "denoise-evaluate mine.onnx --pairs unseen/clean/ unseen/noisy/",
    "denoise-evaluate mine.onnx --noisy unseen/",
    "denoise-evaluate mine.onnx --speech --clean speech/ --noise street/ --noise office/ --write listen/",
    "denoise-evaluate mine.onnx --speech --clean speech/ --noise street/ --peer gtcrn=gtcrn.onnx --peer dtln=models/",
)


def _comma(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)


def _parse_snr(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    needed = "numbers from -100 to 100 in dB with commas, such as -5,0,10"
    return _numbers("--snr", text, -LARGEST_SNR_DB, LARGEST_SNR_DB, needed)


def _parse_stretch(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    return _numbers("--stretch", text, 1, LARGEST_STRETCH, "numbers from 1 to 1000 with commas, such as 1,10,100")


def _numbers(option: str, text: str | None, least: float, most: float, needed: str) -> tuple[float, ...] | None:
    """Read numbers with commas, each once and in order."""
    if text is None:
        return None
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError:
        numbers = [math.nan]
    if not all(least <= number <= most for number in numbers):
        raise click.UsageError(f"{option} {text!r}: use {needed}")
    return tuple(numbers)


SECTIONS = {
    "A recording": ("model", "columns", "rate"),
    "Signals to measure on": ("clean", "noise", "pairs", "noisy", "snr_db", "signals", "length", "seed"),
    "Other measurements": ("optimum", "harm", "stretch"),
    "Speech": ("speech", "peers", "dnsmos", "write"),
    "Output": ("plot", "panels", "report", "force"),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, help=HELP, epilog=EPILOG, context_settings=CONTEXT_SETTINGS)
@click.argument("subject", metavar="FILE|MODEL")
@click.option(
    "--model", metavar="MODEL", help="With a FILE: the model to judge. Default: speech for audio, general for the rest."
)
@click.option(
    "--clean",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Clean recordings that the model was not trained on: audio, .csv, .tsv, .npz, .npy, or folders of them. "
    "Repeatable. Default: built-in synthetic signals that no training has seen.",
)
@click.option(
    "--noise",
    multiple=True,
    metavar="PATH|KIND",
    help=f"Recorded noise, or a kind: {', '.join(NOISE_KINDS)}. Repeatable; each signal gets one of them. Default: "
    "white. With --speech: recorded noise only, and each folder with files in it counts alike.",
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
@click.option(
    "--columns",
    metavar="A,B",
    help="Columns of tables to use, as in denoise-stream. Default: every column that is a signal.",
)
@click.option("--optimum", is_flag=True, help="Measure the gap to the best possible estimator on Gaussian processes.")
@click.option("--harm", is_flag=True, help="Measure what the model does to signals with little or no noise.")
@click.option(
    "--stretch",
    metavar="K,K...",
    callback=_parse_stretch,
    help="Measure signals that are oversampled K times, live and with all the look-ahead that the model can use, "
    "beside BayesShrink on the whole record and a low-pass set by an oracle.",
)
@click.option(
    "--speech",
    is_flag=True,
    help="Measure speech: mix --clean speech and recorded --noise at 16 kHz and at SNRs of speech without its pauses, "
    "and compare SI-SDR, PESQ, STOI, latency and cost with RNNoise and noisereduce. Levels, SNRs and scores are those "
    "above 50 Hz, beside raw scores. All recordings are used: bring ones that were not used in training.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME=PATH",
    help="With --speech: compare with another program too, whose published ONNX files you have: dtln=FOLDER of "
    "model_1.onnx and model_2.onnx, gtcrn=FILE, ul-unas=FILE (both streaming), fastenhancer=FILE (wave to wave). "
    "Repeatable.",
)
@click.option(
    "--dnsmos",
    type=PATH,
    metavar="FILE",
    help="With --speech: predict listeners' ratings, too, by DNSMOS P.835, whose file sig_bak_ovr.onnx you have.",
)
@click.option(
    "--snr",
    "snr_db",
    metavar="DB,DB...",
    callback=_parse_snr,
    help=f"SNRs of the input, in dB. Default: {_comma(SNR_DB)}; {_comma(SPEECH_SNR_DB)} with --speech.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="HZ",
    help="Sample rate of the signals: audio at another rate is resampled, tables are assumed to have it. Default: the "
    "model's, if it was trained for one.",
)
@click.option(
    "--signals",
    type=click.IntRange(1),
    metavar="N",
    help=f"Number of signals. Default: {SIGNALS}; {FEW_SIGNALS} per process or family with --optimum and --harm; "
    f"{STRETCH_SIGNALS} with --stretch; {SPEECH_SIGNALS} with --speech; fewer of a model with a memory.",
)
@click.option(
    "--length",
    type=click.IntRange(150),
    metavar="N",
    help=f"Samples per signal. Default: {LENGTH}; {STRETCH_LENGTH} with --stretch; {SPEECH_LENGTH}, 6 s, with "
    "--speech; 6 s for a model with a memory.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Draw other signals and noise."
)
@click.option("--plot", type=PATH, metavar="PICTURE", help="Draw improvement against SNR; with a FILE, the verdict.")
@click.option("--panels", type=PATH, metavar="PICTURE", help="Draw a few signals before and after, at the middle SNR.")
@click.option(
    "--write",
    type=PATH,
    metavar="DIR",
    help="With --speech: write the mixtures and what every method makes of them, WAV.",
)
@click.option("--json", "report", type=PATH, metavar="FILE", help="Write all figures.")
@click.option("--force", is_flag=True, help="Replace outputs that exist.")
@version_option
@click.pass_context
def command(context: click.Context, /, **values: Any) -> None:
    """Check the arguments, evaluate, write the outputs."""
    if recording_of(values) is not None:
        try:
            refuse_options(context, ALLOWED, "a recording is judged by itself; name a model to measure one")
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        options = Options.from_command(values)
        _check_outputs(options)
        with Console(stderr=True).status("judging ...") as status:
            text = judge_recording(options, lambda what: status.update(f"judging {what} ..."))
        click.echo(text)
        return
    if values["model"] is not None:
        raise click.UsageError(f"--model goes with a recording; {values['subject']} is taken for a model")
    _measure(EVALUATIONS[choose_evaluation(values)], Options.from_command(values))


def _measure(evaluation: Evaluation, options: Options) -> None:
    """Measure a model, and write what was found."""
    evaluation.load_packages()
    outputs, given = options.outputs, options.signals
    with needs_extra("evaluating", "evaluate"):
        from denoise_train.evaluation.compare import engine_method
        from denoise_train.evaluation.text_tables import paragraphs

        if outputs.plot is not None or outputs.panels is not None:
            from denoise_train.evaluation import plots as plots
    _check_outputs(options)
    assert options.model is not None
    denoiser = Denoiser(options.model)
    rate_hz = given.rate or denoiser.contract.sample_rate_hz
    try:
        denoiser.stream(1, rate_hz)
    except ValueError as error:
        raise click.UsageError(in_options(str(error), click.get_current_context())) from error
    subject = Subject(denoiser, engine_method(denoiser, rate_hz), rate_hz)
    request = evaluation.request(options, subject)
    name = denoiser.contract.name
    with Console(stderr=True).status(f"evaluating {name} ...") as status:
        found = evaluation.run(options, subject, request, lambda text: status.update(f"evaluating {text} ..."))
    _draw(outputs, name, found)
    if outputs.report is not None:
        facts = {
            "model": name,
            "file": options.model,
            "hop": denoiser.hop,
            "sample_rate_hz": evaluation.rate_hz(options),
            "signals": request.signals,
            "length_samples": request.length,
            "seed": given.seed,
        }
        write_json(outputs.report, facts | evaluation.inputs(options) | found.figures)
    remark = evaluation.remark(subject, found.figures.get("length_samples", request.length))
    click.echo("\n".join([found.text, *([paragraphs(remark)] if remark else [])]))


def _check_outputs(options: Options) -> None:
    """Refuse outputs that cannot be written, before the work begins."""
    outputs = options.outputs
    try:
        for picture in (outputs.plot, outputs.panels):
            if picture is not None:
                picture_format(picture)
        check_outputs(outputs.plot, outputs.panels, outputs.report, force=outputs.force, inputs=options.inputs)
        if outputs.write is not None:
            check_folder(outputs.write, force=outputs.force)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _draw(outputs: Outputs, name: str, found: "Finding") -> None:
    """Draw what was found, where it can be drawn."""
    if outputs.plot is not None and found.outcome is not None:
        from denoise_train.evaluation.plots import draw_improvements

        with whole_file(outputs.plot) as partial:
            draw_improvements(found.outcome, partial, f"{name} beside plain filters")
    if outputs.panels is not None and found.panels is not None:
        from denoise_train.evaluation.plots import draw_panels

        with whole_file(outputs.panels) as partial:
            draw_panels(found.panels, partial, f"{name}, before and after")


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-evaluate")
