"""The processor in LiveKit's own audio streams, which need no room, as the guide shows it."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from denoise_stream import Denoiser
from denoise_stream.integrations.livekit import DenoiseProcessor

pytestmark = pytest.mark.filterwarnings("default")

GUIDE = Path(__file__).parents[3] / "docs" / "voice-agents.md"
NOISE = np.random.default_rng(0).normal(0, 3000, 32_000).astype(np.int16)


def frame_of(samples: np.ndarray, rate: int) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), rate, samples.shape[1], len(samples), userdata={"id": 7})


def denoised(signal: np.ndarray, rate: int, frame: int, **settings) -> np.ndarray:
    """What a stream of its own gives, after the stated latency, which holds one frame more."""
    stream = Denoiser("speech", **settings).stream(signal.shape[1], rate)
    clean = np.concatenate((stream.process(signal / 32768), stream.flush())) * 32768
    silence = np.zeros((stream.latency_samples - 1 + frame, signal.shape[1]))
    return np.concatenate((silence, clean))[: len(signal)]


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize(("frame_ms", "channels"), [(10, 1), (20, 2)])
def test_frames_are_what_the_denoiser_gives(rate, frame_ms, channels):
    processor = DenoiseProcessor(gate_db=20)
    length = rate * frame_ms // 1000
    signal = NOISE[: length * 16 * channels].reshape(-1, channels)
    frames = [
        processor._process(frame_of(signal[start : start + length], rate)) for start in range(0, len(signal), length)
    ]
    facts = {(frame.sample_rate, frame.num_channels, frame.samples_per_channel) for frame in frames}
    assert facts == {(rate, channels, length)}
    assert frames[0].userdata == {"id": 7}
    found = np.concatenate([np.frombuffer(frame.data, np.int16).reshape(-1, channels) for frame in frames])
    assert np.abs(found - denoised(signal, rate, length, gate_db=20)).max() <= 1
    wanted_ms = 1000 * (Denoiser("speech").stream(1, rate).latency_samples - 1) / rate + frame_ms
    assert processor.latency_ms == pytest.approx(wanted_ms)
    processor._close()
    assert processor.latency_ms is None


def test_streams_of_several_tracks_are_denoised_as_the_guide_shows_it():
    (example,) = [
        block for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL) if "livekit" in block
    ]

    async def hear(loudness: int) -> tuple[np.ndarray, ...]:
        names: dict = {}
        exec(example, names)  # noqa: S102
        processor = names["options"].audio_input.noise_cancellation
        source = rtc.AudioSource(16_000, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        heard: list[np.ndarray] = []
        process = processor._process

        def note(frame: rtc.AudioFrame) -> rtc.AudioFrame:
            heard.append(np.frombuffer(frame.data, np.int16).copy())
            return process(frame)

        processor._process = note
        stream = rtc.AudioStream(track, sample_rate=16_000, frame_size_ms=20, noise_cancellation=processor)

        async def speak() -> None:
            for start in range(0, 16_000, 160):
                await source.capture_frame(frame_of(NOISE[start : start + 160, None] // loudness, 16_000))

        speaker = asyncio.create_task(speak())
        clean: list[np.ndarray] = []
        async for event in stream:
            clean.append(np.frombuffer(event.frame.data, np.int16))
            if len(clean) == 30:
                break
        speaker.cancel()
        await stream.aclose()
        assert processor.latency_ms is None  # closed with its stream
        return np.concatenate(heard[:30])[:, None], np.concatenate(clean)[:, None]

    async def calls() -> list[tuple[np.ndarray, ...]]:
        return await asyncio.gather(hear(1), hear(2))

    for heard, clean in asyncio.run(calls()):
        assert np.any(heard)
        assert np.abs(clean - denoised(heard, 16_000, 320, max_attenuation_db=24)).max() <= 1


def test_processor_begins_anew_when_it_is_enabled_again_or_the_caller_is_another():
    processor = DenoiseProcessor(mix=0.0)
    frame = frame_of(NOISE[:320, None], 16_000)

    def silent_samples() -> int:
        heard = np.concatenate([np.frombuffer(processor._process(frame).data, np.int16) for _ in range(3)])
        return int(np.flatnonzero(heard)[0])

    assert silent_samples() == 149 + 320
    processor.enabled = False
    processor.enabled = True
    assert silent_samples() == 149 + 320
    for sid, begins in (("a", True), ("a", False), ("b", True)):
        processor._on_stream_info_updated(room_name="room", participant_identity="caller", publication_sid=sid)
        assert (processor.latency_ms is None) == begins
        processor._process(frame)
