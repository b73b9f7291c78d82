r"""Live audio: a microphone is denoised block by block and goes to a loudspeaker or a recorder.

    microphone callback -> DenoiseStream -> ring buffer -> loudspeaker callback
                                         \-> recorder (file, pipe)

Nothing in a callback waits, prints or touches files, and each allocates no more than its block needs.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.live.devices import Device, device_errors, portaudio
from denoise_stream.live.events import LiveState
from denoise_stream.live.recorder import Recorder
from denoise_stream.live.ring import RingBuffer

STALL_S = 2.0
"""A device that gives no block for so long is gone."""

BLOCK_S = 0.005
"""Length of a block: shorter ones cost more per sample, and those that PortAudio would choose vary in length."""

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
        self.stream = denoiser.stream(channels, sample_rate_hz)
        self.state = LiveState()
        self.sample_rate_hz = sample_rate_hz
        self._hop_s = denoiser.hop / (denoiser.contract.sample_rate_hz or sample_rate_hz)
        self.failure: Exception | None = None
        self._recorder = recorder
        self._block_times = np.zeros(RECENT_BLOCKS)
        self._blocks = 0
        self._streams: list[Any] = []
        self._ring: RingBuffer | None = None
        self._playing = False
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
            self._ring = RingBuffer(int(sample_rate_hz) + self.stream.latency_samples, channels)
            self._ring.put(np.zeros((self.stream.latency_samples, channels)))
        self.device_latency_s = float(sum(stream.latency for stream in self._streams))

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
        for stream in self._streams:
            # A device that is gone fails here; there is nothing left to save in it.
            stream.close(ignore_errors=True)
        self._streams = []

    def _on_input(self, block: Any, frames: int, moment: Any, status: Any) -> None:
        self._guard(self._denoise, block, frames, status)

    def _denoise(self, block: Any, frames: int, status: Any) -> None:
        started = time.perf_counter()
        state = self.state
        self._count(status)
        denoised = self.stream.process(block)
        state.counts["failed window"] = self.stream.failed_windows
        if self._ring is not None:
            self._ring.put(denoised)
        if self._recorder is not None:
            self._recorder.put(denoised)
        state.samples += frames
        state.last_block_at = time.monotonic()
        state.input_rms = float(np.sqrt(np.mean(np.square(block, dtype=np.float64)))) if frames else 0.0
        if len(denoised):
            state.output_rms = float(np.sqrt(np.mean(np.square(denoised, dtype=np.float64))))
        spent = time.perf_counter() - started
        state.compute_time_s += spent
        allowed = frames / self.sample_rate_hz
        hops = allowed / self._hop_s
        self._block_times[self._blocks % RECENT_BLOCKS] = 1000 * spent / max(hops, 1e-9)
        self._blocks += 1
        if spent > allowed:
            state.counts["late block"] += 1
            state.last_late_ms = (1000 * spent, 1000 * allowed)

    def _on_output(self, out: Any, frames: int, moment: Any, status: Any) -> None:
        self._guard(self._play, out, frames, status)

    def _guard(self, step: Callable[[Any, int, Any], None], block: Any, frames: int, status: Any) -> None:
        """Do a callback's work; keep what goes wrong for the owner to show, as a callback must not print."""
        try:
            step(block, frames, status)
        except Exception as error:
            self.failure = error
            raise portaudio().CallbackAbort from error

    def _play(self, out: Any, frames: int, status: Any) -> None:
        self._count(status)
        self.state.last_played_at = time.monotonic()
        ring = self._ring
        if ring is None:
            return
        if not self._playing:
            # The two devices do not tick at the same moment: the loudspeaker starts one block after the microphone.
            self._playing = self.state.samples > 0
            out[:] = 0
            if self._playing:
                # Blocks that came in a burst at the start would stay between the two as latency.
                inside = self.stream.samples_in - self.stream.samples_out
                ring.skip(len(ring) + inside - self.stream.latency_samples - frames)
            return
        missing = ring.take(out)
        if missing:
            self.state.counts["starved block"] += 1
        target = self.stream.latency_samples + 3 * frames
        if len(ring) > target + int(0.05 * self.sample_rate_hz):
            ring.skip(len(ring) - target)
            self.state.counts["skip"] += 1

    def _count(self, status: Any) -> None:
        if status:
            for kind in ("input_overflow", "input_underflow", "output_overflow", "output_underflow"):
                if getattr(status, kind):
                    self.state.counts[kind.replace("_", " ")] += 1
