"""Random walks, and the engine run over a signal chunk by chunk."""

import numpy as np

from denoise_stream import Denoiser


def draw(seed: int, length: int, channels: int | None = None) -> np.ndarray:
    shape = (length,) if channels is None else (length, channels)
    return np.random.default_rng(seed).normal(size=shape).cumsum(axis=0)


def stream_in_chunks(denoiser: Denoiser, signal: np.ndarray, sizes: list[int], rate: float | None = None):
    stream = denoiser.stream(1 if signal.ndim == 1 else signal.shape[1], rate)
    parts, start, turn = [stream.process(signal[:0])], 0, 0
    while start < len(signal):
        size = sizes[turn % len(sizes)]
        parts.append(stream.process(signal[start : start + size]))
        start, turn = start + size, turn + 1
    parts.append(stream.flush())
    return np.concatenate(parts)
