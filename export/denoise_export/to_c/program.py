"""The program: collect steps of C on buffers, then place every buffer in one small arena."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from denoise_export.to_c.views import Buffer, View, row_major


class Program:
    """Steps in order, the constants they read and the helper functions they call."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.constants: dict[str, NDArray[np.float32]] = {}
        self.kernels: list[str] = []
        self._lives: dict[str, tuple[Buffer, int, int]] = {}
        self._made = 0

    def buffer(self, size: int) -> Buffer:
        """Make a buffer of ``size`` floats."""
        self._made += 1
        return Buffer(f"t{self._made}", max(1, size))

    def new(self, shape: Sequence[int], like: View | None = None) -> View:
        """Make a tensor in a buffer of its own, its axes in memory ordered as those of ``like``."""
        strides = row_major(shape)
        if like is not None and like.shape == tuple(shape) and like.covers_buffer:
            strides = like.strides
        return View(self.buffer(math.prod(shape)), tuple(shape), strides)

    def constant(self, array: NDArray[np.generic]) -> View:
        """Make a constant tensor; equal constants are one."""
        values = np.ascontiguousarray(array, dtype=np.float32)
        equal = (name for name, known in self.constants.items() if np.array_equal(known, values))
        name = next(equal, f"c{len(self.constants) + 1}")
        self.constants[name] = values
        return View(Buffer(name, values.size, planned=False), values.shape, row_major(values.shape))

    def add(self, code: str, views: Sequence[View], kernel: str = "") -> None:
        """Add a step that reads or writes these views and calls this helper function."""
        step = len(self.steps)
        self.steps.append(code)
        if kernel and kernel not in self.kernels:
            self.kernels.append(kernel)
        for buffer in (view.buffer for view in views):
            if buffer.planned:
                first = self._lives.get(buffer.name, (buffer, step, step))[1]
                self._lives[buffer.name] = (buffer, first, step)

    def loop(self, statement: str, target: View, *sources: View) -> None:
        """Add a nest of loops over ``target``: ``{0}`` in the statement is its element, ``{1}`` ... the sources'.

        Axes that all operands step through alike become one loop.
        """
        operands = [target, *(source.broadcast(target.shape) for source in sources)]
        axes = [
            (size, [view.strides[axis] for view in operands]) for axis, size in enumerate(target.shape) if size != 1
        ]
        # A view that is reduced into has steps of 0: those axes stay inside, in their own order.
        axes.sort(key=lambda axis: [-abs(step) for step in axis[1]])
        merged: list[tuple[int, list[int]]] = []
        for size, steps in axes:
            if merged and all(outer == inner * size for outer, inner in zip(merged[-1][1], steps, strict=True)):
                merged[-1] = (merged[-1][0] * size, steps)
            else:
                merged.append((size, steps))
        lines = [f"for (int i{depth} = 0; i{depth} < {size}; ++i{depth})" for depth, (size, _) in enumerate(merged)]
        elements = [
            f"{view.buffer.name}[{_index(view.offset, [steps[number] for _, steps in merged])}]"
            for number, view in enumerate(operands)
        ]
        self.add(" ".join([*lines, statement.format(*elements)]), operands)

    def copy(self, source: View, target: View) -> None:
        """Add a copy of one tensor into another."""
        self.loop("{0} = {1};", target, source)

    def dense(self, view: View) -> View:
        """Return the tensor in row-major order, copied if it lies otherwise."""
        if view.is_dense:
            return view
        packed = self.new(view.shape)
        self.copy(view, packed)
        return packed

    def reshaped(self, view: View, shape: Sequence[int]) -> View:
        """Return the tensor with another shape, copied if it lies so that a view cannot show that."""
        assert math.prod(shape) == view.size, f"{view.shape} cannot become {tuple(shape)}"
        found = view.reshaped(shape)
        if found is None:
            dense = self.dense(view)
            found = View(dense.buffer, tuple(shape), row_major(shape), dense.offset)
        return found

    def plan(self) -> tuple[dict[str, int], int]:
        """Place every buffer so that those in use at the same time do not overlap.

        Returns
        -------
        offsets, size
            Where each buffer starts in the arena, and the arena's size, in floats.
        """
        placed: list[tuple[int, int, int, int]] = []  # start, end, first step, last step
        offsets: dict[str, int] = {}
        for buffer, first, last in sorted(self._lives.values(), key=lambda life: (-life[0].size, life[1])):
            start = 0
            for low, high, begin, end in sorted(placed):
                if first <= end and begin <= last and start + buffer.size > low and high > start:
                    start = high
            offsets[buffer.name] = start
            placed.append((start, start + buffer.size, first, last))
        return offsets, max((end for _, end, _, _ in placed), default=1)


def pointer(view: View) -> str:
    """Return the C expression for the address of a view's first element."""
    return f"{view.buffer.name} + {view.offset}" if view.offset else view.buffer.name


def number(value: float) -> str:
    """Write a float32 as a C constant that reads back to the same bits.

    >>> number(0.1), number(2.0), number(1e300)
    ('0.100000001f', '2.0f', 'INFINITY')
    """
    return numbers([value])[0]


def numbers(values: NDArray[np.floating] | Sequence[float]) -> list[str]:
    """Write each of many values as :func:`number` does."""
    with np.errstate(over="ignore"):
        singles = np.asarray(values, np.float64).astype(np.float32).tolist()
    return [_constant(single) for single in singles]


def _constant(single: float) -> str:
    if math.isinf(single):
        return "INFINITY" if single > 0 else "-INFINITY"
    if math.isnan(single):
        return "NAN"
    text = f"{single:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _index(offset: int, steps: Sequence[int]) -> str:
    terms = [str(offset)] if offset else []
    terms += [f"{step} * i{depth}" if step != 1 else f"i{depth}" for depth, step in enumerate(steps) if step]
    return " + ".join(terms) or "0"
