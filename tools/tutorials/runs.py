"""Read the runs of the tutorials' recipes: what they change and what they measured."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from denoise_stream import SourceError
from denoise_stream.errors import first_line
from denoise_train.recipe import Recipe, bundled_recipes, load_recipe

NOT_CHANGES = frozenset({"data.path", "trained_on", "reported", "schedule.epochs", "seed"})
"""Keys that do not make a run another variant of its recipe."""


@dataclass(frozen=True)
class Run:
    """A run folder: its recipe, what it changes in the bundled one, and its report."""

    recipe: Recipe
    changes: dict[str, Any]
    report: dict[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name, and what was set."""
        said = ", ".join(f"{key.rpartition('.')[2]} = {_value(value)}" for key, value in self.changes.items())
        return f"`{self.recipe.name}`" + (f", {said}" if said else "")


def read_run(folder: Path) -> Run:
    """Read a run folder; SourceError if it has no recipe of a bundled name, or no report."""
    recipe = load_recipe(folder / "recipe.toml")
    bundled = bundled_recipes()
    if recipe.name not in bundled:
        raise SourceError(f"{folder} is a run of {recipe.name!r}, which is not a bundled recipe")
    try:
        report = json.loads((folder / "report.json").read_text())
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {folder / 'report.json'}: {first_line(error)}") from error
    own, original = (each.flat() for each in (recipe, load_recipe(bundled[recipe.name])))
    keys = [key for key in own if key not in NOT_CHANGES and own[key] != original.get(key)]
    return Run(recipe, {key: own[key] for key in keys}, report)


def _value(value: Any) -> str:
    return (" - ".join(str(item) for item in value) or "none") if isinstance(value, list) else str(value)
