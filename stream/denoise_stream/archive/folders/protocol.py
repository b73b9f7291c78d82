"""The interface of an archive's folders, the same on this machine and on object stores.

Names are relative to the folder and written with ``/``. :mod:`denoise_stream.archive.folders.local` and
:mod:`denoise_stream.archive.folders.cloud` are the kinds there are, :mod:`denoise_stream.archive.folders.places` finds
the one that a text names.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a folder: its relative name, its size, and a text that changes when its content does.

    A file that cannot be looked at, and a subfolder that cannot be listed, are entries too, with an ``error``.
    """

    name: str
    size_bytes: int
    fingerprint: str
    error: str = ""
    """Why it, or the subfolder that it stands for, cannot be read; one sentence."""
    is_folder: bool = False
    """Whether it stands for a subfolder."""
    replaces: bool = True
    """Whether its output could overwrite that of another file."""


class Log(Protocol):
    """A text file that only grows and that a killed program leaves readable."""

    def append(self, lines: Iterable[str], *, at_once: bool = False) -> None:
        """Add lines; they are safe soon (on an object store), or when this returns (``at_once``, or locally)."""
        ...

    def close(self) -> None:
        """Make everything safe."""
        ...


class Folder(Protocol):
    """A tree of files; it can be sent to another process."""

    @property
    def place(self) -> str:
        """Path or URL, for messages and for comparing."""
        ...

    def entries(self, outside: str | None = None) -> Iterator[Entry]:
        """List all files, but hidden ones and those below the place ``outside``.

        Raises
        ------
        SourceError
            If the folder cannot be listed.
        """
        ...

    def fetch(self, entry: Entry, scratch: Path) -> AbstractContextManager[Path]:
        """Yield a local file with the content of an entry while the block lasts."""
        ...

    def put(self, name: str, scratch: Path, *, replace: bool = True) -> AbstractContextManager[Path]:
        """Yield a local file that appears under ``name``, whole, when the block ends well."""
        ...

    def prepare(self) -> None:
        """Make the folder if it is missing."""
        ...

    def open_log(self, name: str, whole: str) -> Log:
        """Open a log for appending, made if it is missing; ``whole`` is the log of runs that are not sharded."""
        ...

    def read_logs(self, name: str) -> Iterator[str]:
        """Yield the lines of all logs whose names begin so."""
        ...


def is_safe(name: str) -> bool:
    """Tell whether a relative name is one path inside its folder: object stores allow ``a/../../b`` and ``a//b``."""
    windows = os.name == "nt" and ("\\" in name or ":" in name)
    return not windows and not set(name.split("/")) & {"", ".", ".."}


def lies_in(inner: str, outer: str) -> bool:
    """Tell whether a place is another one, or lies in it."""
    return (inner.rstrip("/") + "/").startswith(outer.rstrip("/") + "/")
