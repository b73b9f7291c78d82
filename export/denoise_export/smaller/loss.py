"""Measure the loss of a smaller model: the differences of its outputs and gains, in dB."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_stream import Denoiser
from denoise_train.dsp.metrics import snr_improvement_db
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.mixing import mix_at_snr

PROBES = 24
PROBE_WINDOWS = 12
PROBE_SNR_DB = 10.0

LOWEST_DB = -160.0
"""Stands for no difference: the rounding of float32."""


def losses_db(model: Path, smaller: Path) -> dict[str, float]:
    """Denoise synthetic signals with both models.

    Returns
    -------
    ``difference_db``, the energy of the difference of their outputs relative to the model's output, and ``loss_db``,
    how much less the smaller model raises the SNR; below 0 it does better.
    """
    before, after = Denoiser(model), Denoiser(smaller)
    clean, noisy = noisy_signals(PROBES, PROBE_WINDOWS * before.contract.window, seed=2)
    wanted, found = (denoiser.denoise(noisy.T, before.contract.sample_rate_hz).T for denoiser in (before, after))
    gains = [float(snr_improvement_db(clean, noisy, denoised).mean()) for denoised in (wanted, found)]
    with np.errstate(divide="ignore"):
        difference_db = float(10 * np.log10(np.sum((found - wanted) ** 2) / np.sum(wanted**2)))
    return {"difference_db": max(difference_db, LOWEST_DB), "loss_db": gains[0] - gains[1]}


def noisy_signals(count: int, length: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw synthetic signals ``(count, length)``, clean and with noise at 10 dB."""
    rng = np.random.default_rng(seed)
    clean = draw_signals(rng, count, length)
    return clean, mix_at_snr(clean, rng.normal(size=clean.shape), PROBE_SNR_DB)
