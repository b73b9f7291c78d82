"""Run a microphone from start to summary, with reconnection."""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.rates.high_band import follows_above_hz
from denoise_stream.errors import DenoiseError, DeviceError
from denoise_stream.live.advice import dropout_advice
from denoise_stream.live.devices import Device, device_errors, find_device, portaudio, rescan
from denoise_stream.live.events import Losses
from denoise_stream.live.recorder import Recorder
from denoise_stream.live.session import NOISE_REMOVED_DB, LiveSession
from denoise_stream.runs.report.facts import engine_facts

PREFERRED_RATE_HZ = 48_000.0
SPEAKER_LATENCY_S = 0.02
QUEUED_S = 10.0
"""Recorded signal that may wait for a slow disk before it is dropped."""

RECONNECT_LIMIT_S = 60.0
"""How long to wait for a vanished device."""

PLAIN_LINE_S = 10.0
WARNING_S = 1.0
ADVICE_S = 60.0
TICK_S = 0.1
FADE_S = 0.02


@dataclass(frozen=True)
class LiveSettings:
    """What a live run was asked for; None leaves the choice to the program or the devices."""

    device: str | None = None
    output_device: str | None = None
    play: bool = True
    sample_rate_hz: float | None = None
    channels: int = 1
    latency: str | float | None = None
    duration_s: float | None = None
    reconnect: bool | None = None


class Fact(NamedTuple):
    """A name, its value, and a short value for narrow terminals."""

    name: str
    value: str
    narrow: str = ""

    @property
    def short(self) -> str:
        """The value for a narrow terminal."""
        return self.narrow or self.value


