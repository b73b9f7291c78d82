"""Pass denoised samples from the microphone's callback to the loudspeaker's, without clicks and without lasting delay.

The two callbacks do not tick together, so some samples wait between them. When there are too few, the loudspeaker falls
silent by a fade and what comes later is played later: the latency has grown. Once more samples wait than are needed,
the surplus is skipped by a cross-fade.
"""

import numpy as np

from denoise_stream.files.protocols import Chunk
from denoise_stream.live.ring import RingBuffer

WATCH_S = 2.0
"""Samples that were not needed for this long are a surplus."""

JUMP_S = 0.05
"""A change of the latency by more than this is shown at once, a smaller one averaged."""

SEARCH_S = 0.015
"""How far to look for the place that continues the sound best: one period of a low voice."""


class Playback:
    """Samples on their way to a loudspeaker.

    Kept between calls: the samples that wait, at most about a second of them.

    Attributes
    ----------
    starved_blocks : int
        Blocks for which the loudspeaker got silence instead of signal.
    silent_samples : int
        Samples per channel in them.
    skipped_samples : int
        Samples per channel that were left out to reduce the latency again.
    waiting_samples : float
        Samples that wait between the devices, beyond the algorithmic latency; a mean over about half a second.

    Parameters
    ----------
    sample_rate_hz, channels
        The signal.
    latency_samples
        Algorithmic latency of what is put in.
    slack_samples
        How many samples wait at the start, so that neither callback needs the other to be on time.
    """

    def __init__(self, sample_rate_hz: float, channels: int, latency_samples: int, slack_samples: int) -> None:
        self._rate_hz = sample_rate_hz
        self._slack = slack_samples
        self._latency = latency_samples
        self._ring = RingBuffer(int(sample_rate_hz) + latency_samples + slack_samples, channels)
        self._ring.put(np.zeros((latency_samples, channels)))
        self._last: Chunk = np.zeros((1, channels))  # what the loudspeaker got last
        self._is_playing = False
        self._has_started = False
        self._unused = 0
        self._watched = 0
        self._surplus = 0
        self.starved_blocks = 0
        self.silent_samples = 0
        self.skipped_samples = 0
        self.waiting_samples = float(slack_samples)

    @property
    def next_sample(self) -> int:
        """Which sample of the microphone is played next, counted from 0; negative before the first one."""
        return self._ring.taken - self._latency

    def put(self, block: Chunk) -> None:
        """Append denoised samples ``(n, channels)``; called by the microphone's callback only."""
        self._ring.put(block)

    def play(self, out: Chunk, samples_in: int) -> None:
        """Fill ``out (n, channels)``; called by the loudspeaker's callback only.

        Parameters
        ----------
        samples_in
            Samples per channel that have come from the microphone.
        """
        waiting = samples_in - self._ring.taken
        if not self._has_started:
            out[:] = 0
            if waiting < self._slack:
                return
            self._has_started = True
            self._ring.skip(waiting - self._slack)  # a burst at the start would stay as latency
            waiting = samples_in - self._ring.taken
        change = waiting - self.waiting_samples
        share = 1.0 if abs(change) > JUMP_S * self._rate_hz else min(1.0, len(out) / (0.5 * self._rate_hz))
        self.waiting_samples += share * change
        self._watch(len(self._ring) - len(out), len(out))
        if len(self._ring) < len(out):
            self._fall_silent(out)
            return
        if self._surplus and len(self._ring) >= self._surplus + len(out):
            self._leave_out(out, self._surplus)
            self._surplus = 0
        else:
            self._ring.take(out)
        if not self._is_playing:
            out *= _ramp(len(out))
        self._is_playing = True
        self._last = out[-1:].copy()

    def _fall_silent(self, out: Chunk) -> None:
        """Fade the last sample out; what is there waits for a whole block."""
        out[:] = self._last * (1 - _ramp(len(out)))
        self._last = np.zeros_like(self._last)
        self._is_playing = False
        self.starved_blocks += 1
        self.silent_samples += len(out)

    def _watch(self, unused: int, count: int) -> None:
        """Find how many samples were not needed for a while, beyond those that may wait."""
        self._unused = unused if self._watched == 0 else min(self._unused, unused)
        self._watched += count
        if self._watched >= WATCH_S * self._rate_hz:
            self._watched = 0
            surplus = self._unused - self._slack + count
            self._surplus = surplus if surplus > 2 * count else 0

    def _leave_out(self, out: Chunk, surplus: int) -> None:
        """Fill ``out`` with a cross-fade from the next samples to those at most ``surplus`` behind them."""
        count = len(out)
        ahead = self._ring.peek(surplus + count)
        first = max((surplus + 1) // 2, surplus - int(SEARCH_S * self._rate_hz))
        mono = ahead.mean(axis=1, dtype=np.float64)
        candidates = np.lib.stride_tricks.sliding_window_view(mono[first:], count)
        likeness = candidates @ mono[:count] / np.sqrt(np.square(candidates).sum(axis=1) + 1e-12)
        skipped = first + int(np.argmax(likeness))
        out[:] = ahead[:count] + _ramp(count) * (ahead[skipped : skipped + count] - ahead[:count])
        self._ring.skip(skipped + count)
        self.skipped_samples += skipped


def _ramp(count: int) -> Chunk:
    """Return a straight line from above 0 to 1, ``(count, 1)``."""
    return np.arange(1, count + 1)[:, None] / count
