"""A Keras network in the streaming engine, without an export."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from denoise_stream.contract import Contract
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.model import Model, Rows
from denoise_train.arrays import Array
from denoise_train.dsp.filters import Filter


class NetworkModel(Model):
    """A Keras network with the interface of an ONNX model."""

    block = None

    def __init__(self, network: keras.Model, contract: Contract) -> None:
        self.path = Path(contract.name)
        self.contract = contract
        self._network = network

    def bound(self, rows: int) -> Model:
        """Return itself: Keras has no buffers to bind."""
        return self

    def run(self, noisy: Rows, context: Rows | None = None) -> Rows:
        """Denoise windows ``(rows, window)``, with their contexts if the network takes them."""
        inputs = noisy if context is None else [noisy, context]
        return np.asarray(self._network.predict_on_batch(inputs), dtype=np.float32)

    def run_stateful(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Denoise one window per row ``(rows, window)``; return it and the next state ``(rows, state_size)``."""
        clean, next_state = self._network.predict_on_batch([noisy, state])
        return np.asarray(clean, dtype=np.float32), np.asarray(next_state, dtype=np.float32)


def network_method(network: keras.Model, name: str, contract: Contract) -> Filter:
    """Wrap a network in the engine as a method like the filters; the signals are its channels.

    One with a context looks ahead as far as it can, as it does in files.
    """
    model = NetworkModel(network, contract)

    def denoise(noisy: Array, _: Any) -> Array:
        ahead = contract.most_lookahead_samples
        stream = DenoiseStream(model, contract.hop, 1.0, len(noisy), None, lookahead_samples=ahead)
        denoised: Array = np.concatenate((stream.process(noisy.T), stream.flush())).reshape(-1, len(noisy)).T
        return denoised

    return Filter(name, denoise, (None,), "")
