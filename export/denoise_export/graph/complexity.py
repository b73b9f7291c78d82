"""Measure the size of a model: bytes, nodes, parameters and multiplications."""

import math
from collections import Counter
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

NOT_COUNTED = frozenset({"GRU", "If", "LSTM", "Loop", "RNN", "Scan"})
"""Operators whose multiplications depend on how often their bodies run."""


def complexity(model: onnx.ModelProto, original: onnx.ModelProto | None = None) -> dict[str, Any]:
    """Measure the size of a model.

    Parameters
    ----------
    model
        The model.
    original
        The model that it was made from by changing its numbers only, if it was; its multiplications and parameters
        are the same, and easier to count.

    Returns
    -------
    ``bytes`` of the file, ``nodes``, ``operators`` (kind to number), ``parameters`` (floating-point constants) and
    ``macs_per_window`` (multiply-accumulate operations of convolutions and matrix products for one window; None
    for a graph with loops).
    """
    counted = original or model
    constants = {item.name: numpy_helper.to_array(item) for item in counted.graph.initializer}
    return {
        "bytes": model.ByteSize(),
        "nodes": len(model.graph.node),
        "operators": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "parameters": sum(int(array.size) for array in constants.values() if np.issubdtype(array.dtype, np.floating)),
        "macs_per_window": None if NOT_COUNTED & {node.op_type for node in model.graph.node} else _macs(counted),
    }


def _macs(model: onnx.ModelProto) -> int:
    single = onnx.ModelProto()
    single.CopyFrom(model)
    for value in [*single.graph.input, *single.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    inferred = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    shapes = {item.name: list(item.dims) for item in inferred.initializer}
    for value in [*inferred.value_info, *inferred.input, *inferred.output]:
        shapes[value.name] = [size.dim_value for size in value.type.tensor_type.shape.dim]
    total = 0
    for node in inferred.node:
        if node.op_type == "Conv":
            weights = shapes[node.input[1]]
            total += math.prod(shapes[node.output[0]]) * math.prod(weights[1:])
        elif node.op_type == "ConvTranspose":
            weights = shapes[node.input[1]]
            total += math.prod(shapes[node.input[0]]) * math.prod(weights[1:])
        elif node.op_type == "MatMul":
            total += math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
        elif node.op_type == "Gemm":
            transposed = any(item.name == "transA" and helper.get_attribute_value(item) for item in node.attribute)
            total += math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]
    return total
