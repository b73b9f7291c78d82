"""RNNoise: a recurrent network that sets gains in 22 bands, from the package ``pyrnnoise``.

J.-M. Valin: A hybrid DSP/deep learning approach to real-time full-band speech enhancement, MMSP 2018.
"""

import numpy as np
import soxr
from numpy.typing import NDArray
from pyrnnoise import rnnoise

from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.peers.protocol import Enhancer, run_blocks

DELAY = 960
"""Samples at 48 kHz, 20 ms, by which RNNoise's output is late: measured by cross-correlation with clean speech."""

FULL_SCALE = 2**15


def run_rnnoise(noisy: Array) -> Array:
    """Run RNNoise, which works at 48 kHz on frames of 10 ms of 16-bit samples."""
    upsampled = soxr.resample(noisy, RATE_HZ, rnnoise.SAMPLE_RATE, "HQ")
    state = rnnoise.create()

    def process(block: Array) -> Array:
        samples: Array = rnnoise.process_mono_frame(state, _to_16_bit(block))[0] / FULL_SCALE
        return samples

    try:
        enhanced = run_blocks(upsampled, rnnoise.FRAME_SIZE, DELAY, process)
    finally:
        rnnoise.destroy(state)
    return _to_length(soxr.resample(enhanced, rnnoise.SAMPLE_RATE, RATE_HZ, "HQ"), len(noisy))


def _to_16_bit(signal: Array) -> NDArray[np.int16]:
    return np.clip(np.rint(signal * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _to_length(signal: Array, length: int) -> Array:
    return np.pad(signal[:length], (0, max(length - len(signal), 0)))


RNNOISE = Enhancer("RNNoise", 1000 * (rnnoise.FRAME_SIZE + DELAY) / rnnoise.SAMPLE_RATE, run_rnnoise)
