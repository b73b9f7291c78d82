"""Build an ONNX graph that streams by itself, chunk by chunk: a network with windows, scaling and overlap-add.

    chunk (batch, hop), state (batch, n)  ->  clean (batch, hop), state_out (batch, n)

A program that runs it needs no more than a loop: it starts with a state of zeros and passes each ``state_out`` to the
next call. The output is the engine's, ``delay_samples`` later: the first ``window / hop - 1`` chunks are zeros. The
rows of a batch are independent streams. A model with a context sees the past alone, which is kept in the state.

Nothing that is not finite gets into the state, where it would stay: such a sample counts as the last one of the chunk
before, and a window on which the network fails passes unchanged, after which the network starts from zeros.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from denoise_export.graph.plain import check_plain
from denoise_stream import Contract, ContractError
from denoise_stream.contract import Blocks
from denoise_stream.engine.context import LARGEST
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
        The file to write. Its metadata are the model's, ``delay_samples`` and, of a model with a context,
        ``lookahead_samples``: 0.
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
        If the model breaks the contract or has a hop that does not divide its window, or the output cannot be written.
    """
    check_outputs(output, force=force, inputs=(source,))
    contract = Model(source).contract
    if contract.kind != "signal":
        raise ContractError(f"{source.name} is a model of kind {contract.kind!r}; only signals are streamed")
    if contract.window % contract.hop:
        raise ContractError(
            f"{source.name} has hop={contract.hop}, which does not divide its window={contract.window}; "
            "a streaming graph needs whole hops"
        )
    network = onnx.load(source)
    check_plain(network, source.name)
    opset = next(each.version for each in network.opset_import if each.domain in ("", "ai.onnx"))
    if opset < LEAST_OPSET:
        raise ContractError(f"{source.name} has opset {opset}; a streaming graph needs {LEAST_OPSET} or more")
    model = _wrap(network, opset, contract, float64)
    delay = contract.window - contract.hop
    ahead = {"lookahead_samples": "0"} if contract.context_size else {}
    helper.set_model_props(model, contract.to_metadata() | {"delay_samples": str(delay)} | ahead)
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
        names = [f"split_{len(self.nodes)}_{number}" for number in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [tensor, self.constant(sizes, np.int64)], names, axis=1))
        return names

    def reduce(self, operator: str, tensor: str, axis: int = 1, *, keep: bool = True) -> str:
        """Reduce an axis to its smallest or largest value, its sum or its mean; it stays with size 1, or goes."""
        if self._opset < 18 and operator != "ReduceSum":
            return self.add(operator, tensor, axes=[axis], keepdims=int(keep))
        return self.add(operator, tensor, self.constant([axis], np.int64), keepdims=int(keep))

    def part(self, tensor: str, start: int, end: int) -> str:
        """Cut a part out of rows."""
        return self.add("Slice", tensor, *(self.constant([number], np.int64) for number in (start, end, 1)))

    def cast(self, tensor: str, dtype: Any) -> str:
        """Convert to another type of numbers."""
        return self.add("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class _Window(NamedTuple):
    """Tensors of the window that is denoised: as the network gets it, and what it was scaled by."""

    scaled: str
    low: str
    divisor: str


def _wrap(network: onnx.ModelProto, opset: int, contract: Contract, float64: bool) -> onnx.ModelProto:
    """Build the graph round a network."""
    number = np.float64 if float64 else np.float32
    window, hop = contract.window, contract.hop
    graph = _Graph(opset, number)
    kept, overlap, before = window - hop, window // hop, contract.past_samples
    sizes = [before + kept, kept, 1, *([contract.state_size] if contract.state_size else [])]
    past, sums, count, *memory = graph.split("state", sizes)
    last = graph.part(past, before + kept - 1, before + kept) if before + kept else graph.constant(0)
    chunk = graph.add("Where", graph.add("Less", graph.add("Abs", "chunk"), graph.constant(np.inf)), "chunk", last)
    everything = graph.add("Concat", past, chunk, axis=1)
    around, samples = graph.split(everything, [before, window]) if before else ("", everything)

    inputs = {}
    if contract.normalization == "minmax":
        low = graph.reduce("ReduceMin", samples)
        span = graph.add("Sub", graph.reduce("ReduceMax", samples), low)
        divisor = graph.add("Where", graph.add("Greater", span, graph.constant(0)), span, graph.constant(1))
        scaled = graph.add("Div", graph.add("Sub", samples, low), divisor)
        inputs["noisy"] = graph.cast(scaled, np.float32)
        if contract.context_size:
            whole = _Window(inputs["noisy"], low, divisor)
            passed = graph.add("Mul", graph.add("Sub", count, graph.constant(overlap - 1)), graph.constant(hop))
            inputs["context"] = _context(graph, contract, whole, around, passed)
    else:
        inputs["noisy"] = graph.cast(samples, np.float32)
    if memory:
        inputs["state"] = graph.cast(memory[0], np.float32)
    # The body of a Loop may use constants of the graph around it, which add_prefix_graph renames too late.
    constants_renamed = {each.name: PREFIX + each.name for each in network.graph.initializer}
    inner = onnx.compose.add_prefix_graph(network.graph, PREFIX, name_map=constants_renamed)
    for name, tensor in inputs.items():
        graph.add("Identity", tensor, name=PREFIX + name)
    graph.nodes.extend(inner.node)
    output, *memory_out = [graph.cast(each.name, number) for each in inner.output]
    if contract.normalization == "minmax":
        output = graph.add("Add", graph.add("Mul", output, span), low)
    zeros = [graph.add("Mul", each, graph.constant(0)) for each in (output, *memory_out)]  # NaN if not finite
    works = graph.add(
        "Equal", graph.add("Sum", *(graph.reduce("ReduceSum", each) for each in zeros)), graph.constant(0)
    )
    output = graph.add("Where", works, output, samples)
    memory_out = [graph.add("Where", works, new, graph.constant(0)) for new in memory_out]

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
    count_out = graph.add(
        "Min", graph.add("Add", count, graph.constant(1)), graph.constant(2 * overlap + before // hop)
    )
    _, past_out = graph.split(everything, [hop, before + kept])
    kept_memory = [graph.add("Where", full, new, old) for new, old in zip(memory_out, memory, strict=True)]
    graph.add("Concat", past_out, sums_out, count_out, *kept_memory, axis=1, name="state_out")

    kind = TensorProto.DOUBLE if float64 else TensorProto.FLOAT
    shapes = {"chunk": hop, "state": sum(sizes), "clean": hop, "state_out": sum(sizes)}
    tensors = [helper.make_tensor_value_info(name, kind, ["batch", size]) for name, size in shapes.items()]
    constants = [*inner.initializer, *graph.constants]
    whole = helper.make_graph(graph.nodes, "streaming", tensors[:2], tensors[2:], constants)
    return helper.make_model(whole, opset_imports=network.opset_import, ir_version=network.ir_version)


def _context(graph: _Graph, contract: Contract, window: _Window, around: str, passed: str) -> str:
    """Add the context of a window that sees the past alone.

    Parameters
    ----------
    graph, contract
        Where it is added; what it consists of.
    window
        The window.
    around
        The samples before it, in the order of time, 0 before the signal; "" if the context covers none.
    passed
        How many samples of the signal came before the window; below 0 while there is no whole window.

    Returns
    -------
    The context, float32. All of it is computed from 64-bit numbers, as in the engine.
    """

    def wide(value: Any) -> str:
        return graph.constant(value, np.float64)

    past, ahead = contract.context_past, contract.context_ahead
    edges = np.zeros((contract.window, len(past) + len(ahead)))  # the means of the edge that each scale starts from
    for number, blocks in enumerate((*past, *ahead)):
        edge = slice(blocks.size) if number < len(past) else slice(-blocks.size, None)
        edges[edge, number] = 1 / min(blocks.size, contract.window)
    filling = graph.add("MatMul", graph.cast(window.scaled, np.float64), wide(edges))
    if not past:
        means = graph.add("MatMul", filling, wide(_spread(ahead)))
        return graph.cast(graph.add("Pad", means, graph.constant([0, 0, 0, _number(ahead)], np.int64)), np.float32)

    low, divisor, passed, around = (
        graph.cast(each, np.float64) for each in (window.low, window.divisor, passed, around)
    )
    sums = []
    for blocks in past:
        row = graph.part(around, contract.past_samples - blocks.samples, contract.past_samples)
        row = graph.add("Reshape", row, graph.constant([0, blocks.number, blocks.size], np.int64))
        sums.append(graph.reduce("ReduceSum", row, 2, keep=False))
    size = np.concatenate([np.full(blocks.number, blocks.size) for blocks in past])[None]
    nearer = np.concatenate([blocks.size * np.arange(blocks.number)[::-1] for blocks in past])[None]
    count = graph.add("Max", graph.add("Sub", passed, wide(nearer)), wide(0))  # known samples of each block
    count = graph.add("Min", count, wide(size))
    means = graph.add("Div", graph.add("Concat", *sums, axis=1), graph.add("Max", count, wide(1)))
    means = graph.add("Div", graph.add("Sub", means, low), divisor)
    means = graph.add("Clip", means, wide(-LARGEST), wide(LARGEST))
    shares = graph.add("Div", count, wide(size))

    # What is known lies next to the window: other blocks take the mean of the last known one, or of the edge.
    known = graph.add("Greater", count, wide(0))
    last = graph.add("And", known, graph.add("LessOrEqual", passed, wide(nearer + size)))
    lasts = graph.add("MatMul", graph.add("Where", last, means, wide(0)), wide(_spread(past).T))
    if ahead:
        filling, after = graph.split(filling, [len(past), len(ahead)])
        after = graph.add("MatMul", after, wide(_spread(ahead)))
        shares = graph.add("Pad", shares, graph.constant([0, 0, 0, _number(ahead)], np.int64))
    filling = graph.add("Where", graph.add("Greater", passed, wide(0)), lasts, filling)
    means = graph.add("Where", known, means, graph.add("MatMul", filling, wide(_spread(past))))
    return graph.cast(graph.add("Concat", means, *([after] if ahead else []), shares, axis=1), np.float32)


def _spread(scales: Sequence[Blocks]) -> NDArray[np.float64]:
    """Return the matrix ``(scales, blocks)`` that repeats a number of each scale for all of its blocks."""
    return np.repeat(np.eye(len(scales)), [blocks.number for blocks in scales], axis=1)


def _number(scales: Sequence[Blocks]) -> int:
    return sum(blocks.number for blocks in scales)
