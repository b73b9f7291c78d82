"""Read an ONNX graph, with fixed shapes and constants folded."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxslim
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from denoise_stream import Contract, ContractError


@dataclass(frozen=True)
class Node:
    """One operation: names of tensors in and out ("" where one is left out), and its attributes."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    def input(self, position: int) -> str:
        """Return the name of an input, "" if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""


@dataclass
class Graph:
    """All nodes in order, the constants and every tensor's shape at batch size 1."""

    contract: Contract
    opset: int
    nodes: list[Node]
    constants: dict[str, NDArray[Any]]
    shapes: dict[str, tuple[int, ...]]
    inputs: list[str]
    outputs: list[str]
    uses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in [*(name for node in self.nodes for name in node.inputs), *self.outputs]:
            self.uses[name] = self.uses.get(name, 0) + 1


def read_graph(model: onnx.ModelProto, file: str) -> Graph:
    """Fix the batch size to 1, fold what becomes constant, and infer all shapes.

    Raises
    ------
    ContractError
        If the metadata breaks the contract, or a shape depends on the samples.
    """
    contract = Contract.from_metadata({item.key: item.value for item in model.metadata_props}, file)
    single = onnx.ModelProto.FromString(model.SerializeToString())
    for value in [*single.graph.input, *single.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del single.graph.value_info[:]
    single = onnx.shape_inference.infer_shapes(onnxslim.slim(single), data_prop=True)
    graph = single.graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    for value in [*graph.value_info, *graph.input, *graph.output]:
        sizes = value.type.tensor_type.shape.dim
        if all(size.HasField("dim_value") for size in sizes):
            shapes[value.name] = tuple(size.dim_value for size in sizes)
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    nodes = []
    for node in graph.node:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(attributes)
            shapes[node.output[0]] = constants[node.output[0]].shape
        else:
            kind = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
            nodes.append(Node(kind, list(node.input), list(node.output), attributes))
    return Graph(
        contract,
        next(entry.version for entry in single.opset_import if entry.domain in ("", "ai.onnx")),
        nodes,
        constants,
        shapes,
        [value.name for value in graph.input if value.name not in constants],
        [value.name for value in graph.output],
    )


def _constant(attributes: dict[str, Any]) -> NDArray[Any]:
    (value,) = attributes.values()
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.array(value)


def shape_of(graph: Graph, node: Node, name: str) -> tuple[int, ...]:
    """Return a tensor's shape; refuse the node that computes it if it is not fixed."""
    if name not in graph.shapes:
        raise ContractError(f"{node.kind} makes a tensor whose shape is not fixed; C needs every size at compile time")
    return graph.shapes[name]
