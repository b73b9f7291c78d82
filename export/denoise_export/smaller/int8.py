"""Quantize a model to 8 bits."""

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

from denoise_export.smaller.loss import noisy_signals
from denoise_export.smaller.restoring import restored
from denoise_stream import Contract, ContractError
from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.windows import normalize
from denoise_stream.errors import first_line

CALIBRATION_SIGNALS = 64
CALIBRATION_WINDOWS = 8


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
        return restored(onnx.load(after), model)


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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the converters' advice, which is for their own command lines."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
