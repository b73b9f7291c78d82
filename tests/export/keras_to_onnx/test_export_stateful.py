"""Export of networks with a memory: the file keeps the state as the network does, window after window."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers, ops
from onnx import numpy_helper

from denoise_export.keras_to_onnx.adapting import adapt
from denoise_export.keras_to_onnx.export import export
from denoise_export.keras_to_onnx.network import from_keras
from denoise_export.keras_to_onnx.parity import prove_parity
from denoise_export.smaller.derive import derive
from denoise_stream import ContractError, Denoiser, SourceError
from denoise_train.networks.shared_mask import SLOW_FRAMES
from speech import save_speech_run


def test_stateful_network_is_exported_with_its_state(tmp_path):
    noisy, state = keras.Input((150,), name="noisy"), keras.Input((8,), name="state")
    features = layers.Dense(8, activation="tanh")(ops.concatenate([noisy, state], axis=1))
    next_state = 0.9 * state + 0.1 * features
    clean = noisy - layers.Dense(150)(next_state)
    network = keras.Model([noisy, state], [clean, next_state])
    network.save(tmp_path / "memory.keras")
    path, _ = export(tmp_path / "memory.keras")
    assert Denoiser(path).contract.state_size == 8
    rng = np.random.default_rng(0)
    inputs = [rng.random((5, 150), dtype=np.float32), rng.random((5, 8), dtype=np.float32)]
    session = onnxruntime.InferenceSession(path)
    results = session.run(None, {"noisy": inputs[0], "state": inputs[1]})
    for wanted, found in zip(network(inputs), results, strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-5)
    signal = rng.normal(size=700)
    stream = Denoiser(path).stream()
    parts = [stream.process(signal[:333]), stream.process(signal[333:]), stream.flush()]
    np.testing.assert_allclose(np.concatenate(parts), Denoiser(path).denoise(signal), atol=1e-6)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_speech_run(tmp_path_factory.mktemp("runs") / "speech")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    return export(run, tmp_path_factory.mktemp("exported") / "m.onnx")


def test_recipe_says_that_the_network_takes_samples_as_they_are(exported):
    path, facts = exported
    contract = Denoiser(path).contract
    assert (contract.name, contract.normalization, contract.sample_rate_hz) == ("speech-own", "none", 16_000)
    assert (contract.window, contract.hop, contract.state_size) == (150, 75, 362 + 3 + 2 * 64 + 8 * 16)
    assert facts["normalization"] == "none"


def test_scaling_is_baked_into_no_graph_that_has_a_memory_or_takes_samples_as_they_are(run, tmp_path):
    with pytest.raises(
        SourceError, match="is stateful; --self-normalizing works on networks that take nothing but windows"
    ):
        export(run, tmp_path / "m.onnx", self_normalizing=True)
    noisy = keras.Input((150,))
    keras.Model(noisy, layers.Dense(150)(noisy)).save(tmp_path / "model.keras")
    (tmp_path / "recipe.toml").write_text((run / "recipe.toml").read_text())
    with pytest.raises(SourceError, match="takes samples as they are; --self-normalizing works on scaled windows"):
        export(tmp_path, self_normalizing=True)


def test_graph_of_recurrent_layers_is_small(exported):
    operators = exported[1]["file"]["operators"]
    assert sum(operators.values()) < 200
    assert (operators["Gemm"], operators["Sigmoid"], operators["Split"]) == (10, 2, 7)


def test_16_bits_change_the_output_little(exported, tmp_path):
    path, facts = exported
    smaller = derive(path, tmp_path / "small.onnx", fp16=True)
    assert smaller["difference_db"] < -60
    assert smaller["file"]["bytes"] < facts["file"]["bytes"] / 3
    assert smaller["file"]["operators"]["Gather"] == 2  # one for each Fourier matrix


def with_mistake(model: onnx.ModelProto, mistake: str) -> onnx.ModelProto:
    """Make a mistake that shows after many windows only, in the state only, or hardly."""
    if mistake == "order of the state":
        (concat,) = [node for node in model.graph.node if "state_out" in node.output]
        concat.input[1], concat.input[2] = concat.input[2], concat.input[1]
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        if mistake == "limit of the count" and array.size == 1 and array == np.float32(SLOW_FRAMES):
            constant.CopyFrom(numpy_helper.from_array(array - 5, constant.name))
        elif mistake == "weights" and array.shape == (16, 8):
            constant.CopyFrom(numpy_helper.from_array(array + np.float32(1e-3), constant.name))
    return model


@pytest.mark.parametrize("mistake", ["order of the state", "limit of the count", "weights"])
def test_difference_that_only_a_stream_shows_fails_the_export(run, exported, mistake):
    path, facts = exported
    assert facts["parity_with_keras"] <= 1e-5
    model = with_mistake(onnx.load(path), mistake)
    assert model != onnx.load(path)
    network = keras.models.load_model(run / "model.keras", compile=False)
    with pytest.raises(ContractError, match="differs from Keras by .*; needed: at most 1e-05"):
        prove_parity(adapt(from_keras(network)), model, Denoiser(path).contract)
