"""What a thread reads from a sensor, for the thread that denoises it."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from denoise_stream.errors import SourceError

Item = TypeVar("Item")
Say = Callable[[str], None]
Clock = Callable[[], float]

SILENT_S = 10.0
"""How long nothing may arrive at the start, in s, until the user is told."""

MOST_HELD_BYTES = 64 << 20
"""Most that waits to be denoised: an hour of the fastest serial ports."""

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
"""Delays between attempts to reconnect, in s; each is twice the one before."""

UNDER_WAY_S = 0.3
"""How long samples that are under way may still come after the run was told to end, in s."""

LOOK_S = 0.25
"""How often the end of the run is looked for while nothing arrives, in s."""

CLOSING_S = 5.0
"""How long the end of the run waits for the thread, in s."""


@dataclass(frozen=True)
class Circumstances:
    """How a sensor is read or written, whatever it is.

    Attributes
    ----------
    stop
        Set when the run is to end; what has arrived by then is still denoised.
    say
        Tells the user what happened; called from any thread.
    reconnect
        Whether to try again, for as long as it takes, when a sensor is lost.
    """

    stop: threading.Event
    say: Say
    reconnect: bool = True

    def begun(self, what: str, lost_at: float | None = None) -> None:
        """Say that a sensor is connected, as its first samples may take minutes; or is back, if it was lost before."""
        if lost_at is None:
            self.say(f"reading {what}; Ctrl-C ends it and completes the output")
        else:
            self.say(f"{what} is back after {time.monotonic() - lost_at:.0f} s")

    def attempts(self) -> Iterator[None]:
        """Yield after each delay, until the run is to end."""
        delay_s = FIRST_DELAY_S
        while not self.stop.wait(delay_s):
            yield
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    def lost(self, what: str, reason: str) -> SourceError | None:
        """Say that a sensor is lost; return the error that ends the run if it is not to be waited for."""
        if not self.reconnect:
            return SourceError(f"{what} is lost ({reason}); without --no-reconnect the program waits for it")
        self.say(f"{what} is lost ({reason}); trying to reconnect")
        return None


class Feed(Generic[Item]):
    """Items in the order in which a thread reads them, each with the time at which it came.

    The thread never waits for the one that denoises, so that nothing is lost in the buffers of drivers.

    Parameters
    ----------
    name
        What is read, in messages.
    read
        Runs in the thread: calls :meth:`put` until ``circumstances.stop`` is set or the source ends.
    circumstances
        As above.
    hint
        What to do if nothing arrives.
    size
        Returns the size of an item in bytes.
    clock
        Returns the time in s.

    Attributes
    ----------
    error : Exception or None
        What ended the feed after something had arrived; that is kept, and the error raised when it is written.
    """

    def __init__(
        self,
        name: str,
        read: Callable[["Feed[Item]"], None],
        circumstances: Circumstances,
        hint: str,
        size: Callable[[Item], int],
        clock: Clock = time.monotonic,
    ) -> None:
        self._name = name
        self._stop = circumstances.stop
        self._say = circumstances.say
        self._hint = hint
        self._size = size
        self._clock = clock
        self.error: Exception | None = None
        self._queue: queue.SimpleQueue[tuple[float, Item] | Exception | None] = queue.SimpleQueue()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._thread = threading.Thread(target=self._run, args=(read,), name="sensor", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Add what was read; called from any thread. The feed ends with an error if too much waits to be denoised."""
        self._put_bytes += self._size(item)
        if self._put_bytes - self._taken_bytes > MOST_HELD_BYTES:
            held = f"{MOST_HELD_BYTES >> 20} MiB wait to be denoised"
            self._queue.put(SourceError(f"{self._name}: {held}; the output takes less than comes in"))
        else:
            self._queue.put((self._clock(), item))

    def __iter__(self) -> Iterator[tuple[float, Item]]:
        """Yield times in s and items, each as soon as it is there; end when the run is to end, or the sensor fails.

        Raises
        ------
        SourceError
            If the sensor fails or the run is to end before anything has arrived.
        """
        silent_until: float | None = time.monotonic() + SILENT_S
        given_up_at = math.inf
        arrived = False
        while True:
            try:
                found = self._queue.get(timeout=LOOK_S)
            except queue.Empty:
                now = time.monotonic()
                if silent_until is not None and now > silent_until:
                    self._say(f"{self._name}: nothing has arrived in {SILENT_S:g} s; {self._hint}")
                    silent_until = None
                if self._stop.is_set():
                    given_up_at = min(given_up_at, now + CLOSING_S)
                if now < given_up_at:
                    continue
                found = None  # a library holds the thread
            if not arrived and isinstance(found, Exception):
                raise found
            if not arrived and found is None:
                raise SourceError(f"{self._name}: nothing arrived")
            if found is None or isinstance(found, Exception):
                self.error = found
                return
            silent_until, arrived = None, True
            self._taken_bytes += self._size(found[1])
            yield found

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(CLOSING_S)

    def _run(self, read: Callable[["Feed[Item]"], None]) -> None:
        try:
            read(self)
        except Exception as error:  # which the other thread raises
            self._queue.put(error)
        else:
            self._queue.put(None)
