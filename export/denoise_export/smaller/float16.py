"""Store a model's weights as 16-bit floats; it still computes with 32 bits."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from denoise_export.smaller import fourier

SMALLEST = 256
"""Smaller constants are not worth the node that widens them."""

WORST_ROUNDING = 1e-3
"""Largest error relative to a constant's largest value; 16 bits round to 5e-4 unless they overflow or underflow."""

OPSET_OF_MOD = 10


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large constants as 16-bit floats, which runtimes widen once, when they load the model.

    So all is computed as before, and as fast. Vectors stay as they are: biases are short, and the window of a
    spectrum spreads its rounding errors over all bins. Fourier matrices stay exact, and take less space still.
    """
    smaller: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    graph = smaller.graph
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    for item in list(graph.initializer):
        array = numpy_helper.to_array(item)
        if array.dtype != np.float32 or array.size < SMALLEST or max(array.shape) == array.size:
            continue
        found = fourier.recognise(array) if opset >= OPSET_OF_MOD else None
        if found is not None:
            graph.initializer.remove(item)
            fourier.add_nodes(graph, found, item.name)
        elif _fits(array):
            narrow = f"{item.name}_float16"
            graph.node.insert(0, helper.make_node("Cast", [narrow], [item.name], to=TensorProto.FLOAT))
            item.CopyFrom(numpy_helper.from_array(array.astype(np.float16), narrow))
    return smaller


def _fits(array: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        rounding = np.abs(array.astype(np.float16).astype(np.float32) - array).max()
    return bool(rounding <= WORST_ROUNDING * np.abs(array).max())
