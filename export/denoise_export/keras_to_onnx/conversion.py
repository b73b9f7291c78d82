"""Convert an adapted network to an ONNX graph with the contract's names and a free batch size."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import tensorflow as tf
from onnx import helper
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf2onnx import optimizer
from tf2onnx.tf_loader import tf_optimize
from tf2onnx.tfonnx import process_tf_graph

from denoise_export.graph.simplify import simplify
from denoise_export.keras_to_onnx import operators  # noqa: F401  (registers them)
from denoise_export.keras_to_onnx.adapting import Adapted
from denoise_export.keras_to_onnx.network import with_plain_names, with_time_folded
from denoise_stream import Contract, SourceError
from denoise_stream.contract import OUTPUTS

OPSET = 17
IR_VERSION = 8
"""What onnxruntime 1.12 (2022) and everything since reads."""

COMPILED = "_XlaMustCompile"
"""The mark of functions that TensorFlow compiles instead of making them part of a graph."""
INLINED = "_inlined"

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
        ``noisy (batch, window)`` to ``clean``; a stateful one also ``state`` to ``state_out``.
    contract
        The facts that the file will state.
    simplified
        Make the graph small and fast; otherwise it stays as tf2onnx writes it.

    Raises
    ------
    SourceError
        If the network computes something that ONNX has no operator for; the sentence names layer and operator.
    """
    sizes = {"noisy": contract.window} | ({"state": contract.state_size} if contract.state_size else {})
    signature = [tf.TensorSpec((None, size), tf.float32, name=name) for name, size in sizes.items()]
    outputs = [OUTPUTS[contract.kind], "state_out"][: len(sizes)]
    with with_plain_names(network.layers) as names, with_time_folded(network.layers):
        function = tf.function(network.call, input_signature=signature).get_concrete_function()
    _refuse_memory(function, names)
    with _messages() as said, tf.device("/cpu:0"):
        converted = _to_onnx(_freeze(function), [*sizes], [tensor.name for tensor in function.outputs])
    _refuse_unknown(converted.graph, names, said)
    model = simplify(converted) if simplified else converted
    _name_outputs(model.graph, outputs)
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


def _refuse_memory(function: Any, names: dict[str, str]) -> None:
    """Refuse layers that draw random numbers, or change variables of their own, such as a state."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    for node in nodes:
        if "Random" in node.op and node.op != "RandomShuffle":
            raise SourceError(
                f"{_layer_of(node.name, names)} draws random numbers when the network is used; leave that to training"
            )
    for node in nodes:
        if node.op.startswith("Assign"):
            raise SourceError(
                f"{_layer_of(node.name, names)} keeps a state of its own from window to window (stateful=True); make "
                "it a second input and output of the network, or let it begin each window anew"
            )


def _freeze(function: Any) -> Any:
    """Return a traced function as one graph: all that it captured is a constant in it, all that it calls a part."""
    graph = _inline(function)
    captured = {
        inner.op.name: outer for outer, inner in function.graph.captures if outer.dtype not in (tf.resource, tf.variant)
    }
    for node in graph.node:
        # Such as the mean and the variance of an adapted Normalization, which are no variables.
        if node.op == "Placeholder" and node.name in captured:
            kind = node.attr["dtype"]
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].CopyFrom(kind)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(captured[node.name].numpy()))
    # Keras has grouped convolutions compiled apart, which keeps their functions from becoming parts.
    functions = graph.library.function
    nodes = [*graph.node, *(node for each in functions for node in each.node_def)]
    apart = [each.attr for each in (*nodes, *functions) if COMPILED in each.attr]
    if not apart:
        return graph
    for attributes in apart:
        del attributes[COMPILED]
    for value in (value for node in nodes for value in node.attr.values() if value.HasField("func")):
        value.func.name += INLINED
    for each in functions:
        each.signature.name += INLINED  # TensorFlow knows the former ones by their names
    inputs = [
        tensor.name for tensor in function.inputs if tensor.op.name not in captured and tensor.dtype != tf.resource
    ]
    whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    tensor = whole.graph.get_tensor_by_name
    return _inline(whole.prune([tensor(name) for name in inputs], [tensor(each.name) for each in function.outputs]))


def _inline(function: Any) -> Any:
    return convert_variables_to_constants_v2(
        function, lower_control_flow=False, aggressive_inlining=True
    ).graph.as_graph_def(add_shapes=True)


def _to_onnx(graph: Any, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    tensors = [f"{name}:0" for name in inputs]
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(tf_optimize(tensors, outputs, graph), name="")
        converted = process_tf_graph(
            whole,
            continue_on_error=True,
            opset=OPSET,
            input_names=tensors,
            output_names=outputs,
            tensors_to_rename=dict(zip(tensors, inputs, strict=True)),
        )
    rules = {rule.__name__: rule for rule in RULES}
    model: onnx.ModelProto = optimizer.optimize_graph(converted, optimizers=rules).make_model("network")
    return model


@contextmanager
def _messages() -> Iterator[list[str]]:
    """Collect what tf2onnx says of failures instead of printing it."""
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
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain}
    unknown: dict[str, list[str]] = {}
    for node in _all_nodes(graph):
        if not node.domain and node.op_type not in known:
            unknown.setdefault(_layer_of(node.name, names), []).append(node.op_type)
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


def _layer_of(node: str, names: dict[str, str]) -> str:
    """Name the innermost layer in whose scope a node is, by the name that it has in the network."""
    scopes = [re.sub(r"_\d+$", "", scope) if scope not in names else scope for scope in node.split("/")]
    found = [names[scope] for scope in scopes if scope in names]
    return f"the layer {found[-1]!r}" if found else f"the operation {node!r}"


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
