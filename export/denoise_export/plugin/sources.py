"""Write the sources of a plug-in: the model in C, what surrounds it, a Makefile, and the description that LV2 needs."""

import json
import zlib
from pathlib import Path

from denoise_export.channel.sources import channel_sources
from denoise_export.plugin import lv2
from denoise_export.plugin.plugin import MOST_DB, Plugin
from denoise_export.to_c.source import translated
from denoise_export.to_c.templates import filled
from denoise_stream import ContractError
from denoise_stream.files.paths import check_outputs, write_together
from denoise_stream.model import Model

TEMPLATES = Path(__file__).parent / "c"

IDS = 0x1000000
"""LADSPA's numbers of plug-ins are below this."""


def write_sources(model: Path, folder: Path, interface: str, *, force: bool = False) -> Plugin:
    """Write the sources of a plug-in, and the Makefile that builds it.

    Parameters
    ----------
    model
        The ONNX file.
    folder
        Where they go; made if it does not exist.
    interface
        "ladspa" or "lv2".
    force
        Replace files that exist.

    Raises
    ------
    ContractError
        If the model breaks the contract or cannot be turned into C, or if its sample rate is not whole.
    SinkError
        If a file exists or cannot be written.
    """
    plugin = Plugin(folder, interface, Model(model).contract)
    rate = plugin.contract.sample_rate_hz
    if rate is not None and rate != int(rate):
        raise ContractError(f"{model.name} is for {rate:g} Hz; a plug-in needs a model for a whole number of Hz")
    source, header, _ = translated(model)
    values = _values(plugin)
    own = {name: filled(TEMPLATES / name, values) for name in ("plugin.h", "plugin.c", f"{interface}.c")}
    sources = {"denoise.c": source, "denoise.h": header, **channel_sources(), **own, "Makefile": _makefile(plugin)}
    files = {folder / name: text.encode() for name, text in sources.items()}
    if interface == "lv2":
        files[plugin.bundle / "manifest.ttl"] = lv2.manifest(plugin).encode()
        files[plugin.bundle / "plugin.ttl"] = lv2.description(plugin).encode()
    plugin.library.parent.mkdir(parents=True, exist_ok=True)
    check_outputs(*files, plugin.library, force=force)
    write_together(files)
    return plugin


def _values(plugin: Plugin) -> dict[str, str]:
    # LADSPA knows a plug-in by a number too. There is no registry of them any more: it follows from the name.
    number = IDS // 2 + 2 * (zlib.crc32(plugin.contract.name.encode()) % (IDS // 4))
    return {
        "DB": f"{MOST_DB:g}",
        "ID": str(number),
        "LABEL": plugin.label,
        "URI": plugin.uri,
        "TITLE": _quoted(plugin.title),
        "LICENSE": _quoted(plugin.contract.license or "not stated"),
    }


def _makefile(plugin: Plugin) -> str:
    library = plugin.library.relative_to(plugin.folder)
    command = " ".join(plugin.command("$(CC)", "$@", "$(CFLAGS)"))
    return (
        f'# Build {library}: make. Faster, for processors like this one: make CFLAGS="-O3 -march=native"\n'
        f"CC ?= cc\nCFLAGS ?= -O3\n\n{library}: $(wildcard *.c *.h)\n\t{command}\n"
    )


def _quoted(text: str) -> str:
    r"""Escape a text for a string of C, trigraphs too; characters that cannot be shown are left out.

    >>> _quoted('my "pump" \\ 3'), _quoted("why??/\a")
    ('my \\"pump\\" \\\\ 3', 'why\\?\\?/')
    """
    shown = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return json.dumps(shown, ensure_ascii=False)[1:-1].replace("?", "\\?")
