"""Operators that move or combine elements: a node of the graph comes in, views and loops go out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_export.to_c.graph import Graph, Node, shape_of
from denoise_export.to_c.program import Program, number
from denoise_export.to_c.views import View
from denoise_stream import ContractError

# Comparisons, as compilers turn them into vectors and fmaxf not (it has rules for NaN).
UNARY = {
    "Abs": "fabsf({1})",
    "Ceil": "ceilf({1})",
    "Exp": "expf({1})",
    "Floor": "floorf({1})",
    "Log": "logf({1})",
    "Neg": "-{1}",
    "Reciprocal": "1.0f / {1}",
    "Relu": "{1} > 0.0f ? {1} : 0.0f",
    "Sigmoid": "1.0f / (1.0f + expf(-{1}))",
    "Softplus": "fmaxf({1}, 0.0f) + log1pf(expf(-fabsf({1})))",
    "Softsign": "{1} / (1.0f + fabsf({1}))",
    "Sqrt": "sqrtf({1})",
    "Tanh": "tanhf({1})",
}
BINARY = {
    "Add": "{1} + {2}",
    "Div": "{1} / {2}",
    "Max": "{1} > {2} ? {1} : {2}",
    "Min": "{1} < {2} ? {1} : {2}",
    "Mul": "{1} * {2}",
    "PRelu": "{1} < 0.0f ? {1} * {2} : {1}",
    "Pow": "powf({1}, {2})",
    "Sub": "{1} - {2}",
}
REDUCTIONS = {
    "ReduceMax": ("-INFINITY", "{0} > {1} ? {0} : {1}"),
    "ReduceMean": ("0.0f", "{0} + {1}"),
    "ReduceMin": ("INFINITY", "{0} < {1} ? {0} : {1}"),
    "ReduceSum": ("0.0f", "{0} + {1}"),
}


@dataclass
class Translation:
    """What is known while the graph is turned into a program: where each tensor lies."""

    graph: Graph
    program: Program = field(default_factory=Program)
    views: dict[str, View] = field(default_factory=dict)

    def view(self, name: str) -> View:
        """Give where a tensor lies; a constant is written out at its first use."""
        if name not in self.views:
            self.define(name, self.program.constant(self.graph.constants[name]))
        return self.views[name]

    def define(self, name: str, view: View) -> None:
        """Say where a tensor lies."""
        view.buffer.names += 1
        self.views[name] = view

    def shape(self, node: Node, position: int = 0) -> tuple[int, ...]:
        """Give the shape of a node's output."""
        return shape_of(self.graph, node, node.outputs[position])

    def constant(self, node: Node, position: int, what: str) -> NDArray[Any]:
        """Give an input that has to be a constant."""
        name = node.input(position)
        if name not in self.graph.constants:
            raise ContractError(f"{node.kind} with computed {what} cannot be turned into C; constant ones can")
        return self.graph.constants[name]

    def setting(self, node: Node, attribute: str, position: int, default: Any = None) -> Any:
        """Give what older opsets state as an attribute and newer ones as a constant input."""
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


def unary(work: Translation, node: Node) -> None:
    """Compute a function of each element."""
    _apply(work, node, UNARY[node.kind])


def leaky_relu(work: Translation, node: Node) -> None:
    """Scale what is negative."""
    alpha = number(node.attributes.get("alpha", 0.01))
    _apply(work, node, f"{{1}} < 0.0f ? {alpha} * {{1}} : {{1}}")


def elu(work: Translation, node: Node) -> None:
    """Bend what is negative."""
    alpha = number(node.attributes.get("alpha", 1.0))
    _apply(work, node, f"{{1}} < 0.0f ? {alpha} * expm1f({{1}}) : {{1}}")


def hard_sigmoid(work: Translation, node: Node) -> None:
    """Give a straight line between 0 and 1."""
    alpha, beta = number(node.attributes.get("alpha", 0.2)), number(node.attributes.get("beta", 0.5))
    _apply(work, node, f"fminf(fmaxf({alpha} * {{1}} + {beta}, 0.0f), 1.0f)")


def clip(work: Translation, node: Node) -> None:
    """Keep each element between two bounds."""
    low = work.setting(node, "min", 1, [-math.inf])
    high = work.setting(node, "max", 2, [math.inf])
    low, high = (bound if isinstance(bound, float) else bound[0] for bound in (low, high))
    _apply(work, node, f"fminf(fmaxf({{1}}, {number(low)}), {number(high)})")


def _apply(work: Translation, node: Node, formula: str) -> None:
    source = work.view(node.inputs[0])
    target = work.result(node, node.inputs[0])
    work.program.loop(f"{{0}} = {formula};", target, source)
    work.define(node.outputs[0], target)


def binary(work: Translation, node: Node) -> None:
    """Combine two tensors, or more one after another, element by element."""
    formula, shape = BINARY[node.kind], work.shape(node)
    views = [work.view(name) for name in node.inputs]
    computed = [name for name in node.inputs if name not in work.graph.constants]
    whole = next((name for name in computed if work.view(name).shape == shape), "")
    target = work.result(node, whole) if whole and len(views) < 3 else work.program.new(shape)
    if len(views) == 1:
        work.program.copy(views[0], target)
    else:
        work.program.loop(f"{{0}} = {formula};", target, *views[:2])
    for extra in views[2:]:
        work.program.loop(f"{{0}} = {formula};", target, target, extra)
    work.define(node.outputs[0], target)


def identity(work: Translation, node: Node) -> None:
    """Give a tensor a second name."""
    work.define(node.outputs[0], work.view(node.inputs[0]))


