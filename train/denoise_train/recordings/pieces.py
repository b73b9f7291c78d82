"""Cut recordings at 16 kHz: trim silence, draw audible stretches, remove rumble."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import signal as scipy_signal

from denoise_train.arrays import Array
from denoise_train.dsp.high_pass import LOWEST_HZ
from denoise_train.dsp.speech_level import QUANTUM, RATE_HZ, level

SILENT_DB = -30.0
"""A stretch this far below the level of the whole recording counts as silent."""


def audible_stretch(rng: np.random.Generator, signal: Array, longest: int) -> Array:
    """Draw a stretch of a recording; a silent one is replaced by the loudest."""
    start = audible_start(rng, signal, longest)
    return signal[start : start + longest]


def audible_start(rng: np.random.Generator, signal: Array, longest: int) -> int:
    """Draw where a stretch of a recording begins, as :func:`audible_stretch` does."""
    spare = max(len(signal) - longest, 0)
    start = int(rng.integers(spare + 1))
    if level(signal[start : start + longest]) < 10 ** (SILENT_DB / 20) * level(signal):
        start = min(max(int(np.abs(signal).argmax()) - longest // 2, 0), spare)
    return start


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
    """Trim both ends that are below a step of 16-bit audio; a silent recording becomes empty.

    >>> trim(np.array([0.0, 1e-9, 0.5, 0.0, -0.5, 0.0]))
    array([ 0.5,  0. , -0.5])
    """
    heard = np.flatnonzero(np.abs(signal) > QUANTUM)
    return signal[heard[0] : heard[-1] + 1] if len(heard) else signal[:0]


def above_rumble(signal: Array) -> Array:
    """Remove what lies below 50 Hz, offsets above all, by a high-pass that runs forwards and backwards.

    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / RATE_HZ)
    >>> bool(np.abs(above_rumble(3 + tone) - tone)[2000:-2000].max() < 1e-2)
    True
    """
    sections = scipy_signal.butter(2, LOWEST_HZ, "highpass", fs=RATE_HZ, output="sos")
    return np.asarray(scipy_signal.sosfiltfilt(sections, signal, padlen=min(9, len(signal) - 1)))
