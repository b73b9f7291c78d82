"""The parts of a live run, without devices: no clicks between two callbacks, and no lasting latency."""

import threading

import numpy as np

from denoise_stream import Denoiser
from denoise_stream.files.protocols import NullSink
from denoise_stream.live.events import Losses
from denoise_stream.live.playback import Playback
from denoise_stream.live.recorder import Recorder
from denoise_stream.live.ring import RingBuffer

RATE_HZ = 48_000
BLOCK = 240
SLACK = 3 * BLOCK


class Wire:
    """A microphone with a tone, and a loudspeaker that plays it block by block."""

    def __init__(self, frequency_hz: float = 331.0) -> None:
        self.playback = Playback(RATE_HZ, 1, latency_samples=0, slack_samples=SLACK)
        self._step = 2 * np.pi * frequency_hz / RATE_HZ
        self._samples_in = 0
        self._played: list[np.ndarray] = []

    def hear(self, blocks: int) -> None:
        for _ in range(blocks):
            at = self._samples_in + np.arange(BLOCK)
            self.playback.put(np.sin(self._step * at)[:, None])
            self._samples_in += BLOCK

    def play(self, blocks: int) -> None:
        for _ in range(blocks):
            out = np.full((BLOCK, 1), np.nan)
            self.playback.play(out, self._samples_in)
            self._played.append(out[:, 0])

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * RATE_HZ / BLOCK)):
            self.hear(1)
            self.play(1)

    @property
    def latency_samples(self) -> int:
        return self._samples_in - self.playback.next_sample

    @property
    def played(self) -> np.ndarray:
        return np.concatenate(self._played)


def test_latency_returns_after_a_dropout_without_a_click():
    wire = Wire()
    wire.run(5)
    usual = wire.latency_samples
    steps = np.abs(np.diff(wire.played)).max()
    assert wire.playback.silent_samples == 0
    wire.play(20)  # 100 ms in which the microphone's blocks do not come ...
    assert wire.playback.starved_blocks > 0
    wire.hear(20)  # ... and then come at once
    wire.run(0.5)
    grown = wire.latency_samples
    assert grown > usual + 3000
    wire.run(12)
    assert abs(wire.latency_samples - usual) <= 2 * BLOCK
    assert wire.playback.skipped_samples == grown - wire.latency_samples
    assert np.abs(np.diff(wire.played)).max() < 1.3 * steps


def test_shown_wait_follows_the_latency():
    wire = Wire()
    wire.run(3)
    assert abs(wire.playback.waiting_samples - SLACK) <= BLOCK
    wire.play(20)
    wire.hear(20)
    wire.run(1.5)
    assert abs(wire.playback.waiting_samples - wire.latency_samples) < 2 * BLOCK
    wire.run(12)
    assert abs(wire.playback.waiting_samples - wire.latency_samples) < 2 * BLOCK


def test_steady_signal_is_played_as_it_is():
    wire = Wire()
    wire.run(6)
    begin = int(np.flatnonzero(wire.played)[0]) + BLOCK  # behind the fade
    at = begin + np.arange(len(wire.played) - begin)
    lag = wire.latency_samples
    np.testing.assert_allclose(wire.played[begin:], np.sin(wire._step * (at - lag)), atol=1e-6)
    assert wire.playback.skipped_samples == 0


def test_blocks_in_bursts_are_no_surplus():
    wire = Wire()
    for _ in range(1000):
        wire.hear(2)
        wire.play(2)
    assert wire.playback.skipped_samples == 0
    assert wire.playback.silent_samples == 0


def test_only_what_can_be_heard_is_a_dropout():
    assert not Losses(skipped_ms=12.0).can_be_heard
    assert Losses(output_ms=0.2).can_be_heard
    assert str(Losses(output_ms=0.2)) == "1 ms of output silent"


def test_ring_buffer_gives_samples_in_order_and_counts_what_is_missing():
    ring = RingBuffer(10, 1)
    taken: list[float] = []
    position = 0
    rng = np.random.default_rng(0)
    for _ in range(500):
        count = int(rng.integers(0, min(4, 10 - len(ring)) + 1))
        ring.put(np.arange(position, position + count, dtype=float)[:, None])
        position += count
        out = np.full((int(rng.integers(0, 4)), 1), -1.0)
        missing = ring.take(out)
        taken += out[: len(out) - missing, 0].tolist()
        assert (out[len(out) - missing :] == 0).all()
    assert taken == list(range(len(taken)))
    ring.put(np.arange(25.0)[:, None])
    out = np.empty((10, 1))
    assert ring.take(out) == 0
    assert out[:, 0].tolist() == list(range(15, 25))


def test_slow_sink_costs_counted_drops_and_never_a_wait():
    class SlowSink(NullSink):
        def __init__(self) -> None:
            self.written = 0
            self.ready = threading.Event()

        def write(self, samples: np.ndarray) -> None:
            self.ready.wait(timeout=20)
            self.written += len(samples)

    sink = SlowSink()
    recorder = Recorder(sink, most_blocks=5)
    for _ in range(100):
        recorder.put(np.zeros((10, 1)))
    assert sink.written == 0  # or the caller would have waited until the sink took something
    sink.ready.set()
    recorder.finish()
    assert recorder.dropped_samples > 0
    assert sink.written == recorder.samples == 1000 - recorder.dropped_samples


def test_fade_is_straight_and_independent_of_chunks(models):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=2000)
    wet = Denoiser(models["smoother"]).denoise(signal)
    for sizes in ((2000,), (7, 1, 300)):
        stream = Denoiser(models["smoother"]).stream()
        stream.fade_to(0.0, 500)
        parts, position, turn = [], 0, 0
        while position < len(signal):
            size = sizes[turn % len(sizes)]
            parts.append(stream.process(signal[position : position + size]))
            position, turn = position + size, turn + 1
        result = np.concatenate([*parts, stream.flush()])
        share = np.maximum(0, 1 - np.arange(1, 2001) / 500)
        np.testing.assert_allclose(result, signal + share * (wet - signal), atol=1e-9)
