"""Choose audio devices on a terminal: ``--device ?`` and ``--output-device ?``."""

import dataclasses
import sys

import click

from denoise_stream.live.devices import Device, Direction, describe_devices, list_devices
from denoise_stream.live.run import LiveSettings

ASKED = "?"
NAMES: dict[Direction, str] = {"input": "microphone", "output": "loudspeaker"}


def print_devices() -> None:
    """Print the audio devices."""
    click.echo(describe_devices(list_devices()))


def with_chosen_devices(settings: LiveSettings) -> LiveSettings:
    """Let the user choose the devices that are stated as ``?``; without a terminal print the devices and end.

    Raises
    ------
    DeviceError
        If there is no audio device, or PortAudio is missing.
    """
    if ASKED not in (settings.device, settings.output_device):
        return settings
    devices = list_devices()
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        print_devices()
        click.get_current_context().exit()
    if settings.device == ASKED:
        settings = dataclasses.replace(settings, device=_choose(devices, "input"))
    if settings.output_device == ASKED:
        settings = dataclasses.replace(settings, output_device=_choose(devices, "output"))
    return settings


def _choose(devices: list[Device], direction: Direction) -> str | None:
    """Ask for one of the devices of a direction; return its number, None if there is none to choose from."""
    candidates = [device for device in devices if device.channels(direction)]
    if not candidates:
        return None  # opening it says what is wrong
    click.echo(describe_devices(candidates), err=True)
    usual = next((str(device.index) for device in candidates if device.is_default(direction)), None)
    numbers = click.Choice([str(device.index) for device in candidates])
    number: str = click.prompt(NAMES[direction], type=numbers, default=usual, show_choices=False, err=True)
    return number
