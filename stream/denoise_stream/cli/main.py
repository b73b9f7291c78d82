"""The command ``denoise-stream``."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.archive.folders.places import without_file_scheme
from denoise_stream.cli.archive import archive_options, is_archive, run_archive
from denoise_stream.cli.command_line import PATH, in_options, refuse_options, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.cli.one import denoise_one
from denoise_stream.cli.options import Options, is_stream
from denoise_stream.cli.several import denoise_each, denoise_one_source
from denoise_stream.cli.tables import NAMES, table_options
from denoise_stream.files.formats import is_signal_file
from denoise_stream.files.image_files import is_image_file
from denoise_stream.files.protocols import MOST_COLUMNS

VIRTUAL_MICROPHONE = "Denoised microphone"
PIPE_FORMATS = ("csv", "wav", "s16le", "f32le")

SECTIONS = {
    "Input and output": ("source", "sink", "force", "pipe_format", "rate", "channels", "max_columns", "salvage"),
    "Model": ("model", "hop", "lookahead_samples", "list_models"),
    "Signal": ("mix", "max_attenuation_db", "gate_db", "notch_hz", "keep_peaks"),
    "What was done": ("plot", "listen", "report", "quiet"),
    "Tables": ("columns", "series_column", *NAMES),
    "Live: microphone and loudspeaker": (
        *("device", "output_device", "virtual_mic", "service", "latency", "duration", "reconnect"),
        "list_devices",
    ),
    "Folders, patterns and object stores (s3://bucket/folder ...)": (
        *("include", "exclude", "jobs", "shard", "dry_run", "engine", "ray_address"),
    ),
}

WHICH_MODEL = """Which model, which hop:

\b
  signal                            --model        --hop
  speech: recordings, calls         speech         75 only
  tables, ECG, vibration, machines  general        75; 150 halves the compute, 30 hardly helps
  the same, little compute          general-small  as general (gains 0.4 dB less)
  Without --model, audio goes through speech and everything else through general.
