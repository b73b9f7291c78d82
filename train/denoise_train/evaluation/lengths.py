"""How long the pieces of a signal are that a model is judged on, and how many of them there are.

A model of a window alone is judged as well on short pieces as on long ones. One with a memory starts each piece without
it, so on short pieces nothing but its start is judged: the bundled ``speech`` gains 9 dB on recordings of seconds, and
3 dB on pieces of a tenth of a second.
"""

from denoise_stream.contract import Contract

SHORTEST = 150
"""Samples of the shortest piece: plain filters need as many."""

MEMORY_S = 6.0
"""Seconds in which the start of a model with a memory hardly counts."""

MEMORY_WINDOWS = 640
"""The same in windows, for a model that takes any rate; 96,000 samples in windows of 150."""

LEAST_PIECES = 5
FEWER = 8
"""Long pieces are fewer by this factor; each costs more time, and says more."""


def piece_samples(contract: Contract, rate_hz: float | None, usual: int) -> int:
    """Return the number of samples of a piece that a model is judged on.

    Parameters
    ----------
    contract
        The model's facts.
    rate_hz
        Sample rate of the signals, if known.
    usual
        Samples that are enough without a memory.

    >>> piece_samples(Contract("sensor", 150, 75), None, 1500)
    1500
    >>> piece_samples(Contract("voice", 150, 75, state_size=748), 16_000.0, 1500)
    96000
    """
    if not contract.state_size:
        return usual
    rate_hz = rate_hz or contract.sample_rate_hz
    return max(usual, round(MEMORY_S * rate_hz) if rate_hz else MEMORY_WINDOWS * contract.window)


def piece_count(contract: Contract, usual: int) -> int:
    """Return how many pieces a model is judged on: ``usual``, or fewer and longer ones if it has a memory."""
    return max(LEAST_PIECES, usual // FEWER) if contract.state_size else usual


def describe_pieces(contract: Contract, rate_hz: float | None, samples: int, usual: int) -> str:
    """Say how long the pieces are that a model with a memory was judged on; nothing of other models."""
    if not contract.state_size:
        return ""
    needed = piece_samples(contract, rate_hz, usual)
    seconds = f" ({samples / rate_hz:.3g} s)" if rate_hz else ""
    if samples < needed:
        return (
            f"Warning: {contract.name} has a memory and starts each piece of {samples:,} samples{seconds} without it, "
            f"so these figures are too low; judge it on pieces of {needed:,} or more (--length {needed})."
        )
    return f"Each piece has {samples:,} samples{seconds}, as {contract.name} has a memory that takes time to fill."
