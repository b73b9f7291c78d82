"""A microphone for other programs to record from, into which this one plays.

It is made by the sound server: PulseAudio, or PipeWire with its PulseAudio service.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from denoise_stream.errors import DeviceError
from denoise_stream.live.devices import list_devices
from denoise_stream.live.run import LiveSettings

_DEVICE = "pulse"
_PREFIX = "denoise_stream_"
"""Names of our devices begin so, and go on with the number of the process."""


class VirtualMicrophone:
    """A virtual microphone for as long as the context lasts; then the sound server is as it was.

    Inside, whatever this process plays on the sound server's device goes into it, and what it records there still comes
    from the microphone that was the default before. What a killed process left behind is removed at the start.

    Parameters
    ----------
    name
        What other programs show.

    Raises
    ------
    ValueError
        If the name holds quotation marks, backslashes or control characters.
    DeviceError
        On entry, if there is no sound server that can make one.
    """

    def __init__(self, name: str) -> None:
        if not name.strip() or not name.isprintable() or re.search(r"['\"\\]", name):
            raise ValueError(f"--virtual-mic {name!r} cannot be a name; use letters, digits and blanks")
        self.name = name
        self._modules: list[str] = []
        self._environment: dict[str, str | None] = {}

    def __enter__(self) -> "VirtualMicrophone":
        _remove_left_behind()
        sink = f"{_PREFIX}{os.getpid()}"
        microphone = _pactl("get-default-source")
        described = f'device.description="{self.name}"'
        try:
            self._load("module-null-sink", f"sink_name={sink}", f"sink_properties='{described}'")
            self._load(
                *("module-remap-source", f"master={sink}.monitor", f"source_name={sink}_mic"),
                f"source_properties='{described}'",
            )
            if _pactl("get-default-source") != microphone:  # a server may prefer what is new
                _pactl("set-default-source", microphone)
        except BaseException:
            self._unload()
            raise
        for variable, value in (("PULSE_SINK", sink), ("PULSE_SOURCE", os.environ.get("PULSE_SOURCE", microphone))):
            self._environment[variable] = os.environ.get(variable)
            os.environ[variable] = value
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for variable, value in self._environment.items():
            os.environ.pop(variable) if value is None else os.environ.update({variable: value})
        self._unload()

    def joined(self, settings: LiveSettings) -> LiveSettings:
        """Return settings of a live run that plays into the microphone.

        Other devices, such as PipeWire's own, would play on the loudspeaker.

        Raises
        ------
        DeviceError
            If PortAudio sees no device of the sound server.
        """
        if not any(device.name == _DEVICE and device.output_channels for device in list_devices()):
            raise DeviceError(
                f"--virtual-mic needs the device {_DEVICE!r} of the sound server; install it with: "
                "apt install libasound2-plugins (Debian, Ubuntu)"
            )
        return replace(settings, device=settings.device or _DEVICE, output_device=_DEVICE)

    def _load(self, *words: str) -> None:
        self._modules.append(_pactl("load-module", *words))

    def _unload(self) -> None:
        while self._modules:
            with contextlib.suppress(DeviceError):  # the server may be gone, and the devices with it
                _pactl("unload-module", self._modules.pop())


def _remove_left_behind() -> None:
    """Remove the devices of processes that are gone."""
    found = re.findall(
        rf"^(\d+)\t\S+\t.*\b(?:sink|source)_name={_PREFIX}(\d+)", _pactl("list", "short", "modules"), re.M
    )
    for module, process in reversed(found):
        if not Path(f"/proc/{process}").exists():
            with contextlib.suppress(DeviceError):  # it may have gone with the one before
                _pactl("unload-module", module)


def _pactl(*words: str) -> str:
    """Run a command of the sound server, and return what it prints.

    Raises
    ------
    DeviceError
        If it fails.
    """
    if not sys.platform.startswith("linux"):
        raise DeviceError(
            "--virtual-mic works on Linux; here install a virtual cable (BlackHole on macOS, VB-CABLE on Windows) and "
            "name it with --output-device"
        )
    if shutil.which("pactl") is None:
        raise DeviceError("--virtual-mic needs pactl; install it with: apt install pulseaudio-utils (Debian, Ubuntu)")
    try:
        done = subprocess.run(["pactl", *words], capture_output=True, text=True, check=True, timeout=20)
    except subprocess.CalledProcessError as error:
        raise DeviceError(
            f"--virtual-mic: pactl {words[0]} failed: {error.stderr.strip()}; PulseAudio, or PipeWire with its "
            "PulseAudio service, must run"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"--virtual-mic: the sound server does not answer pactl {words[0]}") from error
    return done.stdout.strip()
