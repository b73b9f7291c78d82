"""Play a signal before and after on a loudspeaker: a short one whole, of a long one the part that changed most."""

import contextlib
from collections.abc import Callable

import numpy as np

from denoise_stream.errors import DeviceError
from denoise_stream.files.protocols import Chunk
from denoise_stream.live.devices import device_errors, find_device, portaudio
from denoise_stream.live.speaker import SpeakerSink
from denoise_stream.runs.places import LargestChange

EXCERPT_S = 8.0
"""A longer signal is not played as a whole."""

PAUSE_S = 0.6
"""Silence after each signal; longer than ``LATENCY_S``, as not every device plays all of its buffer when it ends."""

FADE_S = 0.01
BLOCK_S = 0.1
"""Length of a block that is played; Ctrl-C waits no longer."""

LATENCY_S = 0.5
"""Buffered in the device, so that other programs cause no gaps."""

MOST_CHANNELS = 2


class Listener:
    """Keep the part of a signal that changed most, and play it before and after.

    Parameters
    ----------
    wanted
        Number or name of the loudspeaker; None means the system's.
    channels
        Channels of the signal; the first two are played.
    sample_rate_hz
        Of the signal.

    Raises
    ------
    DeviceError
        If there is no such loudspeaker, or it cannot play at that rate.
    """

    def __init__(self, wanted: str | None, channels: int, sample_rate_hz: float) -> None:
        try:
            self._device = find_device(wanted, "output")
        except DeviceError as error:
            raise DeviceError(f"--listen needs a loudspeaker: {error}") from error
        self._channels = min(channels, MOST_CHANNELS)
        self._rate = sample_rate_hz
        with device_errors(f"play at {sample_rate_hz:g} Hz on {self._device.name!r}"):
            portaudio().check_output_settings(
                device=self._device.index, channels=self._channels, samplerate=sample_rate_hz, dtype="float32"
            )
        self._largest = LargestChange(max(1, round(EXCERPT_S * sample_rate_hz)), self._channels)

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples of both signals, ``(n, channels)``."""
        self._largest.observe(noisy[:, : self._channels], denoised[:, : self._channels])

    def play(self, say: Callable[[str], None]) -> None:
        """Play both, the denoised one second; Ctrl-C ends it.

        Raises
        ------
        DeviceError
            If the loudspeaker fails.
        """
        place = self._largest.place()
        if not len(place):
            return
        start_s, end_s = place.start / self._rate, (place.start + len(place)) / self._rate
        speaker = SpeakerSink(self._device, self._channels, self._rate, latency=LATENCY_S)
        with contextlib.suppress(KeyboardInterrupt), contextlib.closing(speaker):
            for name, part in (("before", place.before), ("after", place.after)):
                say(f"playing {name}: {start_s:.1f} to {end_s:.1f} s (Ctrl-C ends it)")
                self._play(speaker, _faded(part, round(FADE_S * self._rate)))
                self._play(speaker, np.zeros((round(PAUSE_S * self._rate), self._channels)))

    def _play(self, speaker: SpeakerSink, samples: Chunk) -> None:
        block = max(1, round(BLOCK_S * self._rate))
        for start in range(0, len(samples), block):
            speaker.write(samples[start : start + block])


def _faded(samples: Chunk, count: int) -> Chunk:
    """Fade in and out over some samples, as an excerpt that begins within a sound would click."""
    count = min(count, len(samples) // 2)
    gain = np.ones((len(samples), 1))
    ramp = (np.arange(count)[:, None] + 0.5) / max(count, 1)
    gain[:count] = ramp
    gain[len(gain) - count :] = ramp[::-1]
    return np.nan_to_num(samples) * gain
