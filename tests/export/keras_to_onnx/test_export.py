"""Export: the file computes what Keras does, states all facts about itself, and is small."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers, ops
from onnx import numpy_helper

from denoise_export.graph.complexity import complexity
from denoise_export.keras_to_onnx.adapting import adapt
from denoise_export.keras_to_onnx.export import export
from denoise_export.keras_to_onnx.network import from_keras
from denoise_export.keras_to_onnx.parity import probe_windows, prove_parity
from denoise_stream import ContractError, Denoiser, SinkError, SourceError, bundled_models
from denoise_train.networks.registry import build_network
from denoise_train.recipe import load_recipe


def save_run(folder: Path, recipe_name: str) -> Path:
    """Make a run folder with a network of a bundled recipe and random weights, biases too."""
    recipe = load_recipe(recipe_name)
    folder.mkdir()
    network = build_network(recipe.window, recipe.hop, recipe.architecture)
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.05, weights.shape) for weights in network.get_weights()])
    network.save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    (folder / "report.json").write_text('{"val_loss": 0.5}')
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: save_run(folder / name, name) for name in ("x2", "general-small")}


@pytest.fixture(scope="module")
def exported(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The file of each run, and its facts."""
    folder = tmp_path_factory.mktemp("exported")
    return {name: export(run, folder / f"{name}.onnx") for name, run in runs.items()}


