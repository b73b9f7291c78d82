"""Denoise several files that are named on the command line, and files into a folder."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from denoise_stream.cli.archive import is_archive
from denoise_stream.cli.command_line import in_options
from denoise_stream.cli.options import Options, is_stream
from denoise_stream.errors import DenoiseError, printable, shortened
from denoise_stream.files.paths import check_outputs, denoised_name, whole_file
from denoise_stream.sensors.addresses import is_sensor

Values = Mapping[str, Any]
Denoise = Callable[[Options], dict[str, Any] | None]
DEVICES = ("-", "speaker", "null")


def denoise_one_source(denoise: Denoise, source: str, values: Values) -> dict[str, Any] | None:
    """Denoise one source; a file goes into the folder that ``--output`` names, if it names one.

    Raises
    ------
    ValueError, DenoiseError, OSError
        What ``denoise`` raises; a folder that was made for the result is removed then.
    """
    folder = output_folder(source, values["sink"])
    if folder is None:
        return denoise(Options.from_command({**values, "source": source}))
    target = str(result_of(source, folder))
    with _existing(folder):
        return denoise(Options.from_command({**values, "source": source, "sink": target}))


def output_folder(source: str, sink: str | None) -> Path | None:
    """Return the folder that a file's result goes into; None if the output is not a folder or the source not a file.

    Raises
    ------
    ValueError
        If the output is empty, or is written as a folder, but is a file.
    """
    if sink == "":
        raise ValueError("--output is empty; name a file or a folder, '.' for this one")
    if sink is None or sink in DEVICES or is_sensor(sink) or is_stream(source) or is_archive(source, sink):
        return None
    if Path(sink).is_dir():
        return Path(sink)
    if not sink.endswith(("/", os.sep)):
        return None
    if Path(sink).exists():
        raise ValueError(f"--output {sink} is a file, not a folder; choose another name")
    return Path(sink)


def result_of(source: str, folder: Path | None) -> Path:
    """Return what a file becomes: the same name in another folder, ``NAME.denoised.EXT`` in its own."""
    path = Path(source)
    if folder is None:
        return denoised_name(path)
    return folder / (denoised_name(path) if folder.resolve() == path.resolve().parent else path).name


@contextlib.contextmanager
def _existing(folder: Path) -> Iterator[None]:
    """Make a folder and its parents, and remove those that it made if the block fails and left them empty."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for each in made:
                each.rmdir()
        raise


def denoise_each(denoise: Denoise, sources: Sequence[str], values: Values) -> None:
    """Denoise files one after the other, beside them or into a folder; one that fails stops no other.

    Raises
    ------
    ValueError
        If a source is not a file, two would become the same file, one would replace another, or options do not go with
        several files.
    """
    sources = list(dict.fromkeys(sources))
    results = _results(sources, values)
    made = [source for source in sources if Path(source) in results.values()]
    if made and not values["quiet"]:
        click.echo(printable(f"skipped, as they are results of other inputs: {', '.join(made)}"), err=True)
    todo = [source for source in sources if source not in made]
    if values["dry_run"]:
        click.echo("dry run, nothing is written; would denoise (name -> output):", err=True)
        for source in todo:
            click.echo(f"{printable(source)} -> {printable(str(results[source]))}")
        return
    rows: list[dict[str, Any]] = []
    failed = 0
    for source in todo:
        try:
            facts = denoise_one_source(denoise, source, {**values, "report": None})
            rows.append({"input": source, "output": str(results[source])} if facts is None else facts)
        except (DenoiseError, OSError, ValueError) as error:
            if isinstance(error, ValueError) and not rows:  # wrong usage, and nothing was touched yet
                raise
            failed += 1
            reason = in_options(str(error), click.get_current_context())
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
            rows.append({"input": source, "output": None, "error": reason})
            sentence = reason if source in reason else f"{source}: {reason}"
            click.echo(f"denoise-stream: {printable(shortened(sentence))}", err=True)
    if values["report"] is not None:
        with whole_file(values["report"], replace=values["force"]) as partial:
            partial.write_text("".join(f"{json.dumps(row)}\n" for row in rows), newline="\n")
    if failed:
        click.echo(f"denoise-stream: {failed} of {len(todo)} files failed", err=True)
        sys.exit(1)


def _results(sources: Sequence[str], values: Values) -> dict[str, Path]:
    """Return what each file becomes, after a check of everything that does not need its content."""
    if values["plot"] is not None and len(sources) > 1:
        raise ValueError(f"--plot applies to one input, but {len(sources)} are named; draw them one by one")
    for source in sources:
        if not Path(source).is_file():
            raise ValueError(f"{source} is not a file; of several inputs each must be one")
    sink = values["sink"]
    folder = output_folder(sources[0], sink)
    if sink is not None and folder is None and len(sources) == 1:  # a dry run of one file
        return {sources[0]: Path(sink)}
    if sink is not None and folder is None and sink != "null":
        raise ValueError(f"--output {sink} is not a folder, but {len(sources)} inputs are named; end it in /")
    results = {source: result_of(source, folder) for source in sources}
    inputs = {os.path.realpath(source): source for source in sources}
    sources_of: dict[str, str] = {}
    for source, result in results.items():
        file = os.path.realpath(result)
        other = sources_of.setdefault(file, source)
        if other != source:
            raise ValueError(f"{other} and {source} would both become {result}; denoise them into different folders")
        replaced = inputs.get(file, source)
        # NAME.denoised.EXT beside NAME.EXT is the result of an earlier run, which a pattern names too.
        if replaced != source and Path(file).name != denoised_name(Path(source)).name:
            raise ValueError(f"{source} would replace {replaced}, which is an input too; choose another folder")
    report = values["report"]
    if report is not None and (file := os.path.realpath(report)) in sources_of:
        raise ValueError(f"--report {report} is what {sources_of[file]} becomes; choose another name")
    check_outputs(report, force=values["force"], inputs=tuple(Path(source) for source in sources))
    return results
