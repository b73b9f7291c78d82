"""Models with 16-bit weights compute with 32 bits, and constants that need more than 16 bits stay exact."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from denoise_export.smaller import fourier
from denoise_export.smaller.derive import derive
from denoise_export.smaller.float16 import to_fp16
from denoise_export.smaller.loss import losses_db
from denoise_stream import bundled_models
from onnx_models import identity, save, tensor


def product(tmp_path, matrix: np.ndarray) -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["noisy", "matrix"], ["clean"])]
    sizes = [tensor("noisy", len(matrix)), tensor("clean", matrix.shape[1])]
    return onnx.load(save(tmp_path / "m.onnx", nodes, sizes[:1], sizes[1:], {"matrix": matrix}))


def stored_bytes(model: onnx.ModelProto) -> int:
    return sum(numpy_helper.to_array(item).nbytes for item in model.graph.initializer)


def run(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"noisy": rows})[0]


def test_weights_take_half_the_space_and_everything_is_computed_with_32_bits(tmp_path):
    weights = np.random.default_rng(0).normal(size=(150, 150)).astype(np.float32)
    model = product(tmp_path, weights)
    smaller = to_fp16(model)
    assert stored_bytes(smaller) == weights.nbytes / 2
    rows = 1 + 1e-6 * np.random.default_rng(1).random((3, 150), dtype=np.float32)
    rounded = weights.astype(np.float16).astype(np.float64)
    np.testing.assert_allclose(run(smaller, rows), rows @ rounded, atol=3e-5)


def test_runtime_widens_the_weights_when_it_loads_them(tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    derive(bundled_models()["general-small"], tmp_path / "m.onnx", fp16=True)
    onnxruntime.InferenceSession(tmp_path / "m.onnx", options)
    assert "Cast" in {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert "Cast" not in {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}


@pytest.mark.parametrize(
    "weights",
    [
        np.full((20, 20), 1e6, np.float32),
        np.random.default_rng(0).random((20, 20), dtype=np.float32) * np.float32(1e-7),
        np.random.default_rng(0).random((1, 400), dtype=np.float32),
        np.random.default_rng(0).random((5, 5), dtype=np.float32),
    ],
    ids=["large", "tiny", "vector", "few"],
)
def test_short_constants_and_those_beyond_16_bits_stay(tmp_path, weights):
    model = product(tmp_path, weights)
    assert to_fp16(model) == model


def transform(first_bin: int) -> np.ndarray:
    """Return the matrix from the sum or the difference of the halves of 512 samples to every second bin."""
    angles = 2 * np.pi * np.outer(np.arange(256), first_bin + 2 * np.arange(128)) / 512
    return np.concatenate((np.cos(angles), -np.sin(angles)), axis=1).astype(np.float32)


@pytest.mark.parametrize("first_bin", [0, 1])
def test_fourier_matrices_stay_exact_in_a_small_part_of_their_space(tmp_path, first_bin):
    matrix = transform(first_bin)
    model = product(tmp_path, matrix)
    smaller = to_fp16(model)
    assert stored_bytes(smaller) < matrix.nbytes / 30
    np.testing.assert_allclose(run(smaller, np.eye(256, dtype=np.float32)), matrix, atol=1e-7)


def test_fourier_matrix_has_cosines_and_sines_of_either_sign():
    angles = 2 * np.pi * np.outer(np.arange(24), [0, 1, 5, 12]) / 48
    matrix = np.concatenate((np.cos(angles), -np.sin(angles), np.sin(angles), -np.cos(angles)), axis=1)
    found = fourier.recognise(matrix.astype(np.float32))
    assert found is not None
    np.testing.assert_allclose(found.matrix(), matrix, atol=1e-6)
    matrix[3, 7] += 1e-5
    assert fourier.recognise(matrix) is None
    assert fourier.recognise(1.01 * np.cos(angles)) is None
    assert fourier.recognise(np.random.default_rng(0).normal(size=(24, 4))) is None
    assert fourier.recognise(np.where(np.eye(24, 4) > 0, np.nan, 1.0)) is None
    assert fourier.recognise(np.cos(angles)[:, 1]) is None


def test_old_opset_without_the_operators_of_a_fourier_matrix_gets_16_bits(tmp_path):
    model = product(tmp_path, transform(0))
    model.opset_import[0].version = 9
    assert [node.op_type for node in to_fp16(model).graph.node] == ["Cast", "MatMul"]


def test_difference_and_parity_of_the_original_are_stated(tmp_path):
    source = identity(tmp_path / "m.onnx")
    source.with_suffix(".json").write_text('{"parity_with_keras": 2e-6}')
    facts = derive(source, tmp_path / "same.onnx")
    assert "parity_with_keras" not in facts
    assert facts["parity_of_original"] == 2e-6
    assert facts["difference_db"] == -160
    assert json.loads((tmp_path / "same.json").read_text()) == facts


def test_difference_is_relative_to_the_output(tmp_path):
    source = identity(tmp_path / "m.onnx", normalization="none")
    nodes = [helper.make_node("Mul", ["noisy", "factor"], ["clean"])]
    sizes, factor = [tensor("noisy", 150), tensor("clean", 150)], {"factor": np.array(1.01, np.float32)}
    louder = save(tmp_path / "louder.onnx", nodes, sizes[:1], sizes[1:], factor, normalization="none")
    assert losses_db(source, louder)["difference_db"] == pytest.approx(-40, abs=0.1)