"""


def _list_models(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from denoise_stream.model import Model, bundled_models

    for name, path in bundled_models().items():
        contract = Model(path).contract
        rate = "any rate" if contract.sample_rate_hz is None else f"{contract.sample_rate_hz:g} Hz"
        kind = (
            "with a memory" if contract.state_size else "with a context" if contract.context_size else "a window alone"
        )
        click.echo(
            f"{name:<14} window {contract.window}, hop {contract.hop}, {rate}, {kind}, "
            f"{path.stat().st_size / 1024:.0f} KiB; trained on {contract.trained_on}"
        )
    context.exit()


def _look_ahead(context: click.Context, parameter: click.Parameter, text: str | None) -> int | str | None:
    if text is None or text == "auto":
        return text
    try:
        return int(text)
    except ValueError as error:
        raise click.UsageError(
            f"--look-ahead {text!r} is not a whole number of samples; use 0 or more, or auto"
        ) from error


def _list_devices(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from denoise_stream.cli.devices import print_devices

    print_devices()
    context.exit()


@click.command(
    cls=SectionedCommand,
    sections=SECTIONS,
    epilog=f"{WHICH_MODEL}\n"
    + examples(
        "denoise-stream speech.wav",
        "denoise-stream *.wav",
        "denoise-stream --input sensor.csv --columns temperature --plot sensor.png",
        "denoise-stream --input recordings/ --output clean/ --exclude 'raw/**'",
        "denoise-stream --input mic --output take.wav",
        "denoise-stream --virtual-mic",
        "denoise-stream --input serial:/dev/ttyUSB0@115200 --output clean.csv",
        "denoise-stream --input noisy.png --output clean.png --model mnist-dense.onnx",
        "tail -n +1 -f log.csv | denoise-stream --input - --format csv",
        "arecord -t raw -f S16_LE -r 16000 | denoise-stream --input - --format s16le --rate 16000 \\",
        "    | aplay -t raw -f S16_LE -r 16000",
    ),
    context_settings=CONTEXT_SETTINGS,
    options_metavar="[OPTIONS]",
)
@click.argument("files", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "-i",
    "--input",
    "source",
    metavar="SOURCE",
    help="Input, the same as SOURCE: an audio file (WAV, FLAC, OGG ...), .csv, .tsv, .parquet or .npy, '-' "
    "(standard input), 'mic' or 'monitor' (what other programs play; Linux); serial:PORT@BAUD, lsl:NAME or "
    "mqtt://HOST/TOPIC; a folder, a pattern or a URL. With a model of images: .png, .npy, IDX.",
)
@click.option(
    "-o",
    "--output",
    "sink",
    metavar="SINK",
    help="File, folder (existing, or written with a / at the end), '-' (standard output), 'speaker', a sensor's "
    "address as for --input, or 'null' (write nothing). Default: NAME.denoised.EXT beside a file, '-' for a pipe or "
    "sensor, 'speaker' for audio devices.",
)
@click.option(
    "-m",
    "--model",
    metavar="NAME|PATH",
    help="Bundled model or ONNX file. Default: general for tables; speech, where it is bundled, for audio.",
)
@click.option(
    "--hop",
    type=int,
    metavar="N",
    help="Step from one window to the next in samples, 1 to the window's length; smaller is cleaner and slower. "
    "Default: the model's own; a model with a memory takes no other.",
)
@click.option(
    "--mix",
    type=float,
    default=1.0,
    show_default=True,
    metavar="0..1",
    help="Blend of the denoised and the original signal: 1 is all denoised, 0 the original.",
)
@click.option(
    "--max-attenuation",
    "max_attenuation_db",
    type=float,
    metavar="DB",
    help="Limit the attenuation to this many dB, to keep some room sound. --mix blends on top. Default: no limit.",
)
@click.option(
    "--notch",
    "notch_hz",
    type=float,
    metavar="HZ",
    help="Mains frequency, 50 or 60, to filter out before the model, with its harmonics up to the tenth; needs a known "
    "sample rate. Default: none.",
)
@click.option(
    "--gate",
    "gate_db",
    type=float,
    metavar="DB",
    help="Attenuate pauses between words by this many dB more, such as 20; for speech models. Default: no gate.",
)
@click.option(
    "--look-ahead",
    "lookahead_samples",
    metavar="SAMPLES|auto",
    callback=_look_ahead,
    help="How many samples, at its own rate, a model with a context may look ahead; each adds one of latency. "
    "Default: auto, as many as it can use, for files; 0 for pipes and devices.",
)
@click.option(
    "--format",
    "pipe_format",
    type=click.Choice(PIPE_FORMATS),
    help="What a pipe ('-') carries; s16le, f32le: bare 16-bit integers or 32-bit floats, little-endian.",
)
@click.option(
    "--rate",
    type=float,
    metavar="HZ",
    help="Sample rate of a raw pipe (default: the model's), a table or a device.",
)
@click.option("--channels", type=int, metavar="N", help="Channels of a raw pipe or a device. Default: 1.")
@click.option(
    "--columns",
    metavar="A,B",
    help="Columns of a table to denoise. Default: all numbers but time, counts, dates, identifiers and states.",
)
@click.option(
    "--series-column",
    metavar="ID",
    help="Column that says to which series a row belongs; each series is denoised on its own.",
)
@click.option(
    "--keep-peaks",
    is_flag=True,
    help="Leave isolated peaks of tables and arrays unchanged: spikes that are data, not disturbances.",
)
@click.option(
    "--max-columns",
    type=click.IntRange(1),
    default=MOST_COLUMNS,
    show_default=True,
    metavar="N",
    help="Largest number of columns or channels to accept; each uses memory.",
)
@click.option("--salvage", is_flag=True, help="Read what can be recovered from truncated or damaged audio, and say so.")
@click.option(
    "--device",
    metavar="NAME|?",
    help="Microphone: its number, name or a part of the name; ? asks. Default: the system's.",
)
@click.option(
    "--output-device",
    metavar="NAME|?",
    help="Loudspeaker: its number or name; ? asks. Implies --output speaker, unless --listen is given.",
)
@click.option(
    "--virtual-mic",
    is_flag=False,
    flag_value=VIRTUAL_MICROPHONE,
    metavar="[NAME]",
    help="Denoise the microphone into a virtual one, which calls and recorders can choose until the program ends "
    f"(Linux). Default name: {VIRTUAL_MICROPHONE}.",
)
@click.option("--service", is_flag=True, help="With --virtual-mic: print a systemd unit that runs it at every login.")
@click.option(
    "--latency",
    metavar="low|high|SECONDS",
    help="Latency to request from each audio device. Default: 0.02 s with a loudspeaker, low without.",
)
@click.option(
    "--duration",
    type=float,
    metavar="SECONDS",
    help="Stop a device or sensor after this many seconds. Default: until Ctrl-C, a recording's normal end.",
)
@click.option(
    "--reconnect/--no-reconnect",
    default=None,
    help="Wait up to 60 s for a device that vanished, for ever for a sensor. Default: for sensors, and for a device "
    "that you named.",
)
@click.option(
    "--plot", type=PATH, metavar="PICTURE", help="Draw before, after and what was removed, with the largest change."
)
@click.option(
    "--listen",
    is_flag=True,
    help="Play the sound before and after, on --output-device: all of it, or the 8 s that changed most.",
)
@click.option(
    "--report",
    type=PATH,
    metavar="FILE.json",
    help="Write levels, changes and compute time as JSON; one line per file where several are named.",
)
@click.option("--force", is_flag=True, help="Replace outputs that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option(
    "--list-models",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_models,
    help="List the bundled models and exit.",
)
@click.option(
    "--list-devices",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_devices,
    help="List the audio devices and exit.",
)
@table_options
@archive_options
@version_option
def command(files: tuple[str, ...], **values: Any) -> None:
    """Remove noise from files, pipes or the microphone, as the signal comes in."""
    try:
        if values.pop("service"):
            _print_service(values["virtual_mic"])
            return
        sources = tuple(map(without_file_scheme, _sources(files, values)))
        values["sink"] = values["sink"] and without_file_scheme(values["sink"])
        if len(sources) == 1 and not (values["dry_run"] and Path(sources[0]).is_file()):
            denoise_one_source(_denoise, sources[0], values)
        else:
            denoise_each(_denoise, sources, values)
    except ValueError as error:  # an option out of range, or options that contradict each other
        raise click.UsageError(in_options(str(error), click.get_current_context())) from error


def _print_service(name: str | None) -> None:
    """Print a systemd unit that runs this command, and on standard error what to do with it."""
    from denoise_stream.live.service import HOW_TO_INSTALL, service_unit
    from denoise_stream.live.sound_server import check_name

    if name is None:
        raise ValueError("--service runs a virtual microphone at every login; use it with --virtual-mic")
    check_name(name)
    program = Path(shutil.which(sys.argv[0]) or shutil.which("denoise-stream") or sys.argv[0]).absolute()
    words = [str(program), *(word for word in sys.argv[1:] if word != "--service")]
    click.echo(service_unit(name, words, Path.cwd()), nl=False)
    click.echo(HOW_TO_INSTALL, err=True)


def _sources(files: tuple[str, ...], values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the inputs, named with or without --input."""
    if files and values["source"] is not None:
        raise ValueError(f"--input {values['source']} and {files[0]} are both inputs; name them all without --input")
    if not files and values["source"] is None and values["virtual_mic"] is not None:
        return ("mic",)
    if not files and values["source"] is None:
        raise ValueError("no input; name a file, a folder, '-' (standard input) or 'mic'")
    sources = files or (values["source"],)
    if "" in sources:
        raise ValueError("an input is empty; name a file, a folder ('.' for this one), '-' (standard input) or 'mic'")
    return sources


def _denoise(options: Options) -> dict[str, Any] | None:
    """Do what the options say; return the facts of the report on a single file or pipe."""
    if _holds_images(options):
        _denoise_images(options)
    elif is_archive(options.source, options.sink):
        run_archive(options)
    else:
        options.many.check_unused()
        return denoise_one(options)
    return None


def _holds_images(options: Options) -> bool:
    """Tell whether the input is a file of images; an array file is one if the model is for images."""
    if is_stream(options.source) or not is_image_file(options.source):
        return False
    if not is_signal_file(options.source):
        return True
    from denoise_stream.model import kind_of

    return options.model is not None and kind_of(options.model) == "image"


def _denoise_images(options: Options) -> None:
    from denoise_stream.runs.images import denoise_image_file

    known = {"source", "sink", "model", "mix", "force", "quiet"}
    refuse_options(click.get_current_context(), known, "images take --output, --model, --mix, --force, --quiet")
    done = denoise_image_file(options.source, options.sink, options.model, mix=options.mix, force=options.force)
    if not options.quiet:
        click.echo(done, err=True)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-stream", ends_in_computations=True)
