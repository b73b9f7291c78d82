"""Tell what Slices cut out, and replace those that together are a whole tensor by one Split."""

import onnx

from denoise_export.graph.editor import Editor

Part = tuple[int, int, int]
"""The axis that a Slice cuts, where it starts and where it ends."""

ALL = 10**9
"""Ends from here on mean the end of an axis of any size; tf2onnx writes this one."""


def bounds(editor: Editor, node: onnx.NodeProto) -> list[Part] | None:
    """Return the axis, start and end of each axis that a Slice names; None if they are not constant, or in steps."""
    starts, ends, axes, steps = (editor.constants.get(name) if name else None for name in [*node.input, *[""] * 4][1:5])
    if starts is None or ends is None or axes is None or (steps is not None and (steps != 1).any()):
        return None
    return list(zip(axes.tolist(), starts.tolist(), ends.tolist(), strict=True))


def cuts(editor: Editor, node: onnx.NodeProto) -> list[Part] | None:
    """Return what a Slice cuts out of each axis that it does not take whole; None if that is not known."""
    named = bounds(editor, node)
    if named is None:
        return None
    shape = editor.shapes().get(node.input[0], ())
    found = []
    for axis, start, end in named:
        size = shape[axis] if shape else 0
        if not size and (start, end >= ALL) != (0, True):
            return None
        first, last, _ = slice(start, end).indices(size)
        if (first, last) != (0, size):
            found.append((axis % len(shape), first, last))
    return found


def split_into_slices(editor: Editor, node: onnx.NodeProto) -> bool:
    """Replace all Slices of a tensor by one Split, if they are its parts along one axis.

    Keras writes ``state[:, 3:5]`` as a Slice of all axes.
    """
    if node.op_type != "Slice":
        return False
    source = node.input[0]
    slices = [user for user in editor.users[source] if user.op_type == "Slice" and user.input[0] == source]
    shape = editor.shapes().get(source, ())
    parts = [cuts(editor, each) or [] for each in slices]
    found = sorted((part[0], each.output[0]) for part, each in zip(parts, slices, strict=True) if len(part) == 1)
    if len(found) < max(2, len(slices)) or len({axis for (axis, _, _), _ in found}) > 1:
        return False
    axis = found[0][0][0]
    if [start for (_, start, _), _ in found] + [shape[axis]] != [0] + [end for (_, _, end), _ in found]:
        return False
    for each in slices:
        editor.take_out(each)
    editor.add_split(source, [end - start for (_, start, end), _ in found], axis, [name for _, name in found])
    return True
