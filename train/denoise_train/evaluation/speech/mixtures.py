"""Mix recordings of speech and noise at each SNR, as loud as speech usually is; levels are measured above 50 Hz."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array
from denoise_train.dsp.high_pass import LOWEST_HZ, high_pass
from denoise_train.dsp.speech_level import active_level, level
from denoise_train.evaluation.speech.pieces import Pieces
from denoise_train.recordings.pieces import deal
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import EVALUATION, seeded

SPEECH_DB = -26.0
"""Level of active speech in dB of full scale: the nominal one of ITU-T Recommendations P.56 and P.830."""

CEILING = 0.99
"""The highest peak of a mixture; a signal whose loudest mixture would be higher is turned down at every SNR."""


@dataclass(frozen=True)
class SpeechMixtures:
    """Speech ``clean (n, length)``, and each with noise at each of the SNRs: ``noisy (snrs, n, length)``.

    Attributes
    ----------
    clean, noisy
        float64, full scale 1, at 16 kHz.
    snr_db
        Level of active speech over level of the noise, both above 50 Hz, in dB.
    noise
        For each signal the name of the noise in it.
    """

    clean: Array
    noisy: Array
    snr_db: tuple[float, ...]
    noise: tuple[str, ...]


def draw_speech_mixtures(
    seed: int,
    count: int,
    length: int,
    snr_db: Sequence[float],
    speech: Recordings,
    noise: Mapping[str, Recordings],
) -> SpeechMixtures:
    """Draw speech and noise for an evaluation.

    Speech recordings are used in turn, equally often, and so are noise sources, whatever their size. Each signal gets
    one noise source; recordings shorter than the signal are joined.

    Parameters
    ----------
    seed
        Any whole number from 0; the same one gives the same mixtures, and the first ones of a larger ``count``.
    count, length
        Number of signals and samples per signal, 320 or more.
    snr_db
        SNRs in dB: the level of the speech without its pauses, see :func:`denoise_train.dsp.speech_level.active_level`,
        over that of the noise, both above 50 Hz. Every signal and its noise are mixed at each of them; what lies
        between 10 and 50 Hz stays in both.
    speech
        Recordings at 16 kHz.
    noise
        Sources of noise by name, such as :func:`denoise_train.recordings.recordings.load_folders` gives: their
        recordings at 16 kHz.

    Raises
    ------
    SourceError
        If all recordings of speech, or of one source of noise, are silent above 50 Hz or shorter than 20 ms.
    """
    words = Pieces(seeded(seed, EVALUATION, 0), speech.signals, "speech")
    rng = seeded(seed, EVALUATION, 1)
    names = list(noise)
    sources = [Pieces(rng, noise[name].signals, name) for name in names]
    turns = deal(rng, len(sources))
    clean, noisy = np.empty((count, length)), np.empty((len(snr_db), count, length))
    heard: list[str] = []
    for row in range(count):
        source = next(turns)
        heard.append(names[source])
        clean[row], noisy[:, row] = _mix(words.draw(length), sources[source].draw(length), snr_db)
    return SpeechMixtures(clean, noisy, tuple(snr_db), tuple(heard))


def _mix(speech: Array, noise: Array, snr_db: Sequence[float]) -> tuple[Array, Array]:
    """Return speech ``(length,)`` at its usual level, and the mixtures ``(snrs, length)``."""
    wanted = 10 ** (SPEECH_DB / 20)
    clean = speech * (wanted / active_level(high_pass(speech, LOWEST_HZ)))
    equal = noise * (wanted / level(high_pass(noise, LOWEST_HZ)))
    noisy = clean + equal * 10 ** (-np.array(snr_db)[:, None] / 20)
    gain = min(1.0, CEILING / float(np.abs(noisy).max()))
    return gain * clean, gain * noisy