def run_onnx(path: Path, **inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


@pytest.mark.parametrize("name", ["x2", "general-small"])
def test_run_folder_becomes_a_file_that_says_everything_about_itself(runs, exported, name):
    path, facts = exported[name]
    network = keras.models.load_model(runs[name] / "model.keras", compile=False)
    rows = np.random.default_rng(1).random((17, 150), dtype=np.float32)
    np.testing.assert_allclose(run_onnx(path, noisy=rows)[0], np.asarray(network(rows)), atol=1e-5)
    recipe, contract = load_recipe(name), Denoiser(path).contract
    assert (contract.name, contract.hop, contract.normalization) == (name, recipe.hop, "minmax")
    assert (contract.license, contract.trained_on) == (recipe.license, recipe.trained_on)
    assert contract.training_recipe == f"{name}.toml, seed 1, {recipe.schedule.epochs} epochs"
    written = json.loads(path.with_suffix(".json").read_text())
    assert written == json.loads(json.dumps(facts))
    assert written["report"] == {"val_loss": 0.5}
    assert written["file"]["bytes"] == path.stat().st_size
    assert written["file"]["parameters"] == network.count_params()
    assert written["parity_with_keras"] <= 1e-5


def test_graphs_are_small(exported):
    nodes = {name: facts["file"]["operators"] for name, (_, facts) in exported.items()}
    assert nodes["x2"] == {"Conv": 3, "ConvTranspose": 2, "Relu": 4, "Reshape": 2, "Sigmoid": 1}
    assert nodes["general-small"] == {
        "Add": 3,
        "Conv": 10,
        "ConvTranspose": 2,
        "Relu": 11,
        "Reshape": 4,
        "Sub": 1,
        "Transpose": 1,
    }


def test_multiplications_are_counted():
    facts = complexity(onnx.load(bundled_models()["x2"]))
    # valid convolutions 150 -> 148 -> 146, their transposes back, one more with "same" padding
    by_hand = 148 * 3 * 128 + 146 * 3 * 128 * 32 + 146 * 3 * 32 * 32 + 148 * 3 * 32 * 128 + 150 * 3 * 128
    assert facts["macs_per_window"] == by_hand


@pytest.mark.parametrize("name", ["x2", "general-small"])
def test_self_normalizing_graph_takes_samples_as_they_are(runs, exported, tmp_path, name):
    scaled, _ = exported[name]
    whole, _ = export(runs[name], tmp_path / "whole.onnx", self_normalizing=True)
    assert Denoiser(whole).contract.normalization == "none"
    signal = 3 + 5 * np.random.default_rng(0).normal(size=1000)
    difference = Denoiser(whole).denoise(signal) - Denoiser(scaled).denoise(signal)
    assert np.abs(difference).max() < 1e-5 * np.ptp(signal)
    constant = np.full((2, 150), 7.25, np.float32)
    assert (run_onnx(whole, noisy=constant)[0] == constant).all()


def test_bare_keras_file_is_exported_with_facts_from_its_shapes(tmp_path):
    noisy = keras.Input((120,))
    keras.Model(noisy, layers.Dense(120)(noisy)).save(tmp_path / "mine.keras")
    path, _ = export(tmp_path / "mine.keras")
    assert path == tmp_path / "model.onnx"
    contract = Denoiser(path).contract
    assert (contract.name, contract.window, contract.hop) == ("mine", 120, 60)


def network_of_many_layers(seed: int) -> keras.Model:
    """Return a network with most of what recipes may use: dilation, groups, concatenation, gates, pooling."""
    keras.utils.set_random_seed(seed)
    noisy = keras.Input((150,))
    signal = layers.Reshape((150, 1))(noisy)
    first = layers.Conv1D(8, 7, padding="same", dilation_rate=2, activation="tanh")(signal)
    gate = layers.Conv1D(8, 3, padding="same", activation="sigmoid")(signal)
    signal = layers.Multiply()([first, gate])
    down = layers.Conv1D(12, 6, strides=3, padding="same", activation="elu", use_bias=False)(signal)
    deep = layers.DepthwiseConv1D(5, padding="same")(down)
    deep = layers.BatchNormalization()(layers.Conv1D(12, 1)(deep))
    scale = layers.Dense(12, activation="sigmoid")(layers.GlobalAveragePooling1D()(deep))
    deep = deep * layers.Reshape((1, 12))(scale)
    deep = layers.Concatenate()([deep, down])
    up = layers.Conv1DTranspose(8, 7, strides=3, padding="same", activation="relu")(deep)
    up = layers.Concatenate(axis=-1)([up, signal])
    return keras.Model(noisy, layers.Reshape((150,))(layers.Conv1D(1, 5, padding="same")(up)) + noisy)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_any_network_of_usual_layers_keeps_parity(tmp_path, seed):
    network = network_of_many_layers(seed)
    network.save(tmp_path / "many.keras")
    _, facts = export(tmp_path / "many.keras")
    assert facts["parity_with_keras"] <= 1e-5


@pytest.mark.parametrize("kind", ["gru", pytest.param("bidirectional", marks=pytest.mark.slow), "simple", "dilated"])
def test_networks_with_loops_and_dilated_transposes_keep_parity(tmp_path, kind):
    keras.utils.set_random_seed(0)
    noisy = keras.Input((60,))
    signal = layers.Conv1D(4, 3, padding="same")(layers.Reshape((60, 1))(noisy))
    if kind == "dilated":
        signal = layers.Conv1DTranspose(1, 3, padding="same", dilation_rate=2)(signal)
    elif kind == "bidirectional":
        signal = layers.Dense(1)(layers.Bidirectional(layers.GRU(3, return_sequences=True))(signal))
    else:
        recurrent = {"gru": layers.GRU, "simple": layers.SimpleRNN}[kind]
        signal = layers.Dense(1)(recurrent(3, return_sequences=True)(signal))
    keras.Model(noisy, layers.Reshape((60,))(signal)).save(tmp_path / "mine.keras")
    _, facts = export(tmp_path / "mine.keras")
    assert facts["parity_with_keras"] <= 1e-5
    assert (facts["file"]["macs_per_window"] is None) == (kind != "dilated")


def test_difference_from_keras_fails_the_export(runs, exported):
    path, _ = exported["x2"]
    network = keras.models.load_model(runs["x2"] / "model.keras", compile=False)
    model = onnx.load(path)
    for weights in model.graph.initializer:
        array = numpy_helper.to_array(weights)
        if array.ndim == 4:
            weights.CopyFrom(numpy_helper.from_array(array + np.float32(1e-3), weights.name))
            break
    with pytest.raises(ContractError, match="differs from Keras by .*; needed: at most 1e-05; nothing was written"):
        prove_parity(adapt(from_keras(network)), model, Denoiser(path).contract)


def test_probes_hold_constant_and_extreme_windows():
    probes = probe_windows(150, "minmax")
    assert probes.min() == 0
    assert probes.max() == 1
    assert {0.0, 0.5, 1.0} <= {float(row[0]) for row in probes if np.ptp(row) == 0}
    assert np.abs(probe_windows(150, "none")).max() > 10


@pytest.mark.parametrize("make", ["missing", "text", "wrong shape"])
def test_what_is_no_network_is_refused_in_one_sentence(tmp_path, make):
    path = tmp_path / "model.keras"
    if make == "text":
        path.write_text("no network")
    elif make == "wrong shape":
        image = keras.Input((8, 8, 1))
        keras.Model(image, layers.Conv2D(1, 3)(image)).save(path)
    with pytest.raises(SourceError, match=r"no such file|is not a Keras model|needed: one signal, of shape") as caught:
        export(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()


def unusual_network(kind: str) -> keras.Model:
    noisy, state = keras.Input((150,), name="noisy"), keras.Input((8,), name="state")
    signal = layers.Reshape((150, 1))(noisy)
    clean = layers.Dense(150)(noisy)
    if kind == "no next state":
        return keras.Model([noisy, state], layers.Dense(150)(ops.concatenate([noisy, state], axis=1)))
    if kind == "spectrum":
        image = ops.reshape(noisy, (-1, 10, 15))
        clean = ops.reshape(ops.fft2((image, image))[0], (-1, 150))
    outputs = {
        "two outputs": [clean, noisy],
        "channels": layers.Conv1D(8, 3, padding="same")(signal),
        "shorter": layers.Conv1D(1, 3)(signal),
        "forecast": layers.Dense(24)(noisy),
    }
    return keras.Model(noisy, outputs.get(kind, clean))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("two outputs", r"outputs have shapes \[\(150,\), \(150,\)\]; needed: \[\(150,\)\]; make one of its denoised"),
        (
            "no next state",
            r"outputs have shapes \[\(150,\)\]; needed: \[\(150,\), \(8,\)\] \(the denoised .* a constant inside",
        ),
        ("channels", r"gives \(150, 8\) for a window of 150 samples; needed: .* such as Conv1D\(1, 3"),
        ("shorter", r"gives \(148, 1\) for a window of 150 samples; needed: .* use padding='same'"),
        ("spectrum", r"'functional.*' computes .*FFT2D.*, and ONNX has no such operator"),
        ("forecast", r"gives \(24,\) for .*; end in Dense\(window\); a forecast or a class is not a denoised window"),
    ],
)
def test_networks_that_cannot_be_exported_are_refused_in_one_sentence(tmp_path, kind, words, capfd):
    unusual_network(kind).save(tmp_path / "mine.keras")
    with pytest.raises((SourceError, ContractError), match=words) as caught:
        export(tmp_path / "mine.keras")
    assert "\n" not in str(caught.value)
    assert "upported" not in capfd.readouterr().err  # tf2onnx has its own words for it
    assert [path.name for path in tmp_path.iterdir()] == ["mine.keras"]


