"""Compare ONNX graphs: probe windows, and how much outputs and states differ."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from denoise_stream import Contract
from denoise_train.arrays import standardize

TOLERANCE = 1e-5
"""Largest difference of graphs that compute the same."""

NATIVE_SILENT = 4

STATE_ROOM = 10
"""Tolerance of states relative to windows: recurrent layers take logs of powers near 0, where float32 is coarse.

On a speech network Keras and onnxruntime are each 5e-5 from the float64 state and 1.1e-5 apart, but only 3e-6 and
1.4e-6 in the windows, the only output.
"""

Rows = NDArray[np.float32]
Run = Callable[..., list[Rows]]


def probe_windows(window: int, normalization: str) -> Rows:
    """Draw probe windows: random, constant and extreme ones, float32 ``(n, window)``.

    Scaled windows reach from 0 to 1, or have mean 0 and deviation 1; for a network that takes samples as they are,
    also negative ones and larger ranges.
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
    elif normalization == "standard":
        scaled = standardize(scaled)
    return scaled.astype(np.float32)


def difference_of_block(model: onnx.ModelProto, block: onnx.ModelProto, contract: Contract, most_windows: int) -> float:
    """Compare the graph of a block with the model window by window, from a state of zeros on.

    ``most_windows`` is the longest block that the graph is for; shorter ones are compared, too.

    Returns
    -------
    Largest difference: of windows relative to the largest sample so far, of states relative to ten times the largest
    value so far of the same number; absolute where that is below 1.
    """
    rng = np.random.default_rng(3)
    run_window, run_block = onnx_runner(model), onnx_runner(block)
    probes = probe_windows(contract.window, contract.normalization)
    state = block_state = np.zeros((1, contract.state_size), np.float32)
    largest, loudest, scale = 0.0, 1.0, np.ones_like(state)
    for count in (1, 2, 3, most_windows, most_windows // 2, most_windows, most_windows, 5):
        noisy = rng.choice(probes, count)
        rows = []
        for window in noisy:
            clean, state = run_window(window[None], state)
            scale = np.maximum(scale, np.abs(state))
            rows.append(clean)
        found, block_state = run_block(noisy, block_state)
        loudest = max(loudest, float(np.abs(noisy).max()))
        largest = max(largest, difference(np.concatenate(rows), found, loudest))
        largest = max(largest, difference(state, block_state, STATE_ROOM * scale))
    return largest


def onnx_runner(model: onnx.ModelProto) -> Run:
    """Return a function that runs a model: arrays in the order of its inputs to a list of its outputs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = NATIVE_SILENT  # so that failures raise, too
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    def run(*inputs: Rows) -> list[Rows]:
        outputs: list[Rows] = session.run(None, dict(zip(names, inputs, strict=True)))
        return outputs

    return run


def difference(wanted: Rows, found: Rows, scale: Any) -> float:
    """Return the largest difference relative to a scale; infinity if the shapes differ, or only one is not a number."""
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))  # infinities, too
    if wanted.shape != found.shape:
        return np.inf
    largest = float(np.max(np.where(same, 0.0, np.abs(wanted - found) / scale), initial=0.0))
    return largest if np.isfinite(largest) else np.inf
