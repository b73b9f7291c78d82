"""Recipes: a TOML file comes in, checked settings go out.

A recipe holds everything that decides what a training makes: data, noise, architecture, loss, optimiser,
schedule and seed. Sections whose keys depend on their ``kind`` (data, architecture, loss) are passed on as they are
to the function of that kind, which names the keys it takes.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from denoise_stream import DenoiseError


class RecipeError(DenoiseError):
    """A recipe that is not there, is no TOML, or holds a wrong key or value."""


@dataclass(frozen=True)
class Optimizer:
    """Which optimiser takes the steps, and how large they are at first."""

    kind: str = "adam"
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Schedule:
    """How long the training lasts; ``batches_per_epoch`` of 0 means all the data there is."""

    epochs: int
    batch_size: int
    batches_per_epoch: int = 0
    warm_up_batches: int = 0
    decay: str = "none"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training makes; see the bundled TOML files for the keys."""

    name: str
    data: Mapping[str, Any]
    architecture: Mapping[str, Any]
    loss: Mapping[str, Any]
    schedule: Schedule
    optimizer: Optimizer = field(default_factory=Optimizer)
    noise: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    trained_on: str = ""
    license: str = ""
    seed: int = 0
    window: int = 150
    hop: int = 75
    sample_rate_hz: float | None = None

    def to_toml(self) -> str:
        """Write the recipe as TOML, sections last."""
        settings = {key: value for key, value in asdict(self).items() if value is not None}
        plain = [f"{key} = {_toml(value)}" for key, value in settings.items() if not isinstance(value, dict)]
        sections = [
            "\n".join([f"\n[{key}]", *(f"{name} = {_toml(item)}" for name, item in value.items())])
            for key, value in settings.items()
            if isinstance(value, dict) and value
        ]
        return "\n".join([*plain, *sections]) + "\n"


def bundled_recipes() -> dict[str, Path]:
    """Give the recipes that ship with the package: name to path.

    >>> sorted(bundled_recipes())
    ['general', 'x2']
    """
    folder = Path(str(resources.files("denoise_train"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a bundled recipe by name, or a file by path.

    Raises
    ------
    RecipeError
        If it is not there, is no TOML, or has a wrong key or value; the sentence names it.
    """
    bundled = bundled_recipes()
    path = bundled.get(str(name_or_path), Path(name_or_path))
    try:
        text = path.read_text()
    except OSError as error:
        raise RecipeError(
            f"recipe {str(name_or_path)!r} is neither a readable file nor bundled ({', '.join(bundled)})"
        ) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path.name} is no TOML: {error}") from error
    for key, kind in (("schedule", Schedule), ("optimizer", Optimizer)):
        if key in table:
            table[key] = _build(kind, table[key], f"{path.name}, section [{key}]")
    recipe: Recipe = _build(Recipe, table, path.name)
    for key in ("data", "architecture", "loss"):
        if "kind" not in getattr(recipe, key):
            raise RecipeError(f"{path.name}, section [{key}]: the key 'kind' is missing")
    numbers = {
        "window": recipe.window,
        "hop": recipe.hop,
        "epochs": recipe.schedule.epochs,
        "batch_size": recipe.schedule.batch_size,
        "learning_rate": recipe.optimizer.learning_rate,
    }
    for key, value in numbers.items():
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise RecipeError(f"{path.name}: {key}={value!r}; it must be a number above 0")
    return recipe


def _build(kind: type, table: Mapping[str, Any], where: str) -> Any:
    known = {item.name for item in fields(kind)}
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: key {key!r} is not known; use {', '.join(sorted(known))}")
    try:
        return kind(**table)
    except TypeError as error:
        missing = str(error).rpartition(": ")[2]
        raise RecipeError(f"{where}: needed and not there: {missing}") from error


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return repr(value)
