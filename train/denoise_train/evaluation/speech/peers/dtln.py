"""DTLN: two LSTM networks of 1 M parameters, one on magnitudes, one on learned features, from their ONNX files.

    block ─▶ last 512 samples ─▶ FFT ─▶ |·| ─▶ model_1 ─▶ mask × spectrum ─▶ inverse FFT ─▶ model_2 ─▶ overlap-add

N. L. Westhausen, B. T. Meyer: Dual-signal transformation LSTM network for real-time noise suppression, Interspeech
2020.
"""

from pathlib import Path

import numpy as np

from denoise_stream.errors import ContractError
from denoise_train.arrays import Array
from denoise_train.evaluation.speech.peers.network import Network
from denoise_train.evaluation.speech.peers.protocol import Enhancer, run_blocks

FRAME, HOP = 512, 128
"""Samples of a frame and between two: 32 and 8 ms at 16 kHz."""

BINS = FRAME // 2 + 1
NEEDED = (
    "a folder with model_1.onnx, magnitudes [1, 1, 257] and states -> a mask [1, 1, 257] and states, "
    "and model_2.onnx, samples [1, 1, 512] and states -> samples [1, 1, 512] and states"
)


class DtlnStream:
    """Both networks and their overlap-add; the output is ``FRAME - HOP`` samples late.

    Kept between calls: the last frame, the partial sums of overlap-add, and the networks' states.
    """

    def __init__(self, mask: Network, features: Network) -> None:
        self._mask, self._features = mask, features
        self._heard = np.zeros(FRAME)
        self._waiting = np.zeros(FRAME)
        for network in (mask, features):
            network.reset()

    def process(self, block: Array) -> Array:
        """Take the next ``HOP`` samples and return as many."""
        self._heard = np.concatenate((self._heard[HOP:], block))
        spectrum = np.fft.rfft(self._heard)
        mask = self._mask.run(np.abs(spectrum).reshape(1, 1, BINS))
        masked = np.fft.irfft(spectrum * mask.ravel(), FRAME)
        # The network was trained so that its four overlapping frames sum to the signal.
        self._waiting += self._features.run(masked.reshape(1, 1, FRAME)).ravel()
        finished = self._waiting[:HOP]
        self._waiting = np.concatenate((self._waiting[HOP:], np.zeros(HOP)))
        return finished


def load_dtln(folder: Path) -> Enhancer:
    """Load DTLN from a folder that holds ``model_1.onnx`` and ``model_2.onnx``.

    Raises
    ------
    ContractError
        If the folder or a file cannot be read, or holds another network.
    """
    if not folder.is_dir():
        raise ContractError(f"{folder} is not a folder; needed: DTLN: {NEEDED}")
    mask = Network(folder / "model_1.onnx", "DTLN", NEEDED, (1, 1, BINS))
    features = Network(folder / "model_2.onnx", "DTLN", NEEDED, (1, 1, FRAME))
    return Enhancer(
        "DTLN", FRAME / 16, lambda noisy: run_blocks(noisy, HOP, FRAME - HOP, DtlnStream(mask, features).process)
    )
