"""Manifests: find the speaker of a recording in a ``manifest.csv`` in a folder above it."""

import csv
import functools
from collections.abc import Sequence
from pathlib import Path

MANIFEST = "manifest.csv"
"""A table with a row per file: ``file``, its path from the manifest's folder, and ``speaker``."""

MANY = "crowd"
"""Prefix of speakers that stand for many people, about one per file."""


def speakers(paths: Sequence[Path]) -> list[str]:
    """Return a name for the speaker of each file; the file's own path where no manifest names one.

    >>> speakers([Path("no/such/a.wav")]) == [str(Path("no/such/a.wav"))]
    True
    """
    return [_speaker(path) or str(path) for path in paths]


def _speaker(path: Path) -> str:
    """Return the manifest's folder and its name for the speaker, or an empty text."""
    for folder in path.resolve().parents:
        if (folder / MANIFEST).is_file():
            name = _read(folder / MANIFEST).get(path.resolve().relative_to(folder).as_posix(), "")
            return f"{folder}: {name}" if name and not name.startswith(MANY) else ""
    return ""


@functools.cache
def _read(manifest: Path) -> dict[str, str]:
    """Read which speaker each file has; nothing from a table without the two columns."""
    with manifest.open(newline="", encoding="utf-8", errors="replace") as file:
        return {row["file"]: row["speaker"] for row in csv.DictReader(file) if row.get("file") and row.get("speaker")}
