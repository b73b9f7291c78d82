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
    from denoise_stream.sinks import Sink
    from denoise_stream.sources import Source

TABLE_DELIMITERS = {".csv": None, ".tsv": "\t"}
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
    "-m", "--model", default="general", show_default=True, metavar="NAME|PATH", help="Bundled model or ONNX file."
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
    "--format", "pipe_format", type=click.Choice(PIPE_FORMATS), help="What a pipe carries ('-' on either side)."
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
    from denoise_stream.engine import Denoiser
    from denoise_stream.plots import BeforeAfterPlot, require_matplotlib
    from denoise_stream.report import LevelMeter, facts, run
    from denoise_stream.sinks import check_writable, whole_file
    from denoise_stream.tables import TableSource

    sink = sink or _default_sink(source)
    _check_options(source, sink, pipe_format, rate, channels, columns)
    if plot is not None:
        require_matplotlib()
    inputs = (Path(source),) if _is_file(source) else ()
    outputs = [path for path in (Path(sink) if _is_file(sink) else None, plot, report) if path is not None]
    for path in outputs:
        check_writable(path, force=force, inputs=inputs)
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise click.UsageError("--output, --plot and --report name the same file")
    try:
        denoiser = Denoiser(model, hop=hop, mix=mix)
        with contextlib.ExitStack() as stack:
            signal = _open_source(source, pipe_format, rate, channels, columns, denoiser.hop)
            stack.callback(signal.close)
            stream = denoiser.stream(signal.channels, signal.sample_rate_hz)
            table = isinstance(signal, TableSource)
            names = signal.column_names if table else _channel_names(signal.channels)
            meter = LevelMeter(signal.channels)
            picture = BeforeAfterPlot(names, signal.sample_rate_hz) if plot else None
            destination = stack.enter_context(_open_sink(sink, signal, pipe_format))
            with _progress(signal, quiet=quiet) as on_progress:
                observers = [meter] if picture is None else [meter, picture]
                totals = run(signal, stream, destination, observers, on_progress)
            if picture is not None and plot is not None:
                with whole_file(plot) as partial:
                    picture.save(partial, f"{signal.name}, model {denoiser.contract.name}, hop {denoiser.hop}")
            summary = facts(
                model=denoiser.contract.name,
                hop=denoiser.hop,
                window=denoiser.contract.window,
                stream=stream,
                totals=totals,
                meter=meter,
                audio=not table,
            )
            summary |= {"input": source, "output": sink, "mix": mix} | ({"columns": names} if table else {})
            if report is not None:
                with whole_file(report) as partial:
                    partial.write_text(json.dumps(summary, indent=2) + "\n")
    except ValueError as error:  # hop, mix, rate or channels out of range
        raise click.UsageError(str(error)) from error
    if not quiet:
        click.echo(_in_one_line(summary), err=True)


def _is_file(name: str) -> bool:
    return name not in ("-", "mic", "speaker", "null")


def _default_sink(source: str) -> str:
    if source in ("-", "mic"):
        return {"-": "-", "mic": "speaker"}[source]
    path = Path(source)
    return str(path.with_name(f"{path.stem}.denoised{path.suffix}"))


def _is_table(name: str) -> bool:
    return Path(name).suffix.lower() in TABLE_DELIMITERS


def _channel_names(channels: int) -> list[str]:
    return ["signal"] if channels == 1 else [f"channel {index + 1}" for index in range(channels)]


def _check_options(
    source: str,
    sink: str,
    pipe_format: str | None,
    rate: float | None,
    channels: int | None,
    columns: str | None,
) -> None:
    """Refuse options that contradict each other."""
    if source in ("speaker", "null") or sink == "mic":
        raise click.UsageError(f"--input {source} --output {sink}: a signal cannot go that way")
    if source == "-" and pipe_format is None:
        raise click.UsageError(f"--input - needs --format {'|'.join(PIPE_FORMATS)}")
    if pipe_format is not None and "-" not in (source, sink):
        raise click.UsageError("--format describes a pipe, but neither --input nor --output is '-'")
    table = pipe_format == "csv" if source == "-" else _is_file(source) and _is_table(source)
    if columns is not None and not table:
        raise click.UsageError("--columns describes a table, but the input is audio")
    if channels is not None and (table or (_is_file(source) or pipe_format == "wav")):
        raise click.UsageError("--channels describes a raw pipe or 'mic'; this input states its own")
    if rate is not None and not table and (_is_file(source) or (source == "-" and pipe_format == "wav")):
        raise click.UsageError("--rate describes a raw pipe, a table or 'mic'; this input states its own")
    if sink == "speaker" and table:
        raise click.UsageError("a table cannot be played on a loudspeaker")
    to_table = (pipe_format or "csv") == "csv" if sink == "-" and table else _is_file(sink) and _is_table(sink)
    if sink == "-" and pipe_format == "csv" and not table:
        to_table = True
    if sink != "null" and sink != "speaker" and table != to_table:
        raise click.UsageError(
            f"--output {sink}: a table becomes a table (.csv, .tsv) and audio becomes audio, not one the other"
        )


