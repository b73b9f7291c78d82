"""Networks of many shapes, layers and file formats become models that stream."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers, ops

import keras_models
from denoise_export import export
from denoise_stream import ContractError, Denoiser, SourceError

WINDOWS = (64, 150, 256)

EVERYDAY = (
    ("tutorial", 150, "keras"),
    ("tutorial", 64, "h5"),
    ("dense and deep", 64, "savedmodel"),
    ("row", 256, "keras"),
    ("grouped", 64, "object"),
    ("normalization", 64, "keras"),
    ("activation celu", 64, "object"),
    ("half precision", 64, "keras"),
    ("merged", 64, "object"),
    ("robust", 64, "object"),
    ("blanks", 150, "keras"),
    ("spectral_mask", 64, "keras"),
    ("fourier", 64, "savedmodel"),
    ("nearest_code", 64, "keras"),
    ("levels", 64, "keras"),
)
"""Small ones, every save format, and every kind of network that once failed."""

LONGER = (
    ("grouped", 64, "savedmodel"),
    ("bidirectional lstm", 64, "h5"),
    ("transformer", 64, "keras"),
    ("double precision", 64, "keras"),
)
"""The same of networks that take seconds to convert."""


OF_OPERATIONS = ("spectral_mask", "fourier", "nearest_code", "levels")

NOT_HELD_BY = {
    "h5": (
        "largest",
        "merged",
        "self_attention",
        "dot_attention",
        "transformer",
        "operations",
        "robust",
        *OF_OPERATIONS,
    ),
    "savedmodel": ("half precision", "double precision", "blanks"),
}
"""Keras cannot read operations and dot attention back from its own HDF5, nor write blanks in names into a SavedModel.
A SavedModel stays at 16 or 64 bits where the network is."""


def saved(model: keras.Model, form: str, folder: Path) -> Any:
    """Save a network in a format; return the path to export."""
    if form == "savedmodel":
        model.export(folder / "saved", verbose=False)
        return folder / "saved"
    if form == "object":
        return model
    model.save(folder / f"mine.{form}")
    return folder / f"mine.{form}"


def windows(length: int) -> np.ndarray:
    """Random, constant and extreme windows, as scaled windows are."""
    rng = np.random.default_rng(5)
    ramp = np.linspace(0, 1, length)
    rows = [*rng.random((8, length)), *np.full((3, length), [[0.0], [0.5], [1.0]]), *np.eye(length)[[0, -1]]]
    return np.array([*rows, ramp, ramp > 0.5, np.arange(length) % 2], np.float32)


def check_streams(path: Path, length: int) -> None:
    """Check that chunks give what the whole signal gives, to the sample."""
    denoiser = Denoiser(path)
    signal = np.random.default_rng(6).normal(size=3 * length + 7)
    stream = denoiser.stream()
    pieces = np.split(signal, sorted([1, 18, length + 5, 2 * length]))
    chunked = np.concatenate([*(stream.process(piece) for piece in pieces), stream.flush()])
    whole = denoiser.denoise(signal)
    assert len(whole) == len(signal)
    np.testing.assert_allclose(chunked, whole, atol=1e-6 * np.ptp(signal))


def check(name: str, length: int, forms: tuple[str, ...], folder: Path) -> None:
    model = keras_models.build(name, length)
    rows = windows(length)
    expected = model(rows.reshape(len(rows), *model.input_shape[1:]), training=False)
    expected = np.asarray(keras.ops.reshape(expected, (len(rows), length)), np.float32)
    scale = np.maximum(1, np.abs(expected).max(axis=1, keepdims=True))
    tolerance = 1e-5 if name != "half precision" else 2e-3  # which is computed in float32, and says so
    for form in forms:
        path, facts = export(saved(model, form, folder), folder / f"{form}.onnx")
        assert facts["parity_with_keras"] <= 1e-5
        assert (facts["window"], facts["hop"]) == (length, length // 2)
        (found,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"noisy": rows})
        assert np.max(np.abs(found - expected) / scale) <= tolerance
        check_streams(path, length)


@pytest.mark.parametrize(
    ("name", "length", "form"), [*EVERYDAY, *(pytest.param(*case, marks=pytest.mark.slow) for case in LONGER)]
)
def test_network_is_exported_as_keras_computes_it_and_streams(tmp_path, name, length, form):
    check(name, length, (form,), tmp_path)


def formats(name: str) -> list[str]:
    """The formats that hold a network."""
    return [form for form in ("keras", "h5", "savedmodel", "object") if name not in NOT_HELD_BY.get(form, ())]


@pytest.mark.slow
@pytest.mark.parametrize("name", keras_models.names())
def test_every_network_is_exported_and_streams(tmp_path, name):
    forms = formats(name)
    check(name, 150, (forms[list(keras_models.names()).index(name) % len(forms)],), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("length", WINDOWS)
@pytest.mark.parametrize("name", keras_models.names())
def test_every_network_in_every_format_is_exported_and_streams(tmp_path, name, length):
    check(name, length, tuple(formats(name)), tmp_path)


@pytest.mark.parametrize("length", [8, pytest.param(4096, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tutorial", "lstm code"])
def test_windows_may_be_short_or_long(tmp_path, name, length):
    if (name, length) == ("tutorial", 8):
        name = "causal"  # four convolutions without padding leave nothing of 8 samples
    check(name, length, ("object",), tmp_path)


def test_adaptations_are_reported(tmp_path):
    _, facts = export(keras_models.build("causal", 64), tmp_path / "m.onnx")
    assert facts["notes"] == [
        "the network takes windows of shape (64, 1); the file takes (64,)",
        "the network gives windows of shape (64, 1); the file gives (64,)",
    ]
    _, facts = export(keras_models.build("dense", 64), tmp_path / "n.onnx")
    assert facts["notes"] == []


def test_network_of_any_length_gets_the_requested_window(tmp_path):
    model = keras.Sequential([keras.Input((None, 1)), keras_models.conv(4), keras_models.conv(1)])
    _, facts = export(model, tmp_path / "m.onnx", window=333)
    assert facts["window"] == 333
    _, facts = export(model, tmp_path / "n.onnx")
    assert facts["window"] == 150
    assert facts["notes"][0] == "the network takes any length; the file takes 150 samples (--window for others)"


@pytest.mark.parametrize("ending", ["joined", "longer"])
def test_network_of_any_length_that_needs_a_multiple_names_the_nearest_ones(tmp_path, ending):
    signal = keras.Input((None, 1))
    halved = layers.UpSampling1D(8)(keras_models.conv(4, strides=8)(signal))
    clean = halved if ending == "longer" else layers.Concatenate()([signal, halved])
    model = keras.Model(signal, keras_models.conv(1)(clean))
    with pytest.raises(SourceError, match=r"150 samples.*; it does so for 144 and 152: choose one with --window$"):
        export(model, tmp_path / "m.onnx")
    assert export(model, tmp_path / "m.onnx", window=152)[1]["window"] == 152


def test_network_that_mixes_the_windows_of_a_batch_is_refused_for_that(tmp_path):
    signal = keras.Input((64, 1))
    with pytest.raises(ContractError, match=r"depends on the other windows of its batch, as after ops.max\(x\)"):
        export(keras.Model(signal, signal / (ops.max(signal) + 1)), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["object", "savedmodel"])
def test_network_whose_training_failed_is_refused_and_nothing_is_written(tmp_path, form):
    model = keras_models.build("dense", 64)
    model.layers[0].bias.assign(np.full(24, np.nan))
    with pytest.raises(
        SourceError, match=r"^the weights '\S*dense\S*/bias\S*' hold NaN or infinity.*smaller learning rate"
    ):
        export(saved(model, form, tmp_path), tmp_path / "m.onnx")
    assert not list(tmp_path.glob("m.*"))


def test_graph_of_time_distributed_layers_does_not_grow_with_the_window(tmp_path):
    nodes = [
        export(keras_models.build("bidirectional lstm", length), tmp_path / f"{length}.onnx")[1]["file"]["nodes"]
        for length in (16, 64)
    ]
    assert nodes[0] == nodes[1] < 40


def test_names_of_layers_are_as_before_after_an_export(tmp_path):
    model = keras_models.build("blanks", 64)
    names = [layer.name for layer in model.layers]
    export(model, tmp_path / "m.onnx")
    assert [layer.name for layer in model.layers] == names
    assert "first layer (3 taps)" in names
