"""Advise what to do about dropouts, by what the model allows and how long it takes."""

from denoise_stream.contract import Contract

CALM_LATENCY_S = 0.04
LIGHT_MODEL = "general-small"
MOST_LOAD = 0.5
"""Beyond this share of the time between two hops, computing is the likely cause."""


def dropout_advice(contract: Contract, hop: int, load: float, latency: str | float) -> str:
    """Say what helps against dropouts.

    Parameters
    ----------
    contract, hop
        The model, and the hop that it runs at.
    load
        Compute time over the time between two hops.
    latency
        What is asked of the devices: ``"low"``, ``"high"`` or seconds.

    >>> speech = Contract("speech", 150, 75, sample_rate_hz=16000.0, state_size=748)
    >>> dropout_advice(speech, 75, 0.2, "low")
    'if this continues, use --latency 0.04 or close other programs'
    >>> dropout_advice(speech, 75, 0.9, 0.04)
    'if this continues, close other programs, use --model general-small or --latency 0.08'
    >>> dropout_advice(Contract("general", 150, 75), 75, 0.9, "low")
    'if this continues, close other programs, use a larger --hop, --model general-small or --latency 0.04'
    """
    calmer = CALM_LATENCY_S if isinstance(latency, str) else max(CALM_LATENCY_S, 2 * latency)
    steps = [f"use --latency {calmer:g}", "close other programs"]
    if load > MOST_LOAD:
        options = [f"--latency {calmer:g}"]
        if contract.name != LIGHT_MODEL:
            options.insert(0, f"--model {LIGHT_MODEL}")
        if not contract.state_size and hop < contract.window:
            options.insert(0, "a larger --hop")
        steps = ["close other programs", *options]
        steps[1] = f"use {steps[1]}"
    return f"if this continues, {', '.join(steps[:-1])} or {steps[-1]}"
