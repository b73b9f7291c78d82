"""Read the runs of the tutorials' recipes: what they change and what they measured."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from denoise_stream import SourceError
from denoise_stream.errors import first_line
from denoise_train.recipe import Recipe, bundled_recipes, load_recipe

NOT_CHANGES = frozenset({"data.path", "trained_on", "reported", "schedule.epochs", "seed"})
"""Keys that do not make a run another variant of its recipe."""


@dataclass(frozen=True)
class Run:
    """A run folder: its recipe, what it changes in the bundled one, and its report.

    ``epochs`` and what is ``reported`` are the bundled recipe's, whatever the run's own say.
    """

    recipe: Recipe
    epochs: int
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
    original = load_recipe(bundled[recipe.name])
    own, there = recipe.flat(), original.flat()
    changes = {key: own[key] for key in own if key not in NOT_CHANGES and own[key] != there.get(key)}
    return Run(replace(recipe, reported=original.reported), original.schedule.epochs, changes, report)


def _value(value: Any) -> str:
    return (" - ".join(str(item) for item in value) or "none") if isinstance(value, list) else str(value)
