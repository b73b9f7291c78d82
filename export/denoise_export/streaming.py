"""Build an ONNX graph that streams by itself, chunk by chunk: a network with windows, scaling and overlap-add.

    chunk (batch, hop), state (batch, n)  ->  clean (batch, hop), state_out (batch, n)

A program that runs it needs no more than a loop: it starts with a state of zeros and passes each ``state_out`` to the
next call. The output is the engine's, ``delay_samples`` later: the first ``window / hop - 1`` chunks are zeros. The
rows of a batch are independent streams.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from denoise_stream import ContractError
from denoise_stream.engine.overlap_add import taper
from denoise_stream.files.paths import check_outputs, whole_file
from denoise_stream.model import Model

LEAST_OPSET = 13
"""The first opset in which Split takes its sizes as an input."""

PREFIX = "network/"
"""Prefix of all names in the network."""


def write_streaming(source: Path, output: Path, *, float64: bool = False, force: bool = False) -> dict[str, int]:
    """Write the streaming graph of a model.

    Parameters
    ----------
    source
        An ONNX file that keeps the contract.
    output
        The file to write. Its metadata are the model's, and ``delay_samples``.
    float64
        Take and return 64-bit samples instead of 32-bit ones: for signals with an offset that is large beside their
        changes, such as an air pressure in Pa.
    force
        Replace a file that exists.

    Returns
    -------
    ``chunk_samples``, ``state_size`` and ``delay_samples`` of the graph.

    Raises
    ------
    ContractError, SinkError
        If the model breaks the contract, takes a context or has a hop that does not divide its window, or the output
        cannot be written.
    """
    check_outputs(output, force=force, inputs=(source,))
    contract = Model(source).contract
    if contract.context_size:
        raise ContractError(
            f"{source.name} takes a context (contract version 2); a streaming graph holds windows alone"
        )
    if contract.kind != "signal":
        raise ContractError(f"{source.name} is a model of kind {contract.kind!r}; only signals are streamed")
    if contract.window % contract.hop:
        raise ContractError(
            f"{source.name} has hop={contract.hop}, which does not divide its window={contract.window}; "
            "a streaming graph needs whole hops"
        )
    network = onnx.load(source)
    opset = next(each.version for each in network.opset_import if each.domain in ("", "ai.onnx"))
    if opset < LEAST_OPSET:
        raise ContractError(f"{source.name} has opset {opset}; a streaming graph needs {LEAST_OPSET} or more")
    model = _wrap(network, opset, contract.window, contract.hop, contract.normalization == "minmax", float64)
    delay = contract.window - contract.hop
    helper.set_model_props(model, contract.to_metadata() | {"delay_samples": str(delay)})
    onnx.checker.check_model(model)
    with whole_file(output) as partial:
        partial.write_bytes(model.SerializeToString())
    state_size = model.graph.input[1].type.tensor_type.shape.dim[1].dim_value
    return {"chunk_samples": contract.hop, "state_size": state_size, "delay_samples": delay}


class _Graph:
    """Nodes and constants under construction; every method returns the name of the tensor that it makes."""

    def __init__(self, opset: int, number: type[np.floating[Any]]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._opset, self._number = opset, number

    def add(self, operator: str, *inputs: str, name: str = "", **settings: Any) -> str:
        """Add a node with one output."""
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **settings))
        return output

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Add a constant; of the type of samples unless stated."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype or self._number), name))
        return name

    def split(self, tensor: str, sizes: Sequence[int]) -> list[str]:
        """Split rows into pieces."""
        names = [f"{tensor}_{number}" for number in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [tensor, self.constant(sizes, np.int64)], names, axis=1))
        return names

    def reduce(self, operator: str, tensor: str) -> str:
        """Reduce rows to their smallest or largest value, ``(batch, 1)``."""
        if self._opset < 18:
            return self.add(operator, tensor, axes=[1], keepdims=1)
        return self.add(operator, tensor, self.constant([1], np.int64), keepdims=1)

    def cast(self, tensor: str, dtype: Any) -> str:
        """Convert to another type of numbers."""
        return self.add("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _wrap(network: onnx.ModelProto, opset: int, window: int, hop: int, minmax: bool, float64: bool) -> onnx.ModelProto:
    """Build the graph round a network."""
    number = np.float64 if float64 else np.float32
    state_sizes = [each.type.tensor_type.shape.dim[1].dim_value for each in network.graph.input[1:]]
    graph = _Graph(opset, number)
    kept, overlap = window - hop, window // hop
    sizes = [kept, kept, 1, *state_sizes]
    past, sums, count, *memory = graph.split("state", sizes)
    samples = graph.add("Concat", past, "chunk", axis=1)

    if minmax:
        low = graph.reduce("ReduceMin", samples)
        span = graph.add("Sub", graph.reduce("ReduceMax", samples), low)
        moves = graph.add("Greater", span, graph.constant(0))
        scaled = graph.add("Sub", samples, low)
        scaled = graph.add("Div", scaled, graph.add("Where", moves, span, graph.constant(1)))
    else:
        scaled = samples
    inner = onnx.compose.add_prefix(network, PREFIX)
    entries = [graph.cast(scaled, np.float32), *(graph.cast(each, np.float32) for each in memory)]
    for entry, tensor in zip(entries, inner.graph.input, strict=True):
        graph.add("Identity", entry, name=tensor.name)
    graph.nodes.extend(inner.graph.node)
    output, *memory_out = (graph.cast(each.name, number) for each in inner.graph.output)
    if minmax:
        output = graph.add("Add", graph.add("Mul", output, span), low)

    # Until a whole window has arrived, nothing is added up, and the network's state stays zero.
    full = graph.add("GreaterOrEqual", count, graph.constant(overlap - 1))
    weights = taper(window)
    weighted = graph.add("Where", full, graph.add("Mul", output, graph.constant(weights)), graph.constant(0))
    padded = graph.add("Pad", sums, graph.constant([0, 0, 0, hop], np.int64))
    finished, sums_out = graph.split(graph.add("Add", padded, weighted), [hop, kept])
    # The first samples of a signal lie in fewer windows: a sum of weights for each number of windows.
    totals = np.cumsum(weights.reshape(overlap, hop), axis=0)
    windows = graph.add("Sub", count, graph.constant(overlap - 1))
    windows = graph.add("Min", graph.add("Max", windows, graph.constant(0)), graph.constant(overlap - 1))
    row = graph.add("Squeeze", graph.cast(windows, np.int64), graph.constant([1], np.int64))
    graph.add("Div", finished, graph.add("Gather", graph.constant(totals), row, axis=0), name="clean")
    count_out = graph.add("Min", graph.add("Add", count, graph.constant(1)), graph.constant(2 * overlap))
    _, past_out = graph.split(samples, [hop, kept])
    kept_memory = [graph.add("Where", full, new, old) for new, old in zip(memory_out, memory, strict=True)]
    graph.add("Concat", past_out, sums_out, count_out, *kept_memory, axis=1, name="state_out")

    kind = TensorProto.DOUBLE if float64 else TensorProto.FLOAT
    shapes = {"chunk": hop, "state": sum(sizes), "clean": hop, "state_out": sum(sizes)}
    tensors = [helper.make_tensor_value_info(name, kind, ["batch", size]) for name, size in shapes.items()]
    constants = [*inner.graph.initializer, *graph.constants]
    whole = helper.make_graph(graph.nodes, "streaming", tensors[:2], tensors[2:], constants)
    return helper.make_model(whole, opset_imports=network.opset_import, ir_version=network.ir_version)
