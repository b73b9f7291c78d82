"""Choose audio devices on a terminal: ``--device ?`` and ``--output-device ?``."""

import dataclasses
import sys

import click

from denoise_stream.live.devices import NAMES, Device, Direction, describe_devices, find_device, list_devices
from denoise_stream.live.run import LiveSettings

ASKED = "?"


def print_devices() -> None:
    """Print the audio devices."""
    click.echo(describe_devices(list_devices()))


def with_chosen_devices(settings: LiveSettings) -> LiveSettings:
    """Let the user choose the devices that are stated as ``?``.

    Raises
    ------
    ValueError
        If there is no terminal to ask on; the devices were printed.
    DeviceError
        If there is no audio device, or PortAudio is missing.
    """
    if ASKED not in (settings.device, settings.output_device):
        return settings
    devices = list_devices()
    stated: dict[Direction, str | None] = {"input": settings.device, "output": settings.output_device}
    for direction, wanted in stated.items():
        if wanted == ASKED and not any(device.channels(direction) for device in devices):
            find_device(None, direction)  # which says what to do
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo(describe_devices(devices), err=True)
        option = "--device" if settings.device == ASKED else "--output-device"
        raise ValueError(f"{option} ? needs a terminal to ask on; name one of the devices above")
    if settings.device == ASKED:
        settings = dataclasses.replace(settings, device=_choose(devices, "input"))
    if settings.output_device == ASKED:
        settings = dataclasses.replace(settings, output_device=_choose(devices, "output"))
    return settings


def _choose(devices: list[Device], direction: Direction) -> str:
    """Ask for one of the devices of a direction; return its number."""
    candidates = [device for device in devices if device.channels(direction)]
    click.echo(describe_devices(candidates), err=True)
    usual = next((str(device.index) for device in candidates if device.is_default(direction)), None)
    numbers = click.Choice([str(device.index) for device in candidates])
    number: str = click.prompt(NAMES[direction], type=numbers, default=usual, show_choices=False, err=True)
    return number
