"""Measure a model on signals with many samples: the same kinds of signals at several stretches, beside two rivals.

A model that sees 150 samples averages 150 samples at most; a wavelet shrinker sees the whole record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array, standardize
from denoise_train.dsp.filters import BAYES_SHRINK, BUTTERWORTH, Filter
from denoise_train.evaluation.compare import evaluate
from denoise_train.evaluation.mixtures import Mixtures, draw_lively
from denoise_train.splits import EVALUATION, seeded
from denoise_train.synthetic.drawing import SHORTEST_DRAWN, draw_signals
from denoise_train.synthetic.mixing import mix_at_snr
from denoise_train.synthetic.stretching import rows_needed, stretch


@dataclass(frozen=True)
class Stretch:
    """Mean gains in dB by method, on signals stretched by one factor."""

    factor: float
    gains_db: Mapping[str, float]


def measure_stretches(
    methods: Sequence[Filter], seed: int, count: int, length: int, snr_db: Sequence[float], factors: Sequence[float]
) -> list[Stretch]:
    """Measure methods, BayesShrink on the whole record and a Butterworth low-pass set by an oracle, in white noise.

    Parameters
    ----------
    methods
        The model, once for each way to use it; they have no setting to choose.
    seed, count, length
        Of the signals; ``length`` is that in samples, whatever the stretch.
    snr_db
        SNRs of the input; gains are means over them and the signals.
    factors
        Samples per sample of the built-in families, between which cubic splines interpolate.
    """
    found = []
    for factor in factors:
        mixtures = draw_stretched(seed, count, length, snr_db, factor)
        first, *others = methods
        rivals = (*others, BAYES_SHRINK, _butterworth(factor))
        outcome = evaluate(first, mixtures, rivals)
        results = {result.label: result.mean_improvement_db for result in (outcome.model, *outcome.filters)}
        results |= {result.label: result.mean_improvement_db for result in outcome.oracles}
        found.append(Stretch(factor, {name: gain for name, gain in results.items() if "best single" not in name}))
    return found


def draw_stretched(seed: int, count: int, length: int, snr_db: Sequence[float], factor: float) -> Mixtures:
    """Draw signals of the built-in family with ``factor`` samples per sample, and white noise at each SNR."""
    rng = seeded(seed, EVALUATION)
    needed = rows_needed(factor, length)

    def draw(rng: np.random.Generator, rows: int, length: int) -> Array:
        drawn = draw_signals(rng, rows, max(needed, SHORTEST_DRAWN))[:, :needed]
        return standardize(stretch(drawn, factor, length, "cubic"))

    clean = draw_lively(draw, rng, count, length)
    noise = rng.normal(size=clean.shape)
    return Mixtures(clean, np.stack([mix_at_snr(clean, noise, snr) for snr in snr_db]), tuple(snr_db))


def _butterworth(factor: float) -> Filter:
    """Return the low-pass with cut-offs as low as stretched signals ask for, the highest first."""
    highest, lowest = BUTTERWORTH.settings[0], BUTTERWORTH.settings[-1]
    steps = len(BUTTERWORTH.settings) + int(np.ceil(4 * np.log2(factor)))
    cut_offs = np.geomspace(float(str(highest)), float(str(lowest)) / factor, steps)
    return Filter(BUTTERWORTH.name, BUTTERWORTH.apply, tuple(cut_offs.tolist()), BUTTERWORTH.unit)
