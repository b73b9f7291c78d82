"""A live session with devices driven by the test: its counts, display and promises."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from denoise_stream import Denoiser
from denoise_stream.live import devices, run, session
from denoise_stream.live.devices import Device
from denoise_stream.live.events import Losses
from denoise_stream.live.report import live_facts
from denoise_stream.live.run import LiveRun, LiveSettings
from denoise_stream.live.session import LiveSession

RATE_HZ = 48_000
BLOCK = 240
DEVICE = Device(0, "fake", "test", 2, 2, RATE_HZ, True, True)
FLAGS = ("input_overflow", "input_underflow", "output_overflow", "output_underflow")


class FakeStream:
    """A device without a sound card."""

    latency = 0.01

    def __init__(self, *, callback, **settings) -> None:
        self._callback = callback

    def start(self) -> None: ...

    def close(self, ignore_errors: bool = False) -> None: ...

    def call(self, block: np.ndarray, moment: object, *flags: str) -> None:
        status = SimpleNamespace(**{flag: flag in flags for flag in FLAGS}) if flags else None
        self._callback(block, len(block), moment, status)


def use_fake_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(InputStream=FakeStream, OutputStream=FakeStream, PortAudioError=OSError)
    for module in (devices, session):
        monkeypatch.setattr(module, "portaudio", lambda: fake)


class Bench:
    """A session with callbacks and a clock driven by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model, *, play: bool = True) -> None:
        use_fake_devices(monkeypatch)
        monkeypatch.setattr(session.time, "monotonic", lambda: self.now_s)
        self.now_s = 100.0
        self.session = LiveSession(
            Denoiser(model), DEVICE, DEVICE if play else None, None, sample_rate_hz=RATE_HZ, channels=1
        )
        self.session.start()

    def hear(self, block: np.ndarray, *flags: str) -> None:
        self.session._input.call(block[:, None], SimpleNamespace(inputBufferAdcTime=self.now_s - 0.005), *flags)

    def play(self, *flags: str) -> None:
        out = np.zeros((BLOCK, 1))
        self.session._output.call(out, SimpleNamespace(outputBufferDacTime=self.now_s + 0.01), *flags)

    def run(self, signal: np.ndarray) -> None:
        for start in range(0, len(signal) - BLOCK + 1, BLOCK):
            self.hear(signal[start : start + BLOCK])
            if self.session._output is not None:
                self.play()
            self.now_s += BLOCK / RATE_HZ


def test_late_block_is_counted_but_lost_nothing(monkeypatch, models):
    bench = Bench(monkeypatch, models["smoother"])
    ticks = iter(range(100_000))
    monkeypatch.setattr(session.time, "perf_counter", lambda: float(next(ticks)))  # a second a look at the clock
    bench.run(np.random.default_rng(0).normal(size=RATE_HZ))
    assert bench.session.state.counts["late block"] > 100
    assert bench.session.losses == Losses()


def test_time_that_a_device_ran_alone_is_lost_but_for_its_buffer(monkeypatch, models):
    bench = Bench(monkeypatch, models["smoother"])
    bench.run(np.zeros(RATE_HZ))
    bench.now_s += 0.3
    bench.hear(np.zeros(BLOCK), "input_overflow")
    bench.play("output_underflow")
    losses = bench.session.losses
    assert losses.input_ms == pytest.approx(300 + 5 - 10)
    assert losses.output_ms == pytest.approx(300 + 5 - 10)


def test_latency_is_what_the_clocks_of_the_devices_say(monkeypatch, models):
    bench = Bench(monkeypatch, models["smoother"])
    bench.run(np.zeros(2 * RATE_HZ))
    waiting = bench.session._playback.waiting_samples / RATE_HZ
    algorithmic = bench.session.stream.latency_samples / RATE_HZ
    # A block's first sample was heard 5 ms ago, so the block itself is part of what waits.
    assert bench.session.latency_s == pytest.approx(algorithmic + waiting + 0.005 + 0.01 - BLOCK / RATE_HZ, abs=1e-3)


