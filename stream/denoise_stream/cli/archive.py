"""The options for archives, and the run that they describe."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from denoise_stream.archive.folders.patterns import MAGIC
from denoise_stream.archive.folders.places import is_url
from denoise_stream.cli.options import ArchiveOptions, Options, is_stream
from denoise_stream.errors import SinkError, needs_extra, printable
from denoise_stream.sensors.addresses import is_sensor

if TYPE_CHECKING:
    from denoise_stream.archive.archive import Archive, Summary
    from denoise_stream.archive.processes import Dispatcher
    from denoise_stream.archive.worker import Work

Command = TypeVar("Command", bound=Callable[..., Any])


def archive_options(command: Command) -> Command:
    """Add the options that describe a run over many files."""
    for option in reversed(
        (
            click.option(
                "--include",
                multiple=True,
                metavar="PATTERN",
                help="Only files whose names match: '*.wav', '2024/**'; repeatable.",
            ),
            click.option("--exclude", multiple=True, metavar="PATTERN", help="No files whose names match; repeatable."),
            click.option(
                "--jobs",
                type=click.IntRange(1),
                metavar="N",
                help="Number of files in parallel. Default: physical cores.",
            ),
            click.option("--shard", metavar="I/N", help="Process shard I (from 1) of N, for batch schedulers."),
            click.option("--dry-run", is_flag=True, help="List what would be done."),
            click.option("--engine", type=click.Choice(("local", "ray")), help="Execution backend. Default: local."),
            click.option(
                "--ray-address", metavar="ADDRESS", help="Ray cluster. Default: RAY_ADDRESS, else this machine."
            ),
        )
    ):
        command = option(command)
    return command


def is_archive(source: str, sink: str | None) -> bool:
    """Tell whether a run has many files, or files elsewhere, to do."""
    if is_stream(source) or (sink is not None and is_sensor(sink) and Path(source).is_file()):
        return False
    if is_url(source) or (sink is not None and is_url(sink)):
        return True
    path = Path(source).expanduser()
    return path.is_dir() or (MAGIC.search(source) is not None and not path.exists())


def run_archive(options: Options) -> None:
    """Denoise an archive and say how it went; exit with status 1 if a file failed.

    Raises
    ------
    ValueError
        If options contradict each other.
    DenoiseError
        If the archive cannot be listed, or the output folder not be written.
    """
    from denoise_stream.archive.archive import Archive, Selection
    from denoise_stream.archive.folders.places import open_input, open_output
    from denoise_stream.archive.manifest import NAME
    from denoise_stream.archive.progress import failures_as_table, progress, result_in_one_line
    from denoise_stream.files.formats import is_signal_file
    from denoise_stream.files.paths import check_outputs, write_json

    source, sink, many = options.source, options.sink, options.many
    many.check_alone(
        {
            "--format": options.pipe_format,
            "--channels": options.channels,
            "--device": options.device,
            "--latency": options.latency,
            "--output-device": options.output_device,
            "--duration": options.duration,
            "--reconnect": options.reconnect,
            "--plot": options.plot,
            "--listen": options.listen or None,
            "--keep-peaks": options.keep_peaks or None,
        }
    )
    if sink is None:
        raise ValueError(f"--input {source} is many files; name the folder for the results with --output")
    if is_stream(sink) or sink in ("speaker", "null"):
        raise ValueError(f"--output {sink} takes one signal, --input {source} is many files; name a folder")
    if is_signal_file(sink) and (is_url(sink) or not Path(sink).expanduser().exists()):
        raise SinkError(f"--output {sink} is named like a file; name a folder for the results, or end it in /")
    if options.rate is not None and not 0 < options.rate < float("inf"):
        raise ValueError(f"--rate {options.rate:g} is not a valid sample rate; use a number above 0")
    if many.ray_address is not None and many.engine != "ray":
        raise ValueError("--ray-address applies to a Ray cluster; use it with --engine ray")
    if many.engine == "ray":
        with needs_extra("a Ray cluster", "ray"):
            import ray as ray
    shard = _shard(many.shard)
    check_outputs(options.report, force=options.force)
    folder, pattern = open_input(source)
    archive = Archive(
        folder,
        open_output(sink),
        Selection(pattern, many.include, many.exclude, shard),
        model=options.model,
        settings=options.settings,
        reading=options.reading,
        force=options.force,
    )
    if many.dry_run:
        _show_plan(archive, source, sink)
        return
    with progress(quiet=options.quiet) as on_progress:
        summary = archive.run(lambda work: _dispatcher(work, many), on_progress)
    if options.report is not None:
        write_json(options.report, _facts(summary, source, sink), replace=options.force)
    if summary.failures:
        click.echo(failures_as_table(summary, f"{sink.rstrip('/')}/{NAME}*.jsonl"), err=True)
    if not options.quiet:
        click.echo(result_in_one_line(summary, source, sink), err=True)
    if summary.failures:
        sys.exit(1)


def _dispatcher(work: "Work", options: ArchiveOptions) -> "Dispatcher":
    if options.engine == "ray":
        from denoise_stream.archive.ray import RayDispatcher

        return RayDispatcher(work, options.ray_address, options.jobs)
    from denoise_stream.archive.processes import LocalDispatcher

    return LocalDispatcher(work, options.jobs)


def _show_plan(archive: "Archive", source: str, sink: str) -> None:
    from denoise_stream.archive.progress import denoised_in_words, models_in_words

    plan = archive.plan()
    click.echo(printable(f"dry run, nothing is written; {source} -> {sink} would denoise (name, bytes):"), err=True)
    models = f" through {models_in_words(archive.models)}" if archive.models else ""
    for entry in plan.todo:
        click.echo(f"{printable(entry.name)}\t{entry.size_bytes}")
    for outcome in plan.refused:
        click.echo(printable(f"{outcome.name}: {outcome.error}"), err=True)
    click.echo(
        f"to do: {len(plan.todo)} files of {plan.size_bytes / 1e6:.1f} MB{models}; done before: {plan.unchanged}; "
        f"not possible: {len(plan.refused)}; of other kinds: {plan.others}"
        + (f"; {denoised_in_words(plan.denoised)}" if plan.denoised else ""),
        err=True,
    )


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(f"--shard {text} is not a valid shard; use I/N with I from 1 to N, such as 3/8")
    return int(found[1]), int(found[2])


def _facts(summary: "Summary", source: str, sink: str) -> dict[str, Any]:
    return {
        "input": source,
        "output": sink,
        "files": summary.done,
        "failed": [{"file": name, "error": sentence} for name, sentence in sorted(summary.failures)],
        "models": summary.models,
        "done_before": summary.unchanged,
        "left_alone": summary.others,
        "denoised_left_alone": summary.denoised,
        "samples": summary.samples,
        "signal_s": summary.signal_s,
        "failed_windows": summary.failed_windows,
        "notes": [{"file": name, "note": sentence} for name, sentence in sorted(summary.notes)],
        "wall_s": summary.wall_s,
        "rtf": summary.rtf,
    }
