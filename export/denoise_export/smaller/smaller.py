"""Quantize a model to 8 bits, or write it for another opset."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from denoise_export.graph.editor import used_inside
from denoise_export.smaller.loss import noisy_signals
from denoise_stream import Contract, ContractError
from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.windows import normalize
from denoise_stream.errors import first_line

CALIBRATION_SIGNALS = 64
CALIBRATION_WINDOWS = 8
OLDEST_OPSET = 9
FORMER_ATTRIBUTES = {
    "Pad": ("pads", 11),
    "ReduceSum": ("axes", 13),
    "Split": ("split", 13),
    "Squeeze": ("axes", 13),
    "Unsqueeze": ("axes", 13),
}
"""Attributes that became an operator's second input, and the opset in which they did."""
NEWEST_OPSET = 21
"""Newest opset of onnxruntime 1.18; models are also for runtimes older than the one that this program needs."""


def to_int8(model: onnx.ModelProto, contract: Contract) -> onnx.ModelProto:
    """Quantize convolutions and products to 8 bits, with ranges seen on synthetic noisy signals.

    Transposed convolutions stay as they are: onnxruntime has no 8-bit kernel for them and would scale their weights
    back for every window (measured on a window alone: 89 us instead of 50). Beside a context, so do convolutions for
    which 8 bits are too few, of the context and of what a skip joins (`general` loses 0.1 dB instead of 1.8).

    Raises
    ------
    ContractError
        If the ranges are not finite.
    """
    from onnxruntime.quantization import QuantType, quantize_static

    with (
        _quiet(),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),
        tempfile.TemporaryDirectory() as folder,
    ):
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        named = onnx.ModelProto.FromString(model.SerializeToString())
        for number, node in enumerate(named.graph.node):
            node.name = f"node {number}"
        onnx.save(named, before)
        try:
            quantize_static(
                str(before),
                str(after),
                _Calibration(model, contract),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "Gemm", "MatMul"],
                nodes_to_exclude=_fine_convolutions(named.graph),
            )
        except (AssertionError, RuntimeError, ValueError) as error:  # an assertion: its ranges are not finite
            raise ContractError(
                f"the model cannot be quantized: {first_line(error)}; check that its weights and answers are finite"
            ) from error
        return _restored(onnx.load(after), model)


def _fine_convolutions(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the convolutions that see the input ``context`` or, where there is one, a sum."""
    if all(tensor.name != "context" for tensor in graph.input):
        return []
    seen, sums, names = {"context"}, set[str](), list[str]()
    for node in graph.node:  # in the order in which they run
        if not seen.isdisjoint(node.input):
            seen.update(node.output)
        if node.op_type == "Add":
            sums.update(node.output)
        if node.op_type == "Conv" and not (seen | sums).isdisjoint(node.input):
            names.append(node.name)
    return names


def to_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Rewrite a model for another opset, for old runtimes.

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
    return _restored(converted, model)


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


class _Calibration:
    """Windows of synthetic noisy signals, with their contexts or the states that the model reaches on them."""

    def __init__(self, model: onnx.ModelProto, contract: Contract) -> None:
        self._feeds = self._make(model, contract)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch; None after the last one."""
        return next(self._feeds, None)

    def set_range(self, start_index: int, end_index: int) -> None:
        """All windows are used at once; a part is never asked for."""

    def _make(self, model: onnx.ModelProto, contract: Contract) -> Iterator[dict[str, Any]]:
        _, noisy = noisy_signals(CALIBRATION_SIGNALS, CALIBRATION_WINDOWS * contract.window, seed=1)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        state = np.zeros((CALIBRATION_SIGNALS, contract.state_size), np.float32)
        surroundings = Surroundings(contract, contract.most_lookahead_samples) if contract.context_size else None
        for number, windows in enumerate(np.split(noisy, CALIBRATION_WINDOWS, axis=1)):
            scaled, minimum, span = normalize(windows)
            feed = {"noisy": scaled if contract.normalization == "minmax" else windows.astype(np.float32)}
            feed |= {"state": state} if contract.state_size else {}
            if surroundings is not None:
                starts = Starts(number * contract.window, 1, contract.window)
                feed["context"] = surroundings.contexts(noisy, starts, scaled, minimum, span)
            yield feed
            if contract.state_size:
                (state,) = session.run(["state_out"], feed)


def _restored(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """Restore what the converters drop: metadata, names and free batch sizes."""
    del changed.metadata_props[:]
    changed.metadata_props.extend(model.metadata_props)
    changed.producer_name = model.producer_name
    changed.graph.name = model.graph.name
    for value in [*changed.graph.input, *changed.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del changed.graph.value_info[:]
    return changed


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the converters' advice, which is for their own command lines."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
