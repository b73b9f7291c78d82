"""Files of networks: those of Keras 2 are read, code in a file is never run, and other files are refused."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf_keras
from keras import layers

import keras_models
from denoise_export import export
from denoise_stream import Denoiser, SourceError


def network_of_keras_2(kind: str) -> tf_keras.Model:
    """Build networks whose descriptions Keras 3 rejects."""
    from tf_keras import layers

    stacks = {
        "tutorial": [layers.Conv1D(8, 3, activation="relu", input_shape=(64, 1)), layers.Conv1DTranspose(1, 3)],
        "lstm": [layers.LSTM(4, return_sequences=True, input_shape=(64, 1)), layers.TimeDistributed(layers.Dense(1))],
        "dense": [layers.Dense(8, activation="relu", input_shape=(64,)), layers.Dense(64)],
    }
    return tf_keras.Sequential(stacks[kind])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(("kind", "form"), [("tutorial", "h5"), ("lstm", "keras"), ("dense", "folder")])
def test_what_keras_2_saved_is_exported(tmp_path, kind, form):
    model = network_of_keras_2(kind)
    file = tmp_path / (f"old.{form}" if form != "folder" else "old")
    model.save(file)
    path, facts = export(file, tmp_path / "m.onnx")
    assert facts["parity_with_keras"] <= 1e-5
    rows = np.random.default_rng(0).random((4, 64), dtype=np.float32)
    expected = model.predict(rows.reshape(4, *model.input_shape[1:]), verbose=0).reshape(4, 64)
    noisy = Denoiser(path)
    assert (noisy.contract.window, noisy.contract.name) == (64, "old")
    scaled = (rows - rows.min(1, keepdims=True)) / np.ptp(rows, axis=1, keepdims=True)
    assert expected.shape == scaled.shape


def make_evil(path: Path) -> Path:
    """Make a network whose Lambda layer writes a file as soon as its code runs."""
    mark = str(path.parent / "ran")
    noisy = keras.Input((64,))
    evil = layers.Lambda(lambda rows: [Path(mark).touch(), rows][1], name="evil")
    keras.Model(noisy, evil(noisy)).save(path)
    Path(mark).unlink()
    return path


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["evil.keras", "evil.h5"])
def test_code_in_a_file_is_never_run(tmp_path, name):
    with pytest.raises(SourceError, match=r"the layer 'evil' is a Lambda layer, .* never run; use layers .*\.export"):
        export(make_evil(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_in_a_file_of_keras_2_is_never_run(tmp_path):
    mark = str(tmp_path / "ran")
    noisy = tf_keras.Input((64,))
    evil = tf_keras.layers.Lambda(lambda rows: [Path(mark).touch(), rows][1], name="evil")
    tf_keras.Model(noisy, evil(noisy)).save(tmp_path / "old.h5")
    Path(mark).unlink()
    with pytest.raises(SourceError, match="the layer 'evil' is a Lambda layer"):
        export(tmp_path / "old.h5")
    assert not Path(mark).exists()


def test_file_of_keras_2_that_names_a_module_is_refused(tmp_path):
    """Keras 2 would import any module, and call any function of it."""
    network_of_keras_2("lstm").save(tmp_path / "old.keras")
    with zipfile.ZipFile(tmp_path / "old.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][-1] |= {"module": "os", "class_name": "function", "config": "getcwd"}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "evil.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(SourceError, match=r"evil\.keras names os\.function, which is not part of Keras"):
        export(tmp_path / "evil.keras")


def test_saved_model_that_touches_files_is_not_loaded(tmp_path):
    class Evil(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 64), tf.float32)])
        def serve(self, rows):
            tf.io.write_file(str(tmp_path / "ran"), "code")
            return rows

    evil = Evil()
    tf.saved_model.save(evil, tmp_path / "evil", signatures={"serving_default": evil.serve})
    with pytest.raises(SourceError, match="evil runs code or touches files by WriteFile; it is not loaded"):
        export(tmp_path / "evil")
    assert not (tmp_path / "ran").exists()


def test_lambda_of_a_model_in_memory_is_exported(tmp_path):
    noisy = keras.Input((64,))
    model = keras.Model(noisy, layers.Lambda(lambda rows: 2 * rows, output_shape=(64,))(noisy))
    path, _ = export(model, tmp_path / "double.onnx")
    signal = np.arange(200.0)
    assert Denoiser(path).contract.name == "double"
    # Windows are scaled by their minimum and range: what is doubled is what lies above the minimum.
    assert np.all(Denoiser(path).denoise(signal) >= signal)


def test_unknown_class_is_named(tmp_path):
    @keras.saving.register_keras_serializable()
    class Mine(layers.Layer):
        def call(self, inputs):
            return inputs

    noisy = keras.Input((64,))
    keras.Model(noisy, Mine()(noisy)).save(tmp_path / "mine.keras")
    keras.saving.get_custom_objects().clear()
    with pytest.raises(SourceError, match=r"holds Mine, which is not part of Keras; export it in the program that"):
        export(tmp_path / "mine.keras")


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("nothing", "no such file; name a run folder, a .keras or .h5 file, or a SavedModel folder"),
        ("empty folder", r"is a folder without model\.keras or saved_model\.pb; name a run folder"),
        ("folder of others", r"it holds a\.keras, b\.h5; name that file"),
        ("weights", "it holds weights alone; save the whole network with model.save"),
        ("text", "it is neither a .keras file nor HDF5"),
        ("cut", "is not a Keras model: "),
        ("unbuilt", "does not know the shape of its input; begin it with keras.Input"),
        ("graph", "is not a SavedModel"),
    ],
)
def test_files_without_a_network_are_refused_in_one_sentence(tmp_path, make, words):
    source = tmp_path / "source.keras"
    model = keras_models.build("dense", 64)
    if make in ("empty folder", "folder of others", "graph"):
        source = tmp_path / "source"
        source.mkdir()
        for name in {"folder of others": ("a.keras", "b.h5"), "graph": ("saved_model.pb",)}.get(make, ()):
            (source / name).write_bytes(b"no network")
    elif make == "weights":
        model.save_weights(tmp_path / "source.weights.h5")
        source = tmp_path / "source.weights.h5"
    elif make == "text":
        source.write_text("no network")
    elif make == "cut":
        model.save(source)
        source.write_bytes(source.read_bytes()[:2000])
    elif make == "unbuilt":
        keras.Sequential([layers.Dense(64)]).save(source)
    with pytest.raises(SourceError, match=words) as caught:
        export(source)
    assert "\n" not in str(caught.value)


def network_with_states(names: str) -> keras.Model:
    """Build a network whose n-th state is divided by n at each window."""
    noisy = keras.Input((16, 1), name="noisy")
    states = [keras.Input((2,), name=name) for name in names]
    following = [layers.Rescaling(1 / number)(state) for number, state in enumerate(states, 1)]
    return keras.Model([noisy, *states], [layers.Conv1D(1, 3, padding="same")(noisy), *following])


def test_states_of_a_saved_model_keep_their_order(tmp_path):
    network_with_states("kjihgfedcba").export(tmp_path / "saved", verbose=False)
    path, _ = export(tmp_path / "saved", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    _, state = session.run(None, {"noisy": np.zeros((1, 16), np.float32), "state": np.ones((1, 22), np.float32)})
    np.testing.assert_allclose(state[0], np.repeat(1 / np.arange(1, 12), 2), rtol=1e-6)


def saved_model_of(kind: str) -> Any:
    """Build networks that a SavedModel does not hold as the export needs them."""
    if kind == "rows":
        module = tf.Module()
        rows = tf.TensorSpec((None, 16))
        module.serve_three = tf.function(lambda noisy: tf.ensure_shape(noisy, (3, 16)), input_signature=[rows])
        return module
    if kind == "states":
        return network_with_states("ba")
    if kind == "batch":
        recurrent = layers.LSTM(2, return_sequences=True)
        return keras.Sequential([keras.Input((16, 1), batch_size=32), recurrent, layers.Dense(1)])
    return keras.Sequential([keras.Input((16,)), layers.Dense(16, dtype=kind)])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("states", r"takes 3 inputs \(.*\) in an order that a SavedModel does not keep; save it with model\.save"),
        ("batch", r"takes batches of 32 windows alone; save it again without a batch_size"),
        ("float64", r"computes in float64, which is fixed in a SavedModel.*; save it with model\.save"),
        ("mixed_float16", r"computes in float16, which is fixed in a SavedModel"),
        ("rows", r"cannot be converted: .*\[2,16\] is not compatible with expected shape \[3,16\]"),
    ],
)
def test_saved_models_that_lack_what_is_needed_are_refused_in_one_sentence(tmp_path, kind, words):
    made = saved_model_of(kind)
    tf.saved_model.save(made, str(tmp_path / "saved"), signatures=getattr(made, "serve_three", None))
    with pytest.raises(SourceError, match=words) as caught:
        export(tmp_path / "saved", tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_operation_of_keras_that_hdf5_does_not_hold_is_not_called_foreign(tmp_path):
    keras_models.build("operations", 16).save(tmp_path / "mine.h5")
    with pytest.raises(
        SourceError,
        match=r"^Keras cannot read \S*mine.h5 back: Unknown layer: .Absolute.; HDF5 does .*: save it with model\.save",
    ):
        export(tmp_path / "mine.h5")


@pytest.mark.parametrize("precision", ["float64", "mixed_float16"])
def test_network_of_keras_2_in_another_precision_is_refused_by_layer(tmp_path, precision):
    model = tf_keras.Sequential([tf_keras.layers.Dense(16, input_shape=(16,), dtype=precision, name="first")])
    with pytest.raises(
        SourceError, match=r"^the layer 'first' of Keras 2 computes in float\d\d, and the file computes"
    ):
        export(model, tmp_path / "m.onnx")


def test_unpacked_network_is_read(tmp_path):
    model = keras_models.build("causal", 64)
    model.save(tmp_path / "packed.keras")
    shutil.unpack_archive(tmp_path / "packed.keras", tmp_path / "unpacked", "zip")
    _, facts = export(tmp_path / "unpacked", tmp_path / "m.onnx")
    assert facts["name"] == "unpacked"


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_ending_of_a_file_does_not_matter(tmp_path):
    model = keras_models.build("causal", 64)
    model.save(tmp_path / "mine.h5")
    (tmp_path / "mine.h5").rename(tmp_path / "best.model")
    _, facts = export(tmp_path / "best.model", tmp_path / "m.onnx")
    assert facts["name"] == "best"


def test_hdf5_without_a_version_is_taken_for_one_of_keras_2(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as data:
        data.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": []}})
    with pytest.raises(SourceError):
        export(tmp_path / "old.h5")


def test_object_that_is_no_model_is_refused():
    with pytest.raises(TypeError, match="source is a list; give a path or a Keras model"):
        export([1, 2], "m.onnx")
