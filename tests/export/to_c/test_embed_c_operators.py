"""Every operator with a C translation computes what onnxruntime does; all others are refused."""

import itertools
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from denoise_export.to_c.source import OPERATORS as TRANSLATIONS
from denoise_export.to_c.source import c_source, write_c
from denoise_stream import ContractError
from embed import SANITIZED, compile_c
from onnx_models import save, tensor

SEEDS = itertools.count()
"""One for each constant, so that two of the same shape cannot be exchanged unnoticed."""


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(next(SEEDS)).normal(0, 0.3, shape).astype(np.float32)


def node(kind: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], **attributes)


LINE, IMAGE, COLUMNS = [-1, 6, 25], [-1, 6, 1, 25], [-1, 25, 6]
"""Shapes that a window of 150 samples is given before the operator under test."""

OPERATORS: dict[str, tuple[list[int], onnx.NodeProto, dict[str, np.ndarray]]] = {
    "conv": (LINE, node("Conv", "x", "w", "b"), {"w": random(9, 6, 3), "b": random(9)}),
    "conv of few outputs": (LINE, node("Conv", "x", "w", pads=[2, 2]), {"w": random(2, 6, 5)}),
    "strided conv": (LINE, node("Conv", "x", "w", strides=[3], pads=[4, 1]), {"w": random(10, 6, 7)}),
    "same upper": (LINE, node("Conv", "x", "w", strides=[2], auto_pad="SAME_UPPER"), {"w": random(8, 6, 4)}),
    "same lower": (LINE, node("Conv", "x", "w", strides=[2], auto_pad="SAME_LOWER"), {"w": random(8, 6, 4)}),
    "dilated conv": (LINE, node("Conv", "x", "w", dilations=[4], pads=[8, 0]), {"w": random(8, 6, 3)}),
    "grouped conv": (LINE, node("Conv", "x", "w", "b", group=3, pads=[1, 1]), {"w": random(9, 2, 3), "b": random(9)}),
    "depthwise conv": (LINE, node("Conv", "x", "w", group=6, dilations=[2]), {"w": random(6, 1, 5)}),
    "conv that ignores its end": (LINE, node("Conv", "x", "w", strides=[4]), {"w": random(8, 6, 2)}),
    "conv of height 1": (
        IMAGE,
        node("Conv", "x", "w", "b", strides=[1, 2], pads=[0, 1, 0, 2]),
        {"w": random(8, 6, 1, 5), "b": random(8)},
    ),
    "transposed conv": (LINE, node("ConvTranspose", "x", "w", "b"), {"w": random(6, 8, 3), "b": random(8)}),
    "strided transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", "b", strides=[3], pads=[2, 1], output_padding=[1]),
        {"w": random(6, 8, 7), "b": random(8)},
    ),
    "transposed conv with gaps": (
        LINE,
        node("ConvTranspose", "x", "w", "b", strides=[4]),
        {"w": random(6, 9, 2), "b": random(9)},
    ),
    "dilated transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], dilations=[3]),
        {"w": random(6, 2, 3)},
    ),
    "grouped transposed conv": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], group=2, pads=[1, 0]),
        {"w": random(6, 8, 4)},
    ),
    "transposed conv of a stated length": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], output_shape=[50], auto_pad="SAME_UPPER"),
        {"w": random(6, 8, 5)},
    ),
    "transposed conv of an odd stated length": (
        LINE,
        node("ConvTranspose", "x", "w", strides=[2], output_shape=[50]),
        {"w": random(6, 8, 5)},
    ),
    "transposed conv of height 1": (
        IMAGE,
        node("ConvTranspose", "x", "w", strides=[1, 2], pads=[0, 1, 0, 1]),
        {"w": random(6, 8, 1, 4)},
    ),
    "product": (COLUMNS, node("MatMul", "x", "w"), {"w": random(6, 11)}),
    "product from the left": (COLUMNS, node("MatMul", "w", "x"), {"w": random(1, 7, 25)}),
    "general product": (
        [-1, 150],
        node("Gemm", "x", "w", "b", transB=1, alpha=0.5, beta=2.0),
        {"w": random(12, 150), "b": random(12)},
    ),
    "sum of a row": (LINE, node("Add", "x", "w"), {"w": random(6, 1)}),
    "sum of three": (LINE, node("Max", "x", "w", "v"), {"w": random(25), "v": random(6, 1)}),
    "difference": (LINE, node("Sub", "w", "x"), {"w": random(6, 25)}),
    "scaling": (LINE, node("Mul", "x", "w"), {"w": np.array(0.7, np.float32)}),
    "quotient": (LINE, node("Div", "x", "w"), {"w": 2 + random(1, 25)}),
    "power": (LINE, node("Pow", "x", "w"), {"w": np.array(2.0, np.float32)}),
    "relu": (LINE, node("Relu", "x"), {}),
    "sigmoid": (LINE, node("Sigmoid", "x"), {}),
    "tanh": (LINE, node("Tanh", "x"), {}),
    "leaky relu": (LINE, node("LeakyRelu", "x", alpha=0.2), {}),
    "prelu": (LINE, node("PRelu", "x", "w"), {"w": random(6, 1)}),
    "elu": (LINE, node("Elu", "x", alpha=0.7), {}),
    "hard sigmoid": (LINE, node("HardSigmoid", "x"), {}),
    "softplus": (LINE, node("Softplus", "x"), {}),
    "clip": (LINE, node("Clip", "x", "w", "v"), {"w": np.array(-0.2, np.float32), "v": np.array(0.4, np.float32)}),
    "clip from above": (LINE, node("Clip", "x", "", "v"), {"v": np.array(0.1, np.float32)}),
    "flatten": (LINE, node("Flatten", "x"), {}),
    "transpose": (IMAGE, node("Transpose", "x", perm=[0, 3, 2, 1]), {}),
    "concat": (LINE, node("Concat", "x", "x", axis=2), {}),
    "slice": (
        LINE,
        node("Slice", "x", "s", "e", "a", "t"),
        {"s": np.array([-2, 3]), "e": np.array([-99, 20]), "a": np.array([1, 2]), "t": np.array([-2, 3])},
    ),
    "places of an axis": (LINE, node("Gather", "x", "p", axis=1), {"p": np.array([[1, 2, 3], [5, -6, 3]])}),
    "place of an axis": (LINE, node("Gather", "x", "p", axis=-1), {"p": np.array(7)}),
    "pad": (LINE, node("Pad", "x", "p", "v"), {"p": np.array([0, 1, 2, 0, 0, 3]), "v": np.array(0.5, np.float32)}),
    "pad that cuts off": (LINE, node("Pad", "x", "p"), {"p": np.array([0, -1, -2, 0, 2, -3])}),
    "smallest of two": (LINE, node("Min", "x", "w"), {"w": random(25)}),
    "largest over time": (LINE, node("GlobalMaxPool", "x"), {}),
    "sum along no axis": (LINE, node("ReduceSum", "x", noop_with_empty_axes=1), {}),
    "smallest": (LINE, node("ReduceMin", "x", axes=[2], keepdims=1), {}),
    "largest": (LINE, node("ReduceMax", "x", axes=[1], keepdims=0), {}),
    "mean": (LINE, node("ReduceMean", "x", axes=[1, 2], keepdims=1), {}),
    "sum": (LINE, node("ReduceSum", "x", "a", keepdims=0), {"a": np.array([-1])}),
    "mean over time": (LINE, node("GlobalAveragePool", "x"), {}),
    "layer statistics": (
        COLUMNS,
        node("LayerNormalization", "x", "s", "o", epsilon=1e-3),
        {"s": random(6), "o": random(6)},
    ),
    "error function": (LINE, node("Erf", "x"), {}),
    "hard swish": (LINE, node("HardSwish", "x"), {}),
    "repetition": (LINE, node("Tile", "x", "r"), {"r": np.array([1, 2, 3])}),
    "expansion": (
        [-1, 6, 1, 25],
        node("Expand", "x", "s"),
        {"s": np.array([1, 6, 4, 25])},
    ),
    "softmax": (LINE, node("Softmax", "x", axis=1), {}),
    "channel statistics": (
        LINE,
        node("BatchNormalization", "x", "s", "o", "m", "v"),
        {"s": random(6), "o": random(6), "m": random(6), "v": 1 + random(6)},
    ),
}


