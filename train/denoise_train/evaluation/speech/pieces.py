"""Pieces of recordings: stretches of a wanted length without silence, every recording as often as the others."""

from collections.abc import Sequence

import numpy as np

from denoise_stream import SourceError
from denoise_train.arrays import Array
from denoise_train.dsp.high_pass import KEPT_HZ, LOWEST_HZ, high_pass
from denoise_train.dsp.speech_level import SILENT, level
from denoise_train.recordings.pieces import audible_start, deal, trim

SHORTEST = 320
"""Shortest recording in samples, 20 ms; anything shorter is only a click."""


class Pieces:
    """Stretches of recordings, each recording as often as the others, whatever their lengths.

    Digital silence at their ends is cut off, and what lies below 10 Hz, offsets above all, is filtered out. They are
    brought to one level, measured above 50 Hz: one in eight recordings of LibriSpeech has 5 % to 99 % of its power
    below, where it is inaudible. Of a long one a stretch is cut out at random; a short one is joined to the next.

    Kept between calls: whose turn it is.

    Parameters
    ----------
    rng
        Source of all randomness.
    signals
        float64 arrays ``(n,)``, full scale 1, at 16 kHz.
    name
        Name of the recordings, for errors.

    Raises
    ------
    SourceError
        If all of them are silent above 50 Hz, or shorter than 320 samples.
    """

    def __init__(self, rng: np.random.Generator, signals: Sequence[Array], name: str) -> None:
        self._rng = rng
        self._signals: list[tuple[Array, Array]] = []  # each above 10 Hz, and above 50 Hz
        for signal in map(trim, signals):
            if len(signal) >= SHORTEST and (loudness := level(heard := high_pass(signal, LOWEST_HZ))) > SILENT:
                self._signals.append((high_pass(signal, KEPT_HZ) / loudness, heard / loudness))
        if not self._signals:
            raise SourceError(f"{name}: every recording is silent, or shorter than {SHORTEST} samples")
        self._turns = deal(rng, len(self._signals))

    def draw(self, length: int) -> Array:
        """Draw the next ``length`` samples; their level above 50 Hz is about 1."""
        row = np.empty(length)
        filled = 0
        while filled < length:
            signal, heard = self._signals[next(self._turns)]
            start = audible_start(self._rng, heard, length - filled)
            stretch = signal[start : start + length - filled]
            row[filled : filled + len(stretch)] = stretch
            filled += len(stretch)
        return row
