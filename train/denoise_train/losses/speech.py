"""The loss of speech: the error as a listener hears it, over whole sequences."""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from denoise_train.losses.intelligibility import lost_envelope
from denoise_train.losses.quality import lost_quality
from denoise_train.recipe import RecipeError
from denoise_train.targets import SpeechTarget

TINY = 1e-12
"""Power that counts as silence, relative to full scale."""

SILENCE = 1e-8
"""Power of a scene at which it is no longer scaled up."""

POWER_FLOOR = 1e-6
"""Keeps the gradient of a compressed magnitude finite near zero; the speech has power 1."""


def speech(
    window: int,
    windows_per_signal: int,
    snr_weight: float,
    spectrum_weight: float,
    envelope_weight: float,
    complex_share: float,
    exponent: float,
    transforms: list[int],
    floor_db: float,
    clean_floor_db: float,
    quality_weight: float = 0.0,
) -> Callable[[Any, Any], Any]:
    """Sum the error in dB below the noise, the difference of compressed spectra, the loss of envelopes and of quality.

    Compressed spectra, the power c of the magnitudes with c = 0.3, are near to loudness, so that faint parts of speech
    count: S. Braun, I. Tashev, Data augmentation and loss normalization for deep noise suppression, SPECOM 2020.
    Intelligibility depends on the envelopes of bands: :mod:`denoise_train.losses.intelligibility`; quality, as PESQ
    rates it, is estimated by :mod:`denoise_train.losses.quality`.

    Parameters
    ----------
    window, windows_per_signal
        As for every loss; a row is a whole signal here.
    snr_weight, spectrum_weight, envelope_weight
        How much each of the three counts.
    complex_share
        Share of the spectra's difference that is taken with their phases, 0 to 1.
    exponent
        The power c.
    transforms
        Lengths in samples of the spectra that are averaged; each overlaps by half.
    floor_db
        Error in dB relative to the noise below which a smaller error earns nothing, negative.
    clean_floor_db
        Error in dB relative to the speech below which a smaller error earns nothing, negative.
    quality_weight
        How much a point of PESQ counts.

    Returns
    -------
    Function of a packed :class:`~denoise_train.targets.SpeechTarget` and a prediction ``(batch, samples)``; it returns
    a scalar.
    """
    if not transforms:
        raise RecipeError("loss 'speech': transforms=[] leaves no spectrum to compare; use [512, 128]")
    floor, clean_floor = 10 ** (floor_db / 10), 10 ** (clean_floor_db / 10)

    def compressed(signal: Any, size: int) -> tuple[Any, Any, Any]:
        real, imaginary = ops.stft(signal, size, size // 2, size)
        power = ops.square(real) + ops.square(imaginary) + POWER_FLOOR
        magnitude = power ** (exponent / 2)
        scale = power ** (exponent / 2 - 0.5)
        return magnitude, real * scale, imaginary * scale

    def loss(target: Any, prediction: Any) -> Any:
        wanted_speech = SpeechTarget.unpack(target)
        clean = wanted_speech.clean
        noise, level = ops.square(wanted_speech.noise), ops.square(wanted_speech.level)
        allowed = noise * floor + level * clean_floor + TINY
        error = ops.mean(ops.square(prediction - clean), axis=-1)
        error_db = ops.log((error + allowed) / (noise + level * clean_floor + TINY)) * (10 / math.log(10))
        # In units of the speech, or of noise that is much louder.
        unit = ops.sqrt(level + 0.1 * noise + SILENCE)[:, None]
        scaled, wanted = prediction / unit, clean / unit
        spectra = 0.0
        for size in transforms:
            ours, theirs = compressed(scaled, size), compressed(wanted, size)
            difference = ops.mean(ops.square(ours[0] - theirs[0]))
            turned = ops.mean(ops.square(ours[1] - theirs[1]) + ops.square(ours[2] - theirs[2]))
            spectra += (1 - complex_share) * difference + complex_share * turned
        heard = spectrum_weight * spectra / len(transforms) + envelope_weight * lost_envelope(wanted, scaled)
        if quality_weight:
            heard += quality_weight * lost_quality(wanted, scaled)
        return snr_weight * ops.mean(error_db) + heard

    return loss
