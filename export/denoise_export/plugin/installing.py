"""Install a plug-in for the user, and write how PipeWire makes a microphone with it."""

import json
import os
import shutil
from pathlib import Path

from denoise_export.plugin.plugin import Plugin
from denoise_stream import SinkError
from denoise_stream.files.paths import check_outputs, whole_file

PLACES = {"ladspa": ("LADSPA_PATH", ".ladspa"), "lv2": ("LV2_PATH", ".lv2")}
"""The variable that names the folders in which hosts search, and the folder in the user's own without it."""

CONFIGURATIONS = "~/.config/pipewire/pipewire.conf.d"


def find_place(interface: str) -> Path:
    """Return the folder for a user's plug-ins: the first that can be written in the hosts' search path."""
    variable, usual = PLACES[interface]
    stated = [Path(word).expanduser() for word in os.environ.get(variable, "").split(os.pathsep) if word]
    writable = [path for path in stated if path.is_dir() and os.access(path, os.W_OK)]
    return writable[0] if writable else Path.home() / usual


def install(plugin: Plugin, *, force: bool = False) -> Plugin:
    """Copy a built plug-in to where hosts find it; return it as it is there.

    Raises
    ------
    SinkError
        If it is there already (without ``force``), or cannot be written.
    """
    place = find_place(plugin.interface)
    installed = Plugin(place.absolute(), plugin.interface, plugin.contract)
    folder = installed.library.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make the folder {folder}: {error.strerror}") from error
    copies = {folder / path.name: path for path in sorted(plugin.library.parent.iterdir()) if _belongs(plugin, path)}
    check_outputs(*copies, force=force, inputs=(plugin.library,))
    for target, source in copies.items():
        with whole_file(target) as partial:
            shutil.copy(source, partial)
    return installed


def _belongs(plugin: Plugin, path: Path) -> bool:
    return path == plugin.library or path.suffix == ".ttl"


def pipewire_configuration(plugin: Plugin) -> str:
    """Return the lines with which PipeWire offers a microphone that an installed plug-in has denoised."""
    file = f"{CONFIGURATIONS}/{plugin.name}.conf"
    ladspa = plugin.interface == "ladspa"
    # The whole path, as PipeWire does not search the user's folder of LADSPA plug-ins.
    found = (
        {"plugin": str(plugin.library), "label": plugin.identifier("mono")}
        if ladspa
        else {"plugin": plugin.identifier("mono")}
    )
    node = {"type": plugin.interface, "name": "denoise", **found}
    words = "\n".join(f"                        {key} = {json.dumps(word)}" for key, word in node.items())
    settings = " ".join(
        f"{json.dumps(control.name if ladspa else control.symbol)} = {control.standard:g}"
        for control in plugin.controls
    )
    return f"""\
# Save as {file}, then: systemctl --user restart pipewire
context.modules = [
    {{  name = libpipewire-module-filter-chain
        args = {{
            node.description = {json.dumps(f"Microphone, denoised ({plugin.contract.name})")}
            filter.graph = {{
                nodes = [
                    {{
{words}
                        control = {{ {settings} }}
                    }}
                ]
            }}
            capture.props = {{ node.name = "{plugin.name}-input" node.passive = true }}
            playback.props = {{ node.name = "{plugin.name}" media.class = Audio/Source }}
        }}
    }}
]
"""
