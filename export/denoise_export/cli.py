"""The program ``denoise-export``: a trained network by path comes in, an ONNX file goes out."""

import os
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.command_line import native_messages_hidden, run_command
from denoise_stream.errors import MissingExtra


@click.command(
    epilog="Examples:\n\n\b\n"
    "  denoise-export runs/general\n"
    "  denoise-export runs/general --output app/model.onnx --self-normalizing",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.argument("source", type=click.Path(path_type=Path), metavar="RUN_DIR|MODEL.keras")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="MODEL.onnx",
    help="Default: model.onnx beside the network. MODEL.json gets the same facts.",
)
@click.option(
    "--self-normalizing",
    is_flag=True,
    help="Bake the min-max scaling into the graph; it then takes samples as they are.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.version_option(package_name="denoise-stream", message="denoise-export %(version)s")
def command(source: Path, output: Path | None, self_normalizing: bool, force: bool) -> None:
    """Convert a trained network to one self-describing ONNX file, and prove that it computes the same."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with native_messages_hidden():
            from denoise_export.export import export
    except ModuleNotFoundError as error:
        raise MissingExtra("exporting", "export") from error
    path, facts = export(source, output, self_normalize=self_normalizing, force=force)
    click.echo(_describe(path, facts))


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-export")


def _describe(path: Path, facts: dict[str, Any]) -> str:
    file = facts["file"]
    operators = ", ".join(f"{number} {kind}" for kind, number in file["operators"].items())
    return (
        f"{path}: {file['bytes'] / 1024:.0f} KiB, {file['parameters']:,} parameters, "
        f"{file['macs_per_window']:,} multiply-accumulates per window\n"
        f"{file['nodes']} nodes: {operators}\n"
        f"largest difference from Keras: {facts['parity_with_keras']:.1e}"
    )