class LiveRun:
    """Keep a live session going: through devices that vanish, until it is ended.

    Attributes
    ----------
    session : LiveSession
        The running session; another one after a device has come back.
    counts : Counter
        Events of the sessions that have ended, by kind.
    ended_losses : Losses
        What was lost in them.
    away_s : float
        How long devices were gone, in s.
    """

    def __init__(self, denoiser: Denoiser, settings: LiveSettings) -> None:
        """Find the devices.

        Raises
        ------
        DeviceError
            If there is no such device.
        """
        self.denoiser = denoiser
        self.settings = settings
        self.microphone = find_device(settings.device, "input")
        self.loudspeaker = find_device(settings.output_device, "output") if settings.play else None
        self.sample_rate_hz = settings.sample_rate_hz or _usual_rate(self.microphone, settings.channels)
        self.latency = settings.latency if settings.latency is not None else default_latency(play=settings.play)
        self.counts: Counter[str] = Counter()
        self.ended_losses = Losses()
        self.away_s = 0.0
        self.samples = 0
        self.compute_time_s = 0.0
        self.reconnects = 0
        self.mix = denoiser.mix
        self.has_started = False
        self._recorder: Recorder | None = None
        self._warned_at = -math.inf
        self._warned = Losses()
        self._advised_at = -math.inf

    def start(self, recorder: Recorder | None) -> None:
        """Open and start the devices."""
        self._recorder = recorder
        self.session = self._open()
        self.has_started = True
        self.started_at = time.monotonic()

    def _open(self) -> LiveSession:
        session = LiveSession(
            self.denoiser,
            self.microphone,
            self.loudspeaker,
            self._recorder,
            sample_rate_hz=self.sample_rate_hz,
            channels=self.settings.channels,
            latency=self.latency,
        )
        session.start()
        return session

    @property
    def hears_speech(self) -> bool | None:
        """As the session's; None too where the mix or a limit hides how much the model removes."""
        limit_db = self.denoiser.max_attenuation_db
        hidden = self.mix < 1 or (limit_db is not None and limit_db < 2 * NOISE_REMOVED_DB)
        return None if hidden else self.session.hears_speech

    def facts(self) -> list[Fact]:
        """Return what the screen says about the run."""
        stream, contract, rate = self.session.stream, self.denoiser.contract, self.sample_rate_hz
        channels = "1 channel" if stream.channels == 1 else f"{stream.channels} channels"
        above_hz = follows_above_hz(rate, contract.sample_rate_hz)
        above = f"; the band above {above_hz:g} Hz follows its gain" if above_hz else ""
        model = f"{contract.name}, window {contract.window}, hop {self.denoiser.hop}"
        facts = [
            Fact("microphone", f"{self.microphone}, {rate:g} Hz, {channels}", self.microphone.name),
            Fact("loudspeaker", "none")
            if self.loudspeaker is None
            else Fact("loudspeaker", str(self.loudspeaker), self.loudspeaker.name),
            Fact("model", model + above, contract.name),
        ]
        if self.denoiser.max_attenuation_db is not None:
            limit = f"at most {self.denoiser.max_attenuation_db:g} dB"
            facts.append(Fact("limit", f"{limit} taken away", limit))
        if self.denoiser.gate_db is not None:
            facts.append(Fact("gate", f"{self.denoiser.gate_db:g} dB between words"))
        return [*facts, self._latency(), Fact("budget", f"{self.budget_ms:.2f} ms to compute each hop")]

    def _latency(self) -> Fact:
        """Describe the latency now, and its parts."""
        total_ms = 1000 * self.session.latency_s
        model_ms = 1000 * self.session.stream.latency_samples / self.sample_rate_hz
        buffer_ms = 1000 * self.session.buffer_latency_s
        device_ms = max(0.0, total_ms - model_ms - buffer_ms)
        buffer = f" + {buffer_ms:.1f} ms buffer" if self.loudspeaker is not None else ""
        parts = f"{model_ms:.1f} ms model + {device_ms:.1f} ms devices{buffer}"
        return Fact("latency", f"{parts} = {total_ms:.1f} ms", f"{total_ms:.1f} ms")

    @property
    def budget_ms(self) -> float:
        """Time between two hops, in ms: compute must stay below it."""
        model_hz = self.denoiser.contract.sample_rate_hz or self.sample_rate_hz
        return 1000 * self.denoiser.hop / model_hz

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started_at

    def all_counts(self) -> Counter[str]:
        """Return all events so far, by kind."""
        counts = self.counts + self.session.state.counts  # the sum leaves out what has not happened
        if self._recorder is not None and self._recorder.dropped_samples:
            counts["dropped sample"] = self._recorder.dropped_samples
        return counts

    @property
    def losses(self) -> Losses:
        """What was lost or could be heard so far."""
        dropped = 0 if self._recorder is None else self._recorder.dropped_samples
        of_now = self.session.losses if self.session.is_open else Losses()  # a closed session's are added already
        return self.ended_losses + of_now + Losses(recording_ms=1000 * dropped / self.sample_rate_hz)

    def fade_to(self, mix: float) -> None:
        """Change the share of the denoised signal without a click."""
        self.mix = min(1.0, max(0.0, mix))
        self.session.stream.fade_to(self.mix, int(FADE_S * self.sample_rate_hz))

    def tick(self, say: Callable[[str], None]) -> bool:
        """Check the session, reconnect and warn; return whether to continue.

        Raises
        ------
        DenoiseError
            If the recording failed, or a device is gone and does not come back. What was recorded is kept.
        """
        if self._recorder is not None and self._recorder.error is not None:
            raise self._recorder.error
        duration_s = self.settings.duration_s
        if duration_s is not None and self.samples + self.session.state.samples >= duration_s * self.sample_rate_hz:
            return False
        if not self.session.is_alive:
            self._reconnect(say)
        self._warn(say)
        return True

    def _warn(self, say: Callable[[str], None]) -> None:
        """Report new losses, at most one line a second, and now and then what helps."""
        new = self.losses - self._warned
        if not new.can_be_heard or time.monotonic() - self._warned_at < WARNING_S:
            return
        line = str(new)
        self._warned, self._warned_at = self._warned + new, time.monotonic()
        if time.monotonic() - self._advised_at >= ADVICE_S:
            self._advised_at = time.monotonic()
            load = self.session.compute_ms()[0] / self.budget_ms
            line += "; " + dropout_advice(self.denoiser.contract, self.denoiser.hop, load, self.latency)
        say(line)

    def _reconnect(self, say: Callable[[str], None]) -> None:
        named = self.settings.device is not None or self.settings.output_device is not None
        wanted = named if self.settings.reconnect is None else self.settings.reconnect
        failure, gone_at = self.session.failure, self.session.state.last_block_at
        self.end_session()
        if failure is not None and not isinstance(failure, DeviceError):
            raise DenoiseError(f"denoising failed: {failure}{self._kept}") from failure
        if not wanted or self.session.hangs:
            raise DeviceError(f"the audio device {self.microphone.name!r} is gone{self._kept}")
        say(f"the audio device {self.microphone.name!r} is gone; waiting up to {RECONNECT_LIMIT_S:g} s for it")
        try:
            self._wait_for_devices()
        finally:
            self.away_s += time.monotonic() - gone_at
        say(f"the audio device {self.microphone.name!r} is back")

    @property
    def _kept(self) -> str:
        """What to say about the recording when the run fails; nothing if there is none."""
        return "; everything up to here is kept" if self._recorder is not None else ""

    def _wait_for_devices(self) -> None:
        limit = time.monotonic() + RECONNECT_LIMIT_S
        while time.monotonic() < limit:
            time.sleep(1.0)
            with contextlib.suppress(DeviceError):
                rescan()
                # By name: numbers change when devices come and go.
                self.microphone = find_device(self.microphone.name, "input")
                if self.loudspeaker is not None:
                    self.loudspeaker = find_device(self.loudspeaker.name, "output")
                self.session = self._open()
                self.session.stream.fade_to(self.mix, 0)
                self.reconnects += 1
                return
        raise DeviceError(
            f"the audio device {self.microphone.name!r} did not come back within {RECONNECT_LIMIT_S:g} s{self._kept}"
        )

    def end_session(self) -> None:
        """Stop the devices and add up what the session counted; safe to call twice."""
        if not self.has_started:
            return
        session = self.session
        if session.is_open:
            session.stop()
            self.ended_losses += session.losses
            self.counts += session.state.counts
            session.state.counts = Counter()
            self.samples += session.state.samples
            session.state.samples = 0
            self.compute_time_s += session.state.compute_time_s

    def summary(self) -> dict[str, Any]:
        """Return what happened, for ``--report``."""
        median_ms, high_ms = self.session.compute_ms()
        signal_s = self.samples / self.sample_rate_hz
        facts = engine_facts(
            self.denoiser,
            self.sample_rate_hz,
            self.session.stream.latency_samples,
            self.session.stream.lookahead_samples,
        )
        return facts | {
            "mix": self.mix,  # as it is at the end
            "microphone": self.microphone.name,
            "loudspeaker": None if self.loudspeaker is None else self.loudspeaker.name,
            "channels": self.settings.channels,
            "device_latency_ms": 1000 * self.session.device_latency_s,
            "buffer_latency_ms": 1000 * self.session.buffer_latency_s,
            "total_latency_ms": 1000 * self.session.latency_s,
            "block_ms": 1000 * self.session.block_samples / self.sample_rate_hz,
            "samples_in": self.samples,
            "recorded_samples": 0 if self._recorder is None else self._recorder.samples,
            "duration_s": signal_s,
            "compute_time_s": self.compute_time_s,
            "rtf": self.compute_time_s / signal_s if signal_s else None,
            "compute_per_hop_ms": {"median": median_ms, "p99": high_ms, "budget": self.budget_ms},
            "reconnects": self.reconnects,
            "away_s": self.away_s,
            "losses": vars(self.losses),
            "events": dict(self.all_counts()),
        }


