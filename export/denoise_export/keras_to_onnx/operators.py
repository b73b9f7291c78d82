"""Operators that tf2onnx lacks, in terms of those that ONNX has; importing this module registers them."""

from typing import Any

import numpy as np
from tf2onnx.handler import tf_op

SINCE = 9
"""The first opset that has Erf."""


def _one_like(context: Any, node: Any) -> str:
    """Add a constant 1 of the type of a node's input; return its name."""
    from tf2onnx import utils

    kind = utils.map_onnx_to_numpy_type(context.get_dtype(node.input[0]))
    return str(context.make_const(utils.make_name("one"), np.array(1, kind)).output[0])


@tf_op("Erfc")
class Erfc:
    """The exact gelu is computed by it: 1 - Erf."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Replace the node."""
        erf = ctx.make_node("Erf", [node.input[0]], name=f"{node.name}/Erf").output[0]
        node.type = "Sub"
        ctx.replace_inputs(node, [_one_like(ctx, node), erf])


@tf_op("Expm1")
class Expm1:
    """Celu is computed by it: Exp - 1."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Replace the node."""
        power = ctx.make_node("Exp", [node.input[0]], name=f"{node.name}/Exp").output[0]
        one = _one_like(ctx, node)
        node.type = "Sub"
        ctx.replace_inputs(node, [power, one])