def reshape(work: Translation, node: Node) -> None:
    """Give a tensor another shape, without moving it where it lies suitably."""
    view, shape = work.view(node.inputs[0]), work.shape(node)
    work.define(node.outputs[0], view.reshaped(shape) or _of(work.program.dense(view).reshaped(shape)))


def transpose(work: Translation, node: Node) -> None:
    """Exchange axes, without moving anything."""
    view = work.view(node.inputs[0])
    work.define(node.outputs[0], view.transposed(node.attributes.get("perm", range(len(view.shape))[::-1])))


def slice_(work: Translation, node: Node) -> None:
    """Show a part of a tensor, without moving it."""
    view = work.view(node.inputs[0])
    starts, ends = work.setting(node, "starts", 1), work.setting(node, "ends", 2)
    axes = work.setting(node, "axes", 3, range(len(starts)))
    steps = work.setting(node, "steps", 4, [1] * len(starts))
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        chosen = range(view.shape[axis])[slice(start, end if step > 0 or end >= -view.shape[axis] else None, step)]
        view = view.sliced(axis % len(view.shape), chosen.start, len(chosen), step)
    work.define(node.outputs[0], view)


def split(work: Translation, node: Node) -> None:
    """Show the parts of a tensor, without moving them."""
    view, axis, start = work.view(node.inputs[0]), node.attributes.get("axis", 0), 0
    for position, name in enumerate(node.outputs):
        length = work.shape(node, position)[axis]
        work.define(name, view.sliced(axis % len(view.shape), start, length))
        start += length


def concat(work: Translation, node: Node) -> None:
    """Copy tensors behind each other; their axes keep the order in memory that the first one has."""
    shape, start = work.shape(node), 0
    axis = node.attributes["axis"] % len(shape)
    first = work.view(node.inputs[0])
    order = sorted(range(len(shape)), key=lambda number: (-first.strides[number], number))
    stored = work.program.new([shape[number] for number in order])
    whole = stored.transposed([order.index(number) for number in range(len(shape))])
    for name in node.inputs:
        part = work.view(name)
        work.program.copy(part, whole.sliced(axis, start, part.shape[axis]))
        start += part.shape[axis]
    work.define(node.outputs[0], whole)


def pad(work: Translation, node: Node) -> None:
    """Put a tensor into a larger one that holds a constant."""
    if node.attributes.get("mode", b"constant") != b"constant":
        raise ContractError(
            f"Pad with mode={node.attributes['mode'].decode()!r} cannot be turned into C; 'constant' can"
        )
    view, target = work.view(node.inputs[0]), work.program.new(work.shape(node))
    pads, rank = work.setting(node, "pads", 1), len(view.shape)
    value = work.setting(node, "value", 2, 0.0)
    axes = work.setting(node, "axes", 3, range(rank))
    work.program.loop(f"{{0}} = {number(value if isinstance(value, float) else value[0])};", target)
    middle = target
    for position, axis in enumerate(axes):
        middle = middle.sliced(axis % rank, pads[position], view.shape[axis])
    work.program.copy(view, middle)
    work.define(node.outputs[0], target)


def reduce(work: Translation, node: Node) -> None:
    """Take the smallest, largest, sum or mean along axes."""
    view = work.view(node.inputs[0])
    rank = len(view.shape)
    axes = {axis % rank for axis in work.setting(node, "axes", 1, range(rank)) or range(rank)}
    kept = work.program.new([1 if axis in axes else size for axis, size in enumerate(view.shape)])
    start, formula = REDUCTIONS[node.kind]
    work.program.loop(f"{{0}} = {start};", kept)
    work.program.loop(f"{{0}} = {formula};", kept.broadcast(view.shape), view)
    if node.kind == "ReduceMean":
        work.program.loop(f"{{0}} /= {number(view.size / kept.size)};", kept)
    work.define(node.outputs[0], _of(kept.reshaped(work.shape(node))))


def softmax(work: Translation, node: Node) -> None:
    """Give shares that sum to 1 along an axis."""
    view = work.view(node.inputs[0])
    axis = node.attributes.get("axis", -1) % len(view.shape)
    target = work.program.new(view.shape, view)
    sums = work.program.new([1 if number == axis else size for number, size in enumerate(view.shape)])
    along = sums.broadcast(view.shape)
    work.program.loop("{0} = -INFINITY;", sums)
    work.program.loop("{0} = fmaxf({0}, {1});", along, view)
    work.program.loop("{0} = expf({1} - {2});", target, view, sums)
    work.program.loop("{0} = 0.0f;", sums)
    work.program.loop("{0} += {1};", along, target)
    work.program.loop("{0} /= {1};", target, sums)
    work.define(node.outputs[0], target)


def normalization(work: Translation, node: Node) -> None:
    """Scale and shift each channel by constants."""
    scale, shift, mean, variance = (
        np.asarray(work.constant(node, position, "statistics"), np.float64) for position in range(1, 5)
    )
    factor = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    view, target = work.view(node.inputs[0]), work.result(node, node.inputs[0])
    channels = (-1,) + (1,) * (len(view.shape) - 2)
    factors = work.program.constant(factor.reshape(channels))
    offsets = work.program.constant((shift - mean * factor).reshape(channels))
    work.program.loop("{0} = {1} * {2} + {3};", target, view, factors, offsets)
    work.define(node.outputs[0], target)


def _of(view: View | None) -> View:
    assert view is not None  # noqa: S101
    return view


ELEMENT_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), reshape),
    "BatchNormalization": normalization,
    "Clip": clip,
    "Concat": concat,
    "Elu": elu,
    "HardSigmoid": hard_sigmoid,
    "Identity": identity,
    "LeakyRelu": leaky_relu,
    "Pad": pad,
    "Slice": slice_,
    "Softmax": softmax,
    "Split": split,
    "Transpose": transpose,
}
