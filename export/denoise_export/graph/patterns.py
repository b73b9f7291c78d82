"""Find where a graph computes a given formula, and which tensors stand for its variables."""

from collections.abc import Iterator, Sequence
from typing import Any

from denoise_export.graph.editor import Editor

Pattern = str | tuple[Any, ...]
"""A variable's name, or an operator and the patterns of its inputs: ``("Add", "x", ("Tanh", "y"))``."""

COMMUTATIVE = frozenset({"Add", "Mul"})


def find_pattern(editor: Editor, tensor: str, pattern: Pattern) -> dict[str, str] | None:
    """Return the tensor that each variable stands for, or None if this tensor is computed otherwise.

    A variable that occurs twice stands for one tensor; sums and products match in either order.
    """
    return next(_matches(editor, tensor, pattern, {}), None)


def _matches(editor: Editor, tensor: str, pattern: Pattern, known: dict[str, str]) -> Iterator[dict[str, str]]:
    if isinstance(pattern, str):
        if known.get(pattern, tensor) == tensor:
            yield {**known, pattern: tensor}
        return
    kind, *inputs = pattern
    node = editor.producer.get(tensor)
    if node is None or node.op_type != kind or len(node.input) != len(inputs):
        return
    orders = [list(node.input), list(node.input)[::-1]] if kind in COMMUTATIVE else [list(node.input)]
    for order in orders:
        yield from _all_match(editor, order, inputs, known)


def _all_match(
    editor: Editor, tensors: Sequence[str], patterns: Sequence[Pattern], known: dict[str, str]
) -> Iterator[dict[str, str]]:
    if not patterns:
        yield known
        return
    for found in _matches(editor, tensors[0], patterns[0], known):
        yield from _all_match(editor, tensors[1:], patterns[1:], found)