def _open_source(
    source: str,
    pipe_format: str | None,
    rate: float | None,
    channels: int | None,
    columns: str | None,
    hop: int,
) -> "Source":
    from denoise_stream.sources import AudioSource, RawSource, check_readable, read_blocks
    from denoise_stream.tables import TableSource

    wanted = None if columns is None else [name.strip() for name in columns.split(",")]
    if source == "mic":
        from denoise_stream.live import MicrophoneSource

        return MicrophoneSource(1 if channels is None else channels, rate, hop)
    if source == "-":
        if pipe_format == "csv":
            blocks = read_blocks(sys.stdin.fileno())
            return TableSource(blocks, "standard input", columns=wanted, sample_rate_hz=rate)
        if pipe_format == "wav":
            return AudioSource(None)
        if channels is not None and channels < 1:
            raise click.UsageError(f"--channels {channels}: use 1 or more")
        return RawSource(str(pipe_format), 1 if channels is None else channels, rate)
    path = Path(source)
    if not _is_table(source):
        return AudioSource(path)
    check_readable(path)
    file = path.open("rb")
    try:
        return TableSource(
            read_blocks(file.fileno()),
            path.name,
            delimiter=TABLE_DELIMITERS[path.suffix.lower()],
            columns=wanted,
            sample_rate_hz=rate,
            close=file.close,
        )
    except BaseException:
        file.close()
        raise


@contextlib.contextmanager
def _open_sink(sink: str, signal: "Source", pipe_format: str | None) -> Iterator["Sink"]:
    """Open the sink; on a clean end it is closed and a file gets its name, else nothing is left."""
    from denoise_stream.sinks import AudioSink, NullSink, RawSink, WavPipeSink, whole_file
    from denoise_stream.sources import AudioFormat, AudioSource
    from denoise_stream.tables import TableSink, TableSource

    opened: Sink
    with contextlib.ExitStack() as stack:
        if sink == "null":
            opened = NullSink()
            if isinstance(signal, TableSource):
                opened = TableSink(signal, stack.enter_context(Path("/dev/null").open("wb")))
        elif sink == "speaker":
            from denoise_stream.live import SpeakerSink

            opened = SpeakerSink(signal.channels, _known_rate(signal))
        elif isinstance(signal, TableSource):
            if sink == "-":
                opened = TableSink(signal, sys.stdout.buffer)
            else:
                partial = stack.enter_context(whole_file(Path(sink)))
                opened = TableSink(signal, stack.enter_context(partial.open("wb")))
        elif sink == "-":
            if sys.stdout.isatty():
                raise click.UsageError("audio would fill the terminal; redirect it or name an --output file")
            if pipe_format in ("s16le", "f32le"):
                opened = RawSink(sys.stdout.buffer, pipe_format)
            else:
                subtype = signal.format.subtype if isinstance(signal, AudioSource) else "PCM_16"
                length, rate = signal.length_samples, _known_rate(signal)
                opened = WavPipeSink(sys.stdout.buffer, subtype, rate, signal.channels, length)
        else:
            audio = signal.format if isinstance(signal, AudioSource) else AudioFormat()
            audio = _audio_format_for(Path(sink), audio, None if signal.name == "standard input" else signal.name)
            partial = stack.enter_context(whole_file(Path(sink)))
            opened = AudioSink(partial, audio, _known_rate(signal), signal.channels)
        try:
            yield opened
        finally:
            opened.close()


def _known_rate(signal: "Source") -> float:
    if signal.sample_rate_hz is None:
        raise click.UsageError("this output needs a sample rate; state it with --rate HZ")
    return signal.sample_rate_hz


def _audio_format_for(path: Path, audio: Any, source_name: str | None) -> Any:
    """Keep the source's format if the extension is the same, else what libsndfile puts behind the new one."""
    import dataclasses

    import soundfile

    extension = path.suffix.lower()
    if source_name is not None and Path(source_name).suffix.lower() == extension:
        return audio
    aliases = {"aif": "AIFF", "oga": "OGG", "opus": "OGG", "snd": "AU"}
    name = extension.lstrip(".")
    container = aliases.get(name, name.upper())
    if container not in soundfile.available_formats():
        raise click.UsageError(f"--output {path.name}: libsndfile knows no audio format {extension!r}")
    subtype = "OPUS" if name == "opus" else audio.subtype
    if not soundfile.check_format(container, subtype):
        subtype = soundfile.default_subtype(container)
    return dataclasses.replace(audio, container=container, subtype=subtype, endian="FILE")


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
