"""Run a network that maps one noisy spectrum after another, such as GTCRN's and UL-UNAS', on blocks of samples.

block ─▶ last 512 samples ─▶ × window ─▶ FFT ─▶ network ─▶ inverse FFT ─▶ × window ─▶ overlap-add / Σ window²
"""

import numpy as np

from denoise_train.arrays import Array
from denoise_train.evaluation.speech.peers.network import Network

FRAME, HOP = 512, 256
"""Samples of a spectrum and between two, as both are published: 32 and 16 ms at 16 kHz."""

DELAY = FRAME - HOP
LATENCY_MS = FRAME / 16
SPECTRUM = (1, FRAME // 2 + 1, 1, 2)
"""Shape of the network's input and output: batch, bins, time, real and imaginary part."""


class SpectralStream:
    """A network between an analysis and a synthesis by the same window; the output is ``DELAY`` samples late.

    Kept between calls: the last block, the partial sums of overlap-add, and the network's states.

    Parameters
    ----------
    network
        A network on ``SPECTRUM``.
    window
        float64 array ``(FRAME,)``.
    """

    def __init__(self, network: Network, window: Array) -> None:
        self._network = network
        self._window = window
        self._weight = window[:HOP] ** 2 + window[HOP:] ** 2
        self._heard = np.zeros(FRAME)
        self._waiting = np.zeros(HOP)
        network.reset()

    def process(self, block: Array) -> Array:
        """Take the next ``HOP`` samples and return as many."""
        self._heard = np.concatenate((self._heard[HOP:], block))
        spectrum = np.fft.rfft(self._heard * self._window)
        real_imaginary = np.stack((spectrum.real, spectrum.imag), axis=-1).reshape(SPECTRUM)
        enhanced = self._network.run(real_imaginary)[0, :, 0].astype(np.float64)
        frame = np.fft.irfft(enhanced[:, 0] + 1j * enhanced[:, 1], FRAME) * self._window
        finished = (self._waiting + frame[:HOP]) / self._weight
        self._waiting = frame[HOP:]
        return finished


def hann() -> Array:
    """Return the periodic Hann window of a frame, ``(FRAME,)``."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
