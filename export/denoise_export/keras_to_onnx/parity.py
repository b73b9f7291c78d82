"""Prove that an ONNX model computes what its network does, on random, constant and extreme windows."""

from collections.abc import Iterator

import numpy as np
import onnx
import tensorflow as tf

from denoise_export.graph.probes import STATE_ROOM, TOLERANCE, Rows, Run, difference, onnx_runner, probe_windows
from denoise_export.keras_to_onnx.adapting import Adapted
from denoise_export.keras_to_onnx.network import with_plain_names
from denoise_stream import Contract, ContractError
from denoise_stream.engine.context import LARGEST

STREAMS = {1: 24, 3: 240, 64: 24}
"""Batch size to number of consecutive windows of a stateful network. One run is long enough for frame counters to reach
their limits."""

MIXTURES = 256

FARTHEST = (1.0, 30.0, LARGEST)
"""How far the means of probe contexts lie, in ranges of the window; near ones show what rounding at far ones hides."""

FARTHEST_EXACT = 50.0
"""Ranges up to which float32 rounds with the largest mean of a context; a network must clip what is farther."""

FEW = 64
"""Windows, at most, that show whether a network mixes those of a batch."""

SAMPLES_AT_ONCE = 9600
"""Most samples in a batch: attention over 4096 samples holds the square of their number."""


def prove_parity(network: Adapted, model: onnx.ModelProto, contract: Contract) -> float:
    """Compare a network with its ONNX model on probe windows, in several batch sizes.

    A stateful network is compared as it is used: both go through the same sequences of windows from a state of zeros,
    each with its own states. Then both get mixtures of those states, which no sequence leads to.

    Returns
    -------
    Largest absolute difference: of windows relative to the largest sample so far that went in or, without a state, came
    out, or to the largest mean of a context, up to 50; of states relative to ten times the largest value so far of the
    same number. Absolute where that is below 1.

    Raises
    ------
    ContractError
        If it is above 1e-5 or not a number.
    """
    pixels = contract.kind == "image" and contract.normalization == "none"  # they lie in 0 ... 1 already
    windows = probe_windows(contract.window, "minmax" if pixels else contract.normalization)
    with with_plain_names(network.layers):
        runners = _network_runner(network), onnx_runner(model)
        if contract.context_size:
            contexts = [probe_contexts(len(windows), contract, farthest) for farthest in FARTHEST]
            largest = max(each for context in contexts for each in _differences_in_windows(*runners, windows, context))
        elif contract.state_size:
            largest = max(_differences_in_streams(*runners, windows, contract.state_size))
        else:
            largest = max(_differences_in_windows(*runners, windows))
    if not largest <= TOLERANCE:
        if not (contract.context_size or contract.state_size) and _mixes_windows(runners[0], windows):
            raise ContractError(
                "the network's output for a window depends on the other windows of its batch, as after ops.max(x) "
                "without axis=1; compute it from each window alone, as a stream does; nothing was written"
            )
        raise ContractError(
            f"the ONNX model differs from Keras by {largest:.2g}; needed: at most {TOLERANCE:g}; nothing was written"
        )
    return largest


def _mixes_windows(run_network: Run, windows: Rows) -> bool:
    """Tell whether a network computes another output for a window alone than in a batch."""
    few = windows[: max(1, min(FEW, SAMPLES_AT_ONCE // windows.shape[1]))]
    together = run_network(few)[0]
    alone = np.concatenate([run_network(row[None])[0] for row in few])
    scale = np.fmax(1, np.abs(alone).max(axis=1, keepdims=True))
    return not difference(together, alone, scale) <= TOLERANCE


def probe_contexts(rows: int, contract: Contract, farthest: float) -> Rows:
    """Return probe contexts, float32 ``(rows, context_size)``: near means and a few of the farthest, known or not."""
    rng = np.random.default_rng(2)
    shape = (rows, contract.context_size // 2)
    far = rng.choice([0.0, farthest], shape, p=[0.9, 0.1]) * rng.choice([-1.0, 1.0], shape)
    shares = rng.choice([0.0, 1.0, 0.4], shape, p=[0.3, 0.6, 0.1])
    return np.concatenate((rng.random(shape) + far, shares), axis=1, dtype=np.float32)


def _differences_in_windows(run_network: Run, run_onnx: Run, windows: Rows, *contexts: Rows) -> Iterator[float]:
    most = max(1, SAMPLES_AT_ONCE // windows.shape[1])
    inputs = (windows, *contexts)
    parts = [slice(start, start + most) for start in range(0, len(windows), most)]
    expected = np.concatenate([run_network(*(each[part] for each in inputs))[0] for part in parts])
    scale = np.maximum(1, np.abs(windows).max(axis=1, keepdims=True))
    scale = np.fmax(scale, np.abs(expected).max(axis=1, keepdims=True))
    for context in contexts:
        means = context[:, : context.shape[1] // 2]
        scale = np.maximum(scale, np.abs(means).max(axis=1, keepdims=True).clip(max=FARTHEST_EXACT))
    for batch in {min(batch, most) for batch in STREAMS}:
        for start in range(0, len(windows), batch):
            rows = slice(start, start + batch)
            (found,) = run_onnx(*(each[rows] for each in inputs))
            yield difference(expected[rows], found, scale[rows])


def _differences_in_streams(run_network: Run, run_onnx: Run, windows: Rows, state_size: int) -> Iterator[float]:
    rng = np.random.default_rng(1)
    reached: list[Rows] = []
    for batch, length in STREAMS.items():
        state = own_state = np.zeros((batch, state_size), np.float32)
        loudest, largest = np.ones((batch, 1)), np.ones((batch, state_size))
        for _ in range(length):
            noisy = rng.choice(windows, batch)
            expected, state = run_network(noisy, state)
            found, own_state = run_onnx(noisy, own_state)
            loudest = np.maximum(loudest, np.abs(noisy).max(axis=1, keepdims=True))
            largest = np.maximum(largest, np.abs(state))
            yield difference(expected, found, loudest)
            yield difference(state, own_state, STATE_ROOM * largest)
            reached.append(state)
    states = np.concatenate(reached)
    first, second = rng.choice(states, MIXTURES), rng.choice(states, MIXTURES)
    share = rng.random((MIXTURES, 1), dtype=np.float32)
    inputs = rng.choice(windows, MIXTURES), share * first + (1 - share) * second
    scales = np.maximum(1, np.abs(windows).max()), STATE_ROOM * np.maximum(1, np.abs(states).max(axis=0))
    for wanted, found, scale in zip(run_network(*inputs), run_onnx(*inputs), scales, strict=True):
        yield difference(wanted, found, scale)


def _network_runner(network: Adapted) -> Run:
    sizes = [size for size in (network.window, network.state_size, network.context_size) if size]
    call = tf.function(network.call, input_signature=[tf.TensorSpec((None, size), tf.float32) for size in sizes])

    def run(*inputs: Rows) -> list[Rows]:
        return [np.asarray(output) for output in call(*(tf.constant(rows) for rows in inputs))]

    return run
