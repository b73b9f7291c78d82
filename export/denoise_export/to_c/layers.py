"""Layers with weights: convolutions and products become calls of a few helper functions.

A convolution over channels-last samples is a product of overlapping rows with a matrix: with one tap after the other
in memory, output ``t`` is ``x[t * stride * channels : ...] @ weights``. A transposed one of stride s is s such
products, one for each phase of its output. So one helper, ``product``, does the work of them all.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_export.to_c.graph import Node
from denoise_export.to_c.program import Program, pointer
from denoise_export.to_c.translation import Translation
from denoise_export.to_c.views import View, row_major
from denoise_stream import ContractError

FEW_OUTPUTS = 8
"""With fewer outputs a product is summed along its terms, as they do not fill a vector."""

Weights = NDArray[np.float32]


def convolution(work: Translation, node: Node) -> None:
    """Translate Conv: taps, stride, dilation, padding and groups, along the last axis."""
    weights, bias = _weights(work, node, outputs_axis=0)
    outputs, terms, taps = weights.shape
    source = _batch(work, node)
    batch, steps, channels = source.shape
    stride, dilation, group = _along(node, "strides"), _along(node, "dilations"), node.attributes.get("group", 1)
    count = work.shape(node)[-1]
    before, after = _padding(node, steps, count, stride, (taps - 1) * dilation + 1)
    whole = work.program.new((batch, count, outputs))
    for number in range(batch):
        padded, target = _padded(work.program, _row(source, number), before, max(0, after)), _row(whole, number)
        if group == channels == outputs and terms == 1:
            packed = work.program.constant(weights[:, 0].T)
            biases = work.program.constant(bias)
            numbers = (
                *(count, outputs, taps, pointer(padded), stride * channels, dilation * channels),
                *(pointer(packed), pointer(biases), pointer(target)),
            )
            work.program.add(f"depthwise({', '.join(map(str, numbers))});", [padded, target], "depthwise")
            continue
        for part in range(group):
            own = slice(part * (outputs // group), (part + 1) * (outputs // group))
            product(
                work.program,
                count,
                padded.sliced(1, part * terms, terms),
                stride * channels,
                np.transpose(weights[own], (2, 1, 0)),
                dilation * channels,
                bias[own],
                target.sliced(1, own.start, outputs // group),
                outputs,
            )
    work.define(node.outputs[0], _channels_first(whole, work.shape(node)))


def transposed_convolution(work: Translation, node: Node) -> None:
    """Translate ConvTranspose: each phase of the stride is a convolution with every stride-th tap, backwards."""
    group = node.attributes.get("group", 1)
    weights, bias = _weights(work, node, outputs_axis=1)
    channels, outputs, taps = weights.shape
    source = _batch(work, node)
    batch, steps, _ = source.shape
    stride, dilation = _along(node, "strides"), _along(node, "dilations")
    spread = np.zeros((channels, outputs, (taps - 1) * dilation + 1), np.float32)
    spread[:, :, ::dilation] = weights
    count, reach = work.shape(node)[-1], spread.shape[2]
    extra = _along(node, "output_padding", 0)
    missing = (steps - 1) * stride + reach + extra - count
    cut = _padding_of_transpose(node, missing)
    most = -(-reach // stride)
    before, after = most - 1, max(0, (count - 1 + cut) // stride - (steps - 1))
    whole = work.program.new((batch, count, outputs * group))
    for number, phase in itertools.product(range(batch), range(min(stride, count))):
        if phase == 0:
            padded, target = _padded(work.program, _row(source, number), before, after), _row(whole, number)
        first = (phase + cut) // stride
        own = spread[:, :, (phase + cut) % stride :: stride][:, :, ::-1]
        if not own.shape[2]:  # a stride longer than the taps leaves gaps, which hold the bias
            own = np.zeros_like(spread[:, :, :1])
        terms = channels // group
        for part in range(group):
            block = own[part * terms : (part + 1) * terms]
            product(
                work.program,
                len(range(phase, count, stride)),
                padded.sliced(0, before + first - (own.shape[2] - 1), 1).sliced(1, part * terms, terms),
                channels,
                np.transpose(block, (2, 0, 1)),
                channels,
                bias[part * outputs : (part + 1) * outputs],
                target.sliced(0, phase, 1).sliced(1, part * outputs, outputs),
                stride * outputs * group,
            )
    work.define(node.outputs[0], _channels_first(whole, work.shape(node)))


def matrix_product(work: Translation, node: Node) -> None:
    """Translate MatMul; with constants on the right by the helper, else by loops."""
    left, right, shape = work.view(node.inputs[0]), work.view(node.inputs[1]), work.shape(node)
    target = work.program.new(shape)
    if node.inputs[1] in work.graph.constants and len(right.shape) == 2:
        rows = work.program.dense(left)
        terms, outputs = right.shape
        weights = work.graph.constants[node.inputs[1]][None]
        bias = np.zeros(outputs, np.float32)
        product(work.program, rows.size // terms, rows, terms, weights, 0, bias, target, outputs)
    else:
        left = left.reshaped((1, *left.shape)) or left if len(left.shape) == 1 else left
        right = right.reshaped((*right.shape, 1)) or right if len(right.shape) == 1 else right
        outer = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        rows_, terms, columns = left.shape[-2], left.shape[-1], right.shape[-1]
        whole = (*outer, rows_, terms, columns)
        product_shape = (*outer, rows_, columns)
        spread = View(target.buffer, product_shape, row_major(product_shape))
        work.program.loop("{0} = 0.0f;", spread)
        work.program.loop(
            "{0} += {1} * {2};",
            _with_axis(spread, -2).broadcast(whole),
            _with_axis(left, len(left.shape)),
            _with_axis(right, len(right.shape) - 2),
        )
    work.define(node.outputs[0], target)


def general_product(work: Translation, node: Node) -> None:
    """Translate Gemm with constant weights and bias."""
    view = work.view(node.inputs[0])
    rows = work.program.dense(view.transposed((1, 0)) if node.attributes.get("transA") else view)
    weights = work.constant(node, 1, "weights")
    weights = (weights.T if node.attributes.get("transB") else weights) * node.attributes.get("alpha", 1.0)
    terms, outputs = weights.shape
    bias = np.zeros(outputs, np.float32)
    if node.input(2):
        bias = work.constant(node, 2, "bias")
        if bias.ndim == 2 and len(bias) != 1:
            raise ContractError("Gemm with a bias for each row cannot be turned into C; one for all rows can")
        bias = np.broadcast_to(bias * node.attributes.get("beta", 1.0), (1, outputs))[0]
    target = work.program.new((rows.shape[0], outputs))
    product(work.program, rows.shape[0], rows, terms, weights[None], 0, bias, target, outputs)
    work.define(node.outputs[0], target)


def product(
    program: Program,
    rows: int,
    source: View,
    row_step: int,
    weights: Weights,
    tap_step: int,
    bias: Weights | View,
    target: View,
    target_step: int,
) -> None:
    """Add a call of the helper that multiplies rows with weights ``(taps, terms, outputs)``."""
    taps, terms, outputs = weights.shape
    if tap_step == terms:
        taps, terms, tap_step = 1, taps * terms, 0
    matrix = weights.reshape(-1, outputs)
    few = outputs < FEW_OUTPUTS
    packed = program.constant(matrix.T if few else matrix)
    biases = bias if isinstance(bias, View) else program.constant(bias)
    numbers = (
        *(rows, outputs, taps, terms, pointer(source), row_step, tap_step),
        *(pointer(packed), pointer(biases), pointer(target), target_step),
    )
    kernel = "product_of_few" if few else "product"
    program.add(f"{kernel}({', '.join(map(str, numbers))});", [source, biases, target], kernel)


def _weights(work: Translation, node: Node, outputs_axis: int) -> tuple[Weights, Weights]:
    """Return weights ``(., ., taps)`` and a bias, zeros where there is none."""
    weights = np.asarray(work.constant(node, 1, "weights"), np.float32)
    if weights.ndim == 4 and weights.shape[2] == 1:
        weights = weights[:, :, 0]
    if weights.ndim != 3:
        size = " x ".join(map(str, weights.shape[2:]))
        raise ContractError(
            f"{node.kind} with taps {size} cannot be turned into C; one-dimensional ones can (1 x taps)"
        )
    outputs = weights.shape[outputs_axis] * (node.attributes.get("group", 1) if outputs_axis else 1)
    bias = np.zeros(outputs, np.float32)
    return weights, np.asarray(work.constant(node, 2, "bias"), np.float32) if node.input(2) else bias


def _batch(work: Translation, node: Node) -> View:
    """Return the input as ``(batch, time, channels)``."""
    view = work.view(node.inputs[0])
    if len(view.shape) == 4:
        if view.shape[2] != 1:
            raise ContractError(
                f"{node.kind} on images of height {view.shape[2]} cannot be turned into C; height 1 can"
            )
        pads = node.attributes.get("pads", [0, 0, 0, 0])
        if pads[0] or pads[2] or work.shape(node)[2] != 1:
            raise ContractError(f"{node.kind} that pads the height cannot be turned into C; padding of the width can")
        view = View(
            view.buffer, (view.shape[0], *view.shape[1::2]), (view.strides[0], *view.strides[1::2]), view.offset
        )
    return view.transposed((0, 2, 1))


def _row(batch: View, number: int) -> View:
    """Return one row ``(time, channels)`` of a batch."""
    return View(batch.buffer, batch.shape[1:], batch.strides[1:], batch.offset + number * batch.strides[0])


def _padded(program: Program, rows: View, before: int, after: int) -> View:
    """Return rows ``(time, channels)`` densely, with zeros around them."""
    if not before and not after:
        return program.dense(rows)
    steps, channels = rows.shape
    whole = program.new((before + steps + after, channels))
    for start, length in ((0, before), (before + steps, after)):
        if length:
            program.loop("{0} = 0.0f;", whole.sliced(0, start, length))
    program.copy(rows, whole.sliced(0, before, steps))
    return whole


def _channels_first(batch: View, shape: Sequence[int]) -> View:
    """Return a view of ``(batch, time, channels)`` in the graph's layout: ``(batch, channels, [1,] time)``."""
    of_row, of_step, of_channel = batch.strides
    strides = (of_row, of_channel) + (0,) * (len(shape) - 3) + (of_step,)
    return View(batch.buffer, tuple(shape), strides, batch.offset)


