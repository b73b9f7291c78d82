"""The command ``denoise-train``."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from denoise_stream.cli.command_line import PATH, run_command, version_option
from denoise_stream.cli.help_text import CONTEXT_SETTINGS, SectionedCommand, examples
from denoise_stream.native_messages import native_messages_hidden
from denoise_train.cli.train_options import MINUTES, NOISY_SHARE, Length, NetworkOptions, OwnSignals, fields_of
from denoise_train.cli.train_screen import open_screen
from denoise_train.cli.train_text import ending, opening
from denoise_train.recipe import load_recipe, model_name
from denoise_train.training.backend import loading_backend

TERMINATED = 143
"""The exit status after a SIGTERM."""

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
    "Your signals": ("clean", "noise", "pairs", "noisy", "columns", "share", "data_path"),
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
    help="Noisy recordings where no clean ones exist. Only noise that is independent from sample to sample is removed; "
    "hum and other coloured noise stays, and a warning says so. Repeatable.",
)
@click.option(
    "--columns",
    metavar="A,B",
    help="Columns of tables to use, as in denoise-stream. Default: every column that is a signal.",
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
    help="Training data for image and series recipes: an .npz of images, the folder lfw_home of faces, or a file or "
    "folder of series.",
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
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed of the data and the initial weights.")
@click.option("--resume", is_flag=True, help="Continue an interrupted run; repeat its other options.")
@version_option
def command(recipe: str, output: Path | None, resume: bool, **values: Any) -> None:
    """Train a denoising autoencoder. RECIPE is a bundled name (general, speech, mnist-dense ...) or a TOML file.

    Bring your own signals: --clean ones, with --noise or without; clean and noisy --pairs; or --noisy ones alone.
    Ten files or more are split by file, fewer by time; the last sentence says what the model gains on the part that was
    kept out of training. Audio is resampled to the recipe's sample rate, if it states one.

    The run folder gets model.keras, recipe.toml, history.csv, report.json and pictures; Ctrl-C keeps the best
    model so far.
    """
    signals, network = fields_of(OwnSignals, values), fields_of(NetworkOptions, values)
    length = fields_of(Length, values)
    signals.check()
    length.check()
    settings = network.changed(load_recipe(recipe))
    own = signals.load(settings.sample_rate_hz)
    settings = signals.note_in(settings)
    with loading_backend("training", "train"):
        from denoise_train.training.fit import train
        from denoise_train.training.start import starting_from
    if network.start is not None:
        settings = starting_from(settings, network.start)
    settings = length.note_in(settings)
    folder = output or Path("runs") / settings.name
    name = model_name(settings, folder.resolve().name)
    with open_screen() as screen:
        for line in opening(settings, name, folder, own, datetime.now()):
            screen.say(line)
        with native_messages_hidden():
            report = train(settings, folder, own, resume=resume, say=screen.say, show=screen.show)
    click.echo(ending(folder, name, report))
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
