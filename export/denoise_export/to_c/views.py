"""Views: how a tensor lies in a buffer, so that transposing, slicing and splitting move no sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Buffer:
    """A stretch of float32 memory.

    Attributes
    ----------
    name
        Its name in C.
    size
        Size in floats.
    planned
        Whether the planner places it in the arena; else it is a constant or an argument.
    names
        How many tensors of the graph lie in it.
    """

    name: str
    size: int
    planned: bool = True
    names: int = 0


@dataclass(frozen=True)
class View:
    """One tensor: element ``[i, j]`` lies at ``offset + i strides[0] + j strides[1]`` of the buffer."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_dense(self) -> bool:
        """Whether the elements follow each other in row-major order."""
        return all(
            stride == wanted
            for size, stride, wanted in zip(self.shape, self.strides, row_major(self.shape), strict=True)
            if size != 1
        )

    @property
    def covers_buffer(self) -> bool:
        """Whether the view holds each float of its buffer once, in whatever order."""
        steps = sorted((stride, size) for stride, size in zip(self.strides, self.shape, strict=True) if size != 1)
        expected = 1
        for stride, size in steps:
            if stride != expected:
                return False
            expected *= size
        return self.offset == 0 and expected == self.buffer.size

    def transposed(self, order: Sequence[int]) -> "View":
        """Return the view with its axes in another order."""
        return View(
            self.buffer,
            tuple(self.shape[axis] for axis in order),
            tuple(self.strides[axis] for axis in order),
            self.offset,
        )

    def sliced(self, axis: int, start: int, length: int, step: int = 1) -> "View":
        """Return ``length`` elements of an axis, from ``start`` on in steps of ``step`` (which may be negative)."""
        shape, strides = list(self.shape), list(self.strides)
        offset = self.offset + start * strides[axis]
        shape[axis], strides[axis] = length, strides[axis] * step
        return View(self.buffer, tuple(shape), tuple(strides), offset)

    def broadcast(self, shape: Sequence[int]) -> "View":
        """Return the view repeated to a larger shape, as ONNX and numpy do."""
        added = len(shape) - len(self.shape)
        strides = (0,) * added + tuple(
            0 if size == 1 else stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        return View(self.buffer, tuple(shape), strides, self.offset)

    def reshaped(self, shape: Sequence[int]) -> "View | None":
        """Return the view with another shape, or None if that needs a copy."""
        if self.is_dense:
            return View(self.buffer, tuple(shape), row_major(shape), self.offset)
        kept = [size for size in self.shape if size != 1]
        if kept != [size for size in shape if size != 1]:
            return None
        left = iter(stride for size, stride in zip(self.shape, self.strides, strict=True) if size != 1)
        return View(self.buffer, tuple(shape), tuple(0 if size == 1 else next(left) for size in shape), self.offset)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a dense tensor.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
