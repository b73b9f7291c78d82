"""The targets of a loss: clean rows, and numbers about each row.

Keras passes a loss one target array, so the numbers travel as columns after the row. This module alone knows which
column is which.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from denoise_train.arrays import Windows


@dataclass(frozen=True)
class Target:
    """Clean rows ``(n, samples)``; the fields of subclasses are numbers ``(n,)`` about each row.

    The arrays are NumPy's where data is made, and the backend's tensors inside a loss.
    """

    clean: Any

    @classmethod
    def columns(cls) -> int:
        """Return how many columns follow a row."""
        return len(fields(cls)) - 1

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """Split an array ``(n, samples + columns)`` into its parts; of NumPy's arrays the parts are views."""
        # From the end: a tensor in a loss need not know how long it is.
        columns = cls.columns()
        return cls(packed[:, :-columns], *(packed[:, column - columns] for column in range(columns)))

    def pack(self) -> Windows:
        """Join the parts into one float32 array ``(n, samples + columns)``."""
        numbers = [getattr(self, field.name)[:, None] for field in fields(self)[1:]]
        return np.concatenate((self.clean, *numbers), axis=1).astype(np.float32)


@dataclass(frozen=True)
class WindowTarget(Target):
    """Scaled windows, for the loss ``snr_db``.

    Attributes
    ----------
    span
        The window's range over its signal's noise level: it turns errors of the scaled window into noise levels.
    level
        The clean signal's level over its noise level.
    """

    span: Any
    level: Any


@dataclass(frozen=True)
class SpeechTarget(Target):
    """Speech in units of full scale, for the loss ``speech``.

    Attributes
    ----------
    noise, level
        Levels (root mean square) of the noise and of the speech.
    """

    noise: Any
    level: Any
