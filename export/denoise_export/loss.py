"""What a smaller model loses: two ONNX files come in, the difference of their gains in dB goes out."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_stream import Denoiser
from denoise_train.metrics import snr_improvement_db
from denoise_train.mixing import mix_at_snr
from denoise_train.signals import draw_signals

PROBES = 24
PROBE_WINDOWS = 12
PROBE_SNR_DB = 10.0


def loss_db(model: Path, smaller: Path) -> float:
    """Measure how much less the smaller model raises the SNR of synthetic signals, in dB; below 0 it does better."""
    gains = [_gain_db(Denoiser(path)) for path in (model, smaller)]
    return gains[0] - gains[1]


def _gain_db(denoiser: Denoiser) -> float:
    clean, noisy = noisy_signals(PROBES, PROBE_WINDOWS * denoiser.contract.window, seed=2)
    denoised = denoiser.denoise(noisy.T).T
    return float(snr_improvement_db(clean, noisy, denoised).mean())


def noisy_signals(count: int, length: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give synthetic signals ``(count, length)``, clean and with noise at 10 dB."""
    rng = np.random.default_rng(seed)
    clean = draw_signals(rng, count, length)
    return clean, mix_at_snr(clean, rng.normal(size=clean.shape), PROBE_SNR_DB)
