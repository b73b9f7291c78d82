"""One stream of a pool, for threads and for asyncio."""

import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from denoise_stream.arrays import as_signal
from denoise_stream.engine.steps import Computation, Steps
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.errors import DenoiseError, StreamFull
from denoise_stream.pool.schedule import Schedule

if TYPE_CHECKING:
    import asyncio

Chunk = NDArray[Any]


class PooledStream:
    """Denoise one signal among others. How it is cut into chunks never changes the result.

    Made by :meth:`StreamPool.open`. Every method may be called from any thread; those that wait have a version for
    asyncio. Two queues bound the memory: chunks not denoised yet, and samples not pulled yet. Each may hold the pool's
    ``queue_samples`` and, as a chunk is taken whole, one chunk more. While the second is full the stream is not
    denoised further, so the first fills and ``push`` waits. With what is being denoised that is at most four times
    ``queue_samples`` and three chunks.

    Attributes
    ----------
    channels : int
        Number of channels.
    sample_rate_hz : float or None
        Rate of the chunks; None if neither the caller nor the model gave one.
    """

    def __init__(
        self, schedule: "Schedule[PooledStream]", stream: DenoiseStream, queue_samples: int, pool: object = None
    ) -> None:
        self.channels = stream.channels
        self.sample_rate_hz = stream.sample_rate_hz
        self._stream = stream
        self._schedule = schedule
        self._pool = pool  # which lives as long as one of its streams does
        self._lock = schedule.lock
        self._changed = threading.Condition(self._lock)
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._queue_samples = queue_samples
        self._queue: deque[Chunk] = deque()
        self._unread: deque[Chunk] = deque()
        self._queued_samples = 0
        self._unread_samples = 0
        self._pushed = 0
        self._ending = False  # no more chunks will come
        self._done = False  # nothing more will be unread
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return repr(self._stream).replace("DenoiseStream", "PooledStream")

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a PooledStream cannot be pickled or copied: it is served by its pool; open another stream there"
        )

    @property
    def latency_samples(self) -> int:
        """Samples that must arrive before a sample is returned, itself included; waiting for the pool comes on top."""
        return self._stream.latency_samples

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged; see :class:`DenoiseStream`."""
        return self._stream.failed_windows

    # ------------------------------------------------------------------------------------- for threads

    def push(self, chunk: ArrayLike, timeout_s: float | None = None) -> None:
        """Push the next samples; wait while the stream holds too many.

        Parameters
        ----------
        chunk
            Array ``(n,)`` (one channel) or ``(n, channels)``; n may be 0.
        timeout_s
            How long to wait in seconds; 0 does not wait, None waits as long as it takes.

        Raises
        ------
        StreamFull
            If the stream still holds too many samples after ``timeout_s``. Nothing of the chunk is taken.
        TypeError, ValueError, SourceError
            As for :meth:`DenoiseStream.process`. Nothing of the chunk is taken.
        DenoiseError
            If the stream has ended, is closed, or has failed.
        """
        samples = self._checked(chunk)
        with self._lock:
            if not self._wait(self._has_room, timeout_s):
                raise self._full()
            self._enqueue(samples)

    def pull(self, timeout_s: float | None = None) -> Chunk | None:
        """Pull the finished samples; wait until there are some.

        Returns
        -------
        Array ``(m,)`` or ``(m, channels)`` with m above 0, of the chunks' dtype; None at the end of the signal. Samples
        of another dtype or number of dimensions come with the next call.

        Raises
        ------
        TimeoutError
            If nothing is finished after ``timeout_s`` seconds.
        DenoiseError
            If the stream is closed or has failed.
        """
        self._schedule.check_process()
        with self._lock:
            if not self._wait(self._has_news, timeout_s):
                raise TimeoutError(f"nothing was finished within {timeout_s} s")
            return self._dequeue()

    def __iter__(self) -> Iterator[Chunk]:
        """Yield finished samples until the end of the signal."""
        while (part := self.pull()) is not None:
            yield part

    def end(self) -> None:
        """Mark the end of the signal; the rest is denoised and can be pulled. Ending twice does nothing."""
        self._schedule.check_process()
        with self._lock:
            self._check_alive()
            if not self._ending:
                self._ending = True
                self._announce(0)

    def close(self) -> None:
        """Drop the stream and all it holds; whoever waits for it gets an error.

        Closing twice does nothing.
        """
        if self._schedule.is_elsewhere:
            return
        with self._lock:
            if self._unread or not self._done:
                self._error = DenoiseError("the stream is closed")
            self._queue.clear()
            self._unread.clear()
            self._finish()

    def __enter__(self) -> "PooledStream":
        """Return the stream itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stream."""
        self.close()

    # ------------------------------------------------------------------------------------- for asyncio

    async def push_async(self, chunk: ArrayLike) -> None:
        """Do what :meth:`push` does without holding up the event loop."""
        samples = self._checked(chunk)
        while True:
            with self._lock:
                if self._has_room():
                    self._enqueue(samples)
                    return
                change = self._next_change()
            await change

    async def pull_async(self) -> Chunk | None:
        """Do what :meth:`pull` does without holding up the event loop."""
        self._schedule.check_process()
        while True:
            with self._lock:
                if self._has_news():
                    return self._dequeue()
                change = self._next_change()
            await change

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        """Yield finished samples until the end of the signal."""
        while (part := await self.pull_async()) is not None:
            yield part

    # -------------------------------------------------------------------- with the pool's lock held

    def _wait(self, ready: Any, timeout_s: float | None) -> bool:
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        while not ready():
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._changed.wait(left)
        return True

    def _next_change(self) -> "asyncio.Future[None]":
        # Callers that use asyncio have loaded it already; the others do not pay for it.
        import asyncio

        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]  # cancelled ones go
        self._waiting.append((loop, change))
        return change

    def _notify(self) -> None:
        self._changed.notify_all()
        waiting, self._waiting = self._waiting, []
        for loop, change in waiting:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_set, change)

    def _has_room(self) -> bool:
        self._check_alive()
        if self._ending:
            raise DenoiseError("the stream has ended; open another one for another signal")
        return self._queued_samples < self._queue_samples

    def _has_news(self) -> bool:
        self._check_alive()
        return bool(self._unread) or self._done

    def _check_alive(self) -> None:
        if self._error is not None:
            raise DenoiseError(f"{self._error}") from self._error

    def _full(self) -> StreamFull:
        held = f"{self._queued_samples} samples to denoise and {self._unread_samples} to pull"
        return StreamFull(f"the stream holds {held}; pull what is finished, or push later")

    def _checked(self, chunk: ArrayLike) -> Chunk:
        self._schedule.check_process()
        samples = as_signal(chunk).copy()
        self._stream.check(samples, self._pushed)
        return samples

    def _enqueue(self, samples: Chunk) -> None:
        if len(samples) == 0:
            return
        self._queue.append(samples)
        self._queued_samples += len(samples)
        self._pushed += len(samples)
        self._announce(len(samples))

    def _announce(self, samples: int) -> None:
        """Ask to be denoised, unless too much is unread; then :meth:`_dequeue` asks."""
        if self._unread_samples < self._queue_samples:
            self._schedule.announce(self, samples)

    def _dequeue(self) -> Chunk | None:
        if not self._unread:
            return None
        parts = [self._unread.popleft()]
        while self._unread and _kind(self._unread[0]) == _kind(parts[0]):
            parts.append(self._unread.popleft())
        self._unread_samples -= sum(len(part) for part in parts)
        if self._queue or (self._ending and not self._done):
            self._announce(self._queued_samples)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _finish(self) -> None:
        self._done = True
        self._schedule.remove(self)
        self._notify()

    # ---------------------------------------------------------------------------- for the pool's thread

    def take(self) -> Computation[list[Chunk]]:
        """Return what is to be done now, with the pool's lock held."""
        chunks = list(self._queue)
        self._queue.clear()
        self._queued_samples = 0
        self._notify()
        last = self._ending
        return Computation(self.steps(chunks, last=last), functools.partial(self.deliver, last=last), self.fail)

    def steps(self, chunks: list[Chunk], *, last: bool) -> Steps[list[Chunk]]:
        """Denoise chunks; return the samples that are finished."""
        same = len({_kind(chunk) for chunk in chunks}) == 1
        parts = []
        for chunk in [np.concatenate(chunks)] if same and len(chunks) > 1 else chunks:
            parts.append((yield from self._stream.process_steps(chunk)))
        if last:
            parts.append((yield from self._stream.flush_steps()))
        return [part for part in parts if len(part)]

    def deliver(self, parts: list[Chunk], *, last: bool) -> None:
        """Make finished samples ready to be pulled."""
        with self._lock:
            if self._error is not None:
                return
            self._unread.extend(parts)
            self._unread_samples += sum(len(part) for part in parts)
            if last:
                self._finish()
            elif parts:
                self._notify()

    def fail(self, error: Exception) -> None:
        """Fail the stream: whoever waits for it, now or later, gets this error."""
        with self._lock:
            self._error = self._error or error
            self._finish()


def _kind(chunk: Chunk) -> tuple[np.dtype[Any], int]:
    return chunk.dtype, chunk.ndim


def _set(change: "asyncio.Future[None]") -> None:
    if not change.done():
        change.set_result(None)
