"""Freeze a traced network: one graph without functions and variables, pruned to what its outputs need."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from denoise_stream import SourceError

COMPILED = "_XlaMustCompile"
"""The mark of functions that TensorFlow compiles instead of making them part of a graph."""
INLINED = "_inlined"

RESHAPES = frozenset({"Cast", "ExpandDims", "Identity", "Reshape", "Squeeze"})
"""Operators that keep samples what they are."""


def freeze(function: Any, names: Mapping[str, str]) -> Any:
    """Return a network as a graph with captured variables as constants and called functions inlined.

    Parameters
    ----------
    function
        The traced network, a concrete function.
    names
        The layers' names by those of their scopes.

    Raises
    ------
    SourceError
        If an output depends on random numbers, 8-bit floats, or a variable that the network changes, such as a state.
    """
    graph = _freeze_variables(function)
    assigned = _assigned(graph)
    graph = _without_compiled_functions(graph, function)
    _keep_what_outputs_need(graph, function)
    for node in graph.node:
        if "Random" in node.op:
            raise SourceError(
                f"{layer_of(node.name, names)} draws random numbers when the network is used; leave that to training"
            )
        kinds = {tf.as_dtype(value.type).name for value in node.attr.values() if value.type}
        if any(kind.startswith("float8") for kind in kinds):
            raise SourceError(
                f"{layer_of(node.name, names)} computes in 8-bit floats, which the file cannot hold; export the "
                "network as it was before it was quantized to float8"
            )
    for node in graph.node:
        if node.name in assigned:
            raise SourceError(
                f"{layer_of(assigned[node.name], names)} keeps its own state between windows; make it a "
                "second input and output of the network, or reset it for each window"
            )
    return graph


def normalized_first(function: Any) -> tuple[float, float] | None:
    """Find a Normalization at the beginning of a network that has no layers any more.

    Parameters
    ----------
    function
        The network, a concrete function.

    Returns
    -------
    Mean and standard deviation of the samples that it was adapted to; None if the network does not begin with one.
    """
    whole = function.graph.as_graph_def()
    parts = (whole.node, *(each.node_def for each in whole.library.function))
    if any(node.op.startswith("Assign") for nodes in parts for node in nodes):
        return None  # it keeps a state, for which it will be refused
    try:
        graph = freeze(function, {})
    except SourceError:  # the conversion will say so
        return None
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for source in node.input:
            users.setdefault(source.removesuffix(":0"), []).append(node)
    waiting = [node.name for node in graph.node if node.op == "Placeholder"]
    while waiting:
        name = waiting.pop()
        for user in users.get(name, []):
            if user.op in RESHAPES and user.input[0].removesuffix(":0") == name:
                waiting.append(user.name)
            if user.op == "Sub" and user.input[0].removesuffix(":0") == name:
                for divided in users.get(user.name, []):
                    if divided.op == "RealDiv" and (found := _constants(graph, user.input[1], divided.input[1])):
                        return float(np.mean(found[0])), float(np.sqrt(np.mean(np.square(found[1]))))
    return None


def _constants(graph: Any, *names: str) -> list[Any]:
    """Compute tensors that depend on no input; an empty list if one does."""
    with tf.Graph().as_default() as whole, tf.compat.v1.Session(graph=whole) as session:
        tf.import_graph_def(graph, name="")
        try:
            return list(session.run([name if ":" in name else f"{name}:0" for name in names]))
        except tf.errors.InvalidArgumentError:
            return []


def layer_of(node: str, names: Mapping[str, str]) -> str:
    """Return the network's name of the innermost layer whose scope holds a node."""
    scopes = [scope if scope in names else re.sub(r"_\d+$", "", scope) for scope in node.split("/")]
    found = [names[scope] for scope in scopes if scope in names]
    if found:
        return f"the layer {found[-1]!r}"
    return f"the operation {re.sub(r'^((Stateful)?PartitionedCall/)+', '', node)!r}"


def _freeze_variables(function: Any) -> Any:
    captures = function.graph.captures
    try:
        graph = _inline(function)
    except ValueError:  # TensorFlow makes no function of a graph that assigns to constants, but the graph it makes
        graph = _inline_what_is_assigned(function)
    captured = {inner.op.name: outer for outer, inner in captures if outer.dtype not in (tf.resource, tf.variant)}
    for node in graph.node:
        # Such as the mean and the variance of an adapted Normalization, which are not variables.
        if node.op == "Placeholder" and node.name in captured:
            kind = node.attr["dtype"]
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].CopyFrom(kind)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(captured[node.name].numpy()))
    return graph


def _inline(function: Any) -> Any:
    """Inline functions, and make constants of variables."""
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    return frozen.graph.as_graph_def(add_shapes=True)


def _inline_what_is_assigned(function: Any) -> Any:
    from tensorflow.python.framework import convert_to_constants

    data = convert_to_constants._FunctionConverterDataInEager(
        func=function, lower_control_flow=False, aggressive_inlining=True
    )
    return convert_to_constants._replace_variables_by_constants(data)[0]


def _assigned(graph: Any) -> dict[str, str]:
    """Find assignments: the name of each variable, now a constant, and of the node that assigns to it."""
    nodes = {node.name: node for node in graph.node}
    found = {}
    for node in graph.node:
        if node.op.startswith("Assign"):
            variable = node
            while variable.input:
                variable = nodes[variable.input[0].lstrip("^").partition(":")[0]]
            found[variable.name] = node.name
    return found


def _without_compiled_functions(graph: Any, function: Any) -> Any:
    """Inline what Keras has compiled apart, such as grouped convolutions."""
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
    whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    tensor = whole.graph.get_tensor_by_name
    inputs = [tensor(f"{node.name}:0") for node in graph.node if node.op == "Placeholder"]
    return _inline(whole.prune(inputs, [tensor(each.name) for each in function.outputs]))


def _keep_what_outputs_need(graph: Any, function: Any) -> None:
    """Drop nodes that no output depends on, such as the masks of an unused dropout."""
    nodes = {node.name: node for node in graph.node}
    waiting = [tensor.op.name for tensor in function.outputs]
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            kept = [source for source in nodes[name].input if not source.startswith("^")]
            nodes[name].ClearField("input")
            nodes[name].input.extend(kept)
            waiting += [source.partition(":")[0] for source in kept]
    needed |= {tensor.op.name for tensor in function.inputs if tensor.dtype != tf.resource}
    kept_nodes = [node for node in graph.node if node.name in needed]
    del graph.node[:]
    graph.node.extend(kept_nodes)
