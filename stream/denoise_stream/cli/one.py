"""Denoise one signal: a file, a pipe, a sensor or a microphone, as the options say."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from denoise_stream.cli.stopping import ended_by_first_signal
from denoise_stream.errors import SourceError, needs_extra, printable, shortened
from denoise_stream.native_messages import native_messages_hidden

if TYPE_CHECKING:
    from denoise_stream.cli.ends.ends import Ends
    from denoise_stream.cli.options import Options
    from denoise_stream.engine.denoiser import Denoiser
    from denoise_stream.files.protocols import Source

PROGRESS_AFTER_S = 1.0
INPUTS = {"mic": "microphone", "monitor": "what the loudspeaker plays"}


def denoise_one(options: "Options") -> dict[str, Any] | None:
    """Denoise the signal that the options name, and print a summary.

    Returns
    -------
    The facts of the report; None after a live run, which reports itself.

    Raises
    ------
    ValueError
        If an option is out of range, or options contradict each other.
    DenoiseError
        If the source, the model, the output or a device fails.
    """
    from denoise_stream.cli.ends.checks import checked_ends
    from denoise_stream.cli.ends.live_settings import live_settings
    from denoise_stream.files.paths import check_outputs, picture_format
    from denoise_stream.model import choose_models

    ends = checked_ends(options)
    live = live_settings(ends)
    if live is not None and options.plot is not None:
        raise ValueError("--plot draws files and pipes, not a live microphone")
    if options.plot is not None:
        picture_format(options.plot)
        with needs_extra("drawing a picture", "plot"):
            import matplotlib as matplotlib
    check_outputs(ends.output_file, options.plot, options.report, force=options.force, inputs=ends.input_files)
    models = choose_models(options.model)
    denoiser = options.settings.denoiser(models.audio if ends.kind == "audio" else models.table)
    if live is not None:
        from denoise_stream.cli.devices import with_chosen_devices
        from denoise_stream.cli.live import go_live

        live = with_chosen_devices(live)
        with contextlib.ExitStack() as stack:
            if options.virtual_mic is not None or options.source == "monitor":
                from denoise_stream.live.sound_server import on_server, route

                stack.enter_context(route(options.virtual_mic, play=live.play))
                live = on_server(live)
            stack.enter_context(native_messages_hidden())  # PortAudio's own, when a device goes
            go_live(
                denoiser,
                live,
                output=ends.sink,
                title=f"{INPUTS[options.source]} to {options.virtual_mic or ends.sink}",
                warn=options.source == "mic" and options.virtual_mic is None,
                pipe_format=options.pipe_format,
                report=options.report,
                force=options.force,
                quiet=options.quiet,
            )
        return None
    stop = threading.Event()
    with ended_by_first_signal(stop.set, options.duration) if ends.is_sensor else contextlib.nullcontext():
        return _denoise(denoiser, ends, stop)


def _denoise(denoiser: "Denoiser", ends: "Ends", stop: threading.Event) -> dict[str, Any]:
    """Denoise a file, pipe or sensor, draw, report and play it; return the facts of the report."""
    from denoise_stream.cli.ends.opening import Opener
    from denoise_stream.cli.watchers import Watchers
    from denoise_stream.files.paths import whole_file
    from denoise_stream.runs.report.facts import facts
    from denoise_stream.runs.report.words import changes_in_words, in_one_line
    from denoise_stream.runs.run import notes_of, run
    from denoise_stream.runs.series import open_stream

    options, opener = ends.options, Opener(ends, stop)

    def say(line: str) -> None:
        if not options.quiet:
            text = printable(shortened(line))
            click.echo(click.style(text, fg="yellow") if line.startswith("warning: ") else text, err=True)

    with contextlib.ExitStack() as stack:
        signal = stack.enter_context(contextlib.closing(opener.open_source(say)))
        stream = open_stream(denoiser, signal, options.series_column)
        sound = ends.kind == "audio"
        if options.keep_peaks:
            from denoise_stream.runs.peaks import PeakKeeper

            stream = PeakKeeper(stream)
        watchers = Watchers(signal, stream, denoiser, options, sound=sound)
        plot, report = (
            None if path is None else stack.enter_context(whole_file(path, replace=options.force))
            for path in (options.plot, options.report)
        )
        # Closed first: no picture and no report of an output that failed in the end.
        with (
            opener.open_sink(signal, stream.sample_rate_hz) as destination,
            _progress(signal, quiet=options.quiet) as on_progress,
        ):
            compute_time_s = run(signal, stream, destination, watchers.all, on_progress)
        summary = facts(denoiser, stream, compute_time_s, watchers.levels, watchers.changes, audio=sound)
        written = None
        with contextlib.suppress(OSError):  # a program that waits for the file may have taken it already
            written = None if ends.output_file is None else ends.output_file.stat().st_size
        summary |= {"input": options.source, "output": ends.sink, "output_bytes": written}
        summary |= {"notes": [*notes_of(signal, destination), *_doubts(denoiser, ends)]}
        summary |= {"sample_rate_assumed": signal.sample_rate_hz is None and stream.sample_rate_hz is not None}
        if ends.kind == "table":  # columns that stay as they are and why, bad rows, the rate
            summary |= {"columns": watchers.names, **getattr(signal, "facts", dict)()}
        if plot is not None and watchers.picture is not None:
            from denoise_stream.runs.drawing import save_picture

            save_picture(watchers.picture, summary["changes"], plot)
        if report is not None:
            report.write_text(json.dumps(summary, indent=2) + "\n")

    for line in (in_one_line(summary), *changes_in_words(summary)):
        say(line)
    if error := getattr(signal, "error", None):  # of a sensor, raised now that what it has sent is complete
        raise SourceError(f"{error}; what had come by then is kept") from error
    if watchers.listener is not None:
        with native_messages_hidden():
            watchers.listener.play(say)
    return summary


def _doubts(denoiser: "Denoiser", ends: "Ends") -> list[str]:
    """Say if the model was made for other signals."""
    from denoise_stream.model import choose_models

    usual = choose_models()
    if ends.kind == "audio" or denoiser.contract.name != usual.audio or usual.audio == usual.table:
        return []
    return [
        f"warning: the model {usual.audio} is for sound only and may spoil other signals; use --model {usual.table}"
    ]


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
