"""The user's own architectures: a function in a module becomes a run like any other; mistakes get one sentence."""

import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise_export import export
from denoise_stream import Denoiser
from denoise_train.networks.registry import build_network
from denoise_train.recipe import RecipeError, load_recipe, with_values
from denoise_train.training.fit import train

MODULE = """
import keras
from keras import layers

@keras.saving.register_keras_serializable("mine")
class Twice(layers.Layer):
    def call(self, inputs):
        return 2 * inputs

def column(window, filters=4):
    return keras.Sequential([
        keras.Input((window, 1)), layers.Conv1D(filters, 3, padding="same"), Twice(),
        layers.Conv1D(1, 3, padding="same", activation="sigmoid"),
    ])

def without_input(window):
    return keras.Sequential([layers.Conv1D(1, 3, padding="same")])

def any_length(window):
    return keras.Sequential([keras.Input((None, 1)), layers.Conv1D(1, 3, padding="same")])

def row(window):
    return keras.Sequential([keras.Input((1, window)), layers.Dense(window)])

def vector(window):
    return keras.Sequential([keras.Input((window,)), layers.Dense(window)])

def shorter(window):
    return keras.Sequential([keras.Input((window, 1)), layers.Conv1D(1, 3)])

def image(window):
    return keras.Sequential([keras.Input((8, 8)), layers.Dense(8)])

def nothing(window):
    return None

def broken(window):
    raise KeyError("oh\\nno")

number = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_module.py").write_text(MODULE)
    (tmp_path / "unfinished.py").write_text("import no_such_module\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_module", raising=False)
    return "my_module"


@pytest.mark.parametrize("function", ["column", "without_input", "any_length", "row", "vector"])
def test_network_of_any_shape_takes_rows_of_samples(module, function):
    network = build_network(64, 32, {"kind": f"{module}:{function}"})
    assert network.input_shape == network.output_shape == (None, 64)
    assert network(np.zeros((3, 64), np.float32)).shape == (3, 64)


def test_keys_of_the_section_go_to_the_function(module):
    few, many = (
        build_network(64, 32, {"kind": f"{module}:column", "filters": count}).count_params() for count in (2, 8)
    )
    assert few < many
    with pytest.raises(RecipeError, match="'my_module:column': got an unexpected keyword argument 'layers'"):
        build_network(64, 32, {"kind": f"{module}:column", "layers": 3})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no_such_module:build", "cannot import 'no_such_module': No module named .*; run the program in its folder"),
        ("unfinished:build", "cannot import 'unfinished': No module named 'no_such_module'$"),
        ("my_module:missing", "'my_module' has no function 'missing'"),
        ("my_module:number", "'my_module' has no function 'number'"),
        ("my_module:nothing", "returned a NoneType; needed: a Keras model"),
        ("my_module:broken", r"'my_module:broken': KeyError: 'oh\\nno'$"),
        ("my_module:shorter", r"gives windows of shape \(62, 1\); needed: as many samples as it takes, \(64,\) or"),
        ("my_module:image", r"takes windows of shape \(8, 8\); needed: \(64,\) or \(64, 1\)"),
    ],
)
def test_mistakes_are_one_sentence(module, kind, words):
    with pytest.raises(RecipeError, match=words) as caught:
        build_network(64, 32, {"kind": kind})
    assert "\n" not in str(caught.value)


def test_run_of_an_own_network_is_trained_and_exported(module, tmp_path):
    recipe = with_values(load_recipe("x2"), {"data.samples": 400, "schedule.epochs": 2, "schedule.batch_size": 50})
    recipe = dataclasses.replace(recipe, architecture={"kind": f"{module}:column"})
    report = train(recipe, tmp_path / "mine", say=lambda line: None)
    assert report["epochs"] == 2
    keras.models.load_model(tmp_path / "mine" / "model.keras", compile=False)
    path, facts = export(tmp_path / "mine")
    assert facts["parity_with_keras"] <= 1e-5
    # Another network than the tutorial's: not its name, nor its licence.
    assert (Denoiser(path).contract.name, Denoiser(path).contract.license) == ("mine", "")
