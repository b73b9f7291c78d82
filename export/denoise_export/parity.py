"""Prove: a Keras network and its ONNX model come in, the largest difference between their outputs goes out."""

from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from denoise_stream import Contract, ContractError

TOLERANCE = 1e-5
BATCHES = (1, 3, 64)

Rows = NDArray[np.float32]


def probe_windows(window: int, normalization: str) -> Rows:
    """Give windows that a network meets: random, constant and extreme ones, float32 ``(n, window)``.

    Scaled windows reach from 0 to 1; for a network that takes samples as they are, also negative ones and
    larger ranges.
    """
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, window)
    impulses = np.eye(window)[[0, 1, window // 2, window - 1]]
    rows = [
        *rng.random((32, window)),
        *(np.full(window, value) for value in (0.0, 0.5, 1.0)),
        *impulses,
        *(1 - impulses),
        np.arange(window) % 2.0,
        ramp,
        ramp[::-1],
        (ramp > 0.5).astype(np.float64),
        0.5 + 0.5 * np.sin(40 * ramp),
    ]
    scaled = np.array(rows)
    if normalization == "none":
        scaled = np.concatenate((scaled, 2 * scaled - 1, 20 * scaled + 5, 1e-3 * scaled))
    return scaled.astype(np.float32)


def prove_parity(network: keras.Model, model: onnx.ModelProto, contract: Contract) -> float:
    """Compare a network with its ONNX model on probe windows, in several batch sizes.

    Returns
    -------
    Largest absolute difference, relative to the window's range where that is above 1.

    Raises
    ------
    ContractError
        If it is above 1e-5, or not a number.
    """
    windows = probe_windows(contract.window, contract.normalization)
    inputs: list[Rows] = [windows]
    if contract.state_size:
        rng = np.random.default_rng(1)
        inputs.append(rng.normal(size=(len(windows), contract.state_size)).astype(np.float32))
    expected = [np.asarray(part) for part in _as_list(network(inputs if len(inputs) > 1 else windows))]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    scale = np.maximum(np.ptp(windows, axis=1, keepdims=True), 1.0)
    largest = 0.0
    for batch in BATCHES:
        for start in range(0, len(windows), batch):
            rows = slice(start, start + batch)
            feed = {name: part[rows] for name, part in zip(names, inputs, strict=True)}
            for wanted, found in zip(expected, session.run(None, feed), strict=True):
                difference = float(np.max(np.abs(wanted[rows] - found) / scale[rows]))
                largest = max(largest, difference) if np.isfinite(difference) else np.inf
    if not largest <= TOLERANCE:
        raise ContractError(
            f"the ONNX model differs from Keras by {largest:.2g}; needed: at most {TOLERANCE:g}; nothing was written"
        )
    return largest


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
