"""Measure a speech model and its peers on the same mixtures: scores, cost, hop tone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Array
from denoise_train.dsp.hop_tone import hop_tone_db
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.dnsmos import Rate
from denoise_train.evaluation.speech.enhancers import NO_PROCESSING
from denoise_train.evaluation.speech.mixtures import SpeechMixtures
from denoise_train.evaluation.speech.peers.protocol import Enhancer
from denoise_train.evaluation.speech.scores import SCORES, SI_SDR, Judge, Score

IMPROVEMENTS = {"si_sdr_db": "si_sdr_improvement_db", SI_SDR.key: "si_sdr_improvement_above_50_hz_db"}
"""Scores whose gain is reported too, and the name of the gain."""

Heard = Callable[[str, int, Array], None]
"""Receives each output: the enhancer's name, the SNR's index, and the signals ``(n, length)``."""


@dataclass(frozen=True)
class SpeechResult:
    """The scores and costs of one enhancer.

    Attributes
    ----------
    name, latency_ms
        As of :class:`denoise_train.evaluation.speech.peers.protocol.Enhancer`.
    rtf
        Real-time factor: CPU time, of all threads, over the duration of what was processed.
    scores
        By name, as :meth:`denoise_train.evaluation.speech.scores.Judge.measure` returns them: float64 arrays
        ``(snrs, signals)``, NaN where there is no score.
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
        Frequency of the hop tone.
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

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores of a report, those that were measured."""
        return tuple(score for score in SCORES if score.key in self.model.scores)

    def scored(self, score: str) -> NDArray[np.bool_]:
        """Tell which mixtures ``(snrs, signals)`` have a score from every result: means are of the same ones."""
        missing = np.isnan(np.stack([result.scores[score] for result in self.results]))
        return np.asarray(~missing.any(axis=0))

    def mean(self, result: SpeechResult, score: str, chosen: NDArray[np.bool_] | None = None) -> Array:
        """Return a result's mean score at each SNR, ``(snrs,)``, over chosen signals or all; NaN if none has one."""
        counted = self.scored(score) & (True if chosen is None else chosen)
        total = np.where(counted, result.scores[score], 0.0).sum(axis=1)
        count = counted.sum(axis=1)
        return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))

    def gain(self, result: SpeechResult, score: str) -> Array:
        """Return a result's mean gain over no processing in a score at each SNR, ``(snrs,)``."""
        return self.mean(result, score) - self.mean(self.reference, score)

    def figures(self) -> dict[str, Any]:
        """Return everything in a form for JSON."""
        return {
            "snr_db": list(self.snr_db),
            "signals_by_noise": {name: self.noise.count(name) for name in sorted(set(self.noise))},
            "mixtures_left_out": {score: int(np.sum(~self.scored(score))) for score in self.model.scores},
            "hop_rate_hz": self.hop_rate_hz,
            "clean_hop_tone_db": self.clean_hop_tone_db,
            "methods": [self._figures(result) for result in self.results],
        }

    def _figures(self, result: SpeechResult) -> dict[str, Any]:
        by_noise = {}
        for name in sorted(set(self.noise)):
            among = np.array([one == name for one in self.noise])
            means = {score: self.mean(result, score, among).mean() for score in result.scores}
            gains = {
                improvement: means[score] - self.mean(self.reference, score, among).mean()
                for score, improvement in IMPROVEMENTS.items()
            }
            by_noise[name] = {score: _number(value) for score, value in (gains | means).items()}
        return {
            "name": result.name,
            "latency_ms": result.latency_ms,
            "rtf": result.rtf,
            **{improvement: _summary(self.gain(result, score)) for score, improvement in IMPROVEMENTS.items()},
            **{score: _summary(self.mean(result, score)) for score in result.scores},
            "hop_tone_db": _summary(result.hop_tone_db),
            "without_score": {score: int(np.isnan(values).sum()) for score, values in result.scores.items()},
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
    dnsmos: Rate | None = None,
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
    dnsmos
        Rates signals without the clean ones, of :func:`denoise_train.evaluation.speech.dnsmos.load_dnsmos`; None leaves
        these ratings out.
    heard
        Receives the output of each; None keeps nothing.
    say
        Gets progress messages.
    """
    judge = Judge(mixtures.clean, dnsmos)
    methods = (NO_PROCESSING, model, *peers)
    reference, itself, *others = (_measure(each, mixtures, judge, hop, heard, say) for each in methods)
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
    enhancer: Enhancer,
    mixtures: SpeechMixtures,
    judge: Judge,
    hop: float,
    heard: Heard | None,
    say: Callable[[str], object],
) -> SpeechResult:
    # Exclude one-off loading and planning in the first call from the cost.
    enhancer.enhance(mixtures.noisy[0, 0, : int(RATE_HZ)])
    scores: list[dict[str, Array]] = []
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
        scores.append(judge.measure(enhanced))
    rtf = seconds / (mixtures.noisy.size / RATE_HZ)
    by_name = {name: np.stack([found[name] for found in scores]) for name in scores[0]}
    return SpeechResult(enhancer.name, enhancer.latency_ms, rtf, by_name, tones)
