"""The filter in a pipeline of Pipecat's own, as the guide shows it."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
from pipecat.frames.frames import (
    FilterEnableFrame,
    FilterUpdateSettingsFrame,
    Frame,
    InputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from denoise_stream import Denoiser
from denoise_stream.integrations.pipecat import DenoiseFilter

pytestmark = pytest.mark.filterwarnings("default")

GUIDE = Path(__file__).parents[3] / "docs" / "voice-agents.md"
NOISE = np.random.default_rng(0).normal(0, 3000, 20_000).astype(np.int16)


class Call(BaseInputTransport):
    """A transport that hears a signal in frames."""

    def __init__(self, params: TransportParams, signal: np.ndarray, length: int) -> None:
        super().__init__(params)
        self._signal, self._length = signal, length

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        for start in range(0, len(self._signal), self._length):
            audio = self._signal[start : start + self._length].tobytes()
            await self.push_audio_frame(InputAudioRawFrame(audio, self.sample_rate, 1))


class Listener(FrameProcessor):
    """Collects frames of audio until there are as many as were sent."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.frames: list[bytes] = []
        self.complete = asyncio.Event()
        self._count = count

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.frames.append(frame.audio)
            if len(self.frames) == self._count:
                self.complete.set()
        await self.push_frame(frame, direction)


async def hear(params: TransportParams, rate: int, signal: np.ndarray, length: int) -> list[bytes]:
    """Return the frames that a pipeline gets of a signal."""
    params.audio_in_sample_rate = rate
    listener = Listener(len(signal) // length)
    worker = PipelineWorker(Pipeline([Call(params, signal, length), listener]), cancel_on_idle_timeout=False)
    runner = WorkerRunner()
    await runner.add_workers(worker)

    async def end() -> None:
        await asyncio.wait_for(listener.complete.wait(), 60)
        await worker.cancel()

    await asyncio.gather(runner.run(), end())
    return listener.frames


def denoised(signal: np.ndarray, rate: int, **settings) -> np.ndarray:
    stream = Denoiser("speech", **settings).stream(1, rate)
    clean = np.concatenate((stream.process(signal / 32768), stream.flush())) * 32768
    return np.concatenate((np.zeros(stream.latency_samples - 1), clean))[: len(signal)]


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("frame_ms", [10, 20])
def test_pipeline_hears_what_the_denoiser_gives(rate, frame_ms):
    params = TransportParams(audio_in_enabled=True, audio_in_filter=DenoiseFilter(gate_db=20))
    length = rate * frame_ms // 1000
    signal = NOISE[: length * 20]
    frames = asyncio.run(hear(params, rate, signal, length))
    assert {len(frame) for frame in frames} == {2 * length}
    found = np.frombuffer(b"".join(frames), np.int16)
    assert np.abs(found - denoised(signal, rate, gate_db=20)).max() <= 1


def test_several_callers_at_once_as_the_guide_shows_it():
    (example,) = [
        block for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "pipecat" in block
    ]

    def params() -> TransportParams:
        names: dict = {}
        exec(example, names)  # noqa: S102
        return names["params"]

    async def calls() -> list[list[bytes]]:
        signals = (NOISE[start : start + 6400] for start in range(0, 9600, 3200))
        return await asyncio.gather(*(hear(params(), 16_000, signal, 320) for signal in signals))

    for index, frames in enumerate(asyncio.run(calls())):
        found = np.frombuffer(b"".join(frames), np.int16)
        wanted = denoised(NOISE[3200 * index : 3200 * index + 6400], 16_000, max_attenuation_db=24)
        assert np.abs(found - wanted).max() <= 1


def test_filter_is_switched_off_and_changed_by_control_frames():
    async def call() -> None:
        denoise = DenoiseFilter()
        audio = NOISE[:320].tobytes()
        assert await denoise.filter(audio) == audio
        await denoise.start(16_000)
        assert denoise.latency_ms == pytest.approx(9.3125)
        assert not any(await denoise.filter(audio[:298]))
        await denoise.process_frame(FilterEnableFrame(enable=False))
        assert await denoise.filter(audio) == audio
        await denoise.process_frame(FilterEnableFrame(enable=True))
        await denoise.process_frame(FilterUpdateSettingsFrame(settings={"mix": 0.0}))
        heard = await denoise.filter(audio) + await denoise.filter(audio)
        assert heard == bytes(298) + (audio + audio)[:-298]
        with pytest.raises(ValueError, match="mix=2"):
            await denoise.process_frame(FilterUpdateSettingsFrame(settings={"mix": 2.0}))
        await denoise.stop()
        assert await denoise.filter(audio) == audio

    asyncio.run(call())
