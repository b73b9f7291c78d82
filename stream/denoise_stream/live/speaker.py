"""A loudspeaker as a sink, for files and pipes that are played."""

from typing import Any

import numpy as np

from denoise_stream.files.protocols import Chunk
from denoise_stream.live.devices import Device, device_errors, portaudio


class SpeakerSink:
    """Play a file's signal on a loudspeaker; writing waits until the device has room.

    Parameters
    ----------
    device, channels, sample_rate_hz
        What plays, and what is played.
    latency
        What to ask of the device: ``"low"``, ``"high"`` or seconds. Much of it bridges a busy processor.
    """

    def __init__(self, device: Device, channels: int, sample_rate_hz: float, *, latency: str | float = "high") -> None:
        with device_errors(f"open the loudspeaker {device.name!r}"):
            self._stream: Any = portaudio().OutputStream(
                device=device.index, samplerate=sample_rate_hz, channels=channels, dtype="float32", latency=latency
            )
            self._stream.start()

    def write(self, samples: Chunk) -> None:
        """Play the next samples."""
        with device_errors("play on the loudspeaker"):
            self._stream.write(np.ascontiguousarray(samples, dtype=np.float32))

    def close(self) -> None:
        """Play what is left and release the device."""
        self._stream.stop()
        self._stream.close()
