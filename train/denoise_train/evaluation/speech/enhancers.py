"""The two enhancers of every evaluation: no processing, and a model in the streaming engine."""

import numpy as np

from denoise_stream import Denoiser
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.peers.protocol import Enhancer

NO_PROCESSING = Enhancer("no processing", 0.0, lambda noisy: noisy)


def engine_enhancer(denoiser: Denoiser) -> Enhancer:
    """Wrap a model as an enhancer that is fed hop by hop, as from a microphone."""

    def enhance(noisy: Array) -> Array:
        stream = denoiser.stream(1, RATE_HZ)
        hops = (noisy[start : start + denoiser.hop] for start in range(0, len(noisy), denoiser.hop))
        return np.concatenate([*map(stream.process, hops), stream.flush()])

    latency = denoiser.stream(1, RATE_HZ).latency_samples
    return Enhancer(denoiser.contract.name, 1000 * latency / RATE_HZ, enhance)
