"""The program ``denoise-train``: a recipe by name comes in, a run folder goes out."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.command_line import native_messages_hidden, run_command
from denoise_stream.errors import MissingExtra


@click.command(
    epilog="Examples:\n\n\b\n"
    "  denoise-train x2\n"
    "  denoise-train general --output runs/mine --clean recordings/ --epochs 10\n"
    "  denoise-train my-recipe.toml --resume --output runs/mine",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.argument("recipe", metavar="RECIPE")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Run folder. Default: runs/NAME.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Train N epochs instead of the recipe's number.")
@click.option(
    "--clean",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Clean recordings: audio, .csv, .tsv, .npz, .npy, or folders of them. Repeatable.",
)
@click.option(
    "--noise",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Recorded noise, likewise.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Draw other data and other initial weights.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.version_option(package_name="denoise-stream", message="denoise-train %(version)s")
def command(
    recipe: str,
    output: Path | None,
    epochs: int | None,
    clean: tuple[Path, ...],
    noise: tuple[Path, ...],
    seed: int | None,
    resume: bool,
) -> None:
    """Train a denoising autoencoder. RECIPE is a bundled name (general, x2) or a TOML file.

    The run folder gets model.keras, recipe.toml, history.csv and pictures; Ctrl-C keeps the best model so far.
    """
    from denoise_train.recipe import load_recipe
    from denoise_train.recordings import load_recordings

    settings = load_recipe(recipe)
    if epochs is not None:
        settings = dataclasses.replace(settings, schedule=dataclasses.replace(settings.schedule, epochs=epochs))
    if seed is not None:
        settings = dataclasses.replace(settings, seed=seed)
    clean_recordings = load_recordings(clean) if clean else None
    noise_recordings = load_recordings(noise) if noise else None
    if clean:
        trained_on = f"{settings.trained_on}; recordings in {', '.join(path.name for path in clean)}"
        settings = dataclasses.replace(settings, trained_on=trained_on)
    train = _import_train()
    folder = output or Path("runs") / settings.name
    report = train(settings, folder, clean=clean_recordings, noise=noise_recordings, resume=resume, say=click.echo)
    click.echo(_summary(folder, report))
    if report["interrupted"]:
        raise SystemExit(130)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-train")


def _import_train() -> Callable[..., dict[str, Any]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with native_messages_hidden():
            from denoise_train.training import train
    except ModuleNotFoundError as error:
        raise MissingExtra("training", "train") from error
    return train


def _summary(folder: Path, report: dict[str, Any]) -> str:
    improvement = report.get("mean_snr_improvement_db", report.get("snr_improvement_db"))
    ended = "interrupted" if report["interrupted"] else "done"
    return (
        f"{ended} after {report['epochs']} epochs: val_loss {report['val_loss']}, "
        f"SNR improvement on test data {improvement:.2f} dB; see {folder}/report.json"
    )
