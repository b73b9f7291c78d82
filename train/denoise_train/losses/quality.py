"""A loss for perceived quality: how much louder or fainter the bands of hearing get, as in PESQ.

A differentiable form of its perceptual model: ITU-T P.862, 2001, and P.862.2 for wide bands, without the alignment of
time and level; such a loss was tried by J. M. Martín-Doñas and others, A deep learning loss function based on the
perceptual evaluation of the speech quality, IEEE Signal Processing Letters 25, 2018. The bands are even on the Bark
scale (H. Traunmüller, Analytical expressions for the tonotopic sensory scale, JASA 88, 1990), the threshold of hearing
is that of E. Terhardt, Calculating virtual pitch, Hearing Research 1, 1979; P.862 has tables of both.
"""

from typing import Any

import numpy as np
from keras import ops

from denoise_train.arrays import Windows
from denoise_train.dsp.speech_level import RATE_HZ

FRAME = 512
"""Samples of a frame, 32 ms; they overlap by half."""

BANDS = 49
LISTENING_DB = 97.0
"""Level of speech of power 1, in dB above 1 in the units of the bands' powers.

P.862 listens at 79 dB SPL, in units of its own. Here the level was set on 160 signals, ten scenes at -5, 5, 15 and
25 dB, noisy and from three networks: so set, the estimate has a correlation of 0.97 with PESQ.
"""

LOWEST_HZ = 100.0
"""Bands below do not count: the filter of P.862.2 takes them out."""

LOUDNESS_EXPONENT = 0.23
"""Zwicker's."""

SONE = 0.1866
"""Scale of the loudness."""

SYMMETRIC, ASYMMETRIC = 0.1, 0.0309
"""How much a unit of disturbance costs, in P.862."""

BEST, STEEPNESS, MIDDLE = 4.5, 1.3669, 3.8224
"""P.862's score without disturbance, and how P.862.2 maps scores to opinions between 1 and 5."""

UNHEARD = 0.25
"""Share of the fainter loudness by which the other one may differ unheard."""

STRETCH = 20
"""Frames whose disturbance is averaged with its sixth power, 320 ms; the worst counts."""

ACTIVE = 1e5
"""Power of a frame that counts in the signal's colour."""

LOUDEST_FRAME = 45.0
"""Most disturbance of a frame."""

TINY = 1e-24
"""Keeps gradients of roots finite."""


def lost_quality(clean: Any, denoised: Any) -> Any:
    """Estimate by how much PESQ for wide bands is below its best value, 4.64.

    Parameters
    ----------
    clean, denoised
        ``(batch, samples)`` at 16 kHz, the speech at a power near 1; at least ``FRAME + (STRETCH - 1) * FRAME // 2``
        samples.

    Returns
    -------
    A scalar, the mean over the batch; 0 where nothing is lost.
    """
    return ops.mean(_lost(clean, denoised))


def _lost(clean: Any, denoised: Any) -> Any:
    """Compute what each signal loses, ``(batch,)``."""
    wanted, heard = _compensated(_powers(clean), _powers(denoised))
    loud, ours = _loudness(wanted), _loudness(heard)
    beyond = ops.relu(ops.abs(ours - loud) - UNHEARD * ops.minimum(ours, loud))
    # What was added disturbs more than what was taken away.
    added = ((heard + 50) / (wanted + 50)) ** 1.2
    added = ops.stop_gradient(ops.where(added < 3, 0.0, ops.minimum(added, 12.0)))
    widths = _widths()
    total = float(widths.sum())
    symmetric = total * ops.sqrt(ops.sum(ops.square(beyond * widths), axis=-1) / total + TINY)
    asymmetric = ops.sum(beyond * added * widths, axis=-1)
    loudness_of_frame = ((ops.sum(wanted, axis=-1) + 1e5) / 1e7) ** 0.04
    parts = (ops.minimum(each / loudness_of_frame, LOUDEST_FRAME) for each in (symmetric, asymmetric))
    one, other = (_over_time(part) for part in parts)
    return _opinion(BEST) - _opinion(BEST - SYMMETRIC * one - ASYMMETRIC * other)


