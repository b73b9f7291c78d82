"""Filter out mains hum at a stated frequency before the model, by a notch for the fundamental and each harmonic.

The notches are recursive filters of second order, each by the formula that ``scipy.signal.iirnotch`` uses (S. J.
Orfanidis: Introduction to Signal Processing, 1996). Recursion over single samples would be slow in Python, so a block
of samples goes through as two matrix products: of the samples with the impulse response, and of the state.
"""

import math

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Samples

HARMONICS = 10
"""The fundamental and nine more; beyond them hum is weak."""

WIDTH = 1 / 30
"""Width of every notch between its -3 dB points, as a share of the fundamental: 1.7 Hz for 50 Hz."""

LOWEST = 1e-6
"""Below this share of the sample rate, a notch cannot be told from one at 0 Hz by numbers of 64 bits."""

HIGHEST = 0.98
"""Notches end at this share of half the sample rate."""

BLOCK = 64
"""Samples filtered by one matrix product."""


class NotchBank:
    """Filter a signal chunk by chunk, without delay; the chunk sizes change nothing but the rounding.

    The signal is assumed to have had its first value before it begins, so that an offset passes from the first sample
    on. A missing value (NaN) counts as the one before it, and stays missing.

    Kept between calls: two numbers per notch and channel, and the last value of each channel.

    Parameters
    ----------
    frequency_hz
        Of the fundamental: at least a millionth of the sample rate, and below half of it.
    sample_rate_hz
        Of the signal.
    channels
        Number of channels.

    Raises
    ------
    ValueError
        If the frequency is out of range.
    """

    def __init__(self, frequency_hz: float, sample_rate_hz: float, channels: int) -> None:
        if not LOWEST * sample_rate_hz <= frequency_hz < HIGHEST * sample_rate_hz / 2:
            raise ValueError(
                f"notch_hz={frequency_hz:g} is out of range for a signal at {sample_rate_hz:g} Hz; "
                f"use a frequency from {LOWEST * sample_rate_hz:g} up, below {HIGHEST * sample_rate_hz / 2:g}"
            )
        orders = [order for order in range(1, HARMONICS + 1) if order * frequency_hz < HIGHEST * sample_rate_hz / 2]
        width = 2 * math.pi * WIDTH * frequency_hz / sample_rate_hz
        self._notches = [_Notch(2 * math.pi * order * frequency_hz / sample_rate_hz, width) for order in orders]
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next sample is the first."""
        self._states: list[Samples] | None = None
        self._last: Samples = np.full((self._channels, 1), np.nan)

    def process(self, samples: Samples) -> Samples:
        """Filter the next samples ``(channels, n)``; return as many."""
        missing = np.isnan(samples)
        whole = self._held(samples, missing) if missing.any() else samples
        if not whole.shape[1]:
            return whole
        if self._states is None:
            self._states = [notch.settled(whole[:, :1]) for notch in self._notches]
        for number, notch in enumerate(self._notches):
            whole, self._states[number] = notch.filter(whole, self._states[number])
        self._last = np.where(missing[:, -1:], self._last, samples[:, -1:])
        return np.where(missing, np.nan, whole)

    def _held(self, samples: Samples, missing: NDArray[np.bool_]) -> Samples:
        """Replace missing values by the last known one, at the start of a signal by the first."""
        joined = np.concatenate((self._last, samples), axis=1)
        known = ~np.isnan(joined)
        place = np.maximum.accumulate(np.where(known, np.arange(joined.shape[1]), -1), axis=1)
        first = np.where(known.any(axis=1), known.argmax(axis=1), 0)[:, None]
        held = np.take_along_axis(joined, np.where(place < 0, first, place), axis=1)
        self._last = held[:, -1:]
        return np.where(np.isnan(held), 0.0, held)[:, 1:]


class _Notch:
    """One notch, at an angular frequency and of a width in radians per sample."""

    def __init__(self, frequency: float, width: float) -> None:
        gain = 1 / (1 + math.tan(width / 2))
        b = gain * np.array([1.0, -2 * math.cos(frequency), 1.0])
        a1, a2 = -2 * gain * math.cos(frequency), 2 * gain - 1
        # y = s[0] + b[0] x; s' = step s + push x: the transposed direct form.
        step = np.array([[-a1, 1.0], [-a2, 0.0]])
        push = np.array([b[1] - a1 * b[0], b[2] - a2 * b[0]])
        powers = [np.eye(2)]
        for _ in range(BLOCK):
            powers.append(step @ powers[-1])
        pushed = np.array([power @ push for power in powers])
        response = np.concatenate(([b[0]], pushed[:-1, 0]))
        lag = np.arange(BLOCK)[None, :] - np.arange(BLOCK)[:, None]
        self._response = np.where(lag >= 0, response[np.maximum(lag, 0)], 0.0)
        self._from_state = np.array([power[0] for power in powers[:BLOCK]]).T
        self._powers, self._pushed = powers, pushed
        self._settled = np.linalg.solve(np.eye(2) - step, push)

    def settled(self, values: Samples) -> Samples:
        """Return the state ``(channels, 2)`` after a value ``(channels, 1)`` that has lasted for ever."""
        return np.asarray(values * self._settled)

    def filter(self, samples: Samples, state: Samples) -> tuple[Samples, Samples]:
        """Filter samples ``(channels, n)`` from a state ``(channels, 2)``; return them and the next state."""
        filtered = np.empty_like(samples)
        for start in range(0, samples.shape[1], BLOCK):
            block = samples[:, start : start + BLOCK]
            count = block.shape[1]
            filtered[:, start : start + count] = (
                block @ self._response[:count, :count] + state @ self._from_state[:, :count]
            )
            state = state @ self._powers[count].T + block @ self._pushed[count - 1 :: -1][:count]
        return filtered, state