def through(path: Path, shape: list[int], nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> Path:
    """Make a contract model round operators from ``x``, of a given shape, to ``y``, of any."""
    around = [
        helper.make_node("Reshape", ["noisy", "shape"], ["x"]),
        *nodes,
        helper.make_node("ReduceMean", ["y"], ["level"], keepdims=0),
        helper.make_node("Flatten", ["y"], ["flat"]),
        helper.make_node("Pad", ["flat", "behind"], ["long"]),
        helper.make_node("Slice", ["long", "zero", "length", "one"], ["cut"]),
        helper.make_node("Add", ["cut", "level"], ["clean"]),
    ]
    own = {"shape": np.array(shape), "behind": np.array([0, 0, 0, 150])}
    own |= {"zero": np.array([0]), "length": np.array([150]), "one": np.array([1])}
    return save(
        path, around, [tensor("noisy", 150)], [tensor("clean", 150)], constants | own, normalization="none", hop="150"
    )


def check_model(model: Path, folder: Path, *flags: str) -> None:
    """Compare one window through C, under sanitizers, with onnxruntime."""
    write_c(model, folder, force=True)
    noisy = np.random.default_rng(1).normal(size=(1, 150)).astype(np.float32)
    (expected,) = onnxruntime.InferenceSession(model).run(None, {"noisy": noisy})
    program = compile_c(folder, "gcc", *SANITIZED, "-O0", *flags)  # compiled in half the time
    done = subprocess.run([program, "150"], input=noisy.tobytes(), capture_output=True, check=True, timeout=60)
    np.testing.assert_allclose(np.frombuffer(done.stdout, "<f4"), expected[0], atol=3e-6)


@pytest.mark.parametrize("kind", OPERATORS)
def test_operator_computes_what_onnxruntime_does(tmp_path, kind):
    shape, operator, constants = OPERATORS[kind]
    check_model(through(tmp_path / "m.onnx", shape, [operator], constants), tmp_path)


OF_ROWS: dict[str, tuple[list[int], onnx.NodeProto, dict[str, np.ndarray], int]] = {
    "conv": ([2, 25], node("Conv", "x", "w", "b", pads=[2, 2]), {"w": random(9, 2, 5), "b": random(9)}, 225),
    "depthwise conv": ([2, 25], node("Conv", "x", "w", group=2, pads=[1, 1]), {"w": random(2, 1, 3)}, 50),
    "strided conv of height 1": (
        [2, 1, 25],
        node("Conv", "x", "w", strides=[1, 5], pads=[0, 1, 0, 2]),
        {"w": random(9, 2, 1, 5)},
        45,
    ),
    "transposed conv": (
        [2, 25],
        node("ConvTranspose", "x", "w", "b", strides=[3], pads=[2, 1]),
        {"w": random(2, 8, 7), "b": random(8)},
        608,
    ),
    "product": ([25, 2], node("MatMul", "x", "w"), {"w": random(2, 11)}, 275),
    "general product": ([50], node("Gemm", "x", "w"), {"w": random(50, 11)}, 11),
    "softmax": ([2, 25], node("Softmax", "x"), {}, 50),
    "smallest": ([2, 25], node("ReduceMin", "x", axes=[2], keepdims=1), {}, 2),
}
"""For each: the shape of one of the three rows that a window becomes, the operator, its weights, and the size of its
output."""


@pytest.mark.parametrize("kind", OF_ROWS)
def test_operator_computes_each_row_of_a_batch_that_the_graph_makes_of_one_window(tmp_path, kind):
    shape, operator, constants, size = OF_ROWS[kind]
    rows = onnx.NodeProto.FromString(operator.SerializeToString())
    rows.input[0], rows.output[0] = "rows", "found"
    nodes = [
        helper.make_node("Reshape", ["x", "of_row"], ["rows"]),
        rows,
        helper.make_node("Reshape", ["found", "of_window"], ["y"]),
    ]
    constants = constants | {"of_row": np.array([-1, *shape]), "of_window": np.array([-1, 3, size])}
    check_model(through(tmp_path / "m.onnx", [-1, 3, 50], nodes, constants), tmp_path)


FUNCTIONS = ("Abs", "Ceil", "Exp", "Floor", "Identity", "Neg", "Softsign")
POSITIVE = ("Log", "Reciprocal", "Sqrt")


def test_functions_of_single_elements_compute_what_onnxruntime_does(tmp_path):
    nodes = [helper.make_node("Abs", ["x"], ["size"]), helper.make_node("Add", ["size", "half"], ["positive"])]
    constants = {"half": np.array(0.5, np.float32)}
    for kind in FUNCTIONS + POSITIVE:
        nodes.append(helper.make_node(kind, ["positive" if kind in POSITIVE else "x"], [kind]))
        nodes.append(helper.make_node("Mul", [kind, f"{kind} weight"], [f"{kind} part"]))
        constants[f"{kind} weight"] = random(6, 1)
    nodes.append(node("Sum", *(f"{kind} part" for kind in FUNCTIONS + POSITIVE)))
    check_model(through(tmp_path / "m.onnx", LINE, nodes, constants), tmp_path)


def test_every_translation_is_tested():
    elsewhere = {"GRU", "Split", "Reshape", "Squeeze", "Sum", "Unsqueeze", *FUNCTIONS, *POSITIVE}
    assert set(TRANSLATIONS) - elsewhere == {operator.op_type for _, operator, _ in OPERATORS.values()} - elsewhere


@pytest.mark.parametrize("settings", [{}, {"axis": 2}])
def test_softmax_of_old_opsets_sums_over_all_later_axes(tmp_path, settings):
    path = through(tmp_path / "m.onnx", LINE, [node("Softmax", "x", **settings)], {})
    model = onnx.load(path)
    model.opset_import[0].version = 12
    onnx.save(model, path)
    check_model(path, tmp_path)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("reset_behind", [0, 1])
def test_gru_computes_what_onnxruntime_does(tmp_path, direction, reset_behind):
    ways = 2 if direction == "bidirectional" else 1
    constants = {"w": random(ways, 21, 6), "r": random(ways, 21, 7), "b": random(ways, 42), "h": random(ways, 1, 7)}
    settings = {"hidden_size": 7, "direction": direction, "linear_before_reset": reset_behind}
    settings["activations"] = ["Sigmoid", "Tanh"] * ways
    nodes = [
        helper.make_node("Transpose", ["x"], ["sequence"], perm=[1, 0, 2]),
        helper.make_node("GRU", ["sequence", "w", "r", "b", "", "h"], ["all", "last"], **settings),
        helper.make_node("Transpose", ["all"], ["first"], perm=[2, 0, 1, 3]),
        helper.make_node("ReduceMean", ["last"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["first", "mean"], ["y"]),
    ]
    check_model(through(tmp_path / "m.onnx", [-1, 25, 6], nodes, constants), tmp_path)


def test_attention_over_split_features_computes_what_onnxruntime_does(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["features"]),
        helper.make_node("Split", ["features", "parts"], ["q", "k", "v"], axis=2),
        helper.make_node("Transpose", ["k"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "turned"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
        helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
        helper.make_node("Concat", ["mixed", "q"], ["y"], axis=2),
    ]
    constants = {"w": random(6, 15), "parts": np.array([4, 4, 7])}
    check_model(through(tmp_path / "m.onnx", [-1, 25, 6], nodes, constants), tmp_path)


def test_skip_connections_keep_what_is_needed_later(tmp_path):
    """In-place results and shared memory must not overwrite a tensor that is still read."""
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1, 1]),
        helper.make_node("Add", ["c", "b"], ["d"]),
        helper.make_node("Tanh", ["d"], ["e"]),
        helper.make_node("Mul", ["e", "a"], ["f"]),
        helper.make_node("Unsqueeze", ["f", "two"], ["g"]),
        helper.make_node("Squeeze", ["g", "two"], ["h"]),
        helper.make_node("Concat", ["h", "x", "d"], ["y"], axis=1),
    ]
    constants = {"w1": random(8, 6, 3), "w2": random(8, 8, 3), "two": np.array([2])}
    check_model(through(tmp_path / "m.onnx", LINE, nodes, constants), tmp_path)


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        (node("Sin", "x"), "cannot be turned into C: no translation of Sin; there is one of .*Conv"),
        (node("Conv", "x", "x"), "Conv with computed weights cannot be turned into C; constant ones can"),
        (node("Pad", "x", "p", mode="reflect"), "Pad with mode='reflect' cannot be turned into C; 'constant' can"),
    ],
)
def test_what_has_no_translation_is_refused_by_name(tmp_path, operator, words):
    check_refusal(tmp_path, LINE, operator, {"p": np.array([0, 0, 1, 0, 0, 1])}, words)


