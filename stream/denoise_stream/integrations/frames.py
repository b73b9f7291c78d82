"""Denoise the frames of one caller: frames of 16-bit samples come in, and frames of the same lengths go out, later.

frame -> pool ─▶ finished samples -> as many as came in, the first ones after as much silence as the latency
"""

import asyncio
import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import as_dtype
from denoise_stream.errors import StreamFull
from denoise_stream.pool.pool import StreamPool

FULL_SCALE = 32768

PATIENCE_S = 0.5
"""How long a frame may wait for an overloaded pool, in s, until it is silent; the latency stays."""

Frame = NDArray[np.int16]


@dataclass(frozen=True)
class CallSettings:
    """How callers are denoised; those with the same settings share a pool.

    Attributes
    ----------
    model, mix, max_attenuation_db, gate_db
        As for :class:`~denoise_stream.Denoiser`.
    """

    model: str = "speech"
    mix: float = 1.0
    max_attenuation_db: float | None = None
    gate_db: float | None = None

    def pool(self) -> StreamPool:
        """Return the pool of all callers with these settings; it closes when the last of them has gone.

        Raises
        ------
        ContractError
            If the model is unknown or its file breaks the contract.
        ValueError
            If a number is out of range.
        """
        pool = _POOLS.get(self)
        if pool is None:
            pool = StreamPool(
                self.model, mix=self.mix, max_attenuation_db=self.max_attenuation_db, gate_db=self.gate_db
            )
            _POOLS[self] = pool
        return pool


_POOLS: weakref.WeakValueDictionary[CallSettings, StreamPool] = weakref.WeakValueDictionary()


class FrameDenoiser:
    """Denoise one caller's frames; what comes out is as long as what went in, ``latency_samples`` later.

    Kept between calls: finished samples that no frame has taken yet.

    Parameters
    ----------
    pool
        Computes for all callers.
    sample_rate_hz
        Rate of the frames in Hz.
    channels
        Channels of the frames.
    ahead_samples
        By how much the pool may be behind before :meth:`process` waits for it; adds as much latency.

    Attributes
    ----------
    late_samples : int
        Samples per channel that were silent because the pool was overloaded.
    """

    def __init__(self, pool: StreamPool, sample_rate_hz: float, channels: int = 1, ahead_samples: int = 0) -> None:
        self._stream = pool.open(channels, sample_rate_hz)
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.latency_samples = self._stream.latency_samples - 1 + ahead_samples
        self.late_samples = 0
        self._owed = 0  # samples to drop, as silence was returned in their place
        self._ready: deque[NDArray[Any]] = deque([np.zeros((self.latency_samples, channels))])
        self._ready_samples = self.latency_samples

    @property
    def latency_ms(self) -> float:
        """Delay of the frames in ms."""
        return 1000 * self.latency_samples / self.sample_rate_hz

    def process(self, frame: Frame) -> Frame:
        """Take a frame ``(n, channels)`` and return one; wait only if the pool is behind by ``ahead_samples``.

        Raises
        ------
        DenoiseError
            If the stream is closed or has failed.
        """
        limit = time.monotonic() + PATIENCE_S
        try:
            self._stream.push(frame / FULL_SCALE, timeout_s=PATIENCE_S)
            self._pull(0.0)
            while self._ready_samples < len(frame) and self._pull(max(0.0, limit - time.monotonic())):
                pass
        except StreamFull:
            self._owed -= len(frame)  # which will not come
        return self._take(len(frame))

    async def process_async(self, frame: Frame) -> Frame:
        """Do what :meth:`process` does without holding up the event loop.

        Raises
        ------
        DenoiseError
            If the stream is closed or has failed.
        """
        pushed = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._stream.push_async(frame / FULL_SCALE)
                pushed = True
                while self._ready_samples < len(frame):
                    self._add(await self._stream.pull_async())
        except TimeoutError:
            if not pushed:
                self._owed -= len(frame)  # which will not come
            self._pull(0.0)  # what was finished while something else held up the event loop
        return self._take(len(frame))

    def flush(self) -> Frame:
        """End the signal and return its tail ``(n, channels)``, of ``latency_samples`` or fewer.

        Raises
        ------
        DenoiseError
            If the stream is closed or has failed.
        """
        self._stream.end()
        while (part := self._stream.pull()) is not None:
            self._add(part)
        self._drop_owed()
        return self._take(self._ready_samples)

    def close(self) -> None:
        """Forget the signal."""
        self._stream.close()

    def _pull(self, timeout_s: float) -> bool:
        """Add finished samples; return whether some came."""
        try:
            part = self._stream.pull(timeout_s)
        except TimeoutError:
            return False
        self._add(part)
        return part is not None

    def _add(self, part: NDArray[Any] | None) -> None:
        if part is not None:
            self._ready.append(part.reshape(-1, self.channels))
            self._ready_samples += len(part)
        self._drop_owed()

    def _drop_owed(self) -> None:
        count = min(self._owed, self._ready_samples)
        if count > 0:
            self._pop(count)
            self._owed -= count

    def _take(self, count: int) -> Frame:
        """Return the next samples; silence if they are late."""
        self._drop_owed()
        if self._ready_samples < count:
            self._owed += count
            self.late_samples += count
            return np.zeros((count, self.channels), np.int16)
        samples = self._pop(count)
        return as_dtype(samples * FULL_SCALE, np.dtype(np.int16))

    def _pop(self, count: int) -> NDArray[Any]:
        parts = [np.zeros((0, self.channels))]
        self._ready_samples -= count
        while count:
            part = self._ready.popleft()
            if len(part) > count:
                self._ready.appendleft(part[count:])
            parts.append(part[:count])
            count -= len(parts[-1])
        return np.concatenate(parts)


def as_frame(audio: bytes | memoryview, channels: int) -> Frame:
    """Return interleaved 16-bit samples as ``(n, channels)``.

    Raises
    ------
    ValueError
        If they are not whole samples of all channels.
    """
    if len(audio) % (2 * channels):
        raise ValueError(
            f"a frame of {len(audio)} bytes is not a whole number of 16-bit samples of {channels} channel(s); "
            "state the channels that the frames have"
        )
    return np.frombuffer(audio, np.int16).reshape(-1, channels)
