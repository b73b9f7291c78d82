"""FastEnhancer: networks of 22 k parameters and more with an STFT inside, from their wave-to-wave ONNX files.

FastEnhancer: speed-optimized streaming neural speech enhancement, 2025.
"""

from pathlib import Path

import numpy as np

from denoise_stream.errors import ContractError
from denoise_train.arrays import Array
from denoise_train.evaluation.speech.peers.network import Network
from denoise_train.evaluation.speech.peers.protocol import Enhancer, run_blocks

NEEDED = (
    "the wave-to-wave ONNX file, wav_in [1, hop], cache_in_0 [1, FFT size - hop], cache_in_1 ... -> "
    "wav_out and the caches in the same order"
)


def load_fastenhancer(path: Path) -> Enhancer:
    """Load a wave-to-wave FastEnhancer; the file says its hop and, by its first cache, its FFT size.

    Raises
    ------
    ContractError
        If the file cannot be read or is another network.
    """
    network = Network(path, "FastEnhancer", NEEDED, (1, None))
    (signal, (_, hop)), *caches = network.shapes.items()
    held = dict(caches).get("cache_in_0", ())
    if signal != "wav_in" or len(held) != 2:
        raise ContractError(f"{path.name} is not FastEnhancer: it has {network.tensors}; needed: {NEEDED}")
    delay = held[1]

    def enhance(noisy: Array) -> Array:
        network.reset()
        return run_blocks(noisy, hop, delay, lambda block: network.run(block[None])[0].astype(np.float64))

    return Enhancer("FastEnhancer", (hop + delay) / 16, enhance)
