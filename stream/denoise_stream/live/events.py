"""Count the events of a live run, and sum up what was lost or could be heard."""

import math
from collections import Counter
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
"""Kinds of events; all keys exist from the start, so that no callback resizes what others read."""


@dataclass
class LiveState:
    """The state of a live run; written by the callbacks, read by the display.

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
    input_gap_s, output_gap_s
        How long the devices have run without the program: the microphone was not heard, the loudspeaker was silent.
    input_rms, output_rms
        Of the last block, full scale 1.0.
    input_peak, output_peak
        The largest magnitudes since they were last reset to 0.
    dry_power, wet_power
        Mean squares of the samples as they came and of the same samples denoised, averaged over about 0.3 s.
    compute_time_s
        Time that the microphone's callback has taken in all.
    """

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(EVENTS, 0)))
    samples: int = 0
    last_block_at: float = 0.0
    last_played_at: float = 0.0
    input_gap_s: float = 0.0
    output_gap_s: float = 0.0
    input_rms: float = 0.0
    output_rms: float = 0.0
    input_peak: float = 0.0
    output_peak: float = 0.0
    dry_power: float = 0.0
    wet_power: float = 0.0
    compute_time_s: float = 0.0

    @property
    def removed_db(self) -> float:
        """By how much the denoised signal is lower than the same samples as they came, in dB."""
        return max(0.0, 10 * math.log10((self.dry_power + 1e-12) / (self.wet_power + 1e-12)))

    def take_peaks(self) -> tuple[float, float]:
        """Return the largest magnitudes of input and output since the last call."""
        peaks = self.input_peak, self.output_peak
        self.input_peak = self.output_peak = 0.0
        return peaks


@dataclass(frozen=True)
class Losses:
    """What was lost or could be heard; a block that was late but in time for the loudspeaker is neither.

    Attributes
    ----------
    input_ms
        Signal that the microphone's driver dropped.
    output_ms
        Silence on the loudspeaker.
    skipped_ms
        Signal that was left out, cross-faded, to reduce the latency after a dropout.
    recording_ms
        Signal that a slow disk or reader left no room for.
    failed_windows
        Windows that the network failed on: they passed unchanged.
    """

    input_ms: float = 0.0
    output_ms: float = 0.0
    skipped_ms: float = 0.0
    recording_ms: float = 0.0
    failed_windows: int = 0

    @property
    def can_be_heard(self) -> bool:
        """Whether anything was lost except what a cross-fade skipped."""
        return bool(self.input_ms or self.output_ms or self.recording_ms or self.failed_windows)

    def __add__(self, other: "Losses") -> "Losses":
        return Losses(*(mine + its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __sub__(self, other: "Losses") -> "Losses":
        return Losses(*(mine - its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __str__(self) -> str:
        """Describe the losses in words.

        >>> print(Losses(output_ms=330.2, skipped_ms=310), "-", Losses(failed_windows=2), "-", Losses())
        330 ms of output silent, 310 ms skipped - 2 windows not denoised - no dropouts
        """
        parts = [
            f"{_milliseconds(lost)} {what}"
            for lost, what in (
                (self.input_ms, "of input lost"),
                (self.output_ms, "of output silent"),
                (self.skipped_ms, "skipped"),
                (self.recording_ms, "not recorded"),
            )
            if lost
        ]
        if self.failed_windows:
            parts.append(f"{self.failed_windows} windows not denoised")
        return ", ".join(parts) or "no dropouts"


@dataclass(frozen=True)
class Tally:
    """What a session, or all sessions of a live run, have counted.

    Attributes
    ----------
    samples
        Samples per channel that came from the microphone.
    compute_time_s
        Time that the microphone's callbacks have taken.
    counts
        Events by kind, those that have happened.
    losses
        What was lost or could be heard.
    """

    samples: int = 0
    compute_time_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    losses: Losses = Losses()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.samples + other.samples,
            self.compute_time_s + other.compute_time_s,
            self.counts + other.counts,  # the sum leaves out what has not happened
            self.losses + other.losses,
        )


def _milliseconds(duration_ms: float) -> str:
    return f"{duration_ms / 1000:.1f} s" if duration_ms >= 9999.5 else f"{max(1.0, duration_ms):.0f} ms"
