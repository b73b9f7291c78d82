"""Pieces of recordings: signals at 16 kHz come in, stretches of a wanted length without silence go out."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal as scipy_signal

from denoise_stream import SourceError
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import QUANTUM, RATE_HZ, SILENT, level

SHORTEST = 320
"""Samples; a recording with fewer, 20 ms, would only be a tick."""

LOWEST_HZ = 50.0
"""Where wideband speech begins (ITU-T Recommendation P.341)."""

SILENT_DB = -30.0
"""A stretch of a recording that is this far below the whole holds nothing of what was recorded."""


class Pieces:
    """Stretches of recordings, each recording as often as the others, whatever their lengths.

    Digital silence at their ends is cut off, and what lies below 50 Hz is taken out: one in eight recordings of
    LibriSpeech has 5 % to 99 % of its power there, or in an offset, where nobody hears it. They are brought to one
    level. A long one gives a stretch from a place drawn at random; to a short one the next is joined.

    Kept between calls: whose turn it is.

    Parameters
    ----------
    rng
        Source of all randomness.
    signals
        float64 arrays ``(n,)``, full scale 1, at 16 kHz.
    name
        What they are, for an error.

    Raises
    ------
    SourceError
        If all of them are silent, or shorter than 320 samples.
    """

    def __init__(self, rng: np.random.Generator, signals: Sequence[Array], name: str) -> None:
        self._rng = rng
        long_enough = [trimmed for trimmed in map(trim, signals) if len(trimmed) >= SHORTEST]
        heard = [audible for audible in map(above_rumble, long_enough) if level(audible) > SILENT]
        if not heard:
            raise SourceError(f"{name}: every recording is silent, or shorter than {SHORTEST} samples")
        self._signals = [signal / level(signal) for signal in heard]
        self._turns = deal(rng, len(heard))

    def draw(self, length: int) -> Array:
        """Draw the next ``length`` samples; their level is about 1."""
        row = np.empty(length)
        filled = 0
        while filled < length:
            stretch = audible_stretch(self._rng, self._signals[next(self._turns)], length - filled)
            row[filled : filled + len(stretch)] = stretch
            filled += len(stretch)
        return row


def audible_stretch(rng: np.random.Generator, signal: Array, longest: int) -> Array:
    """Draw a stretch of a recording; one where nothing is heard gives way to the loudest place."""
    spare = max(len(signal) - longest, 0)
    start = int(rng.integers(spare + 1))
    if level(signal[start : start + longest]) < 10 ** (SILENT_DB / 20) * level(signal):
        start = min(max(int(np.abs(signal).argmax()) - longest // 2, 0), spare)
    return signal[start : start + longest]


def deal(rng: np.random.Generator, count: int) -> Iterator[int]:
    """Deal the numbers below ``count`` as cards are: all in random order, then all again in another, without end.

    >>> turns = deal(np.random.default_rng(0), 3)
    >>> sorted(next(turns) for _ in range(3)), sorted(next(turns) for _ in range(3))
    ([0, 1, 2], [0, 1, 2])
    """
    while True:
        order: NDArray[np.int64] = rng.permutation(count)
        yield from order.tolist()


def trim(signal: Array) -> Array:
    """Cut off what is below a step of 16-bit audio at both ends; what is silent throughout becomes empty.

    >>> trim(np.array([0.0, 1e-9, 0.5, 0.0, -0.5, 0.0]))
    array([ 0.5,  0. , -0.5])
    """
    heard = np.flatnonzero(np.abs(signal) > QUANTUM)
    return signal[heard[0] : heard[-1] + 1] if len(heard) else signal[:0]


def above_rumble(signal: Array) -> Array:
    """Take out what lies below 50 Hz, offsets above all, by a high-pass that runs forwards and backwards.

    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / RATE_HZ)
    >>> bool(np.abs(above_rumble(3 + tone) - tone)[2000:-2000].max() < 1e-2)
    True
    """
    sections = scipy_signal.butter(2, LOWEST_HZ, "highpass", fs=RATE_HZ, output="sos")
    return np.asarray(scipy_signal.sosfiltfilt(sections, signal, padlen=min(9, len(signal) - 1)))
