"""Describe a plug-in to LV2 hosts, in Turtle: which plug-ins a folder holds, and what their ports are."""

import json

from denoise_export.plugin.plugin import CHANNELS, Plugin

PREFIXES = """@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
"""

SIDES = {"mono": [("", "")], "stereo": [("_left", " (left)"), ("_right", " (right)")]}
"""Endings of the symbols and of the names of audio ports."""


def manifest(plugin: Plugin) -> str:
    """Return ``manifest.ttl``, which hosts read first."""
    entries = [
        f"<{plugin.identifier(kind)}>\n    a lv2:Plugin ;\n    lv2:binary <{plugin.library.name}> ;\n"
        "    rdfs:seeAlso <plugin.ttl> .\n"
        for kind in CHANNELS
    ]
    return "\n".join([PREFIXES, *entries])


def description(plugin: Plugin) -> str:
    """Return ``plugin.ttl``, the ports of each plug-in."""
    licence = json.dumps(f"Licence of the weights: {plugin.contract.license or 'not stated'}", ensure_ascii=False)
    entries = [
        f"<{plugin.identifier(kind)}>\n    a lv2:Plugin, lv2:FilterPlugin ;\n"
        f"    doap:name {json.dumps(f'{plugin.title} ({kind})', ensure_ascii=False)} ;\n    rdfs:comment {licence} ;\n"
        f"    lv2:optionalFeature lv2:hardRTCapable ;\n    lv2:port {_ports(plugin, kind)} .\n"
        for kind in CHANNELS
    ]
    return "\n".join([PREFIXES, *entries])


def _ports(plugin: Plugin, kind: str) -> str:
    audio = [
        f'a lv2:{way}Port, lv2:AudioPort ; lv2:symbol "{way[:-3].lower()}{symbol}" ; lv2:name "{way}{name}"'
        for way in ("Input", "Output")
        for symbol, name in SIDES[kind]
    ]
    controls = [
        f'a lv2:InputPort, lv2:ControlPort ; lv2:symbol "{control.symbol}" ; lv2:name "{control.name}" ; '
        f"lv2:minimum 0.0 ; lv2:maximum {control.most} ; lv2:default {control.standard}"
        + (" ; units:unit units:db" if control.decibels else "")
        for control in plugin.controls
    ]
    latency = (
        'a lv2:OutputPort, lv2:ControlPort ; lv2:symbol "latency" ; lv2:name "Latency" ; '
        "lv2:portProperty lv2:reportsLatency, lv2:integer ; lv2:designation lv2:latency ; units:unit units:frame"
    )
    ports = [f"[ lv2:index {index} ; {port} ]" for index, port in enumerate([*audio, *controls, latency])]
    return ",\n        ".join(ports)
