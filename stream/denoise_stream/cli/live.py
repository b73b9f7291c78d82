"""Run the microphone from the command line: show, record and report it."""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from denoise_stream.cli.once import is_first_time
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.errors import SinkError
from denoise_stream.files.audio.containers import AudioFormat, format_for
from denoise_stream.files.audio.encodings import ENCODINGS
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.wav import wav_header
from denoise_stream.files.paths import whole_file, write_json
from denoise_stream.files.pipes import PipeSink
from denoise_stream.files.protocols import Sink
from denoise_stream.live.display.words import decibels, facts, plain_line
from denoise_stream.live.recorder import Recorder
from denoise_stream.live.report import live_facts
from denoise_stream.live.run import LiveRun, LiveSettings
from denoise_stream.live.session import BLOCK_S

QUEUED_S = 10.0
"""Recorded signal that may wait for a slow disk before it is dropped."""

TICK_S = 0.1
PLAIN_LINE_S = 10.0
HEADPHONES = "use headphones, or the microphone picks up the loudspeaker"


def go_live(
    denoiser: Denoiser,
    settings: LiveSettings,
    *,
    output: str,
    title: str,
    warn: bool,
    pipe_format: str | None,
    report: Path | None,
    force: bool,
    quiet: bool,
) -> None:
    """Denoise a microphone until it is stopped, and keep what was recorded however it ends.

    Parameters
    ----------
    denoiser, settings
        Model and devices.
    output
        ``speaker``, ``null``, ``-`` or a file.
    title
        What the view is called: from where to where.
    warn
        Whether to say at the first run that the microphone may pick up the loudspeaker.
    pipe_format
        What ``-`` carries; None is WAV.
    report
        Where the summary goes, too.
    force
        Replace files that have appeared since the start.
    quiet
        Print errors only.

    Raises
    ------
    DenoiseError
        If a device or the recording failed. SystemExit (SIGTERM) passes, after the file and the report are complete;
        so does KeyboardInterrupt, unless it ends a recording, whose normal end it is.
    """
    run = LiveRun(denoiser, settings)
    loop = _open_loop(title, quiet=quiet, warn=warn)
    recorder: Recorder | None = None
    ended: BaseException | None = None
    with contextlib.ExitStack() as stack:  # what was recorded takes its name when this ends, before the report
        sink = _open_sink(output, pipe_format, run, stack, replace=force)
        if sink is not None:
            recorder = Recorder(sink, math.ceil(QUEUED_S / BLOCK_S))
        try:
            run.start(recorder)
            loop(run)
        except BaseException as error:  # however it ends: complete the recording first
            ended = error
        with _undisturbed():
            ended = _complete(run, recorder, sink, ended)
        if not run.has_started and ended is not None:
            raise ended
    summary = live_facts(run) | {"output": output}
    if report is not None:
        write_json(report, summary, replace=force)
    if not quiet:
        median_ms = summary["compute_per_hop_ms"]["median"]
        click.echo(
            f"{summary['duration_s']:.1f} s at {summary['sample_rate_hz']:g} Hz, model {summary['model']}, "
            f"{median_ms:.2f} ms per hop of {run.budget_ms:.2f} ms, {run.losses}",
            err=True,
        )
        if recorder is not None:
            click.echo(_recorded_in_words(output, recorder, run), err=True)
    if recorder is not None and isinstance(recorder.error, SinkError):
        raise SinkError(f"{ended}; the {recorder.samples / run.sample_rate_hz:.1f} s until then are kept") from ended
    if ended is not None and not (recorder is not None and isinstance(ended, KeyboardInterrupt)):
        raise ended


def _recorded_in_words(output: str, recorder: Recorder, run: LiveRun) -> str:
    """Describe the recording: its length, how loud it is, and what is missing in it."""
    where = "standard output" if output == "-" else output
    line = f"wrote {where}, {recorder.samples / run.sample_rate_hz:.1f} s"
    if recorder.peak > 0:
        clipped = ", clipped" if recorder.peak >= 1 else ""
        line += f", peak {decibels(recorder.peak):.1f} dBFS{clipped}".replace("-", "\N{MINUS SIGN}")
    else:
        line += ", silence"
    if run.away_s:
        line += f"; the {run.away_s:.1f} s without the device are not in it"
    return line


def _complete(
    run: LiveRun, recorder: Recorder | None, sink: Sink | None, ended: BaseException | None
) -> BaseException | None:
    """Stop the devices and complete the recording, each step whatever the others do; return what ended the run."""
    steps: list[Callable[[], None]] = [run.end_session]
    if recorder is not None and sink is not None:
        steps += [recorder.finish, sink.close]
    for step in steps:
        try:
            step()
        except Exception as error:  # after a full disk closing fails too, but has completed the header
            ended = ended or error
    return (recorder.error if recorder is not None else None) or ended


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C or SIGTERM while the first is being obeyed."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _open_sink(
    output: str, pipe_format: str | None, run: LiveRun, stack: contextlib.ExitStack, *, replace: bool
) -> Sink | None:
    rate, channels = run.sample_rate_hz, run.settings.channels
    if output in ("speaker", "null"):
        return None
    if output == "-":
        if sys.stdout.isatty():
            raise ValueError("audio would fill the terminal; redirect it or name an --output file")
        if pipe_format in (None, "wav"):
            encoding = ENCODINGS["s16le"]
            return PipeSink(sys.stdout.buffer, encoding, wav_header(encoding, rate, channels, None))
        return PipeSink(sys.stdout.buffer, ENCODINGS[str(pipe_format)])
    path = Path(output)
    partial = stack.enter_context(whole_file(path, replace=replace))
    return AudioSink(partial, format_for(path, AudioFormat()), rate, channels)


def _open_loop(title: str, *, quiet: bool, warn: bool) -> Callable[[LiveRun], None]:
    """Return what looks after a run, and shows it, until something ends it.

    What it needs is loaded here: once the devices run, loading would make their callbacks wait.
    """
    if quiet:
        return lambda run: _loop_plainly(run, lambda line: None, warn=False)
    if not sys.stderr.isatty():
        return lambda run: _loop_plainly(run, lambda line: click.echo(line, err=True), warn=warn)
    from denoise_stream.live.display.view import Keys, LiveView, handle_key

    def loop(run: LiveRun) -> None:
        keys, last_mix = Keys(), run.mix or 1.0
        with keys.listening(), LiveView(run, f"denoise-stream: {title}") as view:
            if warn:
                _warn_once(run, view.say)
            while run.tick(view.say):
                view.draw()
                go_on, last_mix = handle_key(keys.wait(TICK_S), run, view, last_mix)
                if not go_on:
                    return

    return loop


def _loop_plainly(run: LiveRun, say: Callable[[str], None], *, warn: bool) -> None:
    for fact in facts(run):
        say(f"{fact.name:<12} {fact.value}")
    if warn:
        _warn_once(run, say)
    said_at = time.monotonic()
    while run.tick(say):
        time.sleep(TICK_S)
        if time.monotonic() - said_at >= PLAIN_LINE_S:
            said_at = time.monotonic()
            say(plain_line(run))


def _warn_once(run: LiveRun, say: Callable[[str], None]) -> None:
    if run.loudspeaker is not None and is_first_time("headphones"):
        say(HEADPHONES)
