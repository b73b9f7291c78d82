"""Simplify the graph that tf2onnx writes: the same function with fewer nodes.

onnxslim folds constants and removes what is not used. TensorFlow's one-dimensional convolutions remain: each is a
two-dimensional one between an Unsqueeze, Transposes and a Squeeze, with its bias added apart. The rules here keep the
two-dimensional convolutions, of height 1 (onnxruntime has its fast blocked kernels for those only: 50 against 83 us a
window, measured on the same network), and remove all between them:

- a Transpose or Squeeze passes through what works element by element, and meets the one that undoes it;
- a Slice after a ConvTranspose is its padding, an Add of constants after a convolution is its bias;
- a Reshape makes a Squeeze, Unsqueeze or Reshape before it moot, a Slice of everything (``x[:, None]``) does nothing;
- a ConvTranspose whose pieces do not overlap is a convolution of kernel 1 and a change of order, which onnxruntime
  computes a third faster.

Of networks with a memory, Slices that take their state apart become one Split, and the gates of recurrent cells one
product: see ``splits`` and ``cells``.

Whether the result still computes the same is not assumed here: the export compares it with Keras.
"""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import onnxslim

from denoise_export.graph.cells import fold_bias_into_product, join_gates
from denoise_export.graph.editor import Editor, attributes
from denoise_export.graph.splits import bounds, cuts, split_into_slices

ELEMENTWISE = frozenset({"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Identity", "Neg", "Abs", "Sqrt", "Exp"})
ELEMENTWISE_PAIRS = frozenset({"Add", "Sub", "Mul", "Div"})
CONVOLUTIONS = ("Conv", "ConvTranspose")

MOST_NODES = 1000

LEAST_SHUFFLED = 4
"""Fewer channels, or pieces of fewer samples, are as fast by a ConvTranspose."""

SWAP = "swap"
"""A Transpose between (batch, time, channels) and (batch, channels, time)."""
SQUEEZE = "squeeze"
"""A Squeeze from (batch, channels, 1, time) to (batch, channels, time)."""


def simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an equivalent model with fewer nodes.

    Parameters
    ----------
    model
        Any model; patterns that are not met stay as they are, and so does one of more than 1000 nodes, such as an
        unrolled recurrent layer: each change takes a look at all of them.
    """
    model = onnxslim.slim(model)
    if len(model.graph.node) > MOST_NODES:
        return model
    editor = Editor(model)
    rules: Sequence[Callable[[Editor, onnx.NodeProto], bool]] = (
        _skip_whole_slice,
        _transpose_before_unsqueezing,
        _fold_slice_into_padding,
        _fold_bias,
        _cancel,
        _move_down,
        _skip_to_reshape,
        split_into_slices,
        fold_bias_into_product,
    )
    for pass_ in (rules, (_spread_by_shuffling, join_gates)):
        while any(rule(editor, node) for rule in pass_ for node in list(editor.graph.node)):
            editor.tidy()
    slim: onnx.ModelProto = onnxslim.slim(model)
    return slim


def _axes(editor: Editor, node: onnx.NodeProto) -> list[int]:
    axes = editor.constants.get(node.input[1]) if len(node.input) > 1 else None
    return [] if axes is None else [int(axis) for axis in axes.reshape(-1)]


def _mover(editor: Editor, node: onnx.NodeProto | None) -> str:
    """Name what a node does to the layout, if it is one of the two that can move."""
    if node is None:
        return ""
    if node.op_type == "Transpose" and list(attributes(node).get("perm", ())) == [0, 2, 1]:
        return SWAP
    return SQUEEZE if node.op_type == "Squeeze" and _axes(editor, node) == [2] else ""


def _skip_whole_slice(editor: Editor, node: onnx.NodeProto) -> bool:
    """Remove a Slice that takes everything."""
    if node.op_type != "Slice" or node.output[0] in editor.outputs or cuts(editor, node) != []:
        return False
    _bypass(editor, node, node.input[0])
    return True


def _bypass(editor: Editor, node: onnx.NodeProto, source: str) -> None:
    """Remove a node, and let those that use it use another tensor."""
    for user in editor.users[node.output[0]]:
        for position, name in enumerate(user.input):
            if name == node.output[0]:
                user.input[position] = source
    editor.take_out(node)


def _transpose_before_unsqueezing(editor: Editor, node: onnx.NodeProto) -> bool:
    """Replace (b, t, c) -> (b, 1, t, c) -> (b, c, 1, t) by (b, t, c) -> (b, c, t) -> (b, c, 1, t)."""
    if node.op_type != "Transpose" or list(attributes(node).get("perm", ())) != [0, 3, 1, 2]:
        return False
    before = editor.producer.get(node.input[0])
    if before is None or before.op_type != "Unsqueeze" or _axes(editor, before) not in ([1], [-3]):
        return False
    swapped = editor.add("Transpose", [before.input[0]], perm=[0, 2, 1])
    editor.add("Unsqueeze", [swapped, editor.constant(np.array([2]))], editor.take_out(node))
    return True


def _fold_slice_into_padding(editor: Editor, node: onnx.NodeProto) -> bool:
    """Cut the ends of a transposed convolution by its own padding, as ONNX does for "same"."""
    convolution = editor.producer.get(node.input[0]) if node.op_type == "Slice" else None
    if convolution is None or convolution.op_type != "ConvTranspose" or editor.only_user(convolution) is None:
        return False
    named = bounds(editor, node)
    settings = attributes(convolution)
    weights = editor.constants.get(convolution.input[1])
    if named is None or weights is None or weights.ndim != 4 or weights.shape[2] != 1 or any(settings.get("pads", ())):
        return False
    if any(size != 1 for size in settings.get("dilations", ())) or any(settings.get("output_padding", ())):
        return False
    if "strides" not in settings or "output_shape" in settings or settings.get("auto_pad", b"NOTSET") != b"NOTSET":
        return False
    by_axis = {axis: (start, end) for axis, start, end in named}
    low, high = by_axis.pop(3, (0, 1 << 62))
    if any(key != 2 or value[0] != 0 or value[1] < 1 for key, value in by_axis.items()):
        return False
    before = (editor.shapes().get(convolution.input[0]) or (0,))[-1]
    if not before or low < 0 or high < 0:
        return False
    full = (before - 1) * settings["strides"][1] + weights.shape[3]
    settings["pads"] = [0, low, 0, full - min(high, full)]
    editor.add("ConvTranspose", list(convolution.input), editor.take_out(node), **settings)
    return True


def _fold_bias(editor: Editor, node: onnx.NodeProto) -> bool:
    """Fold constants added to a convolution's channels, before or after its Squeeze, into its bias."""
    if node.op_type != "Add":
        return False
    for convolution_side, bias_side in ((0, 1), (1, 0)):
        bias = editor.constants.get(node.input[bias_side])
        squeeze = editor.producer.get(node.input[convolution_side])
        convolution = squeeze
        if squeeze is not None and _mover(editor, squeeze) == SQUEEZE and editor.only_user(squeeze):
            convolution = editor.producer.get(squeeze.input[0])
        if bias is None or convolution is None or convolution.op_type not in CONVOLUTIONS:
            continue
        weights = editor.constants.get(convolution.input[1])
        if weights is None or len(convolution.input) > 2 or editor.only_user(convolution) is None:
            continue
        channels = weights.shape[0 if convolution.op_type == "Conv" else 1]
        rank = weights.ndim if convolution is squeeze else weights.ndim - 1
        if np.broadcast_shapes(bias.shape, (1, channels) + (1,) * (rank - 2)) != (1, channels) + (1,) * (rank - 2):
            continue
        flat = np.broadcast_to(bias.reshape(-1), (channels,))
        settings, inputs = attributes(convolution), list(convolution.input)
        if convolution is squeeze or squeeze is None:
            editor.add(convolution.op_type, [*inputs, editor.constant(flat)], editor.take_out(node), **settings)
        else:
            biased = editor.add(convolution.op_type, [*inputs, editor.constant(flat)], **settings)
            editor.add("Squeeze", [biased, squeeze.input[1]], editor.take_out(node))
        return True
    return False


def _cancel(editor: Editor, node: onnx.NodeProto) -> bool:
    """Remove a Transpose or Unsqueeze that undoes the node before it."""
    before = editor.producer.get(node.input[0]) if node.input else None
    undone = _mover(editor, before)
    swaps_back = undone == SWAP and _mover(editor, node) == SWAP
    expands = undone == SQUEEZE and node.op_type == "Unsqueeze" and _axes(editor, node) == [2]
    if before is None or node.output[0] in editor.outputs or not (swaps_back or expands):
        return False
    _bypass(editor, node, before.input[0])
    return True


