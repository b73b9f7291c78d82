"""Measure what a model does to signals with little or no noise.

Three checks on the built-in family, with seeds that no training uses: clean signals, signals at 30 dB SNR, and the
heights of steps and pulses at 20 dB SNR.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array
from denoise_train.dsp.filters import Filter
from denoise_train.dsp.metrics import peak_amplitude_error, snr_improvement_db
from denoise_train.evaluation.mixtures import draw_lively
from denoise_train.splits import EVALUATION, seeded
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.families import FAMILIES
from denoise_train.synthetic.mixing import mix_at_snr

CLEAN_AIM_DB = 35.0
LITTLE_NOISE_DB = 30.0
ROUNDING_DB = 0.05
"""Smaller losses are float32's rounding, and are written as 0.0 dB."""

PEAK_NOISE_DB = 20.0
PEAK_AIM = 0.05
PEAK_FAMILIES = ("steps", "pulses")


@dataclass(frozen=True)
class Harm:
    """What a model does to one family, means over signals.

    Attributes
    ----------
    clean_snr_db
        SNR of the output where the input has no noise; 100 dB at most.
    improvement_db
        At an input SNR of 30 dB.
    peak_error
        Relative amplitude error of peaks at an input SNR of 20 dB, see
        :func:`denoise_train.dsp.metrics.peak_amplitude_error`.
    peak_error_before
        The same of the noisy signal.
    """

    clean_snr_db: float
    improvement_db: float
    peak_error: float
    peak_error_before: float


def measure_harm(model: Filter, seed: int, count: int, length: int) -> dict[str, Harm]:
    """Measure ``count`` signals of ``length`` samples of each family."""
    return {name: _measure(model, seed, number, name, count, length) for number, name in enumerate(FAMILIES, start=1)}


def _measure(model: Filter, seed: int, number: int, family: str, count: int, length: int) -> Harm:
    rng = seeded(seed, EVALUATION, number)
    draw = functools.partial(draw_signals, families=(family,), overlays=0.0, altered=0.0)
    clean = draw_lively(draw, rng, count, length)
    noise = rng.normal(size=clean.shape)

    def denoised(noisy: Array) -> Array:
        return model.apply(noisy, model.settings[0])

    little, more = (mix_at_snr(clean, noise, snr_db) for snr_db in (LITTLE_NOISE_DB, PEAK_NOISE_DB))
    error = np.maximum(np.mean((denoised(clean) - clean) ** 2, axis=1) / clean.var(axis=1), 1e-10)
    return Harm(
        float(np.mean(-10 * np.log10(error))),
        float(np.mean(snr_improvement_db(clean, little, denoised(little)))),
        float(np.mean(peak_amplitude_error(clean, denoised(more)))),
        float(np.mean(peak_amplitude_error(clean, more))),
    )


def check_aims(families: Mapping[str, Harm]) -> list[str]:
    """Describe which aims are met and which families miss them."""
    checks = (
        (
            f"Clean signals come out at {CLEAN_AIM_DB:g} dB SNR or more",
            {
                name: f"{harm.clean_snr_db:.1f} dB"
                for name, harm in families.items()
                if harm.clean_snr_db < CLEAN_AIM_DB
            },
        ),
        (
            f"At {LITTLE_NOISE_DB:g} dB SNR no family loses",
            {
                name: f"{harm.improvement_db:.1f} dB"
                for name, harm in families.items()
                if harm.improvement_db < -ROUNDING_DB
            },
        ),
        (
            f"At {PEAK_NOISE_DB:g} dB SNR the heights of {' and '.join(PEAK_FAMILIES)} are right to {PEAK_AIM:.0%}",
            {
                name: f"{families[name].peak_error:.1%}"
                for name in PEAK_FAMILIES
                if families[name].peak_error > PEAK_AIM
            },
        ),
    )
    return [
        f"{aim}: " + ("met." if not missed else f"missed by {', '.join(' '.join(one) for one in missed.items())}.")
        for aim, missed in checks
    ]
