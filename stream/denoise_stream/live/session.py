r"""Live audio: a microphone is denoised block by block and goes to a loudspeaker or a recorder.

    microphone callback -> DenoiseStream -> playback -> loudspeaker callback
                                         \-> recorder (file, pipe)

No callback waits, prints or touches files, and each allocates no more than its block needs.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.live.devices import Device, abandon, device_errors, portaudio
from denoise_stream.live.events import LiveState, Losses, Tally
from denoise_stream.live.playback import JUMP_S, Playback
from denoise_stream.live.recorder import Recorder

CLOSE_S = 5.0
"""A device that is not closed by then never will be: PortAudio may wait for ever for one whose sound server is gone."""

STALL_S = 2.0
"""A device that delivers no block for this long is gone."""

BLOCK_S = 0.005
"""Length of a block: shorter ones cost more per sample, and those that PortAudio would choose vary in length."""

LONGEST_LATENCY_S = 10.0
LATENCY_SHARE = 0.05
"""The shown latency moves by this share of the difference with each block, and at once where it jumps."""

POWER_S = 0.3

NOISE_REMOVED_DB = 10.0
"""If a speech model removes more than this, its input is noise: 12 dB and more of noise, about 2 dB of noisy speech."""

RECENT_BLOCKS = 4096
"""Blocks whose compute times are kept for percentiles."""


class LiveSession:
    """Denoise a microphone until stopped.

    Parameters
    ----------
    denoiser
        Model, hop and mix.
    microphone, loudspeaker
        Where samples come from and go to; no loudspeaker for recordings.
    recorder
        Takes the denoised samples too, if given.
    sample_rate_hz, channels
        Of the devices.
    latency
        ``"low"``, ``"high"`` or seconds: what is asked of the devices.

    Raises
    ------
    DeviceError
        If a device cannot be opened so.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        microphone: Device,
        loudspeaker: Device | None,
        recorder: Recorder | None,
        *,
        sample_rate_hz: float,
        channels: int,
        latency: str | float = "low",
    ) -> None:
        self.stream = denoiser.stream(channels, sample_rate_hz, watch_speech=True)
        self.stream.process(np.zeros((self.stream.latency_samples, channels)))  # a first run takes longer
        self.stream.reset()
        self.state = LiveState()
        self.sample_rate_hz = sample_rate_hz
        self._hop_s = denoiser.hop / (denoiser.contract.sample_rate_hz or sample_rate_hz)
        self.failure: Exception | None = None
        self._recorder = recorder
        self._recent = np.zeros((0, channels))  # input whose denoised samples are not out yet
        self._block_times = np.zeros(RECENT_BLOCKS)
        self._blocks = 0
        self._streams: list[Any] = []
        self.hangs = False  # whether PortAudio does not come back from closing the devices
        self._playback: Playback | None = None
        self._heard_at_s = 0.0  # on the devices' clock: when sample 0 reached the microphone, by its last block
        self._measured_latency_s = 0.0
        self.block_samples = max(1, round(BLOCK_S * sample_rate_hz))
        settings = {
            "samplerate": sample_rate_hz,
            "channels": channels,
            "dtype": "float32",
            "latency": latency,
            "blocksize": self.block_samples,
        }
        sounddevice = portaudio()
        with device_errors(f"open the microphone {microphone.name!r}"):
            self._input: Any = sounddevice.InputStream(device=microphone.index, callback=self._on_input, **settings)
            self._streams.append(self._input)
        self._output: Any = None
        if loudspeaker is not None:
            try:
                with device_errors(f"open the loudspeaker {loudspeaker.name!r}"):
                    self._output = sounddevice.OutputStream(
                        device=loudspeaker.index, callback=self._on_output, **settings
                    )
            except BaseException:
                self._input.close()
                raise
            self._streams.append(self._output)
        self._device_latencies_s = [float(stream.latency) for stream in self._streams]
        self.device_latency_s = sum(self._device_latencies_s)
        if loudspeaker is not None:
            # A device asks for half of what it holds at a time, and the two do so at different times.
            slack_s = self.device_latency_s / 2 + BLOCK_S
            slack = round(slack_s * sample_rate_hz)
            self._playback = Playback(sample_rate_hz, channels, self.stream.latency_samples, slack)

    @property
    def is_open(self) -> bool:
        """Whether the devices have not been stopped yet."""
        return bool(self._streams)

    @property
    def is_alive(self) -> bool:
        """Whether blocks still come from the microphone and go to the loudspeaker."""
        last = self.state.last_block_at
        if self._output is not None:
            last = min(last, self.state.last_played_at)
        return self.failure is None and time.monotonic() - last < STALL_S + self.device_latency_s

    @property
    def buffer_latency_s(self) -> float:
        """How long samples wait between microphone and loudspeaker, as it is now."""
        return 0.0 if self._playback is None else self._playback.waiting_samples / self.sample_rate_hz

    @property
    def latency_s(self) -> float:
        """From the microphone to the loudspeaker or the recorder, as it is now.

        By the devices' clocks where they tell when a sample was heard and will be played, else as they promised.
        """
        algorithmic_s = self.stream.latency_samples / self.sample_rate_hz
        return self._measured_latency_s or algorithmic_s + self.device_latency_s + self.buffer_latency_s

    @property
    def hears_speech(self) -> bool | None:
        """Whether there is speech now, by the model's output and by how little it removes; None if it knows none."""
        is_speech = self.stream.is_speech
        return None if is_speech is None else is_speech and self.state.removed_db < NOISE_REMOVED_DB

    @property
    def losses(self) -> Losses:
        """What was lost or could be heard so far."""
        state, playback = self.state, self._playback
        per_sample_ms = 1000 / self.sample_rate_hz
        return Losses(
            input_ms=1000 * state.input_gap_s,
            output_ms=1000 * state.output_gap_s + (playback.silent_samples * per_sample_ms if playback else 0.0),
            skipped_ms=playback.skipped_samples * per_sample_ms if playback else 0.0,
            failed_windows=state.counts["failed window"],
        )

    @property
    def tally(self) -> Tally:
        """What has been counted so far."""
        return Tally(self.state.samples, self.state.compute_time_s, self.state.counts, self.losses)

    def compute_ms(self) -> tuple[float, float]:
        """Return the median and the 99th percentile of recent compute times per hop, in ms."""
        recent = self._block_times[: min(self._blocks, RECENT_BLOCKS)]
        if len(recent) == 0:
            return 0.0, 0.0
        median, high = np.percentile(recent, (50, 99))
        return float(median), float(high)

    def start(self) -> None:
        """Start the devices."""
        self.state.last_block_at = self.state.last_played_at = time.monotonic()
        try:
            for stream in reversed(self._streams):
                with device_errors("start the audio device"):
                    stream.start()
        except BaseException:
            self._close()
            raise

    def stop(self) -> None:
        """Stop the devices and give the tail to the recorder."""
        self._close()
        if self._recorder is not None and self.failure is None:
            self._recorder.put(self.stream.flush().reshape(-1, self.stream.channels))

    def _close(self) -> None:
        streams, self._streams = self._streams, []

        def close() -> None:
            for stream in streams:
                # A device that is gone fails here; there is nothing left to save in it.
                stream.close(ignore_errors=True)

        closing = threading.Thread(target=close, name="closing devices", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        if closing.is_alive():
            self.hangs = True
            abandon()

    def _on_input(self, block: Any, frames: int, moment: Any, status: Any) -> None:
        self._guard(self._denoise, block, frames, moment, status)

    def _denoise(self, block: Any, frames: int, moment: Any, status: Any) -> None:
        started = time.perf_counter()
        state = self.state
        self._count(status)
        if status and status.input_overflow:
            state.input_gap_s += self._gap_s(state.last_block_at, self._device_latencies_s[0])
        if moment.inputBufferAdcTime:
            self._heard_at_s = moment.inputBufferAdcTime - self.stream.samples_in / self.sample_rate_hz
        denoised = self.stream.process(block)
        state.counts["failed window"] = self.stream.failed_windows
        if self._playback is not None:
            self._playback.put(denoised)
        if self._recorder is not None:
            self._recorder.put(denoised)
        state.samples += frames
        state.last_block_at = time.monotonic()
        self._measure_levels(block, denoised)
        spent = time.perf_counter() - started
        state.compute_time_s += spent
        allowed = frames / self.sample_rate_hz
        hops = allowed / self._hop_s
        self._block_times[self._blocks % RECENT_BLOCKS] = 1000 * spent / max(hops, 1e-9)
        self._blocks += 1
        if spent > allowed:
            state.counts["late block"] += 1

    def _measure_levels(self, block: Any, denoised: Any) -> None:
        state = self.state
        self._recent = np.concatenate((self._recent, block))
        dry, self._recent = self._recent[: len(denoised)], self._recent[len(denoised) :]
        state.input_rms, state.input_peak = _rms(block), max(state.input_peak, _peak(block))
        if len(denoised):
            state.output_rms, state.output_peak = _rms(denoised), max(state.output_peak, _peak(denoised))
            share = min(1.0, len(denoised) / (POWER_S * self.sample_rate_hz))
            state.dry_power += share * (_rms(dry) ** 2 - state.dry_power)
            state.wet_power += share * (state.output_rms**2 - state.wet_power)

    def _on_output(self, out: Any, frames: int, moment: Any, status: Any) -> None:
        self._guard(self._play, out, frames, moment, status)

    def _guard(self, step: Callable[[Any, int, Any, Any], None], block: Any, *details: Any) -> None:
        """Do a callback's work; keep an error for the owner to show, as a callback must not print."""
        try:
            step(block, *details)
        except Exception as error:
            self.failure = error
            raise portaudio().CallbackAbort from error

    def _play(self, out: Any, frames: int, moment: Any, status: Any) -> None:
        state, playback = self.state, self._playback
        self._count(status)
        if status and status.output_underflow:
            state.output_gap_s += self._gap_s(state.last_played_at, self._device_latencies_s[-1])
        state.last_played_at = time.monotonic()
        if playback is None:
            return
        first = playback.next_sample
        skipped = playback.skipped_samples
        playback.play(out, self.stream.samples_in)
        state.counts["starved block"] = playback.starved_blocks
        if playback.skipped_samples > skipped:
            state.counts["skip"] += 1
        if first >= 0 and self._heard_at_s and moment.outputBufferDacTime:
            self._measure_latency(moment.outputBufferDacTime - self._heard_at_s - first / self.sample_rate_hz)

    def _measure_latency(self, latency_s: float) -> None:
        """Average what the devices' clocks tell; a clock of another origin tells nothing."""
        if not 0 < latency_s < LONGEST_LATENCY_S:
            self._measured_latency_s = 0.0
        elif abs(latency_s - self._measured_latency_s) > JUMP_S:
            self._measured_latency_s = latency_s
        else:
            self._measured_latency_s += LATENCY_SHARE * (latency_s - self._measured_latency_s)

    def _gap_s(self, last_at: float, bridged_s: float) -> float:
        """Return how long a device ran without the program: since its last block, but for what its buffer bridged."""
        return max(0.0, time.monotonic() - last_at - bridged_s)

    def _count(self, status: Any) -> None:
        if status:
            for kind in ("input_overflow", "input_underflow", "output_overflow", "output_underflow"):
                if getattr(status, kind):
                    self.state.counts[kind.replace("_", " ")] += 1


def _rms(samples: Any) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _peak(samples: Any) -> float:
    return float(np.abs(samples).max(initial=0.0))