def test_removed_compares_the_same_samples(monkeypatch, models):
    bench = Bench(monkeypatch, models["identity_16k"], play=False)
    rng = np.random.default_rng(1)
    loud = np.repeat(rng.random(200) < 0.5, RATE_HZ // 100)  # 10 ms pieces, so blocks apart do not compare
    bench.run(rng.normal(size=loud.size) * np.where(loud, 0.3, 0.003))
    assert bench.session.state.removed_db < 0.01


def test_voice_is_detected_by_models_of_sound_only(monkeypatch, models):
    quiet, tone = np.random.default_rng(2).normal(0, 1e-4, RATE_HZ), np.sin(np.arange(RATE_HZ) / 20)
    bench = Bench(monkeypatch, models["identity_16k"], play=False)
    bench.run(tone)
    bench.session.state.wet_power = bench.session.state.dry_power / 100
    assert bench.session.hears_speech is False  # what a model removes nearly all of is noise
    bench.run(tone)
    assert bench.session.hears_speech is True
    bench.run(quiet)
    assert bench.session.hears_speech is False
    assert Bench(monkeypatch, models["identity"], play=False).session.hears_speech is None


def test_device_that_cannot_be_closed_costs_neither_the_tail_nor_the_end_of_the_program(monkeypatch, models):
    released, at_exit = threading.Event(), []
    monkeypatch.setattr(FakeStream, "close", lambda self, ignore_errors=False: released.wait())
    monkeypatch.setattr(session, "CLOSE_S", 0.05)
    monkeypatch.setattr(session, "abandon", lambda: at_exit.append("left as it is"))
    bench = Bench(monkeypatch, models["smoother"], play=False)
    kept = []
    bench.session._recorder = SimpleNamespace(put=kept.append)
    bench.run(np.zeros(RATE_HZ))
    bench.session.stop()
    assert not released.is_set()
    assert sum(map(len, kept)) == RATE_HZ
    assert bench.session.hangs
    assert not bench.session.is_open
    assert at_exit == ["left as it is"]
    released.set()


def test_devices_that_close_leave_the_end_of_the_program_alone(monkeypatch, models):
    monkeypatch.setattr(session, "abandon", lambda: pytest.fail("abandoned"))
    bench = Bench(monkeypatch, models["smoother"])
    bench.session.stop()
    assert not bench.session.hangs


def test_report_adds_up_what_was_counted_before_and_after_a_device_came_back(monkeypatch, models):
    use_fake_devices(monkeypatch)
    now_s = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(run.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(run.time, "sleep", sleep)
    monkeypatch.setattr(run, "find_device", lambda name, direction: DEVICE)
    monkeypatch.setattr(run, "rescan", lambda: None)
    live = LiveRun(
        Denoiser(models["smoother"]), LiveSettings("fake", play=False, sample_rate_hz=RATE_HZ, duration_s=0.1)
    )
    live.start(None)
    said: list[str] = []
    for blocks, away_s in ((4, 3.0), (10, 0.0)):
        sleep(0.06)  # 10 ms of it are in the device's buffer
        for block in range(blocks):
            flags = ("input_overflow",) if block == 0 else ()
            live.session._input.call(np.zeros((BLOCK, 1)), SimpleNamespace(inputBufferAdcTime=0.0), *flags)
        sleep(away_s)
        assert live.tick(said.append)
    assert said[0] == "the audio device 'fake' is gone; waiting up to 60 s for it"
    assert said[1] == "the audio device 'fake' is back"
    for _ in range(6):
        live.session._input.call(np.zeros((BLOCK, 1)), SimpleNamespace(inputBufferAdcTime=0.0))
    assert not live.tick(said.append)
    before = live.tally
    for _ in range(2):
        live.end_session()
        assert live.tally == before
    facts = live_facts(live)
    assert facts["samples_in"] == 20 * BLOCK
    assert facts["duration_s"] == 0.1
    assert facts["reconnects"] == 1
    assert facts["away_s"] == pytest.approx(4.0)  # a second of waiting until devices are looked for
    assert facts["events"]["input overflow"] == 2
    assert facts["losses"]["input_ms"] == pytest.approx(100)
