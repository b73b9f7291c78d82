"""UL-UNAS: a U-Net of 171 k parameters found by architecture search, from its streaming ONNX file.

X. Rong et al.: UL-UNAS: ultra-lightweight U-Nets for real-time speech enhancement via network architecture search,
2025.
"""

from pathlib import Path

from denoise_train.evaluation.speech.peers.network import Network
from denoise_train.evaluation.speech.peers.protocol import Enhancer, run_blocks
from denoise_train.evaluation.speech.peers.spectral import DELAY, HOP, LATENCY_MS, SPECTRUM, SpectralStream, hann

NEEDED = (
    "the streaming ONNX file, mix [1, 257, 1, 2], conv_cache, tfa_cache, inter_cache -> enh and each cache as NAME_out"
)


def load_ul_unas(path: Path) -> Enhancer:
    """Load UL-UNAS' streaming ONNX file, which works on frames of 512 samples under a Hann window.

    Raises
    ------
    ContractError
        If the file cannot be read or is another network.
    """
    network = Network(path, "UL-UNAS", NEEDED, SPECTRUM, ("conv_cache", "tfa_cache", "inter_cache"))
    window = hann()
    return Enhancer(
        "UL-UNAS", LATENCY_MS, lambda noisy: run_blocks(noisy, HOP, DELAY, SpectralStream(network, window).process)
    )
