"""The program ``denoise-stream``: a source and a sink by name come in, a denoised signal goes out."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from denoise_stream.command_line import run_command

if TYPE_CHECKING:
    from denoise_stream.report import Observer
    from denoise_stream.sources import Source

PIPE_FORMATS = ("csv", "wav", "s16le", "f32le")
PROGRESS_AFTER_S = 1.0


@click.command(
    epilog="Examples:\n\n\b\n"
    "  denoise-stream --input speech.wav\n"
    "  denoise-stream --input sensor.csv --columns temperature --plot sensor.png\n"
    "  tail -f log.csv | denoise-stream --input - --format csv\n"
    "  arecord -f S16_LE -r 16000 | denoise-stream --input - --format s16le --rate 16000 | aplay -f S16_LE -r 16000",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.option(
    "-i",
    "--input",
    "source",
    metavar="SOURCE",
    help="Audio file (WAV, FLAC, OGG ...), .csv or .tsv, '-' (standard input) or 'mic'.",
)
@click.option(
    "-o",
    "--output",
    "sink",
    metavar="SINK",
    help="File, '-' (standard output), 'speaker' or 'null'. Default: NAME.denoised.EXT beside a file, "
    "'-' for a pipe, 'speaker' for 'mic'.",
)
@click.option(
    "-m",
    "--model",
    default="general",
    show_default=True,
    metavar="NAME|PATH",
    help="Bundled model or ONNX file.",
)
@click.option("--hop", type=int, metavar="N", help="Samples between window starts. Default: the model's own.")
@click.option(
    "--mix",
    type=float,
    default=1.0,
    show_default=True,
    metavar="0..1",
    help="Share of the denoised signal; 0 gives the input back.",
)
@click.option(
    "--format",
    "pipe_format",
    type=click.Choice(PIPE_FORMATS),
    help="What a pipe carries ('-' on either side).",
)
@click.option("--rate", type=float, metavar="HZ", help="Sample rate of a raw pipe, a table or 'mic'.")
@click.option("--channels", type=int, metavar="N", help="Channels of a raw pipe or 'mic'. Default: 1.")
@click.option(
    "--columns",
    metavar="A,B",
    help="Columns of a table to denoise. Default: all numeric ones but time stamps and indices.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw before and after.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json", help="Write what was done.")
@click.option("--list-models", is_flag=True, help="List the bundled models and exit.")
@click.option("--list-devices", is_flag=True, help="List the audio devices and exit.")
@click.option("--force", is_flag=True, help="Replace outputs that exist.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.version_option(package_name="denoise-stream", message="denoise-stream %(version)s")
def command(**options: Any) -> None:
    """Denoise a signal: a file, a pipe or a microphone, in streaming windows of 150 samples."""
    if options["list_models"]:
        click.echo(_describe_models())
    elif options["list_devices"]:
        from denoise_stream.live import list_devices

        click.echo(list_devices())
    elif options["source"] is None:
        raise click.UsageError("nothing to do; name an --input")
    else:
        _denoise(**{key: options[key] for key in options if not key.startswith("list_")})


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-stream")


def _describe_models() -> str:
    from denoise_stream.model import Model, bundled_models

    lines = []
    for name, path in bundled_models().items():
        contract = Model(path).contract
        rate = "any rate" if contract.sample_rate_hz is None else f"{contract.sample_rate_hz:g} Hz"
        kind = "stateful" if contract.state_size else "stateless"
        lines.append(
            f"{name:<12} window {contract.window}, hop {contract.hop}, {rate}, {kind}, "
            f"{path.stat().st_size / 1024:.0f} KiB; trained on {contract.trained_on}"
        )
    return "\n".join(lines)


def _denoise(
    *,
    source: str,
    sink: str | None,
    model: str,
    hop: int | None,
    mix: float,
    pipe_format: str | None,
    rate: float | None,
    channels: int | None,
    columns: str | None,
    plot: Path | None,
    report: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    from denoise_stream.endpoints import Endpoints
    from denoise_stream.engine import Denoiser
    from denoise_stream.plots import BeforeAfterPlot, require_matplotlib
    from denoise_stream.report import LevelMeter, facts, run
    from denoise_stream.sinks import check_writable, whole_file

    try:
        ends = Endpoints(source, sink, pipe_format, rate, channels, columns)
        if plot is not None:
            require_matplotlib()
        outputs = [path for path in (ends.output_file, plot, report) if path is not None]
        if len({path.resolve() for path in outputs}) < len(outputs):
            raise click.UsageError("--output, --plot and --report name the same file")
        for path in outputs:
            check_writable(path, force=force, inputs=ends.input_files)
        denoiser = Denoiser(model, hop=hop, mix=mix)
        with contextlib.ExitStack() as stack:
            signal = stack.enter_context(ends.open_source(denoiser.hop))
            stream = denoiser.stream(signal.channels, signal.sample_rate_hz)
            meter = LevelMeter(signal.channels)
            picture = BeforeAfterPlot(ends.channel_names(signal), signal.sample_rate_hz) if plot else None
            destination = stack.enter_context(ends.open_sink(signal))
            with _progress(signal, quiet=quiet) as on_progress:
                observers: list[Observer] = [meter] if picture is None else [meter, picture]
                totals = run(signal, stream, destination, observers, on_progress)
            summary = facts(denoiser, stream, totals, meter, audio=not ends.is_table)
            summary |= {"input": source, "output": ends.sink}
            summary |= {"columns": ends.channel_names(signal)} if ends.is_table else {}
            if picture is not None and plot is not None:
                title = f"{signal.name}, model {denoiser.contract.name}, hop {denoiser.hop}"
                picture.save(stack.enter_context(whole_file(plot)), title)
            if report is not None:
                stack.enter_context(whole_file(report)).write_text(json.dumps(summary, indent=2) + "\n")
    except ValueError as error:  # an option out of range, or options that contradict each other
        raise click.UsageError(str(error)) from error
    if not quiet:
        click.echo(_in_one_line(summary), err=True)


@contextlib.contextmanager
def _progress(signal: "Source", *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal once the work has lasted a second."""
    if quiet or signal.length_samples is None or not sys.stderr.isatty():
        yield lambda samples_in: None
        return
    from rich.console import Console
    from rich.progress import Progress

    started = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True, disable=False) as bar:
        task = bar.add_task(signal.name, total=signal.length_samples, visible=False)

        def update(samples_in: int) -> None:
            bar.update(task, completed=samples_in, visible=time.monotonic() - started > PROGRESS_AFTER_S)

        yield update


def _in_one_line(summary: dict[str, Any]) -> str:
    """Say in one line what was done."""
    rate = summary["sample_rate_hz"]
    length = f"{summary['samples_in'] / rate:.2f} s at {rate:g} Hz" if rate else f"{summary['samples_in']} samples"
    parts = [
        f"{summary['input']} -> {summary['output']}: {length}",
        f"columns {', '.join(summary['columns'])}" if "columns" in summary else f"{summary['channels']} channel(s)",
        f"model {summary['model']}, hop {summary['hop']}",
        f"latency {summary['latency_samples']} samples"
        + (f" ({summary['latency_ms']:.1f} ms)" if summary["latency_ms"] else ""),
        f"RTF {summary['rtf']:.4f}" if summary["rtf"] else f"{summary['compute_time_s']:.2f} s of compute",
    ]
    if summary["missing_samples"]:
        parts.append(f"{summary['missing_samples']} missing values kept")
    return ", ".join(parts)
