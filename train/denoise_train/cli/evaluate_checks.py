"""Find which evaluation the options of ``denoise-evaluate`` ask for, and refuse contradictions."""

from collections.abc import Mapping
from typing import Any

import click

SYNTHETIC_OR_MIXED = ""
"""The default evaluation, which no option asks for: clean signals, built in or recorded, with noise mixed in."""

LEAST_SPEECH_SAMPLES = 16_000

RULES = (
    ("rate", ("--stretch",), "--rate cannot be set: {} makes its own signals"),
    ("plot", ("--stretch",), "--plot draws improvement against SNR; {} averages over the SNRs"),
    ("panels", ("--stretch",), "{} has no signals for --panels to draw"),
    (
        "snr_db",
        ("--pairs", "--noisy", "--optimum", "--harm"),
        "--snr cannot be set: {} has its own noise levels",
    ),
    ("length", ("--optimum",), "--length cannot be set: {} derives it from the model's window"),
    (
        "plot",
        ("--pairs", "--noisy", "--optimum", "--harm"),
        "--plot draws improvement against SNR; {} measures no such curve",
    ),
    ("panels", ("--optimum", "--harm"), "{} has no signals for --panels to draw"),
    ("rate", ("--speech",), "--rate cannot be set: {} resamples audio to 16000 Hz"),
)
"""Each option with the evaluations that exclude it, and why."""


ONLY_SPEECH = {"write": "--write", "peers": "--peer", "dnsmos": "--dnsmos"}
"""Options that need ``--speech``, by the names of their parameters."""


def choose_evaluation(options: Mapping[str, Any]) -> str:
    """Return the evaluation that the options ask for.

    Parameters
    ----------
    options
        The command's parameters by name, as click gives them.

    Returns
    -------
    The option that asks for it, ``"--speech"`` for one, or ``SYNTHETIC_OR_MIXED``.

    Raises
    ------
    click.UsageError
        If the options contradict each other.
    """
    speech = bool(options["speech"])
    given = {
        "--clean or --noise": bool(options["clean"] or options["noise"]) and not speech,
        **{f"--{name}": bool(options[name]) for name in ("pairs", "noisy", "optimum", "harm", "stretch", "speech")},
    }
    asked = [name for name, present in given.items() if present]
    if len(asked) > 1:
        raise click.UsageError(f"{asked[0]} and {asked[1]} are two evaluations; ask for one of them")
    chosen = asked[0] if asked and asked[0] != "--clean or --noise" else SYNTHETIC_OR_MIXED
    for name, evaluations, sentence in RULES:
        if options[name] is not None and chosen in evaluations:
            raise click.UsageError(sentence.format(chosen))
    if options["columns"] is not None and not any(options[name] for name in ("clean", "pairs", "noisy")):
        raise click.UsageError("--columns names columns of your tables; give a FILE, --clean, --pairs or --noisy, too")
    if options["columns"] is not None and speech:
        raise click.UsageError("--columns names columns of tables, and --speech takes audio; give one of them")
    for name, option in ONLY_SPEECH.items():
        if options[name] and not speech:
            raise click.UsageError(f"{option} needs --speech")
    if speech:
        _check_speech(options)
    return chosen


def _check_speech(options: Mapping[str, Any]) -> None:
    from denoise_train.synthetic.noise import NOISE_KINDS

    if not (options["clean"] and options["noise"]):
        raise click.UsageError("--speech mixes recordings: add --clean SPEECH and --noise NOISE, files or folders")
    if kinds := [name for name in options["noise"] if name in NOISE_KINDS]:
        raise click.UsageError(f"--speech mixes recorded noise; --noise {kinds[0]} is a synthetic kind")
    if options["length"] is not None and options["length"] < LEAST_SPEECH_SAMPLES:
        raise click.UsageError(
            f"--length {options['length']} is too short to judge speech; use {LEAST_SPEECH_SAMPLES}, a second, or more"
        )
