"""Keep a live session going from start to end, with reconnection."""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.errors import DenoiseError, DeviceError
from denoise_stream.live.advice import dropout_advice
from denoise_stream.live.devices import Device, device_errors, find_device, portaudio, rescan
from denoise_stream.live.events import Losses, Tally
from denoise_stream.live.recorder import Recorder
from denoise_stream.live.session import NOISE_REMOVED_DB, LiveSession

PREFERRED_RATE_HZ = 48_000.0
SPEAKER_LATENCY_S = 0.02

RECONNECT_LIMIT_S = 60.0
"""How long to wait for a vanished device."""

WARNING_S = 1.0
ADVICE_S = 60.0
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


class LiveRun:
    """Keep a live session going: through devices that vanish, until it is ended.

    Attributes
    ----------
    session : LiveSession
        The running session; another one after a device has come back.
    recorder : Recorder or None
        What takes the denoised samples, beside the loudspeaker.
    mix : float
        The share of the denoised signal, as it is now.
    reconnects : int
        How often devices have come back.
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
        self.recorder: Recorder | None = None
        self.mix = denoiser.mix
        self.reconnects = 0
        self.away_s = 0.0
        self.has_started = False
        self._ended = Tally()  # of the sessions before this one
        self._warned_at = -math.inf
        self._warned = Losses()
        self._advised_at = -math.inf

    def start(self, recorder: Recorder | None) -> None:
        """Open and start the devices."""
        self.recorder = recorder
        self.session = self._open()
        self.has_started = True
        self.started_at = time.monotonic()

    def _open(self) -> LiveSession:
        session = LiveSession(
            self.denoiser,
            self.microphone,
            self.loudspeaker,
            self.recorder,
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

    @property
    def budget_ms(self) -> float:
        """Time between two hops, in ms: compute must stay below it."""
        model_hz = self.denoiser.contract.sample_rate_hz or self.sample_rate_hz
        return 1000 * self.denoiser.hop / model_hz

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started_at

    @property
    def tally(self) -> Tally:
        """What all sessions and the recording have counted so far."""
        of_now = self.session.tally if self.session.is_open else Tally()  # a closed session's is added already
        dropped = 0 if self.recorder is None else self.recorder.dropped_samples
        recording = Tally(
            counts=Counter({"dropped sample": dropped}),
            losses=Losses(recording_ms=1000 * dropped / self.sample_rate_hz),
        )
        return self._ended + of_now + recording

    @property
    def losses(self) -> Losses:
        """What was lost or could be heard so far."""
        return self.tally.losses

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
        if self.recorder is not None and self.recorder.error is not None:
            raise self.recorder.error
        duration_s = self.settings.duration_s
        if duration_s is not None and self.tally.samples >= duration_s * self.sample_rate_hz:
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
        return "; everything up to here is kept" if self.recorder is not None else ""

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
        if self.has_started and self.session.is_open:
            self.session.stop()
            self._ended += self.session.tally


def default_latency(*, play: bool) -> str | float:
    """Return the latency to ask of devices: for a loudspeaker one at which dropouts are rare."""
    return SPEAKER_LATENCY_S if play else "low"


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
