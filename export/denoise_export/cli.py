"""The program ``denoise-export``: a trained network by path comes in, an ONNX file goes out."""

from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.command_line import CONTEXT_SETTINGS, PATH, examples, run_command, version_option
from denoise_train.backend import loading_backend


@click.command(
    epilog=examples(
        "denoise-export runs/general",
        "denoise-export runs/general --output app/model.onnx --self-normalizing",
    ),
    context_settings=CONTEXT_SETTINGS,
)
@click.argument("source", type=PATH, metavar="RUN_DIR|MODEL.keras")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="MODEL.onnx",
    help="Default: model.onnx beside the network. MODEL.json gets the same facts.",
)
@click.option(
    "--self-normalizing",
    is_flag=True,
    help="Bake the min-max scaling into the graph; it then takes samples as they are.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@version_option
def command(source: Path, output: Path | None, self_normalizing: bool, force: bool) -> None:
    """Convert a trained network to one self-describing ONNX file, and prove that it computes the same."""
    if output is not None and (not output.name or output.suffix == ".json"):
        raise click.UsageError(
            f"--output {output}: name a file such as model.onnx; the same name with .json gets the facts"
        )
    with loading_backend("exporting", "export"):
        from denoise_export.export import export
    path, facts = export(source, output, self_normalizing=self_normalizing, force=force)
    click.echo(_describe(path, facts))


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-export")


def _describe(path: Path, facts: dict[str, Any]) -> str:
    file = facts["file"]
    operators = ", ".join(f"{number} {kind}" for kind, number in file["operators"].items())
    macs = file["macs_per_window"]
    work = "loops" if macs is None else f"{macs:,} multiply-accumulates per window"
    return (
        f"{path}: {file['bytes'] / 1024:.0f} KiB, {file['parameters']:,} parameters, "
        f"{work}\n"
        f"{file['nodes']} nodes: {operators}\n"
        f"largest difference from Keras: {facts['parity_with_keras']:.1e}"
    )
