"""Operators along axes: a node of the graph comes in, loops that gather an extreme, a sum or shares go out."""

from collections.abc import Callable

from denoise_export.to_c.graph import Node
from denoise_export.to_c.program import number
from denoise_export.to_c.translation import Translation

REDUCTIONS = {
    "ReduceMax": ("-INFINITY", "{0} > {1} ? {0} : {1}"),
    "ReduceMean": ("0.0f", "{0} + {1}"),
    "ReduceMin": ("INFINITY", "{0} < {1} ? {0} : {1}"),
    "ReduceSum": ("0.0f", "{0} + {1}"),
}


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
    work.define(node.outputs[0], work.program.reshaped(kept, work.shape(node)))


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


REDUCING_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **dict.fromkeys(REDUCTIONS, reduce),
    "Softmax": softmax,
}
