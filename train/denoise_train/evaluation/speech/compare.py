"""Evaluate speech: ways to clean it and mixtures come in, every way's scores, cost and hop tone go out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Array
from denoise_train.dsp.hop_tone import hop_tone_db
from denoise_train.dsp.metrics import si_sdr_db
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.enhancers import NO_PROCESSING, Enhancer
from denoise_train.evaluation.speech.metrics import pesq, stoi
from denoise_train.evaluation.speech.mixtures import SpeechMixtures

SCORES: dict[str, Callable[[Array, Array], Array]] = {"si_sdr_db": si_sdr_db, "pesq": pesq, "stoi": stoi}
"""What speech is judged by, best high: ``(clean (n, length), estimate (n, length)) -> (n,)``."""

Heard = Callable[[str, int, Array], None]
"""Is given all that comes out: the enhancer's name, the number of the SNR, and the signals ``(n, length)``."""


@dataclass(frozen=True)
class SpeechResult:
    """What one way to clean speech reaches.

    Attributes
    ----------
    name, latency_ms
        As of :class:`denoise_train.evaluation.speech.enhancers.Enhancer`.
    rtf
        Real-time factor: CPU time, of all threads, over the duration of what was processed.
    scores
        For each of ``SCORES`` a float64 array ``(snrs, signals)``, NaN where there is no score.
    hop_tone_db
        float64 array ``(snrs,)``, see :func:`denoise_train.dsp.hop_tone.hop_tone_db`.
    """

    name: str
    latency_ms: float | None
    rtf: float
    scores: dict[str, Array]
    hop_tone_db: Array


@dataclass(frozen=True)
class SpeechEvaluation:
    """A model among its peers, on the same mixtures.

    Attributes
    ----------
    snr_db
        SNRs of the mixtures.
    noise
        For each signal the name of the noise in it.
    reference, model, peers
        No processing; the model; the others.
    hop_rate_hz
        Where the hop tone is looked for.
    clean_hop_tone_db
        The same measure of the clean speech.
    """

    snr_db: tuple[float, ...]
    noise: tuple[str, ...]
    reference: SpeechResult
    model: SpeechResult
    peers: tuple[SpeechResult, ...]
    hop_rate_hz: float
    clean_hop_tone_db: float

    @property
    def results(self) -> tuple[SpeechResult, ...]:
        """All results, no processing first."""
        return (self.reference, self.model, *self.peers)

    def scored(self, score: str) -> NDArray[np.bool_]:
        """Tell which mixtures ``(snrs, signals)`` have a score from every result: means are of the same ones."""
        missing = np.isnan(np.stack([result.scores[score] for result in self.results]))
        return np.asarray(~missing.any(axis=0))

    def mean(self, result: SpeechResult, score: str, chosen: NDArray[np.bool_] | None = None) -> Array:
        """Give a result's mean score at each SNR, ``(snrs,)``, over chosen signals or all; NaN if none has one."""
        counted = self.scored(score) & (True if chosen is None else chosen)
        total = np.where(counted, result.scores[score], 0.0).sum(axis=1)
        count = counted.sum(axis=1)
        return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))

    def gain(self, result: SpeechResult, score: str) -> Array:
        """Give by how much a result's mean score is better than no processing at each SNR, ``(snrs,)``."""
        return self.mean(result, score) - self.mean(self.reference, score)

    def figures(self) -> dict[str, Any]:
        """Give everything as JSON takes it."""
        return {
            "snr_db": list(self.snr_db),
            "signals_by_noise": {name: self.noise.count(name) for name in sorted(set(self.noise))},
            "mixtures_left_out": {score: int(np.sum(~self.scored(score))) for score in SCORES},
            "hop_rate_hz": self.hop_rate_hz,
            "clean_hop_tone_db": self.clean_hop_tone_db,
            "methods": [self._figures(result) for result in self.results],
        }

    def _figures(self, result: SpeechResult) -> dict[str, Any]:
        by_noise = {}
        for name in sorted(set(self.noise)):
            among = np.array([one == name for one in self.noise])
            means = {score: self.mean(result, score, among).mean() for score in SCORES}
            gain = means["si_sdr_db"] - self.mean(self.reference, "si_sdr_db", among).mean()
            scores = {"si_sdr_improvement_db": gain, **means}
            by_noise[name] = {score: _number(value) for score, value in scores.items()}
        return {
            "name": result.name,
            "latency_ms": result.latency_ms,
            "rtf": result.rtf,
            "si_sdr_improvement_db": _summary(self.gain(result, "si_sdr_db")),
            **{score: _summary(self.mean(result, score)) for score in SCORES},
            "hop_tone_db": _summary(result.hop_tone_db),
            "without_score": {score: int(np.isnan(result.scores[score]).sum()) for score in SCORES},
            "by_noise": by_noise,
        }


def _summary(by_snr: Array) -> dict[str, Any]:
    return {"by_snr": [_number(value) for value in by_snr], "all": _number(by_snr.mean())}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def evaluate_speech(
    model: Enhancer,
    peers: Sequence[Enhancer],
    mixtures: SpeechMixtures,
    hop: float,
    *,
    heard: Heard | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> SpeechEvaluation:
    """Measure no processing, the model and its peers.

    Parameters
    ----------
    model, peers
        What to compare.
    mixtures
        What they get, one signal after the other.
    hop
        The model's, in samples at 16 kHz.
    heard
        Is given what each makes of the mixtures; None keeps nothing.
    say
        Is told what is being done.
    """
    reference, itself, *others = (_measure(each, mixtures, hop, heard, say) for each in (NO_PROCESSING, model, *peers))
    return SpeechEvaluation(
        mixtures.snr_db,
        mixtures.noise,
        reference,
        itself,
        tuple(others),
        RATE_HZ / hop,
        hop_tone_db(mixtures.clean, hop),
    )


def _measure(
    enhancer: Enhancer, mixtures: SpeechMixtures, hop: float, heard: Heard | None, say: Callable[[str], object]
) -> SpeechResult:
    # What is loaded or planned at the first call is no part of the cost of a second of speech.
    enhancer.enhance(mixtures.noisy[0, 0, : int(RATE_HZ)])
    shape = mixtures.noisy.shape[:2]
    scores = {score: np.empty(shape) for score in SCORES}
    tones = np.empty(len(mixtures.snr_db))
    seconds = 0.0
    for index, noisy in enumerate(mixtures.noisy):
        say(f"{enhancer.name} at {mixtures.snr_db[index]:g} dB SNR")
        started = time.process_time()
        enhanced = np.stack([enhancer.enhance(signal) for signal in noisy])
        seconds += time.process_time() - started
        if heard is not None:
            heard(enhancer.name, index, enhanced)
        tones[index] = hop_tone_db(enhanced, hop)
        for score, measure in SCORES.items():
            scores[score][index] = measure(mixtures.clean, enhanced)
    rtf = seconds / (mixtures.noisy.size / RATE_HZ)
    return SpeechResult(enhancer.name, enhancer.latency_ms, rtf, scores, tones)
