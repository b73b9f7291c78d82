"""The live part of ``denoise-stream``: options come in, a run that is shown, recorded and reported goes out."""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from denoise_stream.endpoints import format_for
from denoise_stream.engine import Denoiser
from denoise_stream.errors import DenoiseError, SinkError
from denoise_stream.live_run import PLAIN_LINE_S, QUEUED_S, TICK_S, LiveRun, LiveSettings, plain_line
from denoise_stream.recorder import Recorder
from denoise_stream.sinks import AudioSink, PipeSink, Sink, wav_header, whole_file
from denoise_stream.sources import ENCODINGS, AudioFormat


def go_live(
    denoiser: Denoiser,
    settings: LiveSettings,
    *,
    output: str,
    pipe_format: str | None,
    report: Path | None,
    quiet: bool,
) -> None:
    """Denoise a microphone until it is ended, and keep what was recorded whatever ends it.

    Parameters
    ----------
    denoiser, settings
        Model and devices.
    output
        ``speaker``, ``null``, ``-`` or a file.
    pipe_format
        What ``-`` carries; None is WAV.
    report
        Where the summary goes, too.
    quiet
        Print errors only.

    Raises
    ------
    DenoiseError
        If a device or the recording failed. KeyboardInterrupt and SystemExit (SIGTERM) pass, after the file and the
        report are complete.
    """
    run = LiveRun(denoiser, settings)
    ended: BaseException | None = None
    with contextlib.ExitStack() as stack:
        report_file = None if report is None else stack.enter_context(whole_file(report))
        sink = _open_sink(output, pipe_format, run, stack)
        recorder = None if sink is None else Recorder(sink, _queued_blocks(run))
        try:
            run.start(recorder)
            _loop(run, output, quiet=quiet)
        except (KeyboardInterrupt, SystemExit, DenoiseError, OSError) as error:
            if not hasattr(run, "session"):
                raise
            ended = error
        run.end_session()
        if recorder is not None and sink is not None:
            recorder.finish()
            ended = recorder.error or ended
            with contextlib.suppress(*([DenoiseError, OSError] if recorder.error else [])):
                sink.close()  # after a full disk this completes the header of what fitted
        summary = run.summary() | {"output": output}
        if report_file is not None:
            report_file.write_text(json.dumps(summary, indent=2) + "\n")
    if not quiet:
        events = ", ".join(f"{number} x {kind}" for kind, number in summary["events"].items()) or "no dropouts"
        click.echo(
            f"{summary['duration_s']:.1f} s at {summary['sample_rate_hz']:g} Hz, model {summary['model']}, "
            f"{summary['compute_per_hop_ms']['median']:.2f} ms per hop of {run.budget_ms:.2f} ms, {events}",
            err=True,
        )
    if recorder is not None and isinstance(recorder.error, SinkError):
        raise SinkError(f"{ended}; the {recorder.samples / run.sample_rate_hz:.1f} s until then are kept") from ended
    if ended is not None:
        raise ended


def _queued_blocks(run: LiveRun) -> int:
    """Give how many blocks fit into ``QUEUED_S``, if a block is as short as a hop."""
    return max(100, int(QUEUED_S * run.sample_rate_hz / run.denoiser.hop))


def _open_sink(output: str, pipe_format: str | None, run: LiveRun, stack: contextlib.ExitStack) -> Sink | None:
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
    return AudioSink(stack.enter_context(whole_file(path)), format_for(path, AudioFormat()), rate, channels)


def _loop(run: LiveRun, output: str, *, quiet: bool) -> None:
    """Look after the run, and show it, until something ends it."""
    if quiet or not sys.stderr.isatty():
        _loop_plainly(run, (lambda line: None) if quiet else (lambda line: click.echo(line, err=True)))
        return
    from denoise_stream.live_view import Keys, LiveView, handle_key

    keys, last_mix = Keys(), run.mix or 1.0
    with keys.listening(), LiveView(run, f"denoise-stream: microphone to {output}") as view:
        while run.tick(view.say):
            view.draw()
            go_on, last_mix = handle_key(keys.wait(TICK_S), run, last_mix)
            if not go_on:
                return


def _loop_plainly(run: LiveRun, say: Callable[[str], None]) -> None:
    for name, value in run.facts():
        say(f"{name:<12} {value}")
    said_at = time.monotonic()
    while run.tick(say):
        time.sleep(TICK_S)
        if time.monotonic() - said_at >= PLAIN_LINE_S:
            said_at = time.monotonic()
            say(plain_line(run))
