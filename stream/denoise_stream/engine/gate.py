"""Close a gate between words: what a model of sound leaves in pauses is lowered further.

The model's own output says where speech is. The energy of the first difference of each denoised window, in which
offsets and rumble hardly count, is compared with two levels that follow it:

    speech level   the level that one window in twenty exceeds; rises by 20 dB/s, falls by 1 dB/s
    floor          the level that four windows in five exceed; rises by 5 dB/s, falls by 20 dB/s, and not below 36 dB
                   under the speech level: after a pause of zeros noise is not taken for speech

A window is speech if it is less than 30 dB below the speech level, and 6 dB above the floor; the second bound never
rises above 20 dB below the speech level. Speech opens the gate for 0.2 s. A window is known before its second half is
returned, so the gate opens while the first half passes, without more latency. Both levels are relative: a gain before
the model changes nothing. Until the first word there is nothing to compare with, and the gate is open.

Measured with `speech` on speech under recorded noise: see docs/audio.md.
"""

import math

import numpy as np

from denoise_stream.arguments import real_number
from denoise_stream.arrays import Samples
from denoise_stream.contract import Contract

BELOW_SPEECH_DB = 30.0
ABOVE_FLOOR_DB = 6.0
LEAST_BELOW_SPEECH_DB = 20.0
SPEECH_RISE_DB_PER_S = 20.0
SPEECH_FALL_DB_PER_S = 1.0
"""How fast the speech level falls while the gate is open."""
FORGETTING_DB_PER_S = 0.2
"""How fast it falls while the gate is closed: after a minute of silence a voice is still known."""
FLOOR_RISE_DB_PER_S = 5.0
FLOOR_FALL_DB_PER_S = 20.0

LARGEST = 1e250
"""Energies are clipped here, so that no level becomes infinite."""

HOLD_S = 0.2
OPENING_S = 0.004
CLOSING_S = 0.1


class SpeechGate:
    """Lower the pauses of a denoised signal, hop by hop.

    Kept between calls, per channel: the two levels, the windows for which the gate stays open, and its gain.

    Parameters
    ----------
    gate_db
        Attenuation of the closed gate in dB, 0 or more.
    hop, rate_hz, channels
        The windows, and the model's rate in Hz.
    """

    def __init__(self, gate_db: float, hop: int, rate_hz: float, channels: int) -> None:
        hop_s = hop / rate_hz
        self._hop = hop
        self._channels = channels
        self._closed = 10.0 ** (-gate_db / 20.0)
        self._opening = hop_s / OPENING_S
        self._closing = hop_s / CLOSING_S
        self._hold = math.ceil(HOLD_S / hop_s)
        self._speech_rise = _power(SPEECH_RISE_DB_PER_S * hop_s)
        self._speech_fall = _power(-SPEECH_FALL_DB_PER_S * hop_s)
        self._forgetting = _power(-FORGETTING_DB_PER_S * hop_s)
        self._floor_rise = _power(FLOOR_RISE_DB_PER_S * hop_s)
        self._floor_fall = _power(-FLOOR_FALL_DB_PER_S * hop_s)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next window starts at sample 0."""
        self._speech: Samples = np.zeros(self._channels)
        self._floor: Samples = np.zeros(self._channels)
        self._left = np.full(self._channels, self._hold)
        self.gain: Samples = np.ones(self._channels)

    @property
    def is_open(self) -> bool:
        """Whether there is speech in any channel, or has been within the last 0.2 s."""
        return bool((self._left > 0).any())

    def process(self, windows: Samples, finished: Samples) -> Samples:
        """Lower the next hops.

        Parameters
        ----------
        windows
            Denoised windows ``(count, channels, window)``.
        finished
            The samples ``(channels, count * hop)`` that they finish.

        Returns
        -------
        float64 array like ``finished``. Within a hop the gain moves in a straight line.
        """
        with np.errstate(over="ignore"):  # the squares of numbers around 1e200 overflow
            energies = np.minimum(np.square(np.diff(windows, axis=2)).mean(axis=2), LARGEST)
        gains = np.empty((len(windows) + 1, self._channels))
        gains[0] = self.gain
        for number, energy in enumerate(energies, start=1):
            gains[number] = self._next_gain(energy)
        steps = np.arange(1, self._hop + 1) / self._hop
        lines = gains[:-1, :, None] + (gains[1:] - gains[:-1])[:, :, None] * steps
        return finished * lines.transpose(1, 0, 2).reshape(finished.shape)

    def _next_gain(self, energy: Samples) -> Samples:
        self._speech = np.where(self._speech > 0, self._speech, energy)
        self._floor = np.where(self._floor > 0, self._floor, energy)
        above_floor = np.minimum(self._floor * ABOVE_FLOOR, self._speech * LEAST_BELOW_SPEECH)
        is_speech = energy > np.maximum(self._speech * BELOW_SPEECH, above_floor)
        self._left = np.where(is_speech, self._hold, np.maximum(self._left - 1, 0))
        is_open = self._left > 0
        fall = np.where(is_open, self._speech_fall, self._forgetting)
        louder = energy > self._speech
        self._speech = np.where(louder, np.minimum(energy, self._speech * self._speech_rise), self._speech * fall)
        self._floor *= np.where(energy > self._floor, self._floor_rise, self._floor_fall)
        self._floor = np.maximum(self._floor, self._speech * LEAST_FLOOR)
        opened = np.minimum(1.0, self.gain + self._opening)
        self.gain = np.where(is_open, opened, np.maximum(self._closed, self.gain - self._closing))
        return self.gain


def open_gate(contract: Contract, gate_db: float | None, hop: int, channels: int, *, watch: bool) -> SpeechGate | None:
    """Return the gate of a stream: to lower pauses, to watch for speech only, or None for neither."""
    if contract.sample_rate_hz is None or (gate_db is None and not watch):
        return None
    return SpeechGate(gate_db or 0.0, hop, contract.sample_rate_hz, channels)


def _power(decibels: float) -> float:
    return float(10.0 ** (decibels / 10.0))


ABOVE_FLOOR = _power(ABOVE_FLOOR_DB)
BELOW_SPEECH = _power(-BELOW_SPEECH_DB)
LEAST_BELOW_SPEECH = _power(-LEAST_BELOW_SPEECH_DB)
LEAST_FLOOR = _power(-BELOW_SPEECH_DB - ABOVE_FLOOR_DB)
"""Lowest floor relative to the speech level: below it, the floor no longer decides what is speech."""


def checked_gate(contract: Contract, gate_db: float | None) -> float | None:
    """Return the attenuation of a closed gate in dB; None for no gate.

    Raises
    ------
    ValueError
        If the number is out of range, or the model is not made for sound.
    """
    if gate_db is None:
        return None
    number = real_number("gate_db", gate_db)
    if not number >= 0:
        raise ValueError(f"gate_db={gate_db} is out of range; use 0 (nothing lowered) or more, such as 20")
    if contract.sample_rate_hz is None:
        raise ValueError(
            f"gate_db={gate_db:g} needs a speech model, which {contract.name} is not; use the model speech, or no gate"
        )
    return number
