"""Operators that work element by element: loops over a formula."""

import math
from collections.abc import Callable

import numpy as np

from denoise_export.to_c.graph import Node
from denoise_export.to_c.program import number
from denoise_export.to_c.translation import Translation

# Comparisons, as compilers turn them into vectors and fmaxf not (it has rules for NaN).
UNARY = {
    "Abs": "fabsf({1})",
    "Ceil": "ceilf({1})",
    "Erf": "erff({1})",
    "Exp": "expf({1})",
    "Floor": "floorf({1})",
    "HardSwish": "{1} * fminf(fmaxf({1} / 6.0f + 0.5f, 0.0f), 1.0f)",
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
    "Sum": "{1} + {2}",
}


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
    """Return a straight line between 0 and 1."""
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


ELEMENT_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
    "BatchNormalization": normalization,
    "Clip": clip,
    "Elu": elu,
    "HardSigmoid": hard_sigmoid,
    "LeakyRelu": leaky_relu,
}
