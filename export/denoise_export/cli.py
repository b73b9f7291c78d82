"""The command ``denoise-export``: convert a trained network to ONNX, shrink it, or turn it into C."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from denoise_stream.cli.command_line import PATH, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.errors import needs_extra
from denoise_stream.native_messages import native_messages_hidden
from denoise_train.training.backend import loading_backend

Group = TypeVar("Group", "Stated", "Changes", "Outputs")


@dataclasses.dataclass(frozen=True)
class Stated:
    """What the user states about a network; the fields are named like the command's parameters."""

    name: str | None
    license_: str | None
    trained_on: str | None
    normalization: str | None
    window: int | None
    hop: int | None
    rate: float | None
    fit_output: bool
    self_normalizing: bool

    def arguments(self) -> dict[str, Any]:
        """Return them as the arguments of :func:`export`."""
        names = {"license_": "license", "rate": "sample_rate_hz"}
        return {names.get(key, key): value for key, value in vars(self).items()}

    def refuse_for(self, source: Path) -> None:
        """Refuse them for a model that is exported already, with a UsageError."""
        if given := [key for key, value in vars(self).items() if value not in (None, False)]:
            option = given[0].strip("_").replace("_", "-")
            raise click.UsageError(f"--{option} needs the network itself; {source} is exported already")


