"""TensorFlow's operators that tf2onnx lacks, in terms of those that ONNX has."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from tf2onnx import utils


def _bucketize(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Count the boundaries at or below each number, used by Discretization."""
    kind = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
    boundaries = np.array(node.get_attr_value("boundaries"), kind)
    last = graph.make_const(utils.make_name("axis"), np.array([-1])).output[0]
    column = graph.make_node("Unsqueeze", [node.input[0], last]).output[0]
    limits = graph.make_const(utils.make_name("boundaries"), boundaries).output[0]
    reached = graph.make_node("GreaterOrEqual", [column, limits]).output[0]
    counted = graph.make_node("Cast", [reached], attr={"to": onnx.TensorProto.INT32}).output[0]
    output, shape, kind_out = node.output[0], graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(node.name)
    settings = {"keepdims": 0}
    graph.make_node("ReduceSum", [counted, last], attr=settings, outputs=[output], shapes=[shape], dtypes=[kind_out])


def _sign_bit(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Find the signs that argmax and argmin of Keras read from bits: the inverse of -0.0 is below 0."""
    bits, mask = node.inputs
    lowest = np.iinfo(np.int32).min
    if bits.type != "Bitcast" or not mask.is_const() or np.any(mask.get_tensor_value(as_list=False) != lowest):
        raise ValueError("it looks at other bits of a number than its sign")
    number, (output,) = bits.input[0], node.output
    shape, kind = graph.get_shape(output), graph.get_dtype(output)
    zero = graph.make_const(utils.make_name("zero"), np.zeros((), np.float32)).output[0]
    inverse = graph.make_node("Reciprocal", [number]).output[0]
    below = [graph.make_node("Less", [each, zero]).output[0] for each in (number, inverse)]
    negative = graph.make_node("Or", below).output[0]
    values = [graph.make_const(utils.make_name("bits"), np.array(each, np.int32)).output[0] for each in (lowest, 0)]
    graph.remove_node(node.name)
    graph.make_node("Where", [negative, *values], outputs=[output], shapes=[shape], dtypes=[kind])


def _erfc(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write 1 - Erf, used by the exact gelu."""
    erf = graph.make_node("Erf", [node.input[0]], name=f"{name}/Erf").output[0]
    _subtract(graph, node, [_one(graph, node), erf])


def _expm1(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write Exp - 1, used by celu."""
    power = graph.make_node("Exp", [node.input[0]], name=f"{name}/Exp").output[0]
    _subtract(graph, node, [power, _one(graph, node)])


def _gru(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write a GRU over time, whose parameters lie in a row as ONNX has them: see :class:`blocks.CellOverTime`."""
    rows, before, _, parameters = node.input
    units, inputs = graph.get_shape(before)[2], graph.get_shape(rows)[2]
    output, shape, kind = node.output[0], graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(node.name)

    def constant(numbers: list[int]) -> Any:
        return graph.make_const(utils.make_name(f"{name}/constant"), np.array(numbers)).output[0]

    weights, start = [], 0
    for sizes in ([1, 3 * units, inputs], [1, 3 * units, units], [1, 6 * units]):
        end = start + math.prod(sizes)
        piece = graph.make_node("Slice", [parameters, constant([start]), constant([end])]).output[0]
        weights.append(graph.make_node("Reshape", [piece, constant(sizes)]).output[0])
        start = end
    settings = {"hidden_size": units, "linear_before_reset": 1}
    outputs = graph.make_node("GRU", [rows, *weights, "", before], output_count=1, attr=settings).output
    graph.make_node("Squeeze", [outputs[0], constant([1])], outputs=[output], shapes=[shape], dtypes=[kind])


def _log1p(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write Log of 1 + x, exact to float32's step at 1."""
    sum_ = graph.make_node("Add", [node.input[0], _one(graph, node)], name=f"{name}/Add").output[0]
    node.type = "Log"
    graph.replace_inputs(node, [sum_])


def _one(graph: Any, node: Any) -> Any:
    kind = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
    return graph.make_const(utils.make_name("one"), np.array(1, kind)).output[0]


def _subtract(graph: Any, node: Any, inputs: list[Any]) -> None:
    node.type = "Sub"
    graph.replace_inputs(node, inputs)


ADDED: dict[str, tuple[Callable[..., None], list[Any]]] = {
    "BitwiseAnd": (_sign_bit, []),
    "Bucketize": (_bucketize, []),
    "Erfc": (_erfc, []),
    "Expm1": (_expm1, []),
    "CudnnRNN": (_gru, []),
    "Log1p": (_log1p, []),
}
"""The writer of each operator, as tf2onnx takes it: ``(function, arguments)``."""
