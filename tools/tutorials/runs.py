"""Read and store the runs of the tutorials' recipes: what they change and what they measured."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from denoise_stream import SourceError
from denoise_stream.errors import first_line
from denoise_train.recipe import Recipe, bundled_recipes, load_recipe, with_values

NOT_CHANGES = frozenset({"data.path", "trained_on", "reported", "schedule.epochs", "seed"})
"""Keys that do not make a run another variant of its recipe."""


@dataclass(frozen=True)
class Run:
    """A run: its recipe, what it changes in the bundled one, and its report."""

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
    own, there = recipe.flat(), load_recipe(bundled[recipe.name]).flat()
    changes = {key: own[key] for key in own if key not in NOT_CHANGES and own[key] != there.get(key)}
    return _run(recipe.name, changes, report)


def load_runs(file: Path) -> list[Run]:
    """Load stored runs."""
    return [_run(**stored) for stored in json.loads(file.read_text())]


def store_runs(runs: Iterable[Run], file: Path) -> None:
    """Store runs, so that a later one can be added when their folders are gone."""
    stored = [{"name": run.recipe.name, "changes": run.changes, "report": run.report} for run in runs]
    file.write_text(json.dumps(stored, indent=1) + "\n")


def with_runs(stored: Iterable[Run], new: Iterable[Run]) -> list[Run]:
    """Replace stored runs by new ones of the same recipe and changes, and put other new ones behind their recipe's."""
    runs = list(stored)
    for run in new:
        same = [place for place, other in enumerate(runs) if other.name == run.name]
        alike = [place for place, other in enumerate(runs) if other.recipe.name == run.recipe.name]
        if same:
            runs[same[0]] = run
        else:
            runs.insert(alike[-1] + 1 if alike else len(runs), run)
    return runs


def _run(name: str, changes: dict[str, Any], report: dict[str, Any]) -> Run:
    return Run(with_values(load_recipe(name), changes), changes, report)


def _value(value: Any) -> str:
    return (" - ".join(str(item) for item in value) or "none") if isinstance(value, list) else str(value)
