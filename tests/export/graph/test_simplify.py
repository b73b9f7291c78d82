"""The rules that make a converted graph small: each applies where it holds, and the graph computes the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from denoise_export.graph.simplify import simplify

FOLDED = {"strides": [1, 1], "dilations": [1, 1]}


@pytest.mark.parametrize(
    ("settings", "folds"),
    [
        (FOLDED, True),
        ({**FOLDED, "dilations": [1, 2]}, False),
        ({**FOLDED, "strides": [1, 2], "output_padding": [0, 1]}, False),
        ({**FOLDED, "auto_pad": "SAME_UPPER"}, False),
        ({"dilations": [1, 1]}, False),
    ],
)
def test_slice_becomes_padding_only_of_a_plain_transposed_convolution(settings, folds):
    constants = {"weights": np.ones((1, 1, 1, 3), np.float32)}
    constants |= {name: np.array([value]) for name, value in (("low", 1), ("high", 9), ("axis", 3))}
    nodes = [
        helper.make_node("ConvTranspose", ["x", "weights"], ["whole"], **settings),
        helper.make_node("Slice", ["whole", "low", "high", "axis"], ["y"]),
    ]
    assert ("Slice" not in simplified(nodes, constants, ["b", 1, 1, 10])) == folds


def test_squeeze_and_unsqueeze_cancel_only_where_they_undo_each_other():
    nodes = [
        helper.make_node("Squeeze", ["x", "two"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "back"], ["z"]),
    ]
    nodes += [helper.make_node("Transpose", ["z"], ["y"])]
    constants = {"two": np.array([2]), "back": np.array([-2])}
    assert "Unsqueeze" in simplified(nodes, constants, ["b", 7, 1])


def simplified(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], shape: list[int | str]) -> list[str]:
    """Apply the rules to a graph from x to y, check that it computes the same and return its operators."""
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    after = simplify(onnx.ModelProto.FromString(before.SerializeToString()))
    rows = np.random.default_rng(0).random([3, *shape[1:]], dtype=np.float32)
    wanted, found = (
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": rows})[0] for model in (before, after)
    )
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    return [node.op_type for node in after.graph.node]


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_transposed_convolution_without_overlap_becomes_a_plain_one(relu, bias):
    rng = np.random.default_rng(0)
    constants = {"w": rng.normal(size=(3, 6, 1, 5)).astype(np.float32), "b": np.arange(6, dtype=np.float32)}
    inputs = ["x", "w", "b"] if bias else ["x", "w"]
    nodes = [helper.make_node("ConvTranspose", inputs, ["z" if relu else "y"], strides=[1, 5])]
    nodes += [helper.make_node("Relu", ["z"], ["y"])] if relu else []
    activation = ["Relu"] if relu else []
    assert simplified(nodes, constants, ["n", 3, 1, 7]) == ["Conv", *activation, "Reshape", "Transpose", "Reshape"]


@pytest.mark.parametrize(
    ("kernel", "settings"),
    [(7, {"strides": [1, 5]}), (5, {"strides": [1, 5], "pads": [0, 1, 0, 1]}), (2, {"strides": [1, 2]})],
)
def test_other_transposed_convolutions_stay(kernel, settings):
    constants = {"w": np.random.default_rng(0).normal(size=(3, 6, 1, kernel)).astype(np.float32)}
    nodes = [helper.make_node("ConvTranspose", ["x", "w"], ["y"], **settings)]
    assert simplified(nodes, constants, ["n", 3, 1, 7]) == ["ConvTranspose"]


def test_transposed_convolution_of_two_dimensions_or_with_a_computed_bias_stays():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 6, 1, 5)).astype(np.float32)
    nodes = [helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[1, 5])]
    assert simplified(nodes, {"w": weights}, ["n", 3, 4, 7]) == ["ConvTranspose"]
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["highest"], keepdims=0),
        helper.make_node("Mul", ["highest", "six"], ["b"]),
        helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[1, 5]),
    ]
    constants = {"w": weights, "six": np.arange(6, dtype=np.float32)}
    assert simplified(nodes, constants, ["n", 3, 1, 7])[-1] == "ConvTranspose"


def test_simplifying_leaves_other_graphs_computing_the_same(models):
    rows = np.random.default_rng(0).random((3, 150), dtype=np.float32)
    for kind in ("identity", "smoother"):
        before = onnx.load(models[kind])
        after = simplify(onnx.load(models[kind]))
        results = [
            onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"noisy": rows})[0]
            for model in (before, after)
        ]
        np.testing.assert_allclose(results[0], results[1], atol=1e-6)


@pytest.mark.parametrize(
    ("parts", "splits"),
    [
        ([(0, 3), (3, 8)], True),
        ([(3, 2**63 - 1), (0, -5)], True),
        ([(0, 3), (4, 8)], False),
        ([(0, 4), (3, 8)], False),
        ([(0, 3), (3, 7)], False),
        ([(0, 8)], False),
    ],
)
def test_slices_become_one_split_only_where_they_are_a_whole_tensor(parts, splits):
    constants = {"axes": np.array([0, 1])}
    nodes = []
    for number, (start, end) in enumerate(parts):
        constants |= {f"from {number}": np.array([0, start]), f"to {number}": np.array([2**31 - 1, end])}
        nodes.append(helper.make_node("Slice", ["x", f"from {number}", f"to {number}", "axes"], [f"part {number}"]))
    nodes.append(helper.make_node("Concat", [f"part {number}" for number in range(len(parts))], ["y"], axis=1))
    assert ("Split" in simplified(nodes, constants, ["n", 8])) == splits


@pytest.mark.parametrize(
    ("start", "end", "step", "stays"),
    [
        (0, 8, 1, False),
        (0, 2**31 - 1, 1, False),
        (0, 2**63 - 1, 1, False),
        (0, 7, 1, True),
        (1, 8, 1, True),
        (0, 8, 2, True),
    ],
)
def test_a_slice_of_everything_goes(start, end, step, stays):
    constants = {"from": np.array([0, start]), "to": np.array([10**9, end]), "steps": np.array([1, step])}
    constants |= {"axes": np.array([0, 1])}
    nodes = [
        helper.make_node("Slice", ["x", "from", "to", "axes", "steps"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    assert ("Slice" in simplified(nodes, constants, ["n", 8])) == stays


def test_slices_of_the_batch_or_in_steps_stay():
    constants = {"zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "end": np.array([8])}
    nodes = [
        helper.make_node("Slice", ["x", "zero", "end", "one", "two"], ["even"]),
        helper.make_node("Slice", ["x", "one", "end", "one", "two"], ["odd"]),
        helper.make_node("Slice", ["x", "zero", "one", "zero"], ["first row"]),
        helper.make_node("Slice", ["x", "one", "end", "zero"], ["other rows"]),
        helper.make_node("Concat", ["even", "odd"], ["sorted"], axis=1),
        helper.make_node("Concat", ["other rows", "first row"], ["turned"], axis=0),
        helper.make_node("Add", ["sorted", "turned"], ["y"]),
    ]
    assert "Split" not in simplified(nodes, constants, ["n", 8])


def gru_cell(mistake: str = "", swapped: bool = False) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """Write a GRU from x, its input and its state side by side, to y as Keras does, or a lookalike."""
    rng = np.random.default_rng(0)
    shapes = {"w": (4, 15), "b": (15,), "u": (5, 15), "c": (15,)}
    constants = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {"one": np.array(2 if mistake == "two" else 1, np.float32), "sizes": np.array([4, 5])}

    def pair(kind: str, first: str, second: str, output: str) -> onnx.NodeProto:
        return helper.make_node(kind, [second, first] if swapped else [first, second], [output])

    thirds = ["outer reset", "outer update"] if mistake == "order" else ["outer update", "outer reset"]
    nodes = [
        helper.make_node("Split", ["x", "sizes"], ["input", "state"], axis=1),
        helper.make_node("MatMul", ["input", "w"], ["input w"]),
        pair("Add", "input w", "b", "outer"),
        helper.make_node("MatMul", ["state", "u"], ["state u"]),
        pair("Add", "state u", "c", "inner"),
        helper.make_node("Split", ["outer"], [*thirds, "outer candidate"], axis=-1),
        helper.make_node("Split", ["inner"], ["inner update", "inner reset", "inner candidate"], axis=-1),
        pair("Add", "outer update", "inner update", "update sum"),
        pair("Add", "outer reset", "inner reset", "reset sum"),
        helper.make_node("Sigmoid", ["update sum"], ["update"]),
        helper.make_node("Sigmoid", ["reset sum"], ["reset"]),
        pair("Mul", "reset", "inner candidate", "allowed"),
        pair("Add", "outer candidate", "allowed", "candidate sum"),
        helper.make_node("Tanh", ["candidate sum"], ["candidate"]),
        helper.make_node("Sub", ["one", "update"], ["other"]),
        pair("Mul", "update", "state", "kept"),
        pair("Mul", "other", "candidate", "new"),
        pair("Add", "kept", "new", "y"),
    ]
    return nodes, constants


@pytest.mark.parametrize("swapped", [False, True])
def test_gates_of_a_gru_become_one_product(swapped):
    operators = simplified(*gru_cell(swapped=swapped), ["n", 9])
    assert sorted(operators) == sorted(
        ["Split", "Concat", "Gemm", "Sigmoid", "Split", "Gemm", "Gemm", "Mul", "Add", "Tanh", "Sub", "Mul", "Add"]
    )


@pytest.mark.parametrize("mistake", ["order", "two"])
def test_lookalike_of_a_gru_is_left_unchanged(mistake):
    operators = simplified(*gru_cell(mistake), ["n", 9])
    assert (operators.count("Sigmoid"), operators.count("Gemm")) == (2, 2)


def test_bias_of_a_product_is_folded_into_it_only_for_rows():
    constants = {"w": np.ones((4, 6), np.float32), "b": np.arange(6, dtype=np.float32)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Add", ["b", "z"], ["y"])]
    assert simplified(nodes, constants, ["n", 4]) == ["Gemm"]
    assert simplified(nodes, constants, ["n", 3, 4]) == ["MatMul", "Add"]
