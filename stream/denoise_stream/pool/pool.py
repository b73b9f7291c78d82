"""Denoise many live streams in one process, with one model and one thread.

    push ─▶ queue ┐                                                     ┌▶ unread ─▶ pull
    push ─▶ queue ┼▶ one thread: windows of all, one batch, one model ──┼▶ unread ─▶ pull
    push ─▶ queue ┘                                                     └▶ unread ─▶ pull

What is ready when the thread looks goes through the network together; while it computes, the next batch gathers.
"""

import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

from denoise_stream.arguments import rate_or_assumed, real_number, whole_number
from denoise_stream.contract import Contract
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.steps import BATCH_WINDOWS, run_batched
from denoise_stream.errors import DenoiseError
from denoise_stream.model import DEFAULT_MODEL, Model
from denoise_stream.pool.schedule import Schedule
from denoise_stream.pool.stream import PooledStream

QUEUE_SAMPLES = 48_000
"""Samples a stream may hold, not yet denoised, and as many not yet pulled: a second of audio."""


class StreamPool:
    """Denoise many streams at once, with one model and one thread.

    Streams may be opened, pushed to, pulled from and closed at any time and from any thread or asyncio task. Each
    keeps its own state, rate and channels; the result of each is that of a :class:`~denoise_stream.DenoiseStream` of
    its own. One pool keeps one core busy; run a process per core for more. A pool, or a stream, that nobody holds any
    more is closed. A forked process must make a pool of its own.

    Parameters
    ----------
    model, hop, mix, max_attenuation_db, lookahead_samples, notch_hz, gate_db
        As for :class:`~denoise_stream.Denoiser`.
    max_wait_ms
        How long a window may wait, while the thread has nothing else to do, for windows of other streams, in ms.
    queue_samples
        Samples per channel that a stream may hold before ``push`` waits; and as many again that are not pulled yet.

    Raises
    ------
    ContractError
        If the model is unknown or its file breaks the contract.
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(size=400)
    >>> with StreamPool("general") as pool:
    ...     streams = [pool.open() for _ in range(3)]
    ...     for stream in streams:
    ...         stream.push(noisy)
    ...         stream.end()
    ...     [sum(len(part) for part in stream) for stream in streams]
    [400, 400, 400]
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        hop: int | None = None,
        mix: float = 1.0,
        max_attenuation_db: float | None = None,
        lookahead_samples: int | str | None = None,
        notch_hz: float | None = None,
        gate_db: float | None = None,
        max_wait_ms: float = 2.0,
        queue_samples: int = QUEUE_SAMPLES,
    ) -> None:
        self._begin(
            Denoiser(
                model,
                hop=hop,
                mix=mix,
                max_attenuation_db=max_attenuation_db,
                lookahead_samples=lookahead_samples,
                notch_hz=notch_hz,
                gate_db=gate_db,
            ),
            max_wait_ms,
            queue_samples,
        )

    def _begin(self, denoiser: Denoiser, max_wait_ms: float, queue_samples: int) -> None:
        if not 0 <= real_number("max_wait_ms", max_wait_ms) <= 10_000:
            raise ValueError(f"max_wait_ms={max_wait_ms} is out of range; use 0 to 10000")
        if whole_number("queue_samples", queue_samples) < 1:
            raise ValueError(f"queue_samples={queue_samples} is too few; use 1 or more")
        self._denoiser = denoiser
        self._max_wait_ms = max_wait_ms
        self._queue_samples = queue_samples
        self._schedule: Schedule[PooledStream] = Schedule(BATCH_WINDOWS * self._denoiser.hop, max_wait_ms / 1000)
        work = (self._schedule, self._denoiser.model)
        self._thread = threading.Thread(target=_work, args=work, name="denoise-pool", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._schedule.abandon)

    def __repr__(self) -> str:
        return f"{repr(self._denoiser).replace('Denoiser', 'StreamPool')[:-1]}, {self.open_streams} open stream(s)>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the settings; the copy is an open pool with a thread of its own and no streams."""
        return _pool_like, (self._denoiser, self._max_wait_ms, self._queue_samples)

    @property
    def contract(self) -> Contract:
        """The model's facts, as of :class:`~denoise_stream.Denoiser`."""
        return self._denoiser.contract

    @property
    def open_streams(self) -> int:
        """Number of streams that are open and not at their end."""
        return self._schedule.count

    def open(self, channels: int = 1, sample_rate_hz: float | None = None) -> PooledStream:
        """Open a stream for one signal; see :class:`PooledStream`.

        Parameters
        ----------
        channels
            Number of channels, 1 or more.
        sample_rate_hz
            Rate of the chunks in Hz. None means the model's own, and is warned about where the model has one.

        Raises
        ------
        TypeError, ValueError
            If a number is of a wrong type or out of range.
        DenoiseError
            If the pool is closed, or of a process that this one was forked from.

        Warns
        -----
        UserWarning
            If the model has a fixed rate and none was given.
        """
        self._schedule.check_process()
        rate = rate_or_assumed(self.contract, sample_rate_hz)
        stream = PooledStream(self._schedule, self._denoiser.stream(channels, rate), self._queue_samples, self)
        with self._schedule.lock:
            if self._schedule.closed:
                raise DenoiseError("the pool is closed; make a new StreamPool")
            self._schedule.add(stream)
        return stream

    def close(self) -> None:
        """End the thread and close every stream; what is not denoised yet is lost. Closing twice does nothing."""
        if self._schedule.is_elsewhere:
            return
        with self._schedule.lock:
            self._schedule.close()
            streams = self._schedule.members
        for stream in streams:
            stream.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> "StreamPool":
        """Return the pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool."""
        self.close()


def _work(schedule: Schedule[PooledStream], model: Model) -> None:
    """Denoise what is ready until the schedule is closed: the life of a pool's thread, which does not hold the pool."""
    while True:
        with schedule.lock:
            working = [stream.take() for stream in schedule.wait_and_take()]
        if not working:
            return
        run_batched(model, working)
        del working  # or a stream that is closed now would live until the next batch


def _pool_like(denoiser: Denoiser, max_wait_ms: float, queue_samples: int) -> StreamPool:
    """Make a pool again from the settings of another."""
    pool = StreamPool.__new__(StreamPool)
    pool._begin(denoiser, max_wait_ms, queue_samples)
    return pool