@pytest.mark.parametrize(
    ("shape", "operator", "constants", "words"),
    [
        (IMAGE, node("Conv", "x", "w", pads=[1, 1, 1, 1]), {"w": random(8, 6, 1, 3)}, "Conv that pads the height"),
        (
            LINE,
            node("GRU", "x", "w", "r", hidden_size=7),
            {"w": random(1, 21, 25), "r": random(1, 21, 7)},
            "GRU over 6 sequences at once cannot be turned into C; one sequence can",
        ),
        (
            IMAGE,
            node("ConvTranspose", "x", "w", strides=[3, 1], pads=[1, 0, 1, 0], output_padding=[2, 0]),
            {"w": random(6, 8, 1, 3)},
            "ConvTranspose that pads the height",
        ),
    ],
)
def test_layer_that_would_compute_something_else_is_refused(tmp_path, shape, operator, constants, words):
    check_refusal(tmp_path, shape, operator, constants, words)


def test_bias_for_each_row_is_refused(tmp_path):
    around = [
        helper.make_node("Reshape", ["noisy", "rows"], ["x"]),
        helper.make_node("Gemm", ["x", "w", "b"], ["y"]),
        helper.make_node("Reshape", ["y", "window"], ["clean"]),
    ]
    constants = {"rows": np.array([25, -1]), "window": np.array([-1, 150]), "w": random(6, 6), "b": random(25, 1)}
    path = save(tmp_path / "m.onnx", around, [tensor("noisy", 150)], [tensor("clean", 150)], constants)
    with pytest.raises(ContractError, match="Gemm with a bias for each row cannot be turned into C"):
        c_source(onnx.load(path), path.name)


def check_refusal(
    tmp_path: Path, shape: list[int], operator: onnx.NodeProto, constants: dict[str, np.ndarray], words: str
) -> None:
    path = through(tmp_path / "m.onnx", shape, [operator], constants)
    with pytest.raises(ContractError, match=words) as caught:
        write_c(path, tmp_path / "c")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()
