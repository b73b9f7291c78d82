"""Recipes are read back as they were written, whatever file names and numbers they hold."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from denoise_train.cli import train as cli
from denoise_train.recipe import RecipeError, bundled_recipes, load_recipe, with_values

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans()
VALUES = TEXTS | NUMBERS | st.lists(NUMBERS) | st.lists(TEXTS)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.fixed_dictionaries({"name": TEXTS, "trained_on": TEXTS, "data.path": TEXTS}),
    values=st.dictionaries(TEXTS.filter(lambda key: key and "." not in key and key != "kind"), VALUES, max_size=4),
)
def test_recipe_is_read_back_as_it_was_written(tmp_path: Path, texts: dict, values: dict):
    recipe = with_values(load_recipe("mnist-dense"), texts | {f"loss.{key}": value for key, value in values.items()})
    path = tmp_path / "recipe.toml"
    path.write_bytes(recipe.to_toml().encode())
    assert load_recipe(path) == recipe


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipe_is_read_back_as_it_was_written(name: str, tmp_path: Path):
    (tmp_path / "recipe.toml").write_text(load_recipe(name).to_toml(), encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.toml") == load_recipe(name)


def test_file_name_that_no_recipe_can_hold_is_refused():
    name = os.fsdecode(b"caf\xe9.npz")
    with pytest.raises(RecipeError, match=r"data.path='caf.*udce9.npz' is not valid Unicode text; rename the file"):
        with_values(load_recipe("mnist-dense"), {"data.path": name})


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1.0])
@pytest.mark.parametrize("key", ["schedule.minutes", "optimizer.learning_rate"])
def test_length_and_steps_are_finite_numbers(key: str, value: float):
    with pytest.raises(RecipeError, match="it must be a number"):
        with_values(load_recipe("x2"), {key: value})


def test_training_without_end_is_refused_before_it_begins(folder: Path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["denoise-train", "x2", "--minutes", "inf", "--output", "run"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "minutes=inf; it must be a number from 0" in capsys.readouterr().err
    assert not (folder / "run").exists()
