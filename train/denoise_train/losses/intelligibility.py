"""A loss for intelligibility: correlation of band envelopes, as in STOI.

A differentiable form of STOI: C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen: An algorithm for
intelligibility prediction of time-frequency weighted noisy speech, IEEE Transactions on Audio, Speech, and Language
Processing 19, 2011. At 16 kHz instead of 10, so that its frames last 32 ms and its stretches have 24 of them; stretches
without speech do not count, where STOI takes out frames.
"""

from typing import Any

import numpy as np
from keras import ops

from denoise_train.arrays import Windows
from denoise_train.dsp.speech_level import RATE_HZ

FRAME = 512
"""Samples of a frame, 32 ms; they overlap by half."""

STRETCH = 24
"""Frames whose envelopes are compared: 384 ms."""

SHORTEST = FRAME + (STRETCH - 1) * FRAME // 2
"""Samples of one stretch, 0.4 s."""

STEP = 4
"""Frames between the starts of stretches; STOI uses 1."""

BANDS = 15
LOWEST_HZ = 150.0
"""Centre of the lowest band of a third of an octave."""

MOST = 1 + 10 ** (15 / 20)
"""Denoised envelopes are clipped at this multiple of the clean ones (STOI's bound of -15 dB)."""

SILENT_POWER = 1e-4
"""A stretch this far below the loudest one of its signal, -40 dB, holds no speech."""

TINY = 1e-3
"""Keeps gradients finite where an envelope does not move; that of speech of power 1 is above 10."""


def lost_envelope(clean: Any, denoised: Any) -> Any:
    """Compute 1 minus the correlation of third-octave band envelopes, over active speech.

    Parameters
    ----------
    clean, denoised
        ``(batch, samples)`` at 16 kHz, the speech at a power near 1; at least ``SHORTEST`` samples.

    Returns
    -------
    A scalar, 0 (nothing is lost) to 2; 0 without speech.
    """
    wanted, heard = _stretches(_envelopes(clean)), _stretches(_envelopes(denoised))
    power = ops.mean(ops.square(wanted), axis=(2, 3))
    loudest = ops.max(power, axis=1, keepdims=True)
    spoken = ops.cast(power > SILENT_POWER * loudest + 2 * TINY, "float32")
    gain = ops.sqrt(_energy(wanted) / _energy(heard))
    heard = ops.minimum(gain * heard, MOST * wanted)
    wanted = wanted - ops.mean(wanted, axis=2, keepdims=True)
    heard = heard - ops.mean(heard, axis=2, keepdims=True)
    product = ops.sum(wanted * heard, axis=2, keepdims=True)
    correlation = ops.mean(product / ops.sqrt(_energy(wanted) * _energy(heard)), axis=(2, 3))
    return ops.sum(spoken * (1 - correlation)) / ops.maximum(ops.sum(spoken), 1.0)


def third_octaves() -> Windows:
    """Return the matrix ``(FRAME // 2 + 1, BANDS)`` from powers of bins to those of the bands."""
    hz = np.arange(FRAME // 2 + 1) * (RATE_HZ / FRAME)
    centres = LOWEST_HZ * 2 ** (np.arange(BANDS) / 3)
    inside = (hz[:, None] >= centres * 2 ** (-1 / 6)) & (hz[:, None] < centres * 2 ** (1 / 6))
    return inside.astype(np.float32)


def _envelopes(signal: Any) -> Any:
    """Return ``(batch, frames, BANDS)``."""
    real, imaginary = ops.stft(signal, FRAME, FRAME // 2, FRAME, center=False)
    return ops.sqrt(ops.matmul(ops.square(real) + ops.square(imaginary), third_octaves()) + TINY)


def _stretches(envelopes: Any) -> Any:
    """Cut ``(batch, frames, BANDS)`` into ``(batch, stretches, STRETCH, BANDS)``."""
    starts = np.arange(0, envelopes.shape[1] - STRETCH + 1, STEP)
    return ops.take(envelopes, starts[:, None] + np.arange(STRETCH), axis=1)


def _energy(stretches: Any) -> Any:
    """Sum the squares over a stretch."""
    return ops.sum(ops.square(stretches), axis=2, keepdims=True) + TINY
