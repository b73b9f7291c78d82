"""Make a plug-in from a model: sources, library, installation; each step is reported in a line."""

from collections.abc import Iterator
from pathlib import Path

from denoise_export.plugin.building import COMPILERS, build, build_command, find_compiler
from denoise_export.plugin.installing import install, pipewire_configuration
from denoise_export.plugin.plugin import CHANNELS, Plugin
from denoise_export.plugin.sources import write_sources
from denoise_stream import SinkError

STATED_RATE_HZ = 48_000.0
"""The host's rate that the reported latency is for."""


def make_plugin(
    model: Path, folder: Path, interface: str, *, installed: bool = False, force: bool = False
) -> Iterator[str]:
    """Write a plug-in's sources, build its library if there is a C compiler, and install it if that is asked for.

    Parameters
    ----------
    model
        The ONNX file.
    folder
        Where the plug-in goes; made if it does not exist.
    interface
        "ladspa" or "lv2".
    installed
        Copy the library to where programs find it, and write a configuration for PipeWire.
    force
        Replace files that exist.

    Yields
    ------
    What was done, in words, and the configuration.

    Raises
    ------
    ContractError, SinkError
        If the model cannot be turned into C, a file exists or cannot be written, the compiler fails, or there is none
        and the library is to be installed.
    """
    plugin = write_sources(model, folder, interface, force=force)
    compiler = find_compiler()
    if compiler is None:
        missing = f"no C compiler was found ({', '.join(COMPILERS)}, or the variable CC)"
        if installed:
            raise SinkError(f"{missing}, so nothing is installed; the sources are in {folder}: install gcc or clang")
        yield f"{folder}: sources of a plug-in; {missing}; build it elsewhere: {build_command(plugin)}"
        return
    build(plugin, compiler)
    yield _description(plugin)
    if installed:
        there = install(plugin, force=force)
        yield f"installed as {there.bundle}; a microphone that PipeWire denoises with it:"
        yield pipewire_configuration(there)


def _description(plugin: Plugin) -> str:
    names = [plugin.identifier(kind) for kind in CHANNELS]
    size = plugin.library.stat().st_size / 1024
    return (
        f"{plugin.bundle}: {plugin.interface.upper()} plug-ins {' and '.join(names)}, {size:.0f} KiB, "
        f"{plugin.latency_ms(STATED_RATE_HZ):.1f} ms of latency at {STATED_RATE_HZ:g} Hz"
    )
