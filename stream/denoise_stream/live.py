"""Live audio: a microphone comes in as a source, a loudspeaker goes out as a sink (PortAudio).

PortAudio is loaded only when a device is asked for.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from denoise_stream.errors import DeviceError
from denoise_stream.sources import Chunk

DEFAULT_RATE_HZ = 48_000.0


def portaudio() -> ModuleType:
    """Load sounddevice and with it PortAudio.

    Raises
    ------
    DeviceError
        If the PortAudio library is missing; the sentence says what to install.
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            "the PortAudio library is missing; install it with: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora), brew install portaudio (macOS)"
        ) from error
    module: ModuleType = sounddevice
    return module


def list_devices() -> str:
    """Describe all audio devices, one per line; ``>`` marks the default input, ``<`` the default output."""
    sounddevice: Any = portaudio()
    return str(sounddevice.query_devices()) or "no audio device"


class MicrophoneSource:
    """The default microphone."""

    def __init__(self, channels: int, sample_rate_hz: float | None, block: int) -> None:
        sounddevice: Any = portaudio()
        self.name = "the microphone"
        self.channels = channels
        self.sample_rate_hz: float | None = sample_rate_hz or DEFAULT_RATE_HZ
        self.length_samples: int | None = None
        self._block = block
        with _device_errors(sounddevice, "open the microphone"):
            self._stream: Any = sounddevice.InputStream(
                samplerate=self.sample_rate_hz, channels=channels, dtype="float32", latency="low"
            )
            self._stream.start()

    def __iter__(self) -> Iterator[Chunk]:
        """Give blocks of one hop, until interrupted."""
        sounddevice: Any = portaudio()
        while True:
            with _device_errors(sounddevice, "read from the microphone"):
                block, _ = self._stream.read(self._block)
            yield block.astype(np.float64)

    def close(self) -> None:
        """Stop and release the device."""
        self._stream.close()


class SpeakerSink:
    """The default loudspeaker."""

    def __init__(self, channels: int, sample_rate_hz: float) -> None:
        sounddevice: Any = portaudio()
        with _device_errors(sounddevice, "open the loudspeaker"):
            self._stream: Any = sounddevice.OutputStream(
                samplerate=sample_rate_hz, channels=channels, dtype="float32", latency="low"
            )
            self._stream.start()

    def write(self, samples: Chunk) -> None:
        """Play the next samples; waits until the device has room for them."""
        with _device_errors(portaudio(), "play on the loudspeaker"):
            self._stream.write(np.ascontiguousarray(samples, dtype=np.float32))

    def close(self) -> None:
        """Play what is left and release the device."""
        self._stream.stop()
        self._stream.close()


class _device_errors:  # noqa: N801 - reads as a statement
    """Turn PortAudio's errors into one sentence."""

    def __init__(self, sounddevice: Any, action: str) -> None:
        self._error = sounddevice.PortAudioError
        self._action = action

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, self._error):
            raise DeviceError(f"cannot {self._action}: {error}") from error
