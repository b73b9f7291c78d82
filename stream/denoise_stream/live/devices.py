"""Find audio devices by name or number (PortAudio).

PortAudio is loaded only when a device is asked for.
"""

import atexit
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from denoise_stream.errors import DeviceError

Direction = Literal["input", "output"]


@dataclass(frozen=True)
class Device:
    """One audio device.

    Attributes
    ----------
    index
        PortAudio's number; it may change when devices come and go.
    name, host_api
        The device's name and the system it belongs to (ALSA, Core Audio, WASAPI ...).
    input_channels, output_channels
        The most channels it has in each direction.
    sample_rate_hz
        Its default rate.
    default_input, default_output
        Whether the system uses it when no device is named.
    """

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    sample_rate_hz: float
    default_input: bool
    default_output: bool

    def channels(self, direction: Direction) -> int:
        """Return the most channels in a direction."""
        return self.input_channels if direction == "input" else self.output_channels

    def is_default(self, direction: Direction) -> bool:
        """Tell whether the system uses it in a direction when no device is named."""
        return self.default_input if direction == "input" else self.default_output

    def __str__(self) -> str:
        return f"{self.index} {self.name} ({self.host_api})"


def portaudio() -> Any:
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
    return sounddevice


NAMES: dict[Direction, str] = {"input": "microphone", "output": "loudspeaker"}
REMEDIES: dict[Direction, str] = {
    "input": "connect one, allow its use in the system's settings (on Linux its sound server, PipeWire or PulseAudio, "
    "must run), and look for it with --list-devices",
    "output": "connect one, see that the sound server runs, and look for it with --list-devices, or write to a file "
    "with --output",
}
"""What to do where no device is found."""


def list_devices() -> list[Device]:
    """Return all devices there are."""
    sounddevice = portaudio()
    with device_errors("look for audio devices"):
        host_apis, found = sounddevice.query_hostapis(), sounddevice.query_devices()
    default_input, default_output = sounddevice.default.device
    return [
        Device(
            index=facts["index"],
            name=facts["name"],
            host_api=host_apis[facts["hostapi"]]["name"],
            input_channels=facts["max_input_channels"],
            output_channels=facts["max_output_channels"],
            sample_rate_hz=facts["default_samplerate"],
            default_input=facts["index"] == default_input,
            default_output=facts["index"] == default_output,
        )
        for facts in found
    ]


def describe_devices(devices: Sequence[Device]) -> str:
    """Put devices into a table; ``>`` marks the default input, ``<`` the default output."""
    if not devices:
        return "no audio device"
    width = max(len(device.name) for device in devices)
    lines = [f"      {'name':<{width}}  {'host API':<12} {'in':>3} {'out':>3} {'rate in Hz':>10}"]
    for device in devices:
        marks = (">" if device.default_input else " ") + ("<" if device.default_output else " ")
        lines.append(
            f"{marks} {device.index:>3} {device.name:<{width}}  {device.host_api:<12} "
            f"{device.input_channels:>3} {device.output_channels:>3} {device.sample_rate_hz:>10g}"
        )
    return "\n".join([*lines, "> default input, < default output"])


def find_device(wanted: str | None, direction: Direction) -> Device:
    """Find a device by number, exact name or a part of its name that no other has.

    Parameters
    ----------
    wanted
        Number or name; None means the default device.
    direction
        Only devices with channels in this direction count.

    Raises
    ------
    DeviceError
        If there is none, or several match; the sentence lists the candidates.
    """
    devices = [device for device in list_devices() if device.channels(direction)]
    if not devices:
        raise DeviceError(f"no {NAMES[direction]} was found; {REMEDIES[direction]}")
    if wanted is None:
        found = [device for device in devices if device.is_default(direction)]
        return found[0] if found else devices[0]
    if re.fullmatch(r"\d+", wanted):
        found = [device for device in devices if device.index == int(wanted)]
    else:
        found = [device for device in devices if device.name == wanted] or [
            device for device in devices if wanted.lower() in device.name.lower()
        ]
    if len(found) == 1:
        return found[0]
    candidates = ", ".join(str(device) for device in found or devices)
    problem = "matches more than one" if found else "matches no"
    raise DeviceError(f"{direction} device {wanted!r} {problem} device; choose one of: {candidates}")


def rescan() -> None:
    """Let PortAudio look for devices again; no stream may be open."""
    sounddevice = portaudio()
    with device_errors("look for audio devices"):
        if sounddevice._initialized:
            sounddevice._terminate()
        sounddevice._initialize()


def abandon() -> None:
    """Leave PortAudio as it is at the program's end: it would wait for ever for a device that it cannot close."""
    sounddevice = portaudio()
    atexit.unregister(sounddevice._exit_handler)


@contextlib.contextmanager
def device_errors(action: str) -> Iterator[None]:
    """Turn PortAudio's errors into one sentence."""
    sounddevice = portaudio()
    try:
        yield
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"cannot {action}: {' '.join(str(error).split())}") from error
