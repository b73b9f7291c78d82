"""When the pool's thread computes: what became ready waits a moment for more, so that batches are large."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from denoise_stream.errors import DenoiseError

Member = TypeVar("Member", bound=Hashable)


class Schedule(Generic[Member]):
    """The streams of a pool, those of them that are ready, and how long they wait for others.

    All methods but :meth:`check_process`, :meth:`abandon` and ``count`` are called with ``lock`` held. Streams are held
    weakly: one that is no longer referenced leaves the schedule.

    Parameters
    ----------
    enough_samples
        Samples that are worth a batch of their own.
    max_wait_s
        How long a ready stream waits at most for others, in s.
    clock
        Returns the time in s.

    Attributes
    ----------
    lock : threading.RLock
        Guards the schedule and every stream in it. A thread may take it again: garbage may be collected, and a pool
        closed by that, at any moment.
    closed : bool
        Whether nothing is to be done any more.
    """

    def __init__(self, enough_samples: int, max_wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = threading.RLock()
        self.closed = False
        self._process = os.getpid()
        self._changed = threading.Condition(self.lock)
        self._enough_samples = enough_samples
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._members: weakref.WeakSet[Member] = weakref.WeakSet()
        self._ready: dict[Member, None] = {}  # in the order in which they became ready
        self._ready_samples = 0
        self._ready_since = 0.0

    @property
    def members(self) -> list[Member]:
        """The streams that are open."""
        return list(self._members)

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._members)

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is a copy in a forked process, where the pool's thread is missing and its lock may be held."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Refuse to go on in a forked process.

        Raises
        ------
        DenoiseError
            If this process is not the one that made the pool.
        """
        if self.is_elsewhere:
            raise DenoiseError(
                f"the StreamPool was made in process {self._process} and its thread does not follow a fork; make a new "
                "StreamPool in this process"
            )

    def abandon(self) -> None:
        """Close the schedule of a pool that nobody holds any more."""
        if not self.is_elsewhere:
            with self.lock:
                self.close()

    def add(self, member: Member) -> None:
        """Add a stream that was opened."""
        self._members.add(member)

    def remove(self, member: Member) -> None:
        """Remove a stream that is closed or at its end."""
        self._members.discard(member)
        self._ready.pop(member, None)

    def announce(self, member: Member, samples: int) -> None:
        """Note that a stream has something to do: samples ``(n,)`` more, or its end."""
        first = not self._ready
        if first:
            self._ready_since = self._clock()
        self._ready[member] = None
        self._ready_samples += samples
        if first or self._is_worthwhile():
            self._changed.notify()

    def close(self) -> None:
        """End the waiting; nothing is taken any more."""
        self.closed = True
        self._changed.notify_all()

    def wait_s(self) -> float | None:
        """Return how long to wait for more, in s: 0 if a batch is worthwhile, None if nothing is ready."""
        if not self._ready:
            return None
        if self._is_worthwhile():
            return 0.0
        return max(0.0, self._ready_since + self._max_wait_s - self._clock())

    def take(self) -> list[Member]:
        """Return what is ready, the longest ready first; nothing is ready then."""
        ready = list(self._ready)
        self._ready.clear()
        self._ready_samples = 0
        return ready

    def wait_and_take(self) -> list[Member]:
        """Wait until a batch is worthwhile or has waited long enough, and take it; empty if closed."""
        while not self.closed:
            left = self.wait_s()
            if left == 0:
                return self.take()
            self._changed.wait(left)
        return []

    def _is_worthwhile(self) -> bool:
        """Tell whether waiting for more would not make the batch better."""
        return self._ready_samples >= self._enough_samples or len(self._ready) >= len(self._members)
