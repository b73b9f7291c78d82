"""Operators that rearrange elements: as views, or as copies where a view cannot show the result."""

import itertools
import math
from collections.abc import Callable

import numpy as np

from denoise_export.to_c.graph import Node
from denoise_export.to_c.program import number
from denoise_export.to_c.translation import Translation
from denoise_stream import ContractError

MOST_COPIES = 4096
"""Most copies that Tile or Gather may make; each is a step of the program."""


def identity(work: Translation, node: Node) -> None:
    """Alias a tensor under a second name."""
    work.define(node.outputs[0], work.view(node.inputs[0]))


def reshape(work: Translation, node: Node) -> None:
    """Reshape a tensor, without a copy where its layout allows."""
    work.define(node.outputs[0], work.program.reshaped(work.view(node.inputs[0]), work.shape(node)))


def transpose(work: Translation, node: Node) -> None:
    """Exchange axes, without moving anything."""
    view = work.view(node.inputs[0])
    work.define(node.outputs[0], view.transposed(node.attributes.get("perm", range(len(view.shape))[::-1])))


def slice_(work: Translation, node: Node) -> None:
    """Return a view of a part of a tensor."""
    view = work.view(node.inputs[0])
    starts, ends = work.setting(node, "starts", 1), work.setting(node, "ends", 2)
    axes = work.setting(node, "axes", 3, range(len(starts)))
    steps = work.setting(node, "steps", 4, [1] * len(starts))
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        chosen = range(view.shape[axis])[slice(start, end if step > 0 or end >= -view.shape[axis] else None, step)]
        view = view.sliced(axis % len(view.shape), chosen.start, len(chosen), step)
    work.define(node.outputs[0], view)


def split(work: Translation, node: Node) -> None:
    """Return views of the parts of a tensor."""
    view, axis, start = work.view(node.inputs[0]), node.attributes.get("axis", 0), 0
    for position, name in enumerate(node.outputs):
        length = work.shape(node, position)[axis]
        work.define(name, view.sliced(axis % len(view.shape), start, length))
        start += length


def concat(work: Translation, node: Node) -> None:
    """Copy tensors one after another; their axes keep the order in memory that the first one has."""
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


def expand(work: Translation, node: Node) -> None:
    """Return a view of a tensor repeated along axes of size 1."""
    work.define(node.outputs[0], work.view(node.inputs[0]).broadcast(work.shape(node)))


def tile(work: Translation, node: Node) -> None:
    """Repeat a tensor along its axes."""
    view, target = work.view(node.inputs[0]), work.program.new(work.shape(node))
    repeats = [int(count) for count in work.constant(node, 1, "repeats").reshape(-1)]
    if math.prod(repeats) > MOST_COPIES:
        raise ContractError(f"Tile repeats a tensor {math.prod(repeats)} times; C is written for {MOST_COPIES} at most")
    for place in itertools.product(*(range(count) for count in repeats)):
        part = target
        for axis, (number_of_copy, size) in enumerate(zip(place, view.shape, strict=True)):
            part = part.sliced(axis, number_of_copy * size, size)
        work.program.copy(view, part)
    work.define(node.outputs[0], target)


def gather(work: Translation, node: Node) -> None:
    """Take constant places of an axis: a copy for each run of places that follow each other."""
    view, places = work.view(node.inputs[0]), work.constant(node, 1, "indices")
    axis = node.attributes.get("axis", 0) % len(view.shape)
    wanted = places.reshape(-1) % view.shape[axis]
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    if len(runs) > MOST_COPIES:
        raise ContractError(f"Gather takes {len(runs)} separate parts; C is written for {MOST_COPIES} at most")
    target, start = work.program.new((*view.shape[:axis], len(wanted), *view.shape[axis + 1 :])), 0
    for run in runs:
        work.program.copy(view.sliced(axis, int(run[0]), len(run)), target.sliced(axis, start, len(run)))
        start += len(run)
    work.define(node.outputs[0], work.program.reshaped(target, work.shape(node)))


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
        before, after = pads[position], pads[position + len(axes)]
        length = view.shape[axis] + min(0, before) + min(0, after)  # negative pads cut off
        if length < 0:
            raise ContractError(f"Pad with pads={pads} cannot be turned into C: it cuts off more than there is")
        view = view.sliced(axis % rank, max(0, -before), length)
        middle = middle.sliced(axis % rank, max(0, before), length)
    work.program.copy(view, middle)
    work.define(node.outputs[0], target)


ARRANGING_OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), reshape),
    "Concat": concat,
    "Expand": expand,
    "Gather": gather,
    "Identity": identity,
    "Pad": pad,
    "Slice": slice_,
    "Split": split,
    "Tile": tile,
    "Transpose": transpose,
}
