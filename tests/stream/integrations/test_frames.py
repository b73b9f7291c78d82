"""The frames of callers equal a stream of their own, later by the latency that is stated."""

import asyncio

import numpy as np
import pytest

from denoise_stream import Denoiser
from denoise_stream.integrations.frames import CallSettings, FrameDenoiser, as_frame

RATES = (8000, 16_000, 24_000, 48_000)


def caller(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, (samples, channels)).astype(np.int16)


def expected(signal: np.ndarray, rate: int, latency_samples: int, **settings) -> np.ndarray:
    """What a stream of its own gives, after as much silence as the latency."""
    stream = Denoiser("speech", **settings).stream(signal.shape[1], rate)
    clean = np.concatenate((stream.process(signal / 32768), stream.flush())) * 32768
    return np.concatenate((np.zeros((latency_samples, signal.shape[1])), clean))


def cut(signal: np.ndarray, length: int) -> list[np.ndarray]:
    return [signal[start : start + length] for start in range(0, len(signal), length)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("frame_ms", "channels"), [(10, 1), (20, 1), (20, 2)])
def test_frames_equal_a_stream_of_their_own_after_the_stated_latency(rate, frame_ms, channels):
    signal = caller(rate // 5, channels)
    frames = FrameDenoiser(CallSettings().pool(), rate, channels)
    parts = [frames.process(frame) for frame in cut(signal, rate * frame_ms // 1000)]
    assert {(part.shape, part.dtype.name) for part in parts} == {((rate * frame_ms // 1000, channels), "int16")}
    found = np.concatenate((*parts, frames.flush()))
    wanted = expected(signal, rate, frames.latency_samples)
    assert len(found) == len(wanted)
    assert np.abs(found - wanted).max() <= 1
    assert frames.latency_samples == Denoiser("speech").stream(channels, rate).latency_samples - 1
    assert frames.late_samples == 0


def test_settings_are_passed_on():
    signal = caller(8000)
    settings = {"mix": 0.7, "max_attenuation_db": 12.0, "gate_db": 20.0}
    frames = FrameDenoiser(CallSettings(**settings).pool(), 16_000)
    found = np.concatenate([frames.process(frame) for frame in cut(signal, 160)])
    wanted = expected(signal, 16_000, frames.latency_samples, **settings)
    assert np.abs(found - wanted[: len(found)]).max() <= 1
    assert np.abs(found - expected(signal, 16_000, frames.latency_samples)[: len(found)]).max() > 1


def test_callers_of_the_same_settings_share_a_pool_and_one_who_leaves_disturbs_nobody():
    async def call(seed: int) -> np.ndarray:
        frames = FrameDenoiser(CallSettings().pool(), 16_000)
        leaves_after = 5 if seed % 3 == 0 else 25
        parts = [await frames.process_async(frame) for frame in cut(caller(8000, seed=seed), 320)[:leaves_after]]
        frames.close()
        return np.concatenate(parts)

    async def calls() -> list[np.ndarray]:
        return await asyncio.gather(*(call(seed) for seed in range(6)))

    pool = CallSettings().pool()
    latency_samples = FrameDenoiser(pool, 16_000).latency_samples
    for seed, found in enumerate(asyncio.run(calls())):
        wanted = expected(caller(8000, seed=seed), 16_000, latency_samples)[: len(found)]
        assert np.abs(found - wanted).max() <= 1
    assert CallSettings().pool() is pool
    assert pool.open_streams == 0


@pytest.mark.parametrize("asynchronous", [False, True])
def test_pool_that_stands_still_makes_silence_and_no_more_latency(monkeypatch, asynchronous):
    signal = caller(6400)
    frames = FrameDenoiser(CallSettings().pool(), 16_000)

    def process(frame: np.ndarray) -> np.ndarray:
        return asyncio.run(frames.process_async(frame)) if asynchronous else frames.process(frame)

    parts = cut(signal, 320)
    found = [process(frame) for frame in parts[:10]]
    with monkeypatch.context() as stalled:
        stalled.setattr("denoise_stream.integrations.frames.PATIENCE_S", 0.05)
        stalled.setattr(frames._stream, "_announce", lambda samples: None)
        late = [process(frame) for frame in parts[10:12]]
    assert not np.any(late)
    assert frames.late_samples == 640
    found += [*late, *(process(frame) for frame in parts[12:])]
    wanted = expected(signal, 16_000, frames.latency_samples)[: len(signal)]
    wanted[10 * 320 : 12 * 320] = 0
    assert np.abs(np.concatenate(found) - wanted).max() <= 1


def test_frame_of_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="a frame of 6 bytes is not a whole number of 16-bit samples of 2 channel"):
        as_frame(b"123456", 2)