def plain_line(run: LiveRun) -> str:
    """Describe the state of a run in one line."""
    median_ms, high_ms = run.session.compute_ms()
    state = run.session.state
    latency = f"latency {1000 * run.session.latency_s:.0f} ms, " if run.loudspeaker is not None else ""
    return (
        f"{run.elapsed_s:.0f} s: in {decibels(state.input_rms):.0f} dBFS, out {decibels(state.output_rms):.0f} dBFS, "
        f"{latency}{median_ms:.2f} ms per hop (p99 {high_ms:.2f}) of {run.budget_ms:.2f} ms, {run.losses}"
    )


def default_latency(*, play: bool) -> str | float:
    """Return the latency to ask of devices: for a loudspeaker one at which dropouts are rare."""
    return SPEAKER_LATENCY_S if play else "low"


def decibels(rms: float) -> float:
    """Convert a root mean square to dBFS, -120 at the least."""
    return max(-120.0, 20 * math.log10(max(rms, 1e-12)))


def _usual_rate(microphone: Device, channels: int) -> float:
    """Take 48 kHz where the device has it, else its default."""
    sounddevice = portaudio()
    try:
        with device_errors("use 48 kHz"):
            sounddevice.check_input_settings(
                device=microphone.index, channels=channels, samplerate=PREFERRED_RATE_HZ, dtype="float32"
            )
    except DenoiseError:
        return microphone.sample_rate_hz
    return PREFERRED_RATE_HZ
