"""Store Fourier matrices as the few whole numbers that define them.

As 16-bit floats they would be too coarse: their rounding errors mask a bin that is 60 dB below the loudest one. On
speech the outputs of the network then differ by -46 dB; rounding all other weights contributes -73 dB.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, helper, numpy_helper

EXACT = 1e-6
FEWEST_ROWS = 8

Whole = NDArray[np.int32]


@dataclass(frozen=True)
class Fourier:
    """A matrix ``cos(2 pi (row * step + offset) / period)`` with a step and an offset for each column."""

    rows: int
    period: int
    steps: Whole
    offsets: Whole

    def matrix(self) -> NDArray[np.float32]:
        """Compute the matrix."""
        places = (np.arange(self.rows)[:, None] * self.steps + self.offsets) % self.period
        return np.take(cosines(self.period), places)


def cosines(period: int) -> NDArray[np.float32]:
    """Return one period of a cosine."""
    wave: NDArray[np.float32] = np.cos(2 * np.pi * np.arange(period) / period).astype(np.float32)
    return wave


def recognise(matrix: NDArray[np.generic]) -> Fourier | None:
    """Fit a matrix of sines and cosines, of either sign, by steps and offsets; None if it is something else.

    A column's frequency follows from neighbours, x[n - 1] + x[n + 1] = 2 cos(w) x[n].
    """
    if matrix.ndim != 2 or len(matrix) < FEWEST_ROWS:
        return None
    values = np.asarray(matrix, np.float64)
    if not np.isfinite(values).all():
        return None
    rows, period = len(values), 4 * len(values)
    inner = values[1:-1]
    power = (inner**2).sum(axis=0)
    cosine = (inner * (values[:-2] + values[2:])).sum(axis=0) / np.where(power > 0, 2 * power, 1)
    steps = np.rint(np.arccos(np.clip(np.where(power > 0, cosine, 1), -1, 1)) / (2 * np.pi) * period)
    offsets = np.arange(4)[:, None] * np.full(values.shape[1], rows)
    candidates = [Fourier(rows, period, steps.astype(np.int32), each.astype(np.int32)) for each in offsets]
    errors = np.array([np.abs(each.matrix() - values).max(axis=0) for each in candidates])
    if errors.min(axis=0).max() > EXACT:
        return None
    best = errors.argmin(axis=0) * rows
    return Fourier(rows, period, steps.astype(np.int32), best.astype(np.int32))


def add_nodes(graph: GraphProto, fourier: Fourier, name: str) -> None:
    """Add nodes that compute the matrix from its whole numbers, once, when a runtime loads the graph."""
    table, rows, period = (f"fourier_{kind}_{fourier.rows}" for kind in ("cosines", "rows", "period"))
    known = {item.name for item in graph.initializer}
    constants = {
        table: cosines(fourier.period),
        rows: np.arange(fourier.rows, dtype=np.int32)[:, None],
        period: np.array(fourier.period, np.int32),
        f"{name}_steps": fourier.steps,
        f"{name}_offsets": fourier.offsets,
    }
    graph.initializer.extend(
        numpy_helper.from_array(value, key) for key, value in constants.items() if key not in known
    )
    nodes = [
        helper.make_node("Mul", [rows, f"{name}_steps"], [f"{name}_angles"]),
        helper.make_node("Add", [f"{name}_angles", f"{name}_offsets"], [f"{name}_shifted"]),
        helper.make_node("Mod", [f"{name}_shifted", period], [f"{name}_places"]),
        helper.make_node("Gather", [table, f"{name}_places"], [name]),
    ]
    for node in reversed(nodes):
        graph.node.insert(0, node)
