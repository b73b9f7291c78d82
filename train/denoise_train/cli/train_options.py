"""The parsed command line of ``denoise-train``, in groups: signals, the network, how long."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from denoise_stream.cli.options import column_names
from denoise_stream.errors import printable
from denoise_train.recipe import Recipe, RecipeError, with_values
from denoise_train.recordings.noisy_recordings import NoisyRecordings
from denoise_train.recordings.pairs import OwnData, load_pairs
from denoise_train.recordings.recordings import load_recordings

Group = TypeVar("Group", "OwnSignals", "NetworkOptions", "Length")

MINUTES = 10
"""Default length of a training that starts from a trained network."""

NOISY_SHARE = 0.9
"""Default share of noisy recordings in a training without clean ones; the synthetic rest preserves what was learned."""


@dataclasses.dataclass(frozen=True)
class OwnSignals:
    """The user's own signals; the fields are named like the command's parameters."""

    clean: tuple[Path, ...]
    noise: tuple[Path, ...]
    pairs: tuple[Path, Path] | None
    noisy: tuple[Path, ...]
    columns: str | None
    share: float | None
    data_path: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files and folders of recordings."""
        return (*self.clean, *self.noise, *(self.pairs or ()), *self.noisy)

    def check(self) -> None:
        """Refuse options that contradict each other, with a UsageError."""
        if self.pairs and (self.clean or self.noise or self.noisy):
            raise click.UsageError(
                "--pairs brings clean signals and their noise; give it without --clean, --noise, --noisy"
            )
        if self.noisy and (self.clean or self.noise):
            raise click.UsageError("--noisy is for recordings without clean ones; give it without --clean and --noise")
        own = self.clean or self.pairs or self.noisy
        if self.share is not None and not own:
            raise click.UsageError("--share applies to your recordings; give --clean, --pairs or --noisy with it")
        if self.columns is not None and not own:
            raise click.UsageError("--columns names columns of your tables; give --clean, --pairs or --noisy with it")

    def load(self, rate_hz: float | None) -> OwnData:
        """Load the recordings; a SourceError says which cannot be used."""
        names = column_names(self.columns)
        pairs: Any = None
        if self.pairs:
            pairs = load_pairs(*self.pairs, rate_hz, names)
        elif self.noisy:
            pairs = NoisyRecordings(load_recordings(self.noisy, rate_hz, names))
        return OwnData(
            clean=load_recordings(self.clean, rate_hz, names) if self.clean else None,
            noise=load_recordings(self.noise, rate_hz) if self.noise else None,
            pairs=pairs,
        )

    def note_in(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the user's signals in it."""
        if self.data_path is not None:
            recipe = with_data(recipe, self.data_path)
        share = self.share or (NOISY_SHARE if self.noisy else None)
        return with_recordings(recipe, self.paths, share)


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """The requested network: where it starts, its architecture, values of the recipe, the seed."""

    start: str | None
    changes: tuple[str, ...]
    architecture: str | None
    seed: int | None

    def changed(self, recipe: Recipe) -> Recipe:
        """Return the recipe with these values; a UsageError or RecipeError says what is wrong with one."""
        if self.architecture is not None and not all(self.architecture.partition(":")):
            raise click.UsageError(f"--architecture {self.architecture}: write it as my_module:build, for my_module.py")
        recipe = changed(recipe, dict(parse_change(change) for change in self.changes))
        if self.architecture is not None:
            # A network of one's own takes the window alone.
            own = {"kind": self.architecture}
            recipe = dataclasses.replace(recipe, architecture=own, context_past="", context_ahead="")
        return recipe if self.seed is None else with_values(recipe, {"seed": self.seed})


@dataclasses.dataclass(frozen=True)
class Length:
    """How long a training lasts, in epochs or minutes; None leaves it to the recipe."""

    epochs: int | None
    minutes: float | None

    def check(self) -> None:
        """Refuse both at once, with a UsageError."""
        if self.epochs is not None and self.minutes is not None:
            raise click.UsageError("--epochs and --minutes are two ways to say how long; give one of them")

    def note_in(self, recipe: Recipe) -> Recipe:
        """Return the recipe with this length; one that starts from a trained network lasts ten minutes."""
        schedule = recipe.schedule
        minutes = self.minutes or (MINUTES if recipe.start and not self.epochs else None)
        lasts = 0.0 if self.epochs else minutes or schedule.minutes
        return with_values(recipe, {"schedule.epochs": self.epochs or schedule.epochs, "schedule.minutes": lasts})


def fields_of(kind: type[Group], values: Mapping[str, Any]) -> Group:
    """Make a group of options from a command's values."""
    return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})


def parse_change(change: str) -> tuple[str, Any]:
    """Read what --set says: a key, and its value as TOML."""
    key, equals, text = (part.strip() for part in change.partition("="))
    try:
        if not key or not equals:
            raise ValueError("no KEY=VALUE")
        return key, tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--set {change}: {error}; write it as in a recipe, texts in quotes") from error


def changed(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """Set values of a recipe, and note them in what it was trained on."""
    result = with_values(recipe, values)
    said = ", ".join(f"{key}={value}" for key, value in values.items() if key.startswith(("data.", "noise.")))
    return dataclasses.replace(result, trained_on=f"{recipe.trained_on}; {said}") if said else result


def with_data(recipe: Recipe, path: Path) -> Recipe:
    """Set the path of a recipe's images or series."""
    if recipe.data["kind"] not in ("images", "image_codes", "series", "forecasts"):
        raise click.UsageError(f"--data is for images and series; {recipe.name} takes --clean, --pairs or --noisy")
    return with_values(recipe, {"data.path": str(path)})


def with_recordings(recipe: Recipe, paths: tuple[Path, ...], share: float | None) -> Recipe:
    """Note the user's recordings in a recipe."""
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
