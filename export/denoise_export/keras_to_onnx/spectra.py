"""Fourier transforms as products with matrices, and complex numbers as two real ones each: ONNX has neither in full.

A transform of up to some thousand samples is as exact so, and runs wherever a dense layer does. Only the operators that
lie between real numbers and real numbers are replaced; what is not known here stays, and is refused by its name.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Pair = tuple[str, str]
"""The names of a real and an imaginary part."""

REAL_OF_COMPLEX = frozenset({"Real", "Imag", "ComplexAbs", "IRFFT", "Cast"})
"""Operators that take complex numbers and may give real ones."""

MOVES = frozenset({"ConcatV2", "ExpandDims", "GatherV2", "Identity", "Pack", "Pad", "PadV2", "Reshape", "ReverseV2"})
MOVES |= {"Roll", "Slice", "Squeeze", "StridedSlice", "Sum", "Mean", "Tile", "Transpose", "Neg", "AddV2", "Add", "Sub"}
"""Operators that do the same to the real and to the imaginary part."""

COMPLEX, REAL = tf.complex64.as_datatype_enum, tf.float32.as_datatype_enum


class _Unknown(Exception):
    """A complex number comes from an operator that is not known here, or a transform has no fixed length."""


def without_complex_numbers(graph: Any) -> Any:
    """Replace complex numbers and Fourier transforms in a frozen graph.

    Parameters
    ----------
    graph
        A ``GraphDef`` without functions. It is changed.

    Returns
    -------
    The graph, in which every real number that came from known complex ones comes from real ones.
    """
    if not any(value.type == COMPLEX for node in graph.node for value in node.attr.values()):
        return graph
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(graph, name="")
    split = _Split(graph, whole)
    for node in list(graph.node):
        if node.op in REAL_OF_COMPLEX and whole.get_tensor_by_name(_full(node.input[0])).dtype == tf.complex64:
            try:
                found = split.real(node)
            except _Unknown:
                continue
            del node.input[:]
            node.op = "Identity"
            node.input.append(found)
            node.attr.clear()
            node.attr["T"].type = REAL
    graph.node.extend(split.added)
    return graph


class _Split:
    """The real and the imaginary parts of a graph's complex tensors, computed by nodes that are added to it."""

    def __init__(self, graph: Any, whole: tf.Graph) -> None:
        self.added: list[Any] = []
        self._nodes = {node.name: tf.compat.v1.NodeDef.FromString(node.SerializeToString()) for node in graph.node}
        self._whole = whole
        self._found: dict[str, Pair] = {}

    def real(self, node: Any) -> str:
        """Return the name of what a node gives that takes complex numbers and gives real ones."""
        if node.op == "Cast" and node.attr["DstT"].type != REAL:
            raise _Unknown
        real, imaginary = self._pair(node.input[0])
        if node.op in ("Real", "Cast"):
            return real
        if node.op == "Imag":
            return imaginary
        if node.op == "ComplexAbs":
            squares = [self._add(node, "Mul", part, part) for part in (real, imaginary)]
            return self._add(node, "Sqrt", self._add(node, "AddV2", *squares))
        length, bins = self._length(node), self._last_size(node.input[0])
        cosines, sines = _waves(length, min(bins, length // 2 + 1))
        weights = np.full(len(cosines.T), 2.0)
        weights[0] = 1
        if length % 2 == 0 and len(weights) == length // 2 + 1:
            weights[-1] = 1
        products = []
        for part, waves in ((real, cosines), (imaginary, -sines)):
            matrix = np.zeros((bins, length))
            matrix[: len(weights)] = (waves * weights / length).T
            products.append(self._product(node, part, matrix))
        return self._add(node, "AddV2", *products)

    def _pair(self, tensor: str) -> Pair:
        if tensor not in self._found:
            self._found[tensor] = self._split(tensor)
        return self._found[tensor]

    def _split(self, tensor: str) -> Pair:
        node = self._nodes[tensor.partition(":")[0]]
        if node.op == "Complex":
            return node.input[0], node.input[1]
        if node.op == "Cast" and node.attr["SrcT"].type == REAL:
            return node.input[0], self._add(node, "ZerosLike", node.input[0])
        if node.op == "Const":
            values = tf.make_ndarray(node.attr["value"].tensor)
            return self._constant(node, values.real), self._constant(node, values.imag)
        if node.op == "RFFT":
            return self._real_transform(node)
        if node.op in ("FFT", "IFFT"):
            return self._transform(node)
        if node.op == "Conj":
            real, imaginary = self._pair(node.input[0])
            return real, self._add(node, "Neg", imaginary)
        if node.op == "Mul":
            (a, b), (c, d) = (self._pair(each) for each in node.input)
            products = [self._add(node, "Mul", *each) for each in ((a, c), (b, d), (a, d), (b, c))]
            return self._add(node, "Sub", *products[:2]), self._add(node, "AddV2", *products[2:])
        if node.op in MOVES and tensor.partition(":")[2] in ("", "0"):
            return self._moved(node, 0), self._moved(node, 1)
        raise _Unknown

    def _real_transform(self, node: Any) -> Pair:
        length, samples = self._length(node), self._last_size(node.input[0])
        matrices = []
        for waves in _waves(length, length // 2 + 1):
            matrix = np.zeros((samples, length // 2 + 1))
            matrix[:length] = waves[:samples]
            matrices.append(matrix)
        return self._product(node, node.input[0], matrices[0]), self._product(node, node.input[0], -matrices[1])

    def _transform(self, node: Any) -> Pair:
        length = self._last_size(node.input[0])
        cosines, sines = _waves(length, length)
        if node.op == "IFFT":
            cosines, sines = cosines / length, -sines / length
        real, imaginary = self._pair(node.input[0])
        parts = []
        for first, second in (((real, cosines), (imaginary, sines)), ((imaginary, cosines), (real, -sines))):
            parts.append(self._add(node, "AddV2", self._product(node, *first), self._product(node, *second)))
        return parts[0], parts[1]

    def _moved(self, node: Any, part: int) -> str:
        """Add a copy of a node that does to a part what it did to complex numbers."""
        inputs = [
            self._pair(each)[part] if self._tensor(each).dtype == tf.complex64 else each
            for each in node.input
            if not each.startswith("^")
        ]
        name = self._add(node, node.op, *inputs)
        for key, value in node.attr.items():
            if not key.startswith("_"):
                self.added[-1].attr[key].CopyFrom(value)
                if value.type == COMPLEX:
                    self.added[-1].attr[key].type = REAL
        return name

    def _product(self, node: Any, rows: str, matrix: NDArray[np.float64]) -> str:
        """Multiply the last axis by a matrix."""
        return self._add(node, "BatchMatMulV2", rows, self._constant(node, matrix))

    def _constant(self, node: Any, values: NDArray[Any]) -> str:
        name = self._add(node, "Const")
        attributes = self.added[-1].attr
        del attributes["T"]
        attributes["dtype"].type = REAL
        attributes["value"].tensor.CopyFrom(tf.make_tensor_proto(np.asarray(values, np.float32)))
        return name

    def _add(self, node: Any, operator: str, *inputs: str) -> str:
        """Add a node of real numbers in the scope of another one; return its name."""
        new = tf.compat.v1.NodeDef(op=operator, name=f"{node.name}/real_{len(self.added)}", input=inputs)
        new.attr["T"].type = REAL
        self.added.append(new)
        return str(new.name)

    def _length(self, node: Any) -> int:
        """Return the number of samples that a transform of real numbers takes or gives."""
        value = tf.get_static_value(self._tensor(node.input[1]))
        if value is None:
            raise _Unknown
        return int(value[0])

    def _last_size(self, tensor: str) -> int:
        shape = self._tensor(tensor).shape
        if shape.rank is None or shape[-1] is None:
            raise _Unknown
        return int(shape[-1])

    def _tensor(self, name: str) -> tf.Tensor:
        return self._whole.get_tensor_by_name(_full(name))


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _waves(length: int, bins: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cosines and sines ``(length, bins)`` of whole numbers of periods."""
    angles = 2 * np.pi / length * (np.outer(np.arange(length), np.arange(bins)) % length)
    return np.cos(angles), np.sin(angles)