def _compensated(wanted: Any, heard: Any) -> tuple[Any, Any]:
    """Forgive, as P.862 does, a steady colour within 20 dB, and gains that change from frame to frame."""
    power = ops.sum(wanted, axis=-1, keepdims=True)
    active = ops.cast(power > ACTIVE, "float32")
    colour = (ops.sum(active * heard, axis=1) + 1e3) / (ops.sum(active * wanted, axis=1) + 1e3)
    wanted = wanted * ops.stop_gradient(ops.clip(colour, 0.01, 100.0))[:, None, :]
    gain = (ops.sum(wanted, axis=-1) + 5e3) / (ops.sum(heard, axis=-1) + 5e3)
    gain = ops.concatenate([gain[:, :1], 0.2 * gain[:, :-1] + 0.8 * gain[:, 1:]], axis=1)
    return wanted, heard * ops.stop_gradient(ops.clip(gain, 3e-4, 5.0))[:, :, None]


def _opinion(score: Any) -> Any:
    return 0.999 + 4 * ops.sigmoid(STEEPNESS * score - MIDDLE)


def bands_of_hearing() -> Windows:
    """Return the matrix ``(FRAME // 2 + 1, BANDS)`` from powers of bins to those of the bands, in dB SPL's units."""
    edges_hz = (np.arange(FRAME // 2 + 2) - 0.5) * (RATE_HZ / FRAME)
    edges = np.linspace(0, _bark(RATE_HZ / 2), BANDS + 1)
    low, high = (_bark(np.clip(part, 0, RATE_HZ / 2)) for part in (edges_hz[:-1], edges_hz[1:]))
    inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    share = np.maximum(inside, 0) / np.maximum(high - low, 1e-6)[:, None]
    # Two sides of the spectrum, and the power of a Hann window.
    scale = 2 * 10 ** (LISTENING_DB / 10) / (FRAME * np.square(np.hanning(FRAME + 1)[:-1]).sum())
    return np.asarray(share * scale, np.float32)


def _bark(hz: Any) -> Any:
    return 26.81 * hz / (1960 + hz)  # the constant does not matter here


def _centres_hz() -> Windows:
    bark = (np.arange(BANDS) + 0.5) * _bark(RATE_HZ / 2) / BANDS
    return np.asarray(1960 * bark / (26.81 - bark), np.float32)


def _widths() -> Windows:
    """Return the bands' widths in Bark; 0 for those that do not count."""
    return np.where(_centres_hz() < LOWEST_HZ, 0.0, _bark(RATE_HZ / 2) / BANDS).astype(np.float32)


def _threshold() -> Windows:
    """Return the power that is just heard, per band."""
    khz = _centres_hz() / 1000
    db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    return np.asarray(10 ** (db / 10), np.float32)


def _powers(signal: Any) -> Any:
    """Return ``(batch, frames, BANDS)``."""
    real, imaginary = ops.stft(signal, FRAME, FRAME // 2, FRAME, center=False)
    return ops.matmul(ops.square(real) + ops.square(imaginary), bands_of_hearing())


def _loudness(power: Any) -> Any:
    threshold = _threshold()
    loud = (threshold / 0.5) ** LOUDNESS_EXPONENT * ((0.5 + 0.5 * power / threshold) ** LOUDNESS_EXPONENT - 1)
    return SONE * ops.relu(loud)


def _over_time(disturbance: Any) -> Any:
    """Average ``(batch, frames)``: the sixth power within stretches, the square over them."""
    starts = np.arange(0, disturbance.shape[1] - STRETCH + 1, STRETCH // 2)
    stretches = ops.take(disturbance, starts[:, None] + np.arange(STRETCH), axis=1)
    worst = ops.mean((stretches / LOUDEST_FRAME) ** 6, axis=-1) + TINY
    return LOUDEST_FRAME * ops.sqrt(ops.mean(worst ** (1 / 3), axis=-1))