def _along(node: Node, attribute: str, default: int = 1) -> int:
    return int(node.attributes.get(attribute, [default])[-1])


def _padding(node: Node, steps: int, count: int, stride: int, reach: int) -> tuple[int, int]:
    """Return the numbers of zeros before and after the samples."""
    mode, pads = node.attributes.get("auto_pad", b"NOTSET"), node.attributes.get("pads", [0, 0])
    needed = max(0, (count - 1) * stride + reach - steps)
    before = pads[len(pads) // 2 - 1]
    if mode in (b"SAME_UPPER", b"SAME_LOWER"):
        before = needed // 2 if mode == b"SAME_UPPER" else needed - needed // 2
    elif mode == b"VALID":
        before = 0
    return before, (count - 1) * stride + reach - steps - before


def _padding_of_transpose(node: Node, missing: int) -> int:
    """Return the number of samples cut from the start."""
    mode, pads = node.attributes.get("auto_pad", b"NOTSET"), node.attributes.get("pads", [0, 0])
    if mode == b"NOTSET" and "output_shape" not in node.attributes:
        return int(pads[len(pads) // 2 - 1])
    return missing // 2 if mode == b"SAME_UPPER" else missing - missing // 2


def _with_axis(view: View, axis: int) -> View:
    """Return the view with an axis of size 1 more."""
    axis %= len(view.shape) + 1
    shape, strides = list(view.shape), list(view.strides)
    shape.insert(axis, 1)
    strides.insert(axis, 0)
    return View(view.buffer, tuple(shape), tuple(strides), view.offset)


WEIGHTED_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "Gemm": general_product,
    "MatMul": matrix_product,
}
