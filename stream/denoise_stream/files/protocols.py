"""The face of every source and sink; chunks are float64 ``(n, channels)``, audio with full scale 1.0."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Chunk = NDArray[np.float64]


class Source(Protocol):
    """A signal that is read once, from its start to its end."""

    name: str
    channels: int
    sample_rate_hz: float | None
    length_samples: int | None
    """Samples per channel, None if only the end will tell."""

    def __iter__(self) -> Iterator[Chunk]:
        """Give the chunks, each as soon as it is there."""
        ...

    def close(self) -> None:
        """Release the file or device."""
        ...


class Sink(Protocol):
    """A signal's destination."""

    def write(self, samples: Chunk) -> None:
        """Write the next samples ``(n, channels)``; n may be 0."""
        ...

    def close(self) -> None:
        """Finish; nothing is lost after this."""
        ...


class NullSink:
    """Nowhere: for measuring, reporting and plotting only."""

    def write(self, samples: Chunk) -> None:
        """Forget the samples."""

    def close(self) -> None:
        """Nothing is left to write."""