def test_network_that_draws_random_numbers_is_refused_by_layer(tmp_path):
    class Random(layers.Layer):
        def call(self, inputs):
            return inputs + tf.random.normal((150,))

    noisy = keras.Input((150,))
    with pytest.raises(SourceError, match="the layer 'random' draws random numbers"):
        export(keras.Model(noisy, Random()(noisy)), tmp_path / "m.onnx")


class OfDictionaries(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(16)

    def call(self, inputs):
        return {"clean": self.dense(inputs["noisy"])}


def test_network_of_a_class_of_its_own_that_was_called_on_a_dictionary_is_exported(tmp_path):
    model = OfDictionaries()
    model({"noisy": np.zeros((1, 16), np.float32)})
    _, facts = export(model, tmp_path / "m.onnx")
    assert facts["window"] == 16


def test_network_that_fails_while_it_is_traced_says_why(tmp_path):
    noisy = keras.Input((16,))
    model = keras.Model(noisy, ops.cond(ops.mean(noisy) > 0.5, lambda: 2 * noisy, lambda: noisy))
    with pytest.raises(SourceError, match=r"cannot be converted: .* found return value of type KerasTensor"):
        export(model, tmp_path / "m.onnx")


def test_network_of_8_bit_floats_is_refused_by_layer(tmp_path):
    model = keras.Sequential([keras.Input((16,)), layers.Dense(16, name="coarse")])
    model.layers[0].quantize("float8")
    with pytest.raises(SourceError, match=r"^the layer 'coarse' computes in 8-bit floats.* before it was quantized"):
        export(model, tmp_path / "m.onnx")


def test_failing_conversion_is_reported_in_one_sentence(runs, tmp_path, monkeypatch):
    def fail(*arguments: object, **options: object) -> None:
        raise KeyError("first line\nsecond line")

    monkeypatch.setattr("denoise_export.keras_to_onnx.export.convert", fail)
    with pytest.raises(SourceError, match=r"model.keras cannot be converted: 'first line"):
        export(runs["x2"], tmp_path / "m.onnx")


def test_broken_contract_is_reported_under_the_files_final_name(tmp_path):
    run = save_run(tmp_path / "run", "x2")
    recipe = dataclasses.replace(load_recipe("x2"), window=400, hop=200)
    (run / "recipe.toml").write_text(recipe.to_toml())
    with pytest.raises(ContractError, match=r"^m\.onnx: metadata hop='200'; needed"):
        export(run, tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_facts_never_overwrite_a_file_of_the_run(tmp_path):
    run = save_run(tmp_path / "run", "x2")
    with pytest.raises(SinkError, match=r"report\.json is the input itself"):
        export(run, run / "report.onnx", force=True)
    assert (run / "report.json").read_text() == '{"val_loss": 0.5}'
    (run / "report.json").write_text("{")
    with pytest.raises(SourceError, match=r"report\.json is not valid JSON"):
        export(run)


@pytest.mark.parametrize("name", ["x.json", "."])
def test_output_without_a_usable_name_is_wrong_usage(runs, monkeypatch, capsys, name):
    from denoise_export.cli import main

    monkeypatch.setattr(sys, "argv", ["denoise-export", str(runs["x2"]), "-o", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "name a file such as model.onnx; the same name with .json gets the facts" in message
    assert message.count("\n") == 1


def test_existing_files_are_kept_without_force(runs, tmp_path):
    (tmp_path / "m.json").write_text("mine")
    with pytest.raises(SinkError, match=r"m\.json exists; use --force to replace it"):
        export(runs["x2"], tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
    export(runs["x2"], tmp_path / "m.onnx", force=True)


def test_program_prints_what_a_model_costs(runs, tmp_path, monkeypatch, capsys):
    from denoise_export.cli import main

    monkeypatch.setattr(sys, "argv", ["denoise-export", str(runs["x2"]), "--output", str(tmp_path / "m.onnx")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "28,737 parameters, 4,175,616 multiply-accumulates per window" in printed
    assert "largest difference from Keras: " in printed