@dataclasses.dataclass(frozen=True)
class Changes:
    """How a file is quantized or converted to another opset."""

    fp16: bool
    int8: bool
    opset: int | None

    @property
    def any(self) -> bool:
        """Whether anything is to be changed."""
        return self.fp16 or self.int8 or self.opset is not None

    def check_numbers(self) -> None:
        """Refuse 16-bit floats together with 8-bit integers, with a UsageError."""
        if self.fp16 and self.int8:
            raise click.UsageError("--fp16 and --int8 exclude each other; choose one")

    def check_opset(self) -> None:
        """Refuse an opset that cannot be written, with a UsageError."""
        if self.opset is None:
            return
        from denoise_export.smaller.opset import check_opset

        try:
            check_opset(self.opset)
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    def arguments(self) -> dict[str, Any]:
        """Return them as the arguments of :func:`derive`."""
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What is written."""

    output: Path | None
    c_folder: Path | None
    packed: bool
    wasm: Path | None
    test_vectors: Path | None
    streaming: Path | None
    float64: bool
    block: bool
    ladspa: Path | None
    lv2: Path | None
    install: bool
    force: bool

    @property
    def plugins(self) -> dict[str, Path]:
        """The folders of the plug-ins that are asked for, by interface."""
        return {name: path for name, path in (("ladspa", self.ladspa), ("lv2", self.lv2)) if path is not None}

    @property
    def ports(self) -> bool:
        """Whether files for ports are asked for: C, WebAssembly, test vectors, a streaming graph or plug-ins."""
        files = (self.c_folder, self.wasm, self.test_vectors, self.streaming)
        return bool(self.plugins) or any(path is not None for path in files)

    def check(self) -> None:
        """Refuse, with a UsageError, options without those that they belong to, and names of files that clash."""
        if self.output is not None and (not self.output.name or self.output.suffix == ".json"):
            raise click.UsageError(
                f"--output {self.output}: name a file such as model.onnx; the same name with .json gets the facts"
            )
        if self.float64 and self.streaming is None:
            raise click.UsageError("--float64 is the kind of samples of --streaming FILE.onnx; add it")
        if self.packed and self.c_folder is None:
            raise click.UsageError("--packed is how --c DIR writes the weights; add it")
        if self.install and not self.plugins:
            raise click.UsageError("--install is for plug-ins; add --ladspa DIR or --lv2 DIR")
        folders = [path.absolute() for path in (*self.plugins.values(), self.c_folder) if path is not None]
        if len(set(folders)) < len(folders):
            raise click.UsageError(f"{folders[-1]} is named twice; --ladspa, --lv2 and --c need a folder each")


PORTS = ("--c", "--wasm", "--test-vectors", "--streaming", "--ladspa", "--lv2")
"""The options that write files for ports."""

SECTIONS = {
    "Output": ("output", "block", "c_folder", "packed", "wasm", "streaming", "float64", "test_vectors", "force"),
    "Plug-ins for audio programs": ("ladspa", "lv2", "install"),
    "Model": ("name", "license_", "trained_on", "normalization", "window", "hop", "rate"),
    "Graph": ("fit_output", "self_normalizing", "encoder"),
    "Size and opset": ("fp16", "int8", "opset"),
}


@click.command(
    cls=SectionedCommand,
    sections=SECTIONS,
    epilog=examples(
        "denoise-export runs/general",
        "denoise-export my.keras --output my.onnx --trained-on 'pump 3, 2025' --normalization zscore",
        "denoise-export my.keras --output app/model.onnx --self-normalizing",
        "denoise-export general --output general.onnx",
        "denoise-export general --c firmware/ --test-vectors firmware/vectors",
        "denoise-export speech --wasm web/",
        "denoise-export speech --streaming speech-streaming.onnx",
        "denoise-export speech --ladspa plugin/ --install",
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
@click.option("--name", metavar="NAME", help="Model name. Default: the run's name, or the file's.")
@click.option("--license", "license_", metavar="TEXT", help="The model's licence. Default: what the run says.")
@click.option("--trained-on", metavar="TEXT", help="What it was trained on, in words. Default: what the run says.")
@click.option(
    "--normalization",
    type=click.Choice(["minmax", "none", "zscore"]),
    help="How the training windows were scaled: each to 0 ... 1, not at all, or each to mean 0 "
    "and standard deviation 1. Default: what the run says; otherwise minmax, unless a Normalization layer was adapted "
    "to other samples.",
)
@click.option(
    "--window", type=click.IntRange(2), metavar="N", help="Samples per window, if the network accepts any length."
)
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
    help="Bake the scaling of windows into the graph; it then takes samples as they are. Not for networks with a state "
    "or a context.",
)
@click.option(
    "--encoder",
    is_flag=True,
    help="Export the encoder of an autoencoder alone: windows or images in, codes out. Default: encoder.onnx.",
)
@click.option("--fp16", is_flag=True, help="Store weights as 16-bit floats: half the size.")
@click.option("--int8", is_flag=True, help="Quantize convolutions and products to 8 bits.")
@click.option("--opset", type=int, metavar="N", help="Write an older or newer opset than 17.")
@click.option(
    "--block",
    is_flag=True,
    help="Write MODEL.block.onnx, too, which runs a network with a memory over many windows at once: "
    "files go three times as fast while it lies beside the model.",
)
@click.option("--c", "c_folder", type=PATH, metavar="DIR", help="Write denoise.c and denoise.h: C99 without a runtime.")
@click.option(
    "--packed",
    is_flag=True,
    help="With --c: write the weights as text that is unpacked into RAM at the start: about a sixth of the size.",
)
@click.option(
    "--wasm",
    type=PATH,
    metavar="DIR",
    help="Write a WebAssembly module and the JavaScript that runs it in browsers and Node; clang and lld compile it.",
)
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
    help="With --streaming: take and return 64-bit samples, when changes are small compared with the offset.",
)
@click.option(
    "--ladspa",
    type=PATH,
    metavar="DIR",
    help="Write a LADSPA plug-in in C, and build it if a C compiler is installed: for PipeWire, ffmpeg, Audacity.",
)
@click.option("--lv2", type=PATH, metavar="DIR", help="The same as an LV2 plug-in.")
@click.option(
    "--install",
    is_flag=True,
    help="Copy the plug-in to where programs look for it (~/.ladspa, ~/.lv2), and print PipeWire's configuration for "
    "a denoised microphone.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@version_option
def command(source: Path, encoder: bool, **values: Any) -> None:
    """Convert a trained network to one self-describing ONNX file, and prove that it computes the same.

    SOURCE is a run folder, a .keras or .h5 file, or a SavedModel folder. Windows of shape (N,), (N, 1) and (1, N) are
    taken; Lambda layers and other code in a file are never run.

    A SOURCE that is exported already (.onnx), or a bundled model by its name, can be copied, quantized, converted to
    another opset, or turned into C.
    """
    stated, changes, outputs = _fields(Stated, values), _fields(Changes, values), _fields(Outputs, values)
    outputs.check()
    changes.check_numbers()
    with needs_extra("exporting", "export"):
        from denoise_export.smaller.derive import find_model
    if encoder:
        _export_encoder(source, stated, changes, outputs)
        return
    if outputs.block and (changes.int8 or changes.opset is not None):
        raise click.UsageError("--block does not go with --int8 or --opset; leave them out, or use --fp16")
    changes.check_opset()
    model = find_model(source)
    if model is None:
        model = _export_network(source, stated, changes, outputs)
    else:
        stated.refuse_for(source)
        if outputs.block:
            raise click.UsageError(f"--block needs the network itself; {source} is exported already")
        model = _change_exported(source, model, changes, outputs)
    _write_ports(model, outputs)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-export")


def _export_encoder(source: Path, stated: Stated, changes: Changes, outputs: Outputs) -> None:
    """Export the encoder of an autoencoder."""
    if changes.any or outputs.ports or outputs.block:
        raise click.UsageError(
            f"--encoder exports codes; --fp16, --int8, --opset, --block, {', '.join(PORTS[:-1])} and {PORTS[-1]} "
            "are for signals"
        )
    with _loading_backend():
        from denoise_export.keras_to_onnx.export import export
    with native_messages_hidden():
        path, facts = export(source, outputs.output, **stated.arguments(), encoder=True, force=outputs.force)
    click.echo(_describe(path, facts))


def _export_network(source: Path, stated: Stated, changes: Changes, outputs: Outputs) -> Path:
    """Export a network, and change the file on its way if that is asked for; return the file."""
    with _loading_backend():
        from denoise_export.keras_to_onnx.export import export
        from denoise_export.smaller.derive import derive
        from denoise_stream.model import Model
    if not changes.any:
        with native_messages_hidden():
            path, facts = export(source, outputs.output, **stated.arguments(), block=outputs.block, force=outputs.force)
        click.echo(_describe(path, facts))
        return path
    output = outputs.output or (source if source.is_dir() else source.parent) / "model.onnx"
    with tempfile.TemporaryDirectory() as folder, native_messages_hidden():
        whole, _ = export(source, Path(folder) / "model.onnx", **stated.arguments(), block=outputs.block)
        facts = derive(whole, output, **changes.arguments(), force=outputs.force)
    click.echo(_describe(output, facts))
    if outputs.block and Model(output).block is None:
        click.echo("no block was written: with 16-bit weights it would differ from the model; leave out --fp16")
    return output


def _change_exported(source: Path, model: Path, changes: Changes, outputs: Outputs) -> Path:
    """Quantize, convert or copy an exported model if that is asked for; return the file to continue with."""
    from denoise_export.smaller.derive import copy_model, derive

    if changes.any:
        if outputs.output is None:
            raise click.UsageError("--fp16, --int8 and --opset need an --output beside an exported model")
        facts = derive(model, outputs.output, **changes.arguments(), force=outputs.force)
        click.echo(_describe(outputs.output, facts))
        return outputs.output
    if outputs.output is not None:
        copy_model(model, outputs.output, force=outputs.force)
        click.echo(f"{outputs.output}: {outputs.output.stat().st_size / 1024:.0f} KiB, as it was")
    elif not outputs.ports:
        raise click.UsageError(
            f"{source} is exported already; add --output, --fp16, --int8, --opset, {', '.join(PORTS[:-1])} "
            f"or {PORTS[-1]}"
        )
    return model


def _write_ports(model: Path, outputs: Outputs) -> None:
    """Write the files for ports: C, WebAssembly, signals to prove them with, a graph that streams, plug-ins."""
    from denoise_export.plugin.making import make_plugin
    from denoise_export.streaming import write_streaming
    from denoise_export.to_c.source import write_c
    from denoise_export.to_wasm.module import write_wasm
    from denoise_export.vectors import write_vectors

    if outputs.c_folder is not None:
        path, costs = write_c(model, outputs.c_folder, packed=outputs.packed, force=outputs.force)
        click.echo(f"{path}: {costs['weights'] / 1024:.0f} KiB of constants, {costs['work'] / 1024:.0f} KiB to work in")
    if outputs.wasm is not None:
        path, size = write_wasm(model, outputs.wasm, force=outputs.force)
        click.echo(f"{path}: {size / 1024:.0f} KiB, weights included; load it with denoise.js beside it")
    if outputs.test_vectors is not None:
        click.echo(f"{write_vectors(model, outputs.test_vectors, force=outputs.force)}: what a port must give")
    if outputs.streaming is not None:
        sizes = write_streaming(model, outputs.streaming, float64=outputs.float64, force=outputs.force)
        click.echo(
            f"{outputs.streaming}: chunks of {sizes['chunk_samples']} samples, a state of {sizes['state_size']} "
            f"numbers, {sizes['delay_samples']} samples of delay"
        )
    for interface, folder in outputs.plugins.items():
        for line in make_plugin(model, folder, interface, installed=outputs.install, force=outputs.force):
            click.echo(line)


def _fields(kind: type[Group], values: Mapping[str, Any]) -> Group:
    """Make a group of options from a command's values."""
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})


def _loading_backend() -> contextlib.AbstractContextManager[None]:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # also for networks that were trained on another backend
    return loading_backend("exporting", "export")


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
