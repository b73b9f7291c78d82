"""Describe the verdict on a file: five lines for one signal, one line each for several."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from denoise_stream.runs.report.quantities import counted, rate_in_words
from denoise_train.evaluation.one_file.conclusion import RIGHT_OF_100, WITHIN_DB
from denoise_train.evaluation.one_file.run import MOST_SIGNALS, Judged

ESTIMATE = "Stein's unbiased risk estimate"
MEASURED = "general"
"""The model that the verdicts were checked with."""


def describe_verdict(judged: Sequence[Judged], name: str, model: str, path: Path, picture: str) -> str:
    """Return the text for the user.

    Parameters
    ----------
    judged
        What was found for each signal.
    name, model
        The model's name, and its name on the command line.
    path
        The file.
    picture
        A sentence about the picture.
    """
    command = f"denoise-evaluate {shlex.quote(model)} --pairs CLEAN {shlex.quote(str(path))}"
    settle = f"To measure it: {command}, or --clean with quiet recordings."
    if len(judged) == 1:
        (one,) = judged
        return "\n".join(
            (
                f"Signal: {_signal(one)}",
                f"Verdict: {_verdict(one, name)}.",
                f"Estimate: {_estimate(one, name)}.",
                f"Confidence: {_confidence(one, name)}.",
                f"{picture} {settle}",
            )
        )
    first = f"The first {len(judged)}" if len(judged) == MOST_SIGNALS else f"{len(judged)}"
    lines = [f"{first} signals of {path.name}: is {name} better than the best plain filter?"]
    lines += [f"  {one.origin.name.partition(', ')[2] or one.origin.name}: {_short(one)}" for one in judged]
    if any(one.conclusion.answer != "cannot tell" for one in judged):
        lines.append(f"Estimated by {ESTIMATE}; {_reliability()}.")
    return "\n".join((*lines, f"{picture} {settle}"))


def title(one: Judged, name: str) -> str:
    """Return the verdict for a picture, without the reasons."""
    found = one.found
    if found is None or one.conclusion.answer == "cannot tell":
        return f"{one.origin.name}: cannot tell whether {name} or a plain filter is better"
    words = "better" if one.conclusion.answer == "better" else "worse"
    return f"{one.origin.name}: {name} is {words} than {_best(one)}, by {abs(found.margin_db):.1f} dB"


def _signal(one: Judged) -> str:
    rate = rate_in_words(one.origin.rate_hz) if one.origin.rate_hz else ""
    pieces = counted(len(one.pieces), "piece")
    judged = "" if one.pieces.size >= one.samples else f" ({one.pieces.size:,} of them judged, in {pieces})"
    if one.found is None:
        return f"{one.origin.name}, {one.samples:,} samples{rate}{judged}."
    unit = f" {one.origin.unit}" if one.origin.unit else ""
    if not one.conclusion.noise_is_white:
        return f"{one.origin.name}, {one.samples:,} samples{rate}{judged}; its noise cannot be measured."
    noise = f"estimated noise {one.found.level:.2g}{unit}, estimated SNR before {round(one.found.input_snr_db)} dB"
    return f"{one.origin.name}, {one.samples:,} samples{rate}{judged}; {noise}."


def _verdict(one: Judged, name: str) -> str:
    found, answer = one.found, one.conclusion.answer
    if found is None or answer == "cannot tell":
        return f"cannot tell whether {name} is better on this file than the best plain filter"
    by = f"by about {abs(found.margin_db):.1f} dB"
    if answer == "better":
        return f"yes, {name} is better on this file than the best plain filter, {_best(one)}, {by}"
    return f"no, the plain filter {_best(one)} is better on this file than {name}, {by}"


def _estimate(one: Judged, name: str) -> str:
    if one.found is None:
        return "nothing to compare"
    if not one.conclusion.noise_is_white:
        return f"none; {ESTIMATE} knows no such noise"
    gains = f"{name} gains {one.found.model.gain_db:.1f} dB, {_best(one)} {one.found.filters[0].gain_db:.1f} dB"
    trust = ", not to be relied on here" if one.conclusion.answer == "cannot tell" else ", checked by hiding samples"
    return f"{gains}, by {ESTIMATE}{trust}"


def _confidence(one: Judged, name: str) -> str:
    if one.conclusion.answer == "cannot tell":
        return f"none, because {'; and '.join(one.conclusion.reasons)}"
    return f"{'high' if name == MEASURED else 'fair'}; {_reliability()}"


def _reliability() -> str:
    return (
        f"{RIGHT_OF_100} of 100 such verdicts on {MEASURED} were right, on sensors and ECG whose clean signal is "
        f"known; the difference is accurate to {WITHIN_DB} dB"
    )


def _short(one: Judged) -> str:
    found, answer = one.found, one.conclusion.answer
    if found is None or answer == "cannot tell":
        return f"cannot tell, because {'; and '.join(one.conclusion.reasons)}"
    gains = f"{found.model.gain_db:.1f} dB against {found.filters[0].gain_db:.1f} dB by {_best(one)}"
    return f"{'yes' if answer == 'better' else 'no'}, {gains}"


def _best(one: Judged) -> str:
    assert one.found is not None
    return one.found.filters[0].method.label
