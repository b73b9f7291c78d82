"""The protocol of data sets: pairs of rows, block by block."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from denoise_train.arrays import Windows

MOST_SNR_DB = 200.0
PICTURE_SNR_DB = 5.0


Inputs = Windows | dict[str, Windows]
"""The inputs of a network: rows, or arrays by name."""


@dataclass(frozen=True)
class Pairs:
    """Inputs of a network, ``noisy (n, samples)``, and the targets of the loss, ``target``.

    A row is a scaled window, or a whole signal for a network with a memory. A network with a context gets
    ``context (n, context_size)`` beside it.
    """

    noisy: Windows
    target: Windows
    context: Windows | None = None

    @property
    def inputs(self) -> Inputs:
        """What the network gets."""
        return self.noisy if self.context is None else {"noisy": self.noisy, "context": self.context}

    def part(self, rows: slice) -> "Pairs":
        """Take some of the rows."""
        return Pairs(self.noisy[rows], self.target[rows], None if self.context is None else self.context[rows])


class Data(Protocol):
    """A data set that a training can draw from."""

    judges_own: bool
    """Whether its figures are measured on the user's recordings that the training does not see."""

    @property
    def row_samples(self) -> int:
        """Samples of a row that a network gets."""
        ...

    @property
    def windows_per_signal(self) -> int:
        """Consecutive rows that belong to one signal."""
        ...

    @property
    def windows_per_block(self) -> int:
        """Rows in each block."""
        ...

    def block(self, number: int) -> Pairs:
        """Return the training rows of one block; a training takes them in turn, from 0."""
        ...

    def validation(self) -> Pairs:
        """Return the rows that choose the best epoch."""
        ...

    def examples(self, count: int) -> Pairs:
        """Return the first test rows of ``count`` signals, for a picture; the target is the clean row."""
        ...

    def figures(self, denoise: Callable[[Inputs], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network on the test rows; ``summary``, or ``snr_improvement_db``, is printed first."""
        ...
