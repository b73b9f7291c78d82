"""Programs that clean speech: one noisy signal at 16 kHz comes in, what each of them makes of it goes out.

Our own model runs in the streaming engine. The others are what people would install instead: RNNoise, a recurrent
network, and noisereduce, spectral gating. Each gives back as many samples as it got, its delay taken away.
"""

from collections.abc import Callable
from dataclasses import dataclass

import noisereduce
import numpy as np
import soxr
from numpy.typing import NDArray
from pyrnnoise import rnnoise

from denoise_stream import Denoiser
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ

RNNOISE_DELAY = 960
"""Samples at 48 kHz, 20 ms, by which RNNoise's output is late: measured by cross-correlation with clean speech."""

FULL_SCALE = 2**15


@dataclass(frozen=True)
class Enhancer:
    """A way to clean speech.

    Attributes
    ----------
    name
        What people call it.
    latency_ms
        Until a sample is given back, itself included, by the algorithm alone; None where it sees the whole recording.
    enhance
        ``noisy (n,) -> (n,)``, float64 at 16 kHz, aligned to the sample.
    """

    name: str
    latency_ms: float | None
    enhance: Callable[[Array], Array]


NO_PROCESSING = Enhancer("no processing", 0.0, lambda noisy: noisy)


def engine_enhancer(denoiser: Denoiser) -> Enhancer:
    """Make a model an enhancer that is fed hop by hop, as a microphone does it."""

    def enhance(noisy: Array) -> Array:
        stream = denoiser.stream(1, RATE_HZ)
        hops = (noisy[start : start + denoiser.hop] for start in range(0, len(noisy), denoiser.hop))
        return np.concatenate([*map(stream.process, hops), stream.flush()])

    latency = denoiser.stream(1, RATE_HZ).latency_samples
    return Enhancer(denoiser.contract.name, 1000 * latency / RATE_HZ, enhance)


def run_rnnoise(noisy: Array) -> Array:
    """Run RNNoise, which works at 48 kHz on frames of 10 ms of 16-bit samples.

    J.-M. Valin: A hybrid DSP/deep learning approach to real-time full-band speech enhancement, MMSP 2018; the library
    is the one that comes with the package ``pyrnnoise``.
    """
    frame = rnnoise.FRAME_SIZE
    upsampled = soxr.resample(noisy, RATE_HZ, rnnoise.SAMPLE_RATE, "HQ")
    # Zeros behind the end bring out what the delay holds back.
    count = -(-(len(upsampled) + RNNOISE_DELAY) // frame)
    padded = np.pad(upsampled, (0, count * frame - len(upsampled)))
    state = rnnoise.create()
    try:
        frames = [rnnoise.process_mono_frame(state, each)[0] for each in _to_16_bit(padded).reshape(count, frame)]
    finally:
        rnnoise.destroy(state)
    late = np.concatenate(frames)[RNNOISE_DELAY : RNNOISE_DELAY + len(upsampled)]
    return _to_length(soxr.resample(late / FULL_SCALE, rnnoise.SAMPLE_RATE, RATE_HZ, "HQ"), len(noisy))


def _to_16_bit(signal: Array) -> NDArray[np.int16]:
    return np.clip(np.rint(signal * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _to_length(signal: Array, length: int) -> Array:
    return np.pad(signal[:length], (0, max(length - len(signal), 0)))


def run_noisereduce(noisy: Array, *, stationary: bool) -> Array:
    """Run noisereduce with its defaults; a signal of silence, which it cannot take, stays one.

    T. Sainburg, M. Thielk, T. Q. Gentner: Finding, visualizing, and quantifying latent structure across diverse
    animal vocal repertoires, PLoS Computational Biology 16, 2020, is where its spectral gating comes from.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gated: Array = noisereduce.reduce_noise(y=noisy, sr=int(RATE_HZ), stationary=stationary)
    return np.nan_to_num(gated)


PEERS = (
    Enhancer("RNNoise", 1000 * (rnnoise.FRAME_SIZE + RNNOISE_DELAY) / rnnoise.SAMPLE_RATE, run_rnnoise),
    Enhancer("noisereduce", None, lambda noisy: run_noisereduce(noisy, stationary=False)),
    Enhancer("noisereduce, stationary", None, lambda noisy: run_noisereduce(noisy, stationary=True)),
)
"""What a model is compared with."""
