"""The program ``denoise-train``: a recipe by name comes in, a run folder goes out."""

import dataclasses
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.command_line import CONTEXT_SETTINGS, PATH, examples, run_command, version_option
from denoise_train.backend import loading_backend
from denoise_train.recipe import load_recipe
from denoise_train.recordings import load_recordings

EPILOG = examples(
    "denoise-train x2",
    "denoise-train general --output runs/mine --clean recordings/ --epochs 10",
    "denoise-train general --output runs/mine --clean recordings/ --resume",
)


@click.command(epilog=EPILOG, context_settings=CONTEXT_SETTINGS)
@click.argument("recipe", metavar="RECIPE")
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Run folder. Default: runs/NAME.")
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Train N epochs instead of the recipe's number.")
@click.option(
    "--clean",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Clean recordings: audio, .csv, .tsv, .npz, .npy, or folders of them. Repeatable.",
)
@click.option(
    "--noise",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Recorded noise to mix in; the same kinds of files. Repeatable.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Draw other data and other initial weights.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run; give the same other options again.")
@version_option
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

    The run folder gets model.keras, recipe.toml, history.csv, report.json and pictures; Ctrl-C keeps the best
    model so far.
    """
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
    with loading_backend("training", "train"):
        from denoise_train.training import train
    folder = output or Path("runs") / settings.name
    report = train(settings, folder, clean=clean_recordings, noise=noise_recordings, resume=resume, say=click.echo)
    click.echo(_summary(folder, report))
    if report["interrupted"]:
        raise SystemExit(130)


def main() -> NoReturn:
    """Run the program."""
    run_command(command, "denoise-train")


def _summary(folder: Path, report: dict[str, Any]) -> str:
    if not report["epochs"]:
        return "interrupted before the first epoch was complete: no network was kept; start again"
    ended = "interrupted" if report["interrupted"] else "done"
    return (
        f"{ended} after {report['epochs']} epochs: val_loss {report['val_loss']}, "
        f"SNR improvement on test data {report['snr_improvement_db']:.2f} dB; see {folder}/report.json"
    )
