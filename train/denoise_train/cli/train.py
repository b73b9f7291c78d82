"""The command ``denoise-train``."""

import dataclasses
import os
import sys
import tomllib
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.cli.command_line import PATH, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.errors import printable
from denoise_train.evaluation.text_tables import paragraphs
from denoise_train.recipe import Recipe, RecipeError, load_recipe, with_values
from denoise_train.recordings.noisy_recordings import NoisyRecordings
from denoise_train.recordings.pairs import OwnData, load_pairs
from denoise_train.recordings.recordings import load_recordings
from denoise_train.training.backend import loading_backend

MINUTES = 10
"""How long a training lasts that starts from a trained network."""

TERMINATED = 143
"""The exit status after a SIGTERM."""

NOISY_SHARE = 0.9
"""Share of noisy recordings without clean ones in their training; the rest, synthetic, keeps what was known."""

EPILOG = examples(
    "denoise-train x2",
    "denoise-train general --from general --clean recordings/ --output runs/mine",
    "denoise-train general --from general --pairs clean/ noisy/ --output runs/mine --minutes 30",
    "denoise-train general --from general --noisy recordings/ --output runs/mine",
    "denoise-train general --clean recordings/ --architecture my_module:build --output runs/mine",
    "denoise-train general --clean recordings/ --noise hall.wav --output runs/mine --resume",
    "denoise-train mnist-dense --data mnist.npz --set noise.salt_and_pepper=1",
)


SECTIONS = {
    "Your signals": ("clean", "noise", "pairs", "noisy", "share", "data_path"),
    "Model": ("start", "changes", "architecture"),
    "How long": ("epochs", "minutes", "seed", "resume"),
    "Output": ("output",),
}


@click.command(cls=SectionedCommand, sections=SECTIONS, epilog=EPILOG, context_settings=CONTEXT_SETTINGS)
@click.argument("recipe", metavar="RECIPE")
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Run folder. Default: runs/NAME.")
@click.option(
    "--from",
    "start",
    metavar="MODEL",
    help="Start from a trained network, with smaller steps: general, a run folder, or a .keras file.",
)
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
@click.option(
    "--pairs",
    type=(PATH, PATH),
    metavar="CLEAN NOISY",
    help="Recordings of the same signals clean and noisy: two folders whose files have the same names but for the "
    "ending, or two files.",
)
@click.option(
    "--noisy",
    type=PATH,
    multiple=True,
    metavar="PATH",
    help="Noisy recordings where no clean ones exist. Only noise that is independent from sample to sample goes; hum "
    "and other coloured noise stays, and a warning says so. Repeatable.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="X",
    help=f"Share of the training taken from your recordings; the rest is synthetic. Default: the recipe's; "
    f"{NOISY_SHARE} with --noisy.",
)
@click.option(
    "--data",
    "data_path",
    type=PATH,
    metavar="PATH",
    help="What recipes for images and series learn from: an .npz of images, or a file or folder of series.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the recipe, written as in TOML: noise.white=0.5. Repeatable.",
)
@click.option(
    "--architecture",
    metavar="MODULE:FUNCTION",
    help="Train a network of your own: a function in a Python module that takes the window's samples and returns a "
    "Keras model.",
)
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Train N epochs instead of the recipe's number.")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="M",
    help=f"Train for M minutes instead of a number of epochs. Default with --from: {MINUTES}.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Draw other data and other initial weights.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run; give the same other options again.")
