"""The command ``denoise-export``: convert a trained network to ONNX, shrink it, or turn it into C."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.cli.command_line import PATH, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.errors import needs_extra
from denoise_train.training.backend import loading_backend

SECTIONS = {
    "Output": ("output", "c_folder", "streaming", "float64", "test_vectors", "force"),
    "Model": ("name", "license_", "trained_on", "normalization", "window", "hop", "rate"),
    "Graph": ("fit_output", "self_normalizing", "encoder"),
    "Smaller or older": ("fp16", "int8", "opset"),
}


@click.command(
    cls=SectionedCommand,
    sections=SECTIONS,
    epilog=examples(
        "denoise-export runs/general",
        "denoise-export my.keras --output my.onnx --trained-on 'pump 3, 2025' --normalization zscore",
        "denoise-export runs/general --output app/model.onnx --self-normalizing",
        "denoise-export general --c firmware/ --test-vectors firmware/vectors",
        "denoise-export speech --streaming speech-streaming.onnx",
        "denoise-export runs/mnist-reduce --encoder",
        "denoise-export mine.onnx --int8 --output mine-int8.onnx",
    ),
    context_settings=CONTEXT_SETTINGS,
)
@click.argument("source", type=PATH, metavar="SOURCE")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="MODEL.onnx",
    help="Default: model.onnx beside the network. MODEL.json gets the same facts.",
)
@click.option("--name", metavar="NAME", help="What the model is called. Default: the run's name, or the file's.")
@click.option("--license", "license_", metavar="TEXT", help="The model's licence. Default: what the run says.")
@click.option("--trained-on", metavar="TEXT", help="What it was trained on, in words. Default: what the run says.")
@click.option(
    "--normalization",
    type=click.Choice(["minmax", "none", "zscore"]),
    help="How the training windows were scaled: each to 0 ... 1, not at all, or each to mean 0 "
    "and standard deviation 1. Default: what the run says; otherwise minmax, unless a Normalization layer was adapted "
    "to other samples.",
)
@click.option("--window", type=click.IntRange(2), metavar="N", help="Samples per window, if the network takes any.")
@click.option("--hop", type=click.IntRange(1), metavar="N", help="Samples between windows. Default: half a window.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="HZ",
    help="The only sample rate that the model is for. Default: what the run says; otherwise any.",
)
@click.option(
    "--fit-output",
    is_flag=True,
    help="Fit each output to its window by a gain and an offset: for a network whose clean windows were scaled each by "
    "its own minimum and range, so that it cannot know the amplitude.",
)
@click.option(
    "--self-normalizing",
    is_flag=True,
    help="Bake the scaling of windows into the graph; it then takes samples as they are.",
)
@click.option(
    "--encoder",
    is_flag=True,
    help="Export the encoder of an autoencoder alone: windows or images in, codes out. Default: encoder.onnx.",
)
@click.option("--fp16", is_flag=True, help="Store weights as 16-bit floats: half the size.")
@click.option("--int8", is_flag=True, help="Quantize convolutions and products to 8 bits.")
@click.option("--opset", type=int, metavar="N", help="Write an older or newer opset than 17.")
@click.option("--c", "c_folder", type=PATH, metavar="DIR", help="Write denoise.c and denoise.h: C99 without a runtime.")
@click.option("--test-vectors", type=PATH, metavar="DIR", help="Write signals that a port must reproduce.")
@click.option(
    "--streaming",
    type=PATH,
    metavar="FILE.onnx",
    help="Write a graph that streams by itself, overlap-add included: chunk and state in, clean chunk and state out.",
)
@click.option(
    "--float64",
    is_flag=True,
    help="With --streaming: take and return 64-bit samples, for small changes on a large offset.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@version_option
def command(
    source: Path,
    output: Path | None,
    name: str | None,
    license_: str | None,
    trained_on: str | None,
    normalization: str | None,
    window: int | None,
    hop: int | None,
    rate: float | None,
    fit_output: bool,
    self_normalizing: bool,
    encoder: bool,
    fp16: bool,
    int8: bool,
    opset: int | None,
    c_folder: Path | None,
    test_vectors: Path | None,
    streaming: Path | None,
    float64: bool,
    force: bool,
) -> None:
    """Convert a trained network to one self-describing ONNX file, and prove that it computes the same.

    SOURCE is a run folder, a .keras or .h5 file, or a SavedModel folder. Windows of shape (N,), (N, 1) and (1, N) are
    taken; Lambda layers and other code in a file are never run.

    A SOURCE that is exported already (.onnx), or a bundled model by its name, can be made smaller or older, or turned
    into C.
    """
    if output is not None and (not output.name or output.suffix == ".json"):
        raise click.UsageError(
            f"--output {output}: name a file such as model.onnx; the same name with .json gets the facts"
        )
    if fp16 and int8:
        raise click.UsageError("--fp16 and --int8 exclude each other; choose one")
    with needs_extra("exporting", "export"):
        from denoise_export.smaller.derive import derive, find_model
        from denoise_export.smaller.smaller import check_opset
        from denoise_export.streaming import write_streaming
        from denoise_export.to_c.source import write_c
        from denoise_export.vectors import write_vectors
    made = [path for path in (c_folder, test_vectors, streaming) if path is not None]
    if encoder and (fp16 or int8 or opset is not None or made):
        raise click.UsageError(
            "--encoder exports codes; --fp16, --int8, --opset, --c, --test-vectors and --streaming are for signals"
        )
    if float64 and streaming is None:
        raise click.UsageError("--float64 is the kind of samples of --streaming FILE.onnx; add it")
    if opset is not None:
        try:
            check_opset(opset)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    changes: dict[str, Any] = {"fp16": fp16, "int8": int8, "opset": opset}
    changed = fp16 or int8 or opset is not None
    wanted: dict[str, Any] = {
        "name": name,
        "license": license_,
        "trained_on": trained_on,
        "normalization": normalization,
        "window": window,
        "hop": hop,
        "sample_rate_hz": rate,
        "fit_output": fit_output,
        "self_normalizing": self_normalizing,
    }
    if encoder:
        with _loading_backend():
            from denoise_export.keras_to_onnx.export import export
        click.echo(_describe(*export(source, output, **wanted, encoder=True, force=force)))
        return
    model = find_model(source)
    if model is None:
        model = _export(source, output, changes if changed else {}, wanted, force=force)
    elif given := [key for key, value in wanted.items() if value not in (None, False)]:
        option = {"sample_rate_hz": "rate"}.get(given[0], given[0]).replace("_", "-")
        raise click.UsageError(f"--{option} needs the network itself; {source} is exported already")
    elif changed:
        if output is None:
            raise click.UsageError("--fp16, --int8 and --opset need an --output beside an exported model")
        click.echo(_describe(output, derive(model, output, **changes, force=force)))
        model = output
    elif output is not None or not made:
        raise click.UsageError(
            f"{source} is exported already; say --fp16, --int8, --opset, --c, --test-vectors or --streaming"
        )
    if c_folder is not None:
        path, costs = write_c(model, c_folder, force=force)
        click.echo(f"{path}: {costs['weights'] / 1024:.0f} KiB of constants, {costs['work'] / 1024:.0f} KiB to work in")
    if test_vectors is not None:
        click.echo(f"{write_vectors(model, test_vectors, force=force)}: what a port must give")
    if streaming is not None:
        sizes = write_streaming(model, streaming, float64=float64, force=force)
        click.echo(
            f"{streaming}: chunks of {sizes['chunk_samples']} samples, a state of {sizes['state_size']} numbers, "
            f"{sizes['delay_samples']} samples of delay"
        )


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-export")


def _loading_backend() -> contextlib.AbstractContextManager[None]:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # which a network that was trained on another one runs on, too
    return loading_backend("exporting", "export")


def _export(source: Path, output: Path | None, changes: dict[str, Any], wanted: dict[str, Any], *, force: bool) -> Path:
    """Export a network, and change the file on its way if that is asked for."""
    with _loading_backend():
        from denoise_export.keras_to_onnx.export import export
        from denoise_export.smaller.derive import derive
    if not changes:
        path, facts = export(source, output, **wanted, force=force)
        click.echo(_describe(path, facts))
        return path
    output = output or (source if source.is_dir() else source.parent) / "model.onnx"
    with tempfile.TemporaryDirectory() as folder:
        whole, _ = export(source, Path(folder) / "model.onnx", **wanted)
        facts = derive(whole, output, **changes, force=force)
    click.echo(_describe(output, facts))
    return output


def _describe(path: Path, facts: dict[str, Any]) -> str:
    file = facts["file"]
    operators = ", ".join(f"{number} {kind}" for kind, number in file["operators"].items())
    macs = file["macs_per_window"]
    work = "loops" if macs is None else f"{macs:,} multiply-accumulates per window"
    lines = [
        *facts.get("notes", []),
        f"{path}: {file['bytes'] / 1024:.0f} KiB, {file['parameters']:,} parameters, {work}",
        f"{file['nodes']} nodes: {operators}",
    ]
    if "parity_with_keras" in facts:
        lines.append(f"largest difference from Keras: {facts['parity_with_keras']:.1e}")
    if "parity_of_original" in facts:
        lines.append(f"largest difference from Keras before its numbers changed: {facts['parity_of_original']:.1e}")
    if "loss_db" in facts:
        lines.append(
            f"{facts['numbers']} raises the SNR of synthetic signals by {facts['loss_db']:.2f} dB less, "
            f"its output differs by {facts['difference_db']:.0f} dB"
        )
    return "\n".join(lines)
