"""A ring buffer between two audio callbacks."""

import numpy as np

from denoise_stream.files.protocols import Chunk


class RingBuffer:
    """Samples between two callbacks; one side puts, the other takes, neither waits.

    Kept: at most ``capacity`` samples per channel.
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self._data = np.zeros((capacity, channels), dtype=np.float32)
        self._put = 0
        self._taken = 0

    def __len__(self) -> int:
        return self._put - self._taken

    @property
    def taken(self) -> int:
        """How many samples per channel have been taken or left out since the start."""
        return self._taken

    def put(self, block: Chunk) -> None:
        """Append a block ``(n, channels)``; the oldest samples give way when there is no room."""
        capacity = len(self._data)
        block = block[-capacity:]
        where = (self._put + np.arange(len(block))) % capacity
        self._data[where] = block
        self._put += len(block)
        if len(self) > capacity:
            self._taken = self._put - capacity

    def take(self, out: Chunk) -> int:
        """Fill ``out (n, channels)`` with the oldest samples, then zeros; return how many were missing."""
        count = min(len(out), len(self))
        where = (self._taken + np.arange(count)) % len(self._data)
        out[:count] = self._data[where]
        out[count:] = 0
        self._taken += count
        return len(out) - count

    def peek(self, count: int) -> Chunk:
        """Return a copy ``(count, channels)`` of the oldest samples, which stay; there have to be as many."""
        where = (self._taken + np.arange(count)) % len(self._data)
        return self._data[where].astype(np.float64)

    def skip(self, count: int) -> None:
        """Forget the oldest samples; nothing if ``count`` is not above 0."""
        self._taken += max(0, min(count, len(self)))
