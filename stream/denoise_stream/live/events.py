"""What is counted while a microphone runs: overflows, underflows and other xruns, late blocks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

EVENTS = (
    "input overflow",
    "input underflow",
    "output overflow",
    "output underflow",
    "failed window",
    "late block",
    "starved block",
    "skip",
)
"""What is counted; all keys are there from the start, so that a callback never resizes what others read."""


@dataclass
class LiveState:
    """What happened so far; written by the callbacks, read by whoever shows it.

    Attributes
    ----------
    counts
        Events by kind: ``input overflow``, ``output underflow`` ..., ``failed window`` (the network gave no finite
        numbers), ``late block``, ``starved block``, ``skip``.
    samples
        Samples per channel that came from the microphone.
    last_block_at
        ``time.monotonic()`` of the microphone's last block.
    last_played_at
        The same of the loudspeaker's.
    input_rms, output_rms
        Of the last block, full scale 1.0.
    last_late_ms
        Compute time and allowed time of the last late block.
    """

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(EVENTS, 0)))
    samples: int = 0
    last_block_at: float = 0.0
    last_played_at: float = 0.0
    input_rms: float = 0.0
    output_rms: float = 0.0
    last_late_ms: tuple[float, float] = (0.0, 0.0)
    compute_time_s: float = 0.0


def events_in_words(counts: Mapping[str, int]) -> str:
    """Return counted events as text, by kind.

    >>> events_in_words({"skip": 2, "late block": 1}), events_in_words({})
    ('1 x late block, 2 x skip', 'no dropouts')
    """
    return ", ".join(f"{number} x {kind}" for kind, number in sorted(counts.items())) or "no dropouts"
