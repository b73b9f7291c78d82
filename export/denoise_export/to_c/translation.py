"""The state of a translation from graph to program, above all where each tensor lies."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from denoise_export.to_c.graph import Graph, Node, shape_of
from denoise_export.to_c.program import Program
from denoise_export.to_c.views import View
from denoise_stream import ContractError


@dataclass
class Translation:
    """The state of a translation: where each tensor lies."""

    graph: Graph
    program: Program = field(default_factory=Program)
    views: dict[str, View] = field(default_factory=dict)

    def view(self, name: str) -> View:
        """Return where a tensor lies; a constant is written out at its first use."""
        if name not in self.views:
            self.define(name, self.program.constant(self.graph.constants[name]))
        return self.views[name]

    def define(self, name: str, view: View) -> None:
        """Record where a tensor lies."""
        view.buffer.names += 1
        self.views[name] = view

    def shape(self, node: Node, position: int = 0) -> tuple[int, ...]:
        """Return the shape of a node's output."""
        return shape_of(self.graph, node, node.outputs[position])

    def constant(self, node: Node, position: int, what: str) -> NDArray[Any]:
        """Return an input that has to be a constant."""
        name = node.input(position)
        if name not in self.graph.constants:
            raise ContractError(f"{node.kind} with computed {what} cannot be turned into C; constant ones can")
        return self.graph.constants[name]

    def setting(self, node: Node, attribute: str, position: int, default: Any = None) -> Any:
        """Return a setting: an attribute in older opsets, a constant input in newer ones."""
        if attribute in node.attributes:
            return node.attributes[attribute]
        if not node.input(position):
            return default
        return self.constant(node, position, attribute).reshape(-1).tolist()

    def result(self, node: Node, source: str) -> View:
        """Make the output of an element-wise node, in the source's place if nobody else needs it."""
        view = self.view(source)
        alone = view.buffer.planned and view.buffer.names == 1 and self.graph.uses[source] == 1
        if alone and view.covers_buffer and view.shape == self.shape(node):
            view.buffer.names = 0
            return view
        return self.program.new(self.shape(node), view)
