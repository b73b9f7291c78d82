"""Operators along axes: loops that find an extreme, a sum or a softmax."""

from collections.abc import Callable

from denoise_export.to_c.graph import Node
from denoise_export.to_c.program import number
from denoise_export.to_c.translation import Translation
from denoise_export.to_c.views import View

LARGEST = ("-INFINITY", "{0} > {1} ? {0} : {1}")
SMALLEST = ("INFINITY", "{0} < {1} ? {0} : {1}")
SUM = ("0.0f", "{0} + {1}")
MEAN = ("0.0f", "{0} + {1}", "mean")
REDUCTIONS: dict[str, tuple[str, ...]] = {
    "GlobalAveragePool": MEAN,
    "GlobalMaxPool": LARGEST,
    "ReduceMax": LARGEST,
    "ReduceMean": MEAN,
    "ReduceMin": SMALLEST,
    "ReduceSum": SUM,
}
"""Initial value and update of each reduction, and whether it is divided by the number of elements."""


OPSET_OF_SINGLE_AXIS = 13


def reduce(work: Translation, node: Node) -> None:
    """Take the smallest, largest, sum or mean along axes."""
    view = work.view(node.inputs[0])
    rank = len(view.shape)
    pooled = node.kind.startswith("Global")
    everything = [] if node.attributes.get("noop_with_empty_axes") else range(rank)
    axes = range(2, rank) if pooled else work.setting(node, "axes", 1) or everything
    kept = _reduced(work, REDUCTIONS[node.kind], view, {axis % rank for axis in axes})
    work.define(node.outputs[0], work.program.reshaped(kept, work.shape(node)))


def softmax(work: Translation, node: Node) -> None:
    """Write a Softmax along an axis; before opset 13, over that axis and all later ones."""
    view = work.view(node.inputs[0])
    flattens = work.graph.opset < OPSET_OF_SINGLE_AXIS
    axis = node.attributes.get("axis", 1 if flattens else -1) % len(view.shape)
    axes = set(range(axis, len(view.shape))) if flattens else {axis}
    target = work.program.new(view.shape, view)
    work.program.loop("{0} = expf({1} - {2});", target, view, _reduced(work, LARGEST, view, axes))
    work.program.loop("{0} /= {1};", target, _reduced(work, SUM, target, axes))
    work.define(node.outputs[0], target)


def layer_normalization(work: Translation, node: Node) -> None:
    """Shift and scale to mean 0 and variance 1 along the last axes, then by constants."""
    view = work.view(node.inputs[0])
    rank = len(view.shape)
    axes = set(range(node.attributes.get("axis", -1) % rank, rank))
    target, squares = (work.program.new(view.shape, view) for _ in range(2))
    work.program.loop("{0} = {1} - {2};", target, view, _reduced(work, MEAN, view, axes))
    work.program.loop("{0} = {1} * {1};", squares, target)
    variance = _reduced(work, MEAN, squares, axes)
    epsilon = number(node.attributes.get("epsilon", 1e-5))
    work.program.loop(f"{{0}} *= {{2}} / sqrtf({{1}} + {epsilon});", target, variance, work.view(node.inputs[1]))
    if node.input(2):
        work.program.loop("{0} += {1};", target, work.view(node.inputs[2]))
    work.define(node.outputs[0], target)


def _reduced(work: Translation, reduction: tuple[str, ...], view: View, axes: set[int]) -> View:
    """Reduce along axes, which stay with size 1."""
    kept = work.program.new([1 if axis in axes else size for axis, size in enumerate(view.shape)])
    start, formula, *mean = reduction
    work.program.loop(f"{{0}} = {start};", kept)
    work.program.loop(f"{{0}} = {formula};", kept.broadcast(view.shape), view)
    if mean:
        work.program.loop(f"{{0}} /= {number(view.size / kept.size)};", kept)
    return kept


REDUCING_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **dict.fromkeys(REDUCTIONS, reduce),
    "LayerNormalization": layer_normalization,
    "Softmax": softmax,
}
