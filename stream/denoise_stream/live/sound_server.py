"""Route sound through virtual devices of the sound server: PulseAudio, or PipeWire with its PulseAudio service.

Every route is a context. Inside, what this process plays and records on the server's device goes where the route says;
afterwards the server is as it was. What a killed process left behind is removed by the next route.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from denoise_stream.errors import DeviceError
from denoise_stream.live.devices import list_devices
from denoise_stream.live.run import LiveSettings

_DEVICE = "pulse"
"""PortAudio's name of the server's device; others, such as PipeWire's own, ignore routes."""

_PREFIX = "denoise_stream_"
"""Our devices are named by this and the process ID."""

_BEFORE = "denoise_stream.before"
"""Property of a virtual loudspeaker: the default loudspeaker before it."""


def check_name(name: str) -> None:
    """Raise a ValueError if a virtual microphone cannot have this name."""
    if not name.strip() or not name.isprintable() or re.search(r"['\"\\]", name):
        raise ValueError(f"--virtual-mic {name!r} cannot be a name; use letters, digits and blanks")


def route(microphone: str | None, *, play: bool) -> contextlib.AbstractContextManager[None]:
    """Return the route into a virtual microphone of this name; without one, from what programs play, played or not."""
    if microphone is not None:
        return virtual_microphone(microphone)
    return virtual_loudspeaker() if play else monitor()


@contextlib.contextmanager
def virtual_microphone(name: str) -> Iterator[None]:
    """Play into a microphone that other programs see; record from the default microphone.

    Parameters
    ----------
    name
        What other programs show.

    Raises
    ------
    ValueError
        If the name holds quotation marks, backslashes or control characters.
    DeviceError
        If there is no sound server that can make one, or another process has made one of this name.
    """
    check_name(name)
    _remove_left_behind()
    sink, described = f"{_PREFIX}{os.getpid()}", f'device.description="{name}"'
    _check_unused(name, described)
    microphone = _pactl("get-default-source")
    with contextlib.ExitStack() as stack:
        _load(stack, "module-null-sink", f"sink_name={sink}", f"sink_properties='{described}'")
        source = (f"master={sink}.monitor", f"source_name={sink}_mic", f"source_properties='{described}'")
        _load(stack, "module-remap-source", *source)
        if _pactl("get-default-source") != microphone:  # a server may prefer what is new
            _pactl("set-default-source", microphone)
        stack.enter_context(_environment(PULSE_SINK=sink, PULSE_SOURCE=os.environ.get("PULSE_SOURCE", microphone)))
        yield


@contextlib.contextmanager
def monitor() -> Iterator[None]:
    """Record what the default loudspeaker plays.

    Raises
    ------
    DeviceError
        If there is no sound server.
    """
    _remove_left_behind()
    with _environment(PULSE_SOURCE=f"{_pactl('get-default-sink')}.monitor"):
        yield


@contextlib.contextmanager
def virtual_loudspeaker() -> Iterator[None]:
    """Record what other programs play, through a virtual loudspeaker that is the default; play on the real one.

    Raises
    ------
    DeviceError
        If there is no sound server that can make one.
    """
    _remove_left_behind()
    sink, loudspeaker = f"{_PREFIX}{os.getpid()}", _pactl("get-default-sink")
    described = f'device.description="Denoised sound" {_BEFORE}="{loudspeaker}"'
    with contextlib.ExitStack() as stack:
        _load(stack, "module-null-sink", f"sink_name={sink}", f"sink_properties='{described}'")
        stack.callback(_restore_default, sink, loudspeaker)
        _pactl("set-default-sink", sink)
        stack.enter_context(_environment(PULSE_SINK=loudspeaker, PULSE_SOURCE=f"{sink}.monitor"))
        yield


def on_server(settings: LiveSettings) -> LiveSettings:
    """Return settings of a live run on the server's device, for use inside a route.

    Raises
    ------
    DeviceError
        If PortAudio does not see it.
    """
    if not any(device.name == _DEVICE and device.output_channels for device in list_devices()):
        raise DeviceError(
            f"the sound server's device {_DEVICE!r} is missing; install it with: apt install libasound2-plugins "
            "(Debian, Ubuntu)"
        )
    return replace(settings, device=settings.device or _DEVICE, output_device=_DEVICE if settings.play else None)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set variables that the server's library reads when a stream is opened."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _load(stack: contextlib.ExitStack, *words: str) -> None:
    """Load a module of the server until the stack ends."""
    stack.callback(_try, "unload-module", _pactl("load-module", *words))


def _modules() -> list[tuple[str, str, str]]:
    """Return the number, the arguments and the process of each of our modules."""
    listed = _pactl("list", "short", "modules")
    return re.findall(rf"^(\d+)\t\S+\t(.*\b(?:sink|source)_name={_PREFIX}(\d+).*)", listed, re.M)


def _check_unused(name: str, described: str) -> None:
    """Raise a DeviceError if another process's microphone has this name: a call could not tell them apart."""
    for _, arguments, process in _modules():
        if described in arguments:
            raise DeviceError(
                f"the virtual microphone {name!r} is there already, made by process {process}; end that process, or "
                "give this one another name: --virtual-mic NAME"
            )


def _remove_left_behind() -> None:
    """Remove the devices of processes that are gone."""
    for module, arguments, process in reversed(_modules()):
        if Path(f"/proc/{process}").exists():
            continue
        if before := re.search(rf'{_BEFORE}="([^"]*)"', arguments):
            _restore_default(f"{_PREFIX}{process}", before[1])
        _try("unload-module", module)


def _restore_default(ours: str, before: str) -> None:
    """Make the previous loudspeaker the default again, unless the user has chosen another one."""
    with contextlib.suppress(DeviceError):
        if _pactl("get-default-sink") == ours:
            _pactl("set-default-sink", before)


def _try(*words: str) -> None:
    """Run a pactl command, and ignore errors: the server may be gone, and the devices with it."""
    with contextlib.suppress(DeviceError):
        _pactl(*words)


def _pactl(*words: str) -> str:
    """Run a pactl command and return its output.

    Raises
    ------
    DeviceError
        If it fails.
    """
    if not sys.platform.startswith("linux"):
        raise DeviceError(
            "virtual devices can be made on Linux; here install a virtual cable (BlackHole on macOS, VB-CABLE on "
            "Windows), and name it with --device or --output-device"
        )
    if shutil.which("pactl") is None:
        raise DeviceError(
            "the program pactl is missing; install it with: apt install pulseaudio-utils (Debian, Ubuntu)"
        )
    try:
        done = subprocess.run(["pactl", *words], capture_output=True, text=True, check=True, timeout=20)
    except subprocess.CalledProcessError as error:
        raise DeviceError(
            f"pactl {words[0]} failed: {error.stderr.partition(os.linesep)[0]}; PulseAudio, or PipeWire with its "
            "PulseAudio service, must run"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"the sound server does not answer pactl {words[0]}") from error
    return done.stdout.strip()
