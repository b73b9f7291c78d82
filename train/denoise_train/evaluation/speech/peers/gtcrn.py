"""GTCRN: a grouped temporal convolutional recurrent network of 24 k parameters, from its streaming ONNX file.

X. Rong, T. Sun, X. Zhang, Y. Hu, C. Zhu, J. Lu: GTCRN: a speech enhancement model requiring ultralow computational
resources, ICASSP 2024.
"""

from pathlib import Path

import numpy as np

from denoise_train.evaluation.speech.peers.network import Network
from denoise_train.evaluation.speech.peers.protocol import Enhancer, run_blocks
from denoise_train.evaluation.speech.peers.spectral import DELAY, HOP, LATENCY_MS, SPECTRUM, SpectralStream, hann

NEEDED = (
    "the streaming ONNX file, mix [1, 257, 1, 2], conv_cache, tra_cache, inter_cache -> enh and each cache as NAME_out"
)


def load_gtcrn(path: Path) -> Enhancer:
    """Load GTCRN's streaming ONNX file, which works on frames of 512 samples under the root of a Hann window.

    Raises
    ------
    ContractError
        If the file cannot be read or is another network.
    """
    network = Network(path, "GTCRN", NEEDED, SPECTRUM, ("conv_cache", "tra_cache", "inter_cache"))
    window = np.sqrt(hann())
    return Enhancer(
        "GTCRN", LATENCY_MS, lambda noisy: run_blocks(noisy, HOP, DELAY, SpectralStream(network, window).process)
    )
