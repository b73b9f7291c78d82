"""The text of an evaluation of speech: its figures come in, tables and sentences for a terminal go out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from denoise_train.arrays import Array
from denoise_train.evaluation.speech.compare import SpeechEvaluation, SpeechResult
from denoise_train.evaluation.text_tables import db, new_table, paragraphs, render

WORDS = {"si_sdr_db": "SI-SDR", "pesq": "PESQ", "stoi": "STOI"}
HARM = {"si_sdr_db": 0.05, "pesq": 0.005, "stoi": 0.0005}
"""A loss by less than this is written as none."""

BUZZ_DB = 3.0
"""A tone that stands out by so much more than the noisy and the clean speech have is the model's."""

COST = "Latency in ms, CPU time over duration (RTF), tone at the hop rate in dB"
MEASURES = (
    "The SNR is that of active speech. SI-SDR counts every error; PESQ (wideband, 1.0 to 4.6) stands for what "
    "listeners would call quality, STOI (0 to 1) for what they would understand. Latency is that of the algorithm "
    'alone; "all" needs the whole recording.'
)


def describe_speech(evaluation: SpeechEvaluation) -> str:
    """Give a table per score and one of the cost, what was left out, the hop tone, and who wins where."""
    return "\n".join(
        (_tables(evaluation), paragraphs(MEASURES, *_left_out(evaluation), _tone(evaluation), _conclusion(evaluation)))
    )


def _tables(evaluation: SpeechEvaluation) -> str:
    count = len(evaluation.noise)
    titled = []
    for score, title, write in (
        ("si_sdr_db", f"SI-SDR improvement in dB by SNR of the input in dB, mean of {count} signals", db),
        ("pesq", "PESQ by SNR of the input in dB", "{:.2f}".format),
        ("stoi", "STOI by SNR of the input in dB", "{:.3f}".format),
    ):
        table = new_table("method", *(f"{snr:.3g}" for snr in evaluation.snr_db), "mean")
        if score == "si_sdr_db":
            absolute = evaluation.mean(evaluation.reference, score)
            table.add_row("SI-SDR of the noisy speech", *_cells(absolute, db), end_section=True)
        for result in evaluation.results:
            by_snr = (evaluation.gain if score == "si_sdr_db" else evaluation.mean)(result, score)
            table.add_row(result.name, *_cells(by_snr, write), style=_style(evaluation, result))
        titled.append((title, table))
    cost = new_table("method", "latency", "RTF", "tone")
    for result in evaluation.results:
        latency = "all" if result.latency_ms is None else f"{result.latency_ms:.1f}"
        tone = db(result.hop_tone_db.mean())
        cost.add_row(result.name, latency, f"{result.rtf:.4f}", tone, style=_style(evaluation, result))
    return render(*titled, (COST, cost))


def _style(evaluation: SpeechEvaluation, result: SpeechResult) -> str:
    return "bold" if result is evaluation.model else ""


def _cells(by_snr: Array, write: Callable[[float], str]) -> list[str]:
    return ["-" if np.isnan(value) else write(value) for value in (*by_snr, np.mean(by_snr))]


def _left_out(evaluation: SpeechEvaluation) -> list[str]:
    """Say which mixtures have no score, and after whom."""
    sentences = []
    for score, word in WORDS.items():
        if missing := int(np.sum(~evaluation.scored(score))):
            whose = [result.name for result in evaluation.results if np.isnan(result.scores[score]).any()]
            sentences.append(
                f"{missing} of {evaluation.scored(score).size} mixtures are left out of {word}, which finds too little "
                f"speech in the clean signal, or in what these gave back: {', '.join(whose)}."
            )
    return sentences


def _tone(evaluation: SpeechEvaluation) -> str:
    """Say whether the model's hops can be heard."""
    ours, before = (float(one.hop_tone_db.mean()) for one in (evaluation.model, evaluation.reference))
    clean = evaluation.clean_hop_tone_db
    return (
        f"Tone: at the hop rate, {evaluation.hop_rate_hz:.1f} Hz, and its harmonics, the envelope of what "
        f"{evaluation.model.name} gives back has {db(ours)} dB more power than beside them (clean speech {db(clean)} "
        f"dB, noisy {db(before)} dB){'; that is a buzz' if ours > max(clean, before) + BUZZ_DB else ''}."
    )


def _conclusion(evaluation: SpeechEvaluation) -> str:
    """Say what the model and its peers gain, where a peer is ahead, and where the model does harm."""
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
    if where := _where(evaluation, lost >= np.array(list(HARM.values()))[:, None]):
        sentences.append(f"{model.name} lowers {where}.")
    return " ".join(sentences)


def _gains(evaluation: SpeechEvaluation, result: SpeechResult) -> str:
    si_sdr, quality, words = (float(evaluation.gain(result, score).mean()) for score in WORDS)
    return f"{si_sdr:+z.1f} dB SI-SDR, {quality:+z.2f} PESQ, {words:+z.3f} STOI"


def _means(evaluation: SpeechEvaluation, result: SpeechResult) -> Array:
    """Give all mean scores, ``(scores, snrs)``."""
    return np.stack([evaluation.mean(result, score) for score in WORDS])


def _where(evaluation: SpeechEvaluation, holds: NDArray[np.bool_]) -> str:
    """Say where something holds, ``(scores, snrs)``: for which scores at which SNRs; empty if nowhere."""
    found: dict[str, list[str]] = {}
    for word, chosen in zip(WORDS.values(), holds, strict=True):
        if chosen.any():
            found.setdefault(_join(evaluation, chosen), []).append(word)
    return "; ".join(f"{', '.join(words)} at {snrs}" for snrs, words in found.items())


def _join(evaluation: SpeechEvaluation, chosen: NDArray[np.bool_]) -> str:
    if chosen.all():
        return "every SNR"
    return ", ".join(f"{snr:g}" for snr, one in zip(evaluation.snr_db, chosen, strict=True) if one) + " dB"
