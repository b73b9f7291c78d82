"""Fill templates of C, and choose from their functions those that are called."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path


def filled(template: Path, values: Mapping[str, str]) -> str:
    """Return a template with each ``@KEY@`` replaced by its value."""
    return _filled(template.read_text(encoding="utf-8"), values)


def functions(template: Path, wanted: Iterable[str], values: Mapping[str, str] | None = None) -> str:
    """Return the wanted functions of a template, each after those that it calls itself.

    A function follows a line ``//: name`` that also names the functions it calls.
    """
    parts = re.split(r"^//: (.*)\n", template.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    known = {title.split()[0]: (title.split()[1:], code) for title, code in zip(parts[::2], parts[1::2], strict=True)}
    needed = set(wanted)
    needed |= {called for name in needed for called in known[name][0]}
    return _filled("\n".join(code for name, (_, code) in known.items() if name in needed), values or {})


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], text)
