"""TensorFlow's operators that tf2onnx lacks, in terms of those that ONNX has."""

from collections.abc import Callable
from typing import Any

import numpy as np
from tf2onnx import utils


def _erfc(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write 1 - Erf, used by the exact gelu."""
    erf = graph.make_node("Erf", [node.input[0]], name=f"{name}/Erf").output[0]
    _subtract(graph, node, [_one(graph, node), erf])


def _expm1(graph: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Write Exp - 1, used by celu."""
    power = graph.make_node("Exp", [node.input[0]], name=f"{name}/Exp").output[0]
    _subtract(graph, node, [power, _one(graph, node)])


def _one(graph: Any, node: Any) -> Any:
    kind = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
    return graph.make_const(utils.make_name("one"), np.array(1, kind)).output[0]


def _subtract(graph: Any, node: Any, inputs: list[Any]) -> None:
    node.type = "Sub"
    graph.replace_inputs(node, inputs)


ADDED: dict[str, tuple[Callable[..., None], list[Any]]] = {"Erfc": (_erfc, []), "Expm1": (_expm1, [])}
"""The writer of each operator, as tf2onnx takes it: ``(function, arguments)``."""
