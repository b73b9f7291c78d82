"""The program ``denoise-stream``: a source and a sink by name come in, a denoised signal goes out."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from denoise_stream.cli.archive import ArchiveOptions, archive_options, is_archive, run_archive
from denoise_stream.cli.command_line import (
    CONTEXT_SETTINGS,
    PATH,
    SectionedCommand,
    examples,
    refuse_options,
    run_command,
    version_option,
)
from denoise_stream.errors import needs_extra
from denoise_stream.files.image_files import is_image_file
from denoise_stream.native_messages import native_messages_hidden

if TYPE_CHECKING:
    from denoise_stream.files.protocols import Source
    from denoise_stream.runs.run import Observer

PIPE_FORMATS = ("csv", "wav", "s16le", "f32le")
PROGRESS_AFTER_S = 1.0


def _list_models(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from denoise_stream.model import Model, bundled_models

    for name, path in bundled_models().items():
        contract = Model(path).contract
        rate = "any rate" if contract.sample_rate_hz is None else f"{contract.sample_rate_hz:g} Hz"
        kind = "stateful" if contract.state_size else "stateless"
        click.echo(
            f"{name:<12} window {contract.window}, hop {contract.hop}, {rate}, {kind}, "
            f"{path.stat().st_size / 1024:.0f} KiB; trained on {contract.trained_on}"
        )
    context.exit()


def _list_devices(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from denoise_stream.live.devices import describe_devices, list_devices

    click.echo(describe_devices(list_devices()))
    context.exit()


@click.command(
    cls=SectionedCommand,
    epilog=examples(
        "denoise-stream --input speech.wav",
        "denoise-stream --input sensor.csv --columns temperature --plot sensor.png",
        "denoise-stream --input recordings/ --output clean/ --exclude 'raw/**'",
        "denoise-stream --input mic --output take.wav",
        "denoise-stream --input noisy.png --output clean.png --model mnist-dense.onnx",
        "tail -f log.csv | denoise-stream --input - --format csv",
        "arecord -t raw -f S16_LE -r 16000 | denoise-stream --input - --format s16le --rate 16000 \\",
        "    | aplay -t raw -f S16_LE -r 16000",
    ),
    context_settings=CONTEXT_SETTINGS,
    options_metavar="--input SOURCE [OPTIONS]",
)
@click.option(
    "-i",
    "--input",
    "source",
    required=True,
    metavar="SOURCE",
    help="Audio file (WAV, FLAC, OGG ...), .csv, .tsv or .parquet, '-' (standard input) or 'mic'; "
    "a folder, a pattern or a URL. With a model of images: .png, .npy, IDX.",
)
@click.option(
    "-o",
    "--output",
    "sink",
    metavar="SINK",
    help="File, '-' (standard output), 'speaker' or 'null' (write nothing). Default: NAME.denoised.EXT beside a "
    "file, '-' for a pipe, 'speaker' for 'mic'. Many files need a folder or URL.",
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
    help="Samples between window starts, 1 to the window; fewer is cleaner and slower. Default: the model's own, "
    "the only one of a stateful model.",
)
@click.option(
    "--mix",
    type=float,
    default=1.0,
    show_default=True,
    metavar="0..1",
    help="Share of the denoised signal; 0 gives the input back.",
)
@click.option(
    "--max-attenuation",
    "max_attenuation_db",
    type=float,
    metavar="DB",
    help="Lower nothing by more than so many dB: a room stays a room. --mix blends on top. Default: no limit.",
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
    help="Sample rate of a raw pipe (default: the model's), a table or 'mic'.",
)
@click.option("--channels", type=int, metavar="N", help="Channels of a raw pipe or 'mic'. Default: 1.")
@click.option(
    "--columns",
    metavar="A,B",
    help="Columns of a table to denoise. Default: all numeric ones but time stamps and indices.",
)
@click.option("--series-column", metavar="ID", help="Column of a table file that says to which series a row belongs.")
@click.option("--device", metavar="NAME", help="Microphone: number, name or a part of it. Default: the system's.")
@click.option("--output-device", metavar="NAME", help="Loudspeaker, likewise; implies --output speaker.")
@click.option("--latency", metavar="low|high|SECONDS", help="What to ask of the audio devices. Default: low.")
@click.option("--duration", type=float, metavar="SECONDS", help="End 'mic' after so long. Default: until Ctrl-C.")
@click.option(
    "--reconnect/--no-reconnect",
    default=None,
    help="Wait up to 60 s for a vanished device. Default: for devices that are named.",
)
@click.option("--plot", type=PATH, metavar="FILE.png", help="Draw before and after.")
@click.option("--report", type=PATH, metavar="FILE.json", help="Write levels, latency and compute time as JSON.")
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
@archive_options
@version_option
def command(
    source: str,
    sink: str | None,
    model: str | None,
    hop: int | None,
    mix: float,
    max_attenuation_db: float | None,
    pipe_format: str | None,
    rate: float | None,
    channels: int | None,
    columns: str | None,
    series_column: str | None,
    device: str | None,
    output_device: str | None,
    latency: str | None,
    duration: float | None,
    reconnect: bool | None,
    plot: Path | None,
    report: Path | None,
    force: bool,
    quiet: bool,
    **many: Any,
) -> None:
    """Denoise a signal: a file, a pipe or a microphone, window by window, as it comes."""
    from denoise_stream.cli.endpoints import Endpoints
    from denoise_stream.engine.denoiser import Denoiser
    from denoise_stream.files.paths import check_outputs, whole_file
    from denoise_stream.model import choose_models
    from denoise_stream.runs.report import LevelMeter, facts, in_one_line
    from denoise_stream.runs.run import run
    from denoise_stream.runs.series import open_stream

    try:
        if is_image_file(source):
            from denoise_stream.runs.images import denoise_image_file

            known = {"source", "sink", "model", "mix", "force", "quiet"}
            refuse_options(click.get_current_context(), known, "images take --output, --model, --mix, --force, --quiet")
            done = denoise_image_file(source, sink, model, mix=mix, force=force)
            if not quiet:
                click.echo(done, err=True)
            return
        archive = ArchiveOptions(**many)
        if is_archive(source, sink):
            single = {"--format": pipe_format, "--channels": channels, "--device": device, "--latency": latency}
            live = {"--output-device": output_device, "--duration": duration, "--reconnect": reconnect}
            archive.check_alone({**single, **live, "--plot": plot})
            run_archive(
                source,
                sink,
                archive,
                model=model,
                hop=hop,
                mix=mix,
                max_attenuation_db=max_attenuation_db,
                columns=columns,
                rate=rate,
                series_column=series_column,
                report=report,
                force=force,
                quiet=quiet,
            )
            return
        archive.check_unused()
        if output_device is not None:
            sink = sink or "speaker"
        ends = Endpoints(source, sink, pipe_format, rate, channels, columns, series_column)
        settings = ends.live_settings(device, output_device, latency, duration, reconnect)
        if settings is not None and plot is not None:
            raise ValueError("--plot draws files and pipes, not a live microphone")
        if plot is not None:
            with needs_extra("drawing a picture", "plot"):
                import matplotlib as matplotlib
        check_outputs(ends.output_file, plot, report, force=force, inputs=ends.input_files)
        models = choose_models(model)
        chosen = models.table if ends.is_table else models.audio
        denoiser = Denoiser(chosen, hop=hop, mix=mix, max_attenuation_db=max_attenuation_db)
        if settings is not None:
            from denoise_stream.cli.live import go_live

            with native_messages_hidden():  # PortAudio's own, when a device goes
                go_live(denoiser, settings, output=ends.sink, pipe_format=pipe_format, report=report, quiet=quiet)
            return
        with contextlib.ExitStack() as stack:
            signal = stack.enter_context(contextlib.closing(ends.open_source()))
            stream = open_stream(denoiser, signal, series_column)
            names = ends.channel_names(signal)
            meter = LevelMeter(signal.channels)
            observers: list[Observer] = [meter]
            if plot is not None:
                from denoise_stream.runs.plots import BeforeAfterPlot

                title = f"{signal.name}, model {denoiser.contract.name}, hop {denoiser.hop}"
                picture = BeforeAfterPlot(names, signal.sample_rate_hz, title)
                observers.append(picture)
                plot = stack.enter_context(whole_file(plot))
            if report is not None:
                report = stack.enter_context(whole_file(report))
            # Opened last and so closed first: no picture and no report of an output that failed in the end.
            destination = stack.enter_context(ends.open_sink(signal, stream.sample_rate_hz))
            with _progress(signal, quiet=quiet) as on_progress:
                compute_time_s = run(signal, stream, destination, observers, on_progress)
            summary = facts(denoiser, stream, compute_time_s, meter, audio=not ends.is_table)
            summary |= {"input": source, "output": ends.sink}
            summary |= {"sample_rate_assumed": signal.sample_rate_hz is None and stream.sample_rate_hz is not None}
            summary |= {"columns": names} if ends.is_table else {}
            if plot is not None:
                picture.save(plot)
            if report is not None:
                report.write_text(json.dumps(summary, indent=2) + "\n")
    except ValueError as error:  # an option out of range, or options that contradict each other
        raise click.UsageError(str(error)) from error
    if not quiet:
        click.echo(in_one_line(summary), err=True)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-stream")


@contextlib.contextmanager
def _progress(signal: "Source", *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal once the work has lasted a second."""
    if quiet or signal.length_samples is None or not sys.stderr.isatty():
        yield lambda samples_in: None
        return
    from rich.console import Console
    from rich.progress import Progress

    started = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(signal.name, total=signal.length_samples, visible=False)

        def update(samples_in: int) -> None:
            bar.update(task, completed=samples_in, visible=time.monotonic() - started > PROGRESS_AFTER_S)

        yield update
