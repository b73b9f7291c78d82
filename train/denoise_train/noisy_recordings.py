"""Training without clean signals: noisy recordings alone come in, pairs that teach a network to denoise go out.

Each crop is split into two, by noise ``z`` of its own estimated level:

    input = crop + strength * z        target = crop - z / strength

For white Gaussian noise of that level both parts' noises are independent of each other, and the mean of the target is
the clean signal: a network that predicts the target by the least squares learns the clean signal. T. Pang, H. Zheng,
Y. Quan, H. Ji: Recorrupted-to-Recorrupted, CVPR 2021. What is not independent from sample to sample - hum, drifts,
pink noise - counts as signal, and stays.
"""

from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array
from denoise_train.noise_level import SHORTEST, noise_level
from denoise_train.recordings import Recordings

STRENGTH = 0.7
"""How much noise is added to the input, relative to the noise that is there already: 1.7 dB more."""

STRETCH = 4096
"""Samples over which the noise level is estimated: many for precision, few because noise comes and goes."""


@dataclass(frozen=True)
class NoisyRecordings:
    """Noisy signals without clean ones, as a source of pairs."""

    noisy: Recordings

    def part(self, split: int) -> "NoisyRecordings":
        """Give what belongs to training, validation or test, as :meth:`Recordings.part` does."""
        return NoisyRecordings(self.noisy.part(split))

    def draw(self, rng: np.random.Generator, count: int, length: int) -> tuple[Array, Array]:
        """Draw targets and inputs, two float64 arrays ``(count, length)``, in the unit of the crop's deviation."""
        places = self.noisy.places(rng, count, length)
        crops = self.noisy.crops(places, length)
        middle = crops.mean(axis=1, keepdims=True)
        deviation = crops.std(axis=1, keepdims=True)
        unit = np.where(deviation > 0, deviation, 1.0)
        extra = self.levels(places, length) / unit * rng.normal(size=crops.shape)
        crops = (crops - middle) / unit
        return crops - extra / STRENGTH, crops + STRENGTH * extra

    def levels(self, places: list[tuple[int, int]], length: int) -> Array:
        """Estimate the noise level ``(count, 1)`` at each place, over a stretch round it."""
        stretch = max(length, STRETCH)
        known: dict[tuple[int, int], float] = {}
        levels = np.empty((len(places), 1))
        for row, (index, start) in enumerate(places):
            key = index, start // stretch
            if key not in known:
                signal = self.noisy.signals[index]
                first = max(0, min(key[1] * stretch, len(signal) - stretch))
                part = signal[first : first + stretch]
                known[key] = float(noise_level(part[None])[0, 0]) if len(part) >= SHORTEST else 0.0
            levels[row] = known[key]
        return levels
