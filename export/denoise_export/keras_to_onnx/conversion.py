"""Convert an adapted network to an ONNX graph with the contract's names and a free batch size."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import tensorflow as tf
from onnx import helper
from tf2onnx import optimizer
from tf2onnx.tf_loader import tf_optimize
from tf2onnx.tfonnx import process_tf_graph

from denoise_export.graph.simplify import simplify
from denoise_export.keras_to_onnx.adapting import Adapted
from denoise_export.keras_to_onnx.freezing import freeze, layer_of
from denoise_export.keras_to_onnx.network import with_plain_names, with_time_folded
from denoise_export.keras_to_onnx.operators import ADDED
from denoise_export.keras_to_onnx.spectra import without_complex_numbers
from denoise_stream import Contract, SourceError
from denoise_stream.contract import OUTPUTS

OPSET = 17
IR_VERSION = 8
"""Read by onnxruntime 1.12 (2022) and later."""

RULES = (
    optimizer.TransposeOptimizer,
    optimizer.UpsampleOptimizer,
    optimizer.ConstFoldOptimizer,
    optimizer.LoopOptimizer,
    optimizer.MergeDuplicatedNodesOptimizer,
    optimizer.ReshapeOptimizer,
    optimizer.GlobalPoolOptimizer,
    optimizer.IdentityOptimizer,
    optimizer.EinsumOptimizer,
)
"""What tf2onnx simplifies, but for its BackToBackOptimizer, which drops the first of two Reshapes even where the second
copies one of the first one's sizes."""


def convert(network: Adapted, contract: Contract, *, simplified: bool = True) -> onnx.ModelProto:
    """Convert a network to an ONNX model with the contract's metadata.

    Parameters
    ----------
    network
        ``noisy (batch, window)`` to ``clean``; a stateful one also ``state`` to ``state_out``; one in context
        also takes ``context``.
    contract
        The facts that the file will state.
    simplified
        Make the graph small and fast; otherwise it stays as tf2onnx writes it.

    Raises
    ------
    SourceError
        If the network computes something that ONNX has no operator for, draws random numbers, or keeps a state by
        itself; the sentence names the layer and, in the first case, the operator.
    """
    sizes = {"noisy": contract.window}
    sizes |= {"state": contract.state_size} if contract.state_size else {}
    sizes |= {"context": contract.context_size} if contract.context_size else {}
    signature = [tf.TensorSpec((None, size), tf.float32, name=name) for name, size in sizes.items()]
    outputs = [OUTPUTS[contract.kind], *(["state_out"] if contract.state_size else [])]
    with with_plain_names(network.layers) as names, with_time_folded(network.layers):
        function = tf.function(network.call, input_signature=signature).get_concrete_function()
    model = convert_function(function, names, outputs, "batch", simplified=simplified)
    for value, size in zip(model.graph.output, (network.output_size, network.state_size), strict=False):
        value.type.tensor_type.shape.dim[1].dim_value = size  # which tf2onnx may not know, such as after a median
    write_metadata(model, contract.name, contract.to_metadata())
    return model


def convert_function(
    function: Any, names: dict[str, str], outputs: list[str], free_size: str, *, simplified: bool = True
) -> onnx.ModelProto:
    """Convert a traced function to an ONNX model.

    Parameters
    ----------
    function
        Its inputs keep their names.
    names
        The layers' names by those of their scopes.
    outputs
        The outputs' names.
    free_size
        The name of every first size that is not fixed.
    simplified
        Make the graph small and fast.

    Raises
    ------
    SourceError
        As :func:`convert` does.
    """
    own = len(function.inputs) - len(function.captured_inputs)  # variables and constants come after a function's own
    inputs = [tensor.op.name for tensor in function.inputs[:own]]
    with _messages() as said, tf.device("/cpu:0"):
        graph = without_complex_numbers(freeze(function, names))
        converted = _to_onnx(graph, inputs, [tensor.name for tensor in function.outputs])
    _refuse_unknown(converted.graph, names, said)
    for value in [*converted.graph.input, *converted.graph.output]:  # tf2onnx' own names mislead onnxslim
        if not (first := value.type.tensor_type.shape.dim[0]).dim_value:
            first.dim_param = free_size
    model = simplify(converted) if simplified else converted
    _name_outputs(model.graph, outputs)
    return model


def write_metadata(model: onnx.ModelProto, name: str, metadata: dict[str, str]) -> None:
    """Write the name and the metadata into a model, and check it."""
    del model.graph.value_info[:]
    model.graph.name = name
    model.graph.doc_string = ""
    model.producer_name = "denoise-export"
    model.ir_version = IR_VERSION
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)


def _to_onnx(graph: Any, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    tensors = [f"{name}:0" for name in inputs]
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(tf_optimize(tensors, outputs, graph), name="")
        converted = process_tf_graph(
            whole,
            continue_on_error=True,
            opset=OPSET,
            custom_op_handlers=dict(ADDED),
            input_names=tensors,
            output_names=outputs,
            tensors_to_rename=dict(zip(tensors, inputs, strict=True)),
        )
    rules = {rule.__name__: rule for rule in RULES}
    model: onnx.ModelProto = optimizer.optimize_graph(converted, optimizers=rules).make_model("network")
    return model


@contextmanager
def _messages() -> Iterator[list[str]]:
    """Collect tf2onnx's messages about failures instead of printing them."""
    said: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, handler = logging.getLogger("tf2onnx"), Collect(logging.ERROR)
    level, propagates, backend_level = logger.level, logger.propagate, tf.get_logger().level
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    tf.get_logger().setLevel(logging.ERROR)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates
        tf.get_logger().setLevel(backend_level)


def _refuse_unknown(graph: onnx.GraphProto, names: dict[str, str], said: list[str]) -> None:
    schemas = onnx.defs.get_all_schemas_with_history()
    known = {schema.name for schema in schemas if not schema.domain and schema.since_version <= OPSET}
    unknown: dict[str, list[str]] = {}
    for node in _all_nodes(graph):
        if not node.domain and node.op_type not in known:
            unknown.setdefault(layer_of(node.name, names), []).append(node.op_type)
    if not unknown:
        return
    layers = "; ".join(f"{layer} computes {', '.join(sorted(set(found)))}" for layer, found in unknown.items())
    reasons = {match[1].strip() for text in said if (match := re.search(r"\n(?:\w*(?:Error|Exception)): (.*)", text))}
    why = f" ({'; '.join(sorted(reasons))})" if reasons else ""
    raise SourceError(
        f"the network cannot be converted: {layers}, and ONNX has no such operator{why}; use other layers there"
    )


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _all_nodes(body)


def _name_outputs(graph: onnx.GraphProto, names: list[str]) -> None:
    """Name the outputs as the contract does; by an Identity where one is an input or used inside too."""
    for value, name in zip(graph.output, names, strict=True):
        producers = [node for node in graph.node if value.name in node.output]
        used_inside = any(value.name in node.input for node in graph.node)
        if producers and not used_inside:
            index = list(producers[0].output).index(value.name)
            producers[0].output[index] = name
        else:
            graph.node.append(helper.make_node("Identity", [value.name], [name]))
        value.name = name
