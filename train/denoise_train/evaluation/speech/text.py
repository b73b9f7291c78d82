"""Write an evaluation of speech as tables and sentences for a terminal."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Array
from denoise_train.evaluation.speech.compare import SpeechEvaluation, SpeechResult
from denoise_train.evaluation.speech.scores import Score
from denoise_train.evaluation.text_tables import db, new_table, paragraphs, render

BUZZ_DB = 3.0
"""A tone that exceeds those of the noisy and the clean speech by this many dB is attributed to the model."""

COST = "Latency in ms, CPU time over duration (RTF), tone at the hop rate in dB"
MEASURES = (
    'The SNR is that of active speech, above 50 Hz as the scores; "raw" is the mean score of the signals as they are, '
    "rumble below 50 Hz included. SI-SDR counts every error; PESQ (wideband, 1.0 to 4.6) stands for what listeners "
    "would call quality, STOI (0 to 1) for what they would understand. Latency is that of the algorithm alone; "
    '"all" needs the whole recording.'
)
DNSMOS = "DNSMOS P.835 (1 to 5) predicts listeners' ratings without the clean speech; it rates the signals unfiltered."


def describe_speech(evaluation: SpeechEvaluation) -> str:
    """Write a table per score and one of the cost, what was left out, the hop tone, and who wins where."""
    rated = [DNSMOS] if any(score.raw is None for score in evaluation.scores) else []
    said = (MEASURES, *rated, *_left_out(evaluation), _tone(evaluation), _conclusion(evaluation))
    return "\n".join((_tables(evaluation), paragraphs(*said)))


def _tables(evaluation: SpeechEvaluation) -> str:
    count = len(evaluation.noise)
    titled = []
    for score in evaluation.scores:
        raw = [] if score.raw is None else ["raw"]
        table = new_table("method", *(f"{snr:.3g}" for snr in evaluation.snr_db), "mean", *raw)
        mean = evaluation.gain if score.improvement else evaluation.mean
        if score.improvement:
            absolute = _row(evaluation.mean, evaluation.reference, score)
            table.add_row(f"{score.word} of the noisy speech", *absolute, end_section=True)
        for result in evaluation.results:
            table.add_row(result.name, *_row(mean, result, score), style=_style(evaluation, result))
        titled.append((f"{score.title} by input SNR in dB, mean of {count} signals", table))
    cost = new_table("method", "latency", "RTF", "tone")
    for result in evaluation.results:
        latency = "all" if result.latency_ms is None else f"{result.latency_ms:.1f}"
        tone = db(result.hop_tone_db.mean())
        cost.add_row(result.name, latency, f"{result.rtf:.4f}", tone, style=_style(evaluation, result))
    return render(*titled, (COST, cost))


def _row(mean: Callable[[SpeechResult, str], Array], result: SpeechResult, score: Score) -> list[str]:
    """Write a score at each SNR, its mean, and the mean of the same score raw, if there is one."""
    by_snr = mean(result, score.key)
    raw = [] if score.raw is None else [mean(result, score.raw).mean()]
    return ["-" if np.isnan(value) else score.write(value) for value in (*by_snr, by_snr.mean(), *raw)]


def _style(evaluation: SpeechEvaluation, result: SpeechResult) -> str:
    return "bold" if result is evaluation.model else ""


def _left_out(evaluation: SpeechEvaluation) -> list[str]:
    """Describe which mixtures have no score, and for which methods."""
    sentences = []
    for score in evaluation.scores:
        scored = evaluation.scored(score.key)
        if missing := int(np.sum(~scored)):
            whose = [result.name for result in evaluation.results if np.isnan(result.scores[score.key]).any()]
            sentences.append(
                f"{missing} of {scored.size} mixtures are left out of {score.word}, which finds too little speech in "
                f"the clean signal, or in what these gave back: {', '.join(whose)}."
            )
    return sentences


def _tone(evaluation: SpeechEvaluation) -> str:
    """Describe whether the model's hops are audible."""
    ours, before = (float(one.hop_tone_db.mean()) for one in (evaluation.model, evaluation.reference))
    clean = evaluation.clean_hop_tone_db
    return (
        f"Tone: at the hop rate, {evaluation.hop_rate_hz:.1f} Hz, and its harmonics, the envelope of what "
        f"{evaluation.model.name} gives back has {db(ours)} dB more power than beside them (clean speech {db(clean)} "
        f"dB, noisy {db(before)} dB){'; that is a buzz' if ours > max(clean, before) + BUZZ_DB else ''}."
    )


def _conclusion(evaluation: SpeechEvaluation) -> str:
    """Describe the gains of the model and its peers, where a peer is ahead, and where the model does harm."""
    model, peers = evaluation.model, evaluation.peers
    gains = "; ".join(f"{result.name} {_gains(evaluation, result)}" for result in (model, *peers))
    sentences = [f"Gains on average: {gains}."]
    ours = _means(evaluation, model)
    for peer in peers:
        if where := _where(evaluation, _means(evaluation, peer) > ours):
            sentences.append(f"{peer.name} is ahead of {model.name} in {where}.")
    if peers and all((_means(evaluation, peer) < ours).all() for peer in peers):
        sentences.append(f"{model.name} is ahead in every score at every SNR.")
    lost = _means(evaluation, evaluation.reference) - ours
    if where := _where(evaluation, lost >= np.array([score.harm for score in evaluation.scores])[:, None]):
        sentences.append(f"{model.name} lowers {where}.")
    return " ".join(sentences)


def _gains(evaluation: SpeechEvaluation, result: SpeechResult) -> str:
    gains = []
    for score in evaluation.scores:
        unit = " dB" if score.improvement else ""
        gains.append(f"{evaluation.gain(result, score.key).mean():+z.{score.decimals}f}{unit} {score.word}")
    return ", ".join(gains)


def _means(evaluation: SpeechEvaluation, result: SpeechResult) -> Array:
    """Return all mean scores, ``(scores, snrs)``."""
    return np.stack([evaluation.mean(result, score.key) for score in evaluation.scores])


def _where(evaluation: SpeechEvaluation, holds: NDArray[np.bool_]) -> str:
    """List the scores and SNRs where a mask ``(scores, snrs)`` is true; empty if nowhere."""
    found: dict[str, list[str]] = {}
    for score, chosen in zip(evaluation.scores, holds, strict=True):
        if chosen.any():
            found.setdefault(_join(evaluation, chosen), []).append(score.word)
    return "; ".join(f"{', '.join(words)} at {snrs}" for snrs, words in found.items())


def _join(evaluation: SpeechEvaluation, chosen: NDArray[np.bool_]) -> str:
    if chosen.all():
        return "every SNR"
    return ", ".join(f"{snr:g}" for snr, one in zip(evaluation.snr_db, chosen, strict=True) if one) + " dB"
