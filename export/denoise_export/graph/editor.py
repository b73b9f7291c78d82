"""Look up and edit nodes and tensors of an ONNX graph."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


class Editor:
    """A graph with the look-ups that rules need; ``tidy`` after each change."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.graph = model.graph
        self.made = 0
        self.tidy()

    def tidy(self) -> None:
        """Drop nodes that nobody uses, restore the order and renew the look-ups."""
        self._shapes: dict[str, tuple[int, ...]] | None = None
        outputs = {value.name for value in self.graph.output}
        nodes = list(self.graph.node)
        made_by = {name: index for index, node in enumerate(nodes) for name in node.output if name}
        ordered: list[int] = []
        done: set[int] = set()

        def visit(name: str) -> None:
            index = made_by.get(name)
            if index is None or index in done:
                return
            done.add(index)
            for wanted in (*nodes[index].input, *used_inside(nodes[index])):
                visit(wanted)
            ordered.append(index)

        for name in sorted(outputs):
            visit(name)
        kept = [onnx.NodeProto.FromString(nodes[index].SerializeToString()) for index in ordered]
        del self.graph.node[:]
        self.graph.node.extend(kept)
        del self.graph.value_info[:]
        self.producer = {name: node for node in self.graph.node for name in node.output if name}
        self.constants = {item.name: numpy_helper.to_array(item) for item in self.graph.initializer}
        self.users: dict[str, list[onnx.NodeProto]] = {name: [] for name in outputs}
        for node in self.graph.node:
            for name in (*node.input, *used_inside(node)):
                self.users.setdefault(name, []).append(node)
        # Tensors that a loop's body uses must keep their names, like the graph's outputs.
        self.outputs = outputs.union(*(used_inside(node) for node in self.graph.node))

    def only_user(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the single node that uses this node's output; None if the graph outputs it, too."""
        users = self.users.get(node.output[0], [])
        return users[0] if len(users) == 1 and node.output[0] not in self.outputs else None

    def constant(self, array: NDArray[np.generic]) -> str:
        """Add a constant; return its name."""
        self.made += 1
        name = f"constant_{self.made}"
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node; return its output's name."""
        self.made += 1
        output = output or f"tensor_{self.made}"
        self.graph.node.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def add_split(self, source: str, sizes: Sequence[int], axis: int, outputs: Sequence[str] = ()) -> list[str]:
        """Add a Split; return its outputs' names."""
        self.made += 1
        names = list(outputs) or [f"part_{self.made}_{number}" for number in range(len(sizes))]
        inputs = [source, self.constant(np.array(sizes, np.int64))]
        self.graph.node.append(helper.make_node("Split", inputs, names, axis=axis))
        return names

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor of known rank, as of the last ``tidy``; a size that is not fixed is 0."""
        if self._shapes is None:
            values = onnx.shape_inference.infer_shapes(self._model).graph
            self._shapes = {
                value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
                for value in [*values.value_info, *values.input]
            }
        return self._shapes

    def take_out(self, node: onnx.NodeProto) -> str:
        """Remove a node and return the name of its output, for the node that replaces it."""
        output: str = node.output[0]
        self.graph.node.remove(node)
        return output


def used_inside(node: onnx.NodeProto) -> Iterator[str]:
    """Return every name that is used in a node's bodies (of Loop, If and Scan), theirs and the graph's."""
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            yield from (value.name for value in body.output)
            for inner in body.node:
                yield from inner.input
                yield from used_inside(inner)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}
