"""Record where a signal and a crop of it come from, so that pictures show them in their own units."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array


@dataclass(frozen=True)
class Origin:
    """Where a signal comes from.

    Attributes
    ----------
    name
        File and column, for a title.
    unit
        Unit of the samples; empty if unknown.
    rate_hz
        Its sample rate, if it is known.
    first
        Number of its first sample in the file.
    """

    name: str = ""
    unit: str = ""
    rate_hz: float | None = None
    first: int = 0

    def after(self, samples: int) -> "Origin":
        """Return the origin of the signal from this many samples on."""
        return dataclasses.replace(self, first=self.first + samples)

    def times(self, length: int) -> Array:
        """Return the place of each of ``length`` samples in the file: seconds, or samples without a rate."""
        return (self.first + np.arange(length)) / (self.rate_hz or 1.0)


@dataclass(frozen=True)
class Crop:
    """Where a crop comes from, and how it was scaled: ``(samples - middle) / deviation``."""

    origin: Origin
    middle: float = 0.0
    deviation: float = 1.0

    def in_units(self, scaled: Array) -> Array:
        """Undo the scaling."""
        return scaled * self.deviation + self.middle
