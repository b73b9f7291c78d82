"""Train without clean signals: draw pairs from noisy recordings alone.

Each crop is split in two by noise ``z`` of the crop's own estimated level:

    input = crop + strength * z        target = crop - z / strength

For white Gaussian noise of that level both parts' noises are independent of each other, and the mean of the target is
the clean signal: a network that predicts the target by the least squares learns the clean signal. T. Pang, H. Zheng,
Y. Quan, H. Ji: Recorrupted-to-Recorrupted, CVPR 2021. What is not independent from sample to sample - hum, drifts,
pink noise - counts as signal, and stays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from denoise_stream import SourceError
from denoise_stream.runs.noise_level import SHORTEST, noise_level
from denoise_train.arrays import Array
from denoise_train.recordings.recordings import Recordings

STRENGTH = 0.7
"""Noise added to the input, relative to its own noise; together 1.7 dB more."""

STRETCH = 4096
"""Samples over which the noise level is estimated: many for precision, few because noise comes and goes."""

LEAST_LEVEL = 1e-3
"""Treat a noise level below this share of the crop's deviation, or of the median level, as rounding errors."""

NO_NOISE = (
    "no noise was found: there is none, or it is below about 0.4 steps of a coarse quantization, or hits fewer than "
    "half of the samples"
)


@dataclass(frozen=True)
class NoisyRecordings:
    """Noisy signals without clean ones, as a source of pairs."""

    noisy: Recordings

    def part(self, split: int) -> "NoisyRecordings":
        """Return the part for training, validation or test, as :meth:`Recordings.part` does."""
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

    def require_noise(self, rng: np.random.Generator, count: int, length: int) -> None:
        """Raise a SourceError if most crops have no measurable noise."""
        places = self.noisy.places(rng, count, length)
        if np.mean(has_noise(self.noisy.crops(places, length), self.levels(places, length))) < 0.5:
            raise SourceError(
                f"in most of the noisy recordings {NO_NOISE}; without it they teach nothing: give recordings with "
                "finer steps, or clean ones by --clean or --pairs"
            )

    def levels(self, places: list[tuple[int, int]], length: int) -> Array:
        """Estimate the noise level ``(count, 1)`` at each place, over a stretch round it."""
        stretch = max(length, STRETCH)
        known: dict[tuple[int, int], float] = {}
        levels = np.empty((len(places), 1))
        for row, (index, start) in enumerate(places):
            key = index, (start + length // 2) // stretch
            if key not in known:
                signal = self.noisy.signals[index]
                first = max(0, min(key[1] * stretch, len(signal) - stretch))
                part = signal[first : first + stretch]
                known[key] = float(noise_level(part[None])[0, 0]) if len(part) >= SHORTEST else 0.0
            levels[row] = known[key]
        return levels


def has_noise(crops: Array, levels: Array) -> NDArray[np.bool_]:
    """Return which crops ``(n, length)`` have noise, by their levels ``(n, 1)``; a bridged gap has none."""
    # The level of a whole stretch is too high for a crop that is mostly a bridged gap.
    level = np.minimum(levels, noise_level(crops))[:, 0] if len(crops) else levels[:, 0]
    usual = float(np.median(level)) if len(level) else 0.0
    found: NDArray[np.bool_] = (level > LEAST_LEVEL * crops.std(axis=1)) & (level > LEAST_LEVEL * usual)
    return found
