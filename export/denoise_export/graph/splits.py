"""Replace Slices that together are a whole tensor by one Split."""

import onnx

from denoise_export.graph.editor import Editor

Part = tuple[int, int, int]
"""The axis that a Slice cuts, where it starts and where it ends."""

ALL = 2**31 - 1
"""An end beyond every size."""


def split_into_slices(editor: Editor, node: onnx.NodeProto) -> bool:
    """Replace all Slices of a tensor by one Split, if they are its parts along one axis.

    Keras writes ``state[:, 3:5]`` as a Slice of all axes.
    """
    if node.op_type != "Slice":
        return False
    source = node.input[0]
    slices = [user for user in editor.users[source] if user.op_type == "Slice" and user.input[0] == source]
    shape = editor.shapes().get(source, ())
    parts = [_part(editor, each, shape) for each in slices]
    found = sorted((part, each.output[0]) for part, each in zip(parts, slices, strict=True) if part is not None)
    if len(found) < max(2, len(slices)) or len({axis for (axis, _, _), _ in found}) > 1:
        return False
    axis = found[0][0][0]
    if [start for (_, start, _), _ in found] + [shape[axis]] != [0] + [end for (_, _, end), _ in found]:
        return False
    for each in slices:
        editor.take_out(each)
    editor.add_split(source, [end - start for (_, start, end), _ in found], axis, [name for _, name in found])
    return True


def _part(editor: Editor, node: onnx.NodeProto, shape: tuple[int, ...]) -> Part | None:
    """Return what a Slice cuts out; None if it cuts several axes or none, or in steps."""
    starts, ends, axes, steps = (editor.constants.get(name) if name else None for name in [*node.input[1:], "", ""][:4])
    if starts is None or ends is None or axes is None or (steps is not None and (steps != 1).any()) or not shape:
        return None
    cut = []
    for start, end, axis in zip(starts.tolist(), ends.tolist(), axes.tolist(), strict=True):
        size = shape[axis]
        if not size and (start, end >= ALL) != (0, True):
            return None
        first, last, _ = slice(start, end).indices(size)
        if (first, last) != (0, size):
            cut.append((axis % len(shape), first, last))
    return cut[0] if len(cut) == 1 else None
