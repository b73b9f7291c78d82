"""The facts in an exported file: options first, then the run, then the file's name; never another model's."""

import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers, ops

import keras_models
from denoise_export import export
from denoise_stream import Denoiser, SourceError
from denoise_train.recipe import Recipe, load_recipe


@pytest.fixture
def network(tmp_path: Path) -> Path:
    keras_models.build("causal", 64).save(tmp_path / "pump.keras")
    return tmp_path / "pump.keras"


def save_run(folder: Path, recipe: Recipe) -> Path:
    """Make a run folder with a single layer in place of the recipe's network, which says nothing about the facts."""
    folder.mkdir(parents=True)
    noisy = keras.Input((recipe.window,))
    keras.Model(noisy, layers.Dense(recipe.window)(noisy)).save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder


def run_program(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    from denoise_export.cli import main

    monkeypatch.setattr(sys, "argv", ["denoise-export", *(str(argument) for argument in arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_options_say_what_no_run_says(network, tmp_path, monkeypatch, capsys):
    said = ("--name", "Pump 3", "--license", "CC0", "--trained-on", "June", "--hop", "16", "--rate", "250.5")
    assert run_program(monkeypatch, network, "-o", tmp_path / "m.onnx", *said, "--normalization", "none") == 0
    assert "the network takes windows of shape (64, 1); the file takes (64,)" in capsys.readouterr().out
    contract = Denoiser(tmp_path / "m.onnx").contract
    assert (contract.name, contract.license, contract.trained_on) == ("Pump 3", "CC0", "June")
    assert (contract.hop, contract.sample_rate_hz, contract.normalization) == (16, 250.5, "none")


def test_file_without_options_says_its_name_and_nothing_that_is_not_known(network):
    contract = Denoiser(export(network)[0]).contract
    assert (contract.name, contract.license, contract.trained_on, contract.training_recipe) == ("pump", "", "", "")
    assert (contract.hop, contract.sample_rate_hz, contract.normalization) == (32, None, "minmax")


@pytest.mark.parametrize(
    ("folder", "change", "name", "license"),
    [
        ("runs/try", {}, "general-small", "Apache-2.0"),
        ("runs/mine", {"trained_on": "recordings in pumps"}, "mine", ""),
        ("runs/general", {"start": "general"}, "general-own", ""),
        ("runs/a", {"name": "pumps", "license": "MIT"}, "pumps", "MIT"),
    ],
)
def test_only_the_recipe_as_it_ships_has_its_name(tmp_path, folder, change, name, license):
    recipe = dataclasses.replace(load_recipe("general-small"), **change)
    contract = Denoiser(export(save_run(tmp_path / folder, recipe))[0]).contract
    assert (contract.name, contract.license, contract.hop) == (name, license, recipe.hop)


def test_network_that_is_called_general_is_not_general(network, tmp_path):
    network.rename(tmp_path / "general.keras")
    assert Denoiser(export(tmp_path / "general.keras")[0]).contract.name == "general-own"
    with pytest.raises(SourceError, match="--name general is the name of a bundled model, which this is not"):
        export(tmp_path / "general.keras", tmp_path / "m.onnx", name="general")


def test_hop_longer_than_the_window_is_refused(network, tmp_path):
    with pytest.raises(SourceError, match="--hop 65 does not fit windows of 64 samples; use 1 to 64"):
        export(network, tmp_path / "m.onnx", hop=65)


def test_options_of_networks_are_refused_for_exported_files(tmp_path, monkeypatch, capsys):
    assert run_program(monkeypatch, "general", "--rate", "100", "--c", tmp_path / "c") == 2
    assert "--rate needs the network itself; general is exported already" in capsys.readouterr().err


def run_onnx(path: Path, rows: np.ndarray) -> np.ndarray:
    (found,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"noisy": rows})
    return np.asarray(found)


@pytest.mark.parametrize("self_normalizing", [False, True])
def test_zscore_is_computed_in_the_graph(tmp_path, self_normalizing):
    model = keras_models.build("dense", 64)
    path, facts = export(model, tmp_path / "m.onnx", normalization="zscore", self_normalizing=self_normalizing)
    assert facts["normalization"] == ("none" if self_normalizing else "minmax")
    assert "the zscore scaling is a part of the graph" in facts["notes"]
    rows = np.random.default_rng(0).normal(3, 2, (6, 64))
    middle, unit = rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True)
    expected = np.asarray(model(((rows - middle) / unit).astype(np.float32))) * unit + middle
    if self_normalizing:
        found = run_onnx(path, rows.astype(np.float32))
    else:  # as the engine does around each window
        low, span = rows.min(axis=1, keepdims=True), np.ptp(rows, axis=1, keepdims=True)
        found = run_onnx(path, ((rows - low) / span).astype(np.float32)) * span + low
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_offset_of_a_million_does_not_blur_a_zscore(tmp_path):
    path, _ = export(keras_models.build("dense", 64), tmp_path / "m.onnx", normalization="zscore")
    signal = np.random.default_rng(0).normal(size=300)
    denoiser = Denoiser(path)
    np.testing.assert_allclose(denoiser.denoise(signal + 1e6) - 1e6, denoiser.denoise(signal), atol=1e-4)


def test_output_is_fitted_to_its_window(tmp_path):
    noisy = keras.Input((64,))
    model = keras.Model(noisy, 0.2 + 0.5 * noisy)  # the right shape at another amplitude
    path, _ = export(model, tmp_path / "m.onnx", fit_output=True)
    signal = 7 + 3 * np.random.default_rng(0).normal(size=500)
    np.testing.assert_allclose(Denoiser(path).denoise(signal), signal, atol=1e-4)
    with pytest.raises(SourceError, match="takes samples as they are or no signals; --fit-output needs scaled ones"):
        export(model, tmp_path / "n.onnx", fit_output=True, normalization="none")


@pytest.mark.parametrize(
    ("mean", "variance", "expected"),
    [(0.4, 0.1, "minmax"), (20.0, 9.0, "none"), (0.5, 4.0, "none"), (0.0, 1.0, "minmax")],
)
def test_adapted_normalization_tells_how_windows_were_scaled(tmp_path, mean, variance, expected):
    scaled = layers.Normalization(axis=None, mean=mean, variance=variance)
    model = keras.Sequential([keras.Input((64, 1)), scaled, layers.Conv1D(1, 3, padding="same")])
    _, facts = export(model, tmp_path / "m.onnx")
    assert facts["normalization"] == expected
    assert (expected == "none") == any("so the file takes samples as they are" in note for note in facts["notes"])
    _, facts = export(model, tmp_path / "n.onnx", normalization="minmax")
    assert facts["normalization"] == "minmax"


@pytest.mark.parametrize(("mean", "expected"), [(20.0, "none"), (0.4, "minmax")])
def test_normalization_at_the_beginning_of_a_saved_model_tells_it_too(tmp_path, mean, expected):
    noisy = keras.Input((64,))
    scaled = layers.Normalization(axis=None, mean=mean, variance=0.09)(layers.Reshape((64, 1))(noisy))
    keras.Model(noisy, layers.Conv1D(1, 3, padding="same")(scaled)).export(tmp_path / "saved", verbose=False)
    _, facts = export(tmp_path / "saved", tmp_path / "m.onnx")
    assert facts["normalization"] == expected
    assert (expected == "none") == any("the network was adapted to samples of mean 20 and" in n for n in facts["notes"])


def test_saved_model_that_scales_windows_by_themselves_is_of_minmax(tmp_path):
    noisy = keras.Input((64,))
    middle = ops.mean(noisy, axis=1, keepdims=True)
    scaled = (noisy - middle) / (ops.std(noisy, axis=1, keepdims=True) + 1)
    keras.Model(noisy, scaled).export(tmp_path / "saved", verbose=False)
    assert export(tmp_path / "saved", tmp_path / "m.onnx")[1]["normalization"] == "minmax"
