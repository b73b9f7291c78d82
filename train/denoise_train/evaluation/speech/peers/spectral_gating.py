"""Spectral gating of a whole recording, from the package ``noisereduce``.

T. Sainburg, M. Thielk, T. Q. Gentner: Finding, visualizing, and quantifying latent structure across diverse animal
vocal repertoires, PLoS Computational Biology 16, 2020.
"""

import noisereduce
import numpy as np

from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.peers.protocol import Enhancer


def run_noisereduce(noisy: Array, *, stationary: bool) -> Array:
    """Run noisereduce with its defaults; a signal of silence, which it cannot take, stays one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gated: Array = noisereduce.reduce_noise(y=noisy, sr=int(RATE_HZ), stationary=stationary)
    return np.nan_to_num(gated)


GATES = (
    Enhancer("noisereduce", None, lambda noisy: run_noisereduce(noisy, stationary=False)),
    Enhancer("noisereduce, stationary", None, lambda noisy: run_noisereduce(noisy, stationary=True)),
)
