"""Convert: a Keras network comes in, an ONNX graph with the contract's names and free batch size goes out."""

import logging
from typing import Any

import keras
import onnx
import tensorflow as tf
import tf2onnx
from keras import ops
from onnx import helper

from denoise_export.graph.simplify import simplify
from denoise_stream import Contract, SourceError
from denoise_stream.contract import OUTPUTS

# What tf2onnx cannot convert is named in an error of ours.
logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)

OPSET = 17
IR_VERSION = 8
"""What onnxruntime 1.12 (2022) and everything since reads."""

SMALLEST_SPAN = 1e-30
"""Keeps the range of a constant window from being divided by; smaller than any range that carries a signal."""


def with_normalization(network: keras.Model) -> keras.Model:
    """Wrap a network of scaled windows in its scaling, so that it takes the samples as they are.

    The wrapper subtracts each window's minimum, divides by its range and undoes both behind the network, in
    float32; a window with no range comes back as it is.
    """
    noisy = keras.Input((network.input_shape[1],), name="noisy")
    minimum = ops.min(noisy, axis=1, keepdims=True)
    span = ops.max(noisy, axis=1, keepdims=True) - minimum
    scaled = (noisy - minimum) / ops.maximum(span, SMALLEST_SPAN)
    return keras.Model(noisy, network(scaled) * span + minimum)


def convert(network: keras.Model, contract: Contract) -> onnx.ModelProto:
    """Convert a network to a simplified ONNX model with the contract's metadata.

    Parameters
    ----------
    network
        ``noisy (batch, window)`` to ``clean``; a stateful one ``[noisy, state]`` to ``[clean, state_out]``.
    contract
        The facts that the file will state.

    Raises
    ------
    SourceError
        If the network computes something that ONNX has no operator for.
    """
    sizes = {"noisy": contract.window} | ({"state": contract.state_size} if contract.state_size else {})
    signature = [tf.TensorSpec((None, size), tf.float32, name=name) for name, size in sizes.items()]

    def call(*tensors: Any) -> Any:
        return network(tensors[0] if len(tensors) == 1 else list(tensors), training=False)

    converted, _ = tf2onnx.convert.from_function(
        tf.function(call, input_signature=signature), input_signature=signature, opset=OPSET
    )
    unknown = sorted({node.op_type for node in converted.graph.node if not node.domain} - _operators())
    if unknown:
        raise SourceError(
            f"the network cannot be converted: ONNX has no operator for TensorFlow's {', '.join(unknown)}"
        )
    model = simplify(converted)
    _name_outputs(model.graph, [OUTPUTS[contract.kind], "state_out"][: len(sizes)])
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]
    model.graph.name = contract.name
    model.graph.doc_string = ""
    model.producer_name = "denoise-export"
    model.ir_version = IR_VERSION
    helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


def _operators() -> set[str]:
    return {schema.name for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain}


def _name_outputs(graph: onnx.GraphProto, names: list[str]) -> None:
    """Give the outputs their contract names; an Identity where one is an input or used inside too."""
    for value, name in zip(graph.output, names, strict=True):
        producers = [node for node in graph.node if value.name in node.output]
        used_inside = any(value.name in node.input for node in graph.node)
        if producers and not used_inside:
            index = list(producers[0].output).index(value.name)
            producers[0].output[index] = name
        else:
            graph.node.append(helper.make_node("Identity", [value.name], [name]))
        value.name = name
