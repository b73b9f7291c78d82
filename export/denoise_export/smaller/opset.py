"""Write a model for another opset, for older or newer runtimes."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from denoise_export.graph.editor import used_inside
from denoise_export.smaller.restoring import restored
from denoise_stream import ContractError

OLDEST_OPSET = 9
NEWEST_OPSET = 21
"""Newest opset of onnxruntime 1.18; models are also for runtimes older than the one that this program needs."""

FORMER_ATTRIBUTES = {
    "Pad": ("pads", 11),
    "ReduceSum": ("axes", 13),
    "Split": ("split", 13),
    "Squeeze": ("axes", 13),
    "Unsqueeze": ("axes", 13),
}
"""Attributes that became an operator's second input, and the opset in which they did."""


def to_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Rewrite a model for another opset.

    Raises
    ------
    ValueError
        If the opset is out of range.
    ContractError
        If an operator has no equivalent there.
    """
    check_opset(opset)
    plain = onnx.ModelProto.FromString(model.SerializeToString())
    del plain.opset_import[:]
    plain.opset_import.append(helper.make_opsetid("", opset))
    _inputs_as_attributes(plain.graph, opset)
    try:
        # Most operators are the same in many opsets, though onnx's converter often cannot convert back.
        converted = plain if _computes_the_same(plain, model) else onnx.version_converter.convert_version(model, opset)
    except RuntimeError as error:
        reason = next(iter(str(error).strip().splitlines()), "").rpartition("failed: ")[2]
        raise ContractError(f"the model cannot be written for opset {opset}: {reason}; try a newer one") from error
    converted.ir_version = min(model.ir_version, helper.OP_SET_ID_VERSION_MAP["ai.onnx", opset])
    if not _computes_the_same(converted, model):
        raise ContractError(f"the model computes something else with opset {opset}; try a newer one")
    return restored(converted, model)


def check_opset(opset: int) -> None:
    """Raise ``ValueError`` for an opset out of range.

    >>> check_opset(17)
    """
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise ValueError(f"opset={opset} is out of range; use {OLDEST_OPSET} to {NEWEST_OPSET}")


def _inputs_as_attributes(graph: onnx.GraphProto, opset: int) -> None:
    """Write as attributes what older opsets do not take as inputs: the sizes of Split, the axes of Squeeze ..."""
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    stated = set()
    for node in graph.node:
        attribute, since = FORMER_ATTRIBUTES.get(node.op_type, ("", 0))
        if opset < since and len(node.input) == 2 and node.input[1] in constants:
            kept = [each for each in node.attribute if each.name != "noop_with_empty_axes"]  # of the later opsets
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute(attribute, constants[node.input[1]].tolist())])
            stated.add(node.input[1])
            del node.input[1]
    used = {name for node in graph.node for name in (*node.input, *used_inside(node))}
    for item in list(graph.initializer):
        if item.name in stated - used:
            graph.initializer.remove(item)


def _computes_the_same(changed: onnx.ModelProto, model: onnx.ModelProto) -> bool:
    results = []
    for candidate in (model, changed):
        try:
            onnx.checker.check_model(candidate, full_check=True)
            session = onnxruntime.InferenceSession(
                candidate.SerializeToString(), _silent(), providers=["CPUExecutionProvider"]
            )
            rng = np.random.default_rng(0)
            feed = {node.name: rng.random((3, node.shape[1]), np.float32) for node in session.get_inputs()}
            results.append(session.run(None, feed))
        except Exception:  # the errors of onnx and onnxruntime have no common base class but Exception
            return False
    return all(np.allclose(wanted, found, atol=1e-6) for wanted, found in zip(*results, strict=True))


def _silent() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options