@version_option
def command(
    recipe: str,
    output: Path | None,
    start: str | None,
    clean: tuple[Path, ...],
    noise: tuple[Path, ...],
    pairs: tuple[Path, Path] | None,
    noisy: tuple[Path, ...],
    share: float | None,
    data_path: Path | None,
    changes: tuple[str, ...],
    architecture: str | None,
    epochs: int | None,
    minutes: float | None,
    seed: int | None,
    resume: bool,
) -> None:
    """Train a denoising autoencoder. RECIPE is a bundled name (general, speech, mnist-dense ...) or a TOML file.

    Bring signals of your own: --clean ones, with --noise or without; clean and noisy --pairs; or --noisy ones alone.
    They are split by file, from ten files on, or by time, and the last sentence says what the model gains on the part
    that the training never saw. For a recipe with a sample rate, audio of another one is resampled.

    The run folder gets model.keras, recipe.toml, history.csv, report.json and pictures; Ctrl-C keeps the best
    model so far.
    """
    _refuse_contradictions(bool(clean), bool(noise), bool(pairs), bool(noisy), share, epochs, minutes)
    if architecture is not None and not all(architecture.partition(":")):
        raise click.UsageError(f"--architecture {architecture}: write it as my_module:build, for my_module.py")
    settings = _changed(load_recipe(recipe), dict(_value(change) for change in changes))
    if architecture is not None:
        settings = dataclasses.replace(settings, architecture={"kind": architecture})
    if data_path is not None:
        settings = _with_data(settings, data_path)
    if seed is not None:
        settings = with_values(settings, {"seed": seed})
    rate_hz = settings.sample_rate_hz
    own = OwnData(
        clean=load_recordings(clean, rate_hz) if clean else None,
        noise=load_recordings(noise, rate_hz) if noise else None,
        pairs=load_pairs(*pairs, rate_hz)
        if pairs
        else NoisyRecordings(load_recordings(noisy, rate_hz))
        if noisy
        else None,
    )
    if noisy:
        share = share or NOISY_SHARE
    settings = _with_own(settings, (*clean, *noise, *(pairs or ()), *noisy), share)
    with loading_backend("training", "train"):
        from denoise_train.training.fit import train
        from denoise_train.training.start import starting_from
    if start is not None:
        settings = starting_from(settings, start)
        minutes = minutes or (None if epochs else MINUTES)
    schedule = settings.schedule
    lasts = 0.0 if epochs else minutes or schedule.minutes
    settings = with_values(settings, {"schedule.epochs": epochs or schedule.epochs, "schedule.minutes": lasts})
    folder = output or Path("runs") / settings.name
    report = train(settings, folder, own, resume=resume, say=click.echo)
    click.echo(_summary(folder, report))
    if report["interrupted"]:
        raise SystemExit(130)


def main() -> NoReturn:
    """Run the program.

    On SIGTERM it exits right after cleaning up: at a normal exit Python would wait for TensorFlow's threads, which wait
    for Python's data.
    """
    try:
        run_command(command, "denoise-train")
    except SystemExit as ended:
        if ended.code == TERMINATED:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(TERMINATED)
        raise


def _refuse_contradictions(
    clean: bool, noise: bool, pairs: bool, noisy: bool, share: float | None, epochs: int | None, minutes: float | None
) -> None:
    if pairs and (clean or noise or noisy):
        raise click.UsageError(
            "--pairs brings clean signals and their noise; give it without --clean, --noise, --noisy"
        )
    if noisy and (clean or noise):
        raise click.UsageError("--noisy is for recordings without clean ones; give it without --clean and --noise")
    if share is not None and not (clean or pairs or noisy):
        raise click.UsageError("--share is about your recordings; give --clean, --pairs or --noisy with it")
    if epochs is not None and minutes is not None:
        raise click.UsageError("--epochs and --minutes are two ways to say how long; give one of them")


def _value(change: str) -> tuple[str, Any]:
    """Read what --set says: a key, and its value as TOML."""
    key, equals, text = (part.strip() for part in change.partition("="))
    try:
        if not key or not equals:
            raise ValueError("no KEY=VALUE")
        return key, tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--set {change}: {error}; write it as in a recipe, texts in quotes") from error


def _changed(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """Set values of a recipe, and let it say so where it says what it was trained on."""
    changed = with_values(recipe, values)
    said = ", ".join(f"{key}={value}" for key, value in values.items() if key.startswith(("data.", "noise.")))
    return dataclasses.replace(changed, trained_on=f"{recipe.trained_on}; {said}") if said else changed


def _with_data(recipe: Recipe, path: Path) -> Recipe:
    """Note where a recipe's images or series are."""
    if recipe.data["kind"] not in ("images", "image_codes", "series", "forecasts"):
        raise click.UsageError(f"--data is for images and series; {recipe.name} takes --clean, --pairs or --noisy")
    return with_values(recipe, {"data.path": str(path)})


def _with_own(recipe: Recipe, paths: tuple[Path, ...], share: float | None) -> Recipe:
    """Note somebody's recordings in a recipe."""
    if not paths:
        return recipe
    data = dict(recipe.data)
    if share is not None:
        if "recordings_share" not in data:
            raise RecipeError(f"data kind {data['kind']!r} has its own signal and takes no recordings")
        data["recordings_share"] = share
    names = f"; recordings in {', '.join(dict.fromkeys(printable(path.name) for path in paths))}"
    # The recipe of a run folder may tell of the same recordings.
    return dataclasses.replace(recipe, data=data, trained_on=f"{recipe.trained_on.removesuffix(names)}{names}")


def _summary(folder: Path, report: dict[str, Any]) -> str:
    if not report["epochs"]:
        return "interrupted before the first epoch was complete: no network was kept; start again"
    ended = "interrupted" if report["interrupted"] else "done"
    found = report.get("summary") or f"SNR improvement on test data {report['snr_improvement_db']:.2f} dB"
    summary = (
        f"{ended} after {report['epochs']} epochs: val_loss {report['val_loss']}, {found}; see {folder}/report.json"
    )
    own = report.get("own_recordings")
    return f"{summary}\n{paragraphs(own['verdict'])}" if own else summary