def _move_down(editor: Editor, node: onnx.NodeProto) -> bool:
    """Swap a Transpose or Squeeze with the element-wise node, or the concatenation, after it."""
    sources = [editor.producer.get(name) for name in node.input]
    kinds = {_mover(editor, source) for source in sources if source is not None} - {""}
    if len(kinds) != 1:
        return False
    kind = kinds.pop()
    moves = [_mover(editor, source) == kind for source in sources]
    scalar = [name in editor.constants and editor.constants[name].size == 1 for name in node.input]
    settings = attributes(node)
    if node.op_type == "Concat" and all(moves):
        channels, time = (2, 1) if kind == SWAP else (1, 3)
        axis = settings["axis"] % 3
        if axis == 0:
            return False
        settings["axis"] = channels if axis == 1 else time
    elif node.op_type in ELEMENTWISE_PAIRS:
        if not all(move or constant for move, constant in zip(moves, scalar, strict=True)):
            return False
    elif node.op_type not in ELEMENTWISE:
        return False
    mover = next(source for source, move in zip(sources, moves, strict=True) if move and source is not None)
    inputs = [
        source.input[0] if move and source is not None else name
        for source, move, name in zip(sources, moves, node.input, strict=True)
    ]
    output = editor.take_out(node)
    result = editor.add(node.op_type, inputs, **settings)
    editor.add(mover.op_type, [result, *mover.input[1:]], output, **attributes(mover))
    return True


def _skip_to_reshape(editor: Editor, node: onnx.NodeProto) -> bool:
    """Let a Reshape to fixed sizes take its input from before a Reshape, Squeeze or Unsqueeze."""
    before = editor.producer.get(node.input[0]) if node.op_type == "Reshape" else None
    if before is None or before.op_type not in ("Reshape", "Squeeze", "Unsqueeze"):
        return False
    shape = editor.constants.get(node.input[1])
    if shape is None or (shape == 0).any():
        return False
    node.input[0] = before.input[0]
    return True


def _spread_by_shuffling(editor: Editor, node: onnx.NodeProto) -> bool:
    """Replace a ConvTranspose with kernel = stride by a Conv with an output channel per place, reordered after it.

    Its Relu goes before the change of order, where onnxruntime computes it with the convolution.
    """
    if node.op_type != "ConvTranspose":
        return False
    weights, bias = (editor.constants.get(name) for name in [*node.input[1:], ""][:2])
    shape = editor.shapes().get(node.input[0], ())
    if weights is None or (bias is None) != (len(node.input) == 2) or len(shape) != 4 or shape[2] != 1 or not shape[3]:
        return False
    if weights.shape[2] != 1:
        return False
    settings = attributes(node)
    _, channels, _, stride = weights.shape
    plain = {"strides": [1, stride], "dilations": [1, 1], "pads": [0] * 4, "output_padding": [0, 0], "group": 1}
    if stride < LEAST_SHUFFLED or channels < LEAST_SHUFFLED or settings.get("strides") != plain["strides"]:
        return False
    if "output_shape" in settings or settings.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        return False
    if any(settings.get(key, value) != value for key, value in plain.items()):
        return False
    inputs = [editor.constant(weights[:, :, 0].transpose(1, 2, 0).reshape(channels * stride, -1, 1, 1))]
    if bias is not None:
        inputs.append(editor.constant(np.repeat(bias, stride)))
    user = editor.only_user(node)
    spread = editor.add("Conv", [node.input[0], *inputs], kernel_shape=[1, 1])
    if user is not None and user.op_type == "Relu":
        spread = editor.add("Relu", [spread])
        editor.take_out(node)
        node = user
    pieces = editor.add("Reshape", [spread, editor.constant(np.array([0, channels, stride, shape[3]]))])
    ordered = editor.add("Transpose", [pieces], perm=[0, 1, 3, 2])
    whole = editor.constant(np.array([0, channels, 1, stride * shape[3]]))
    editor.add("Reshape", [ordered, whole], editor.take_out(node))
    return True
