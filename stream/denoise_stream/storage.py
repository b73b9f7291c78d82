"""Where an archive lies: a path or URL comes in, a folder that lists, gives and takes whole files goes out.

Folders have one face (:class:`Folder`), here and on object stores (:mod:`denoise_stream.cloud`). Names are relative to
the folder and written with ``/``.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.patterns import MAGIC, split_pattern
from denoise_stream.sinks import whole_file

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a folder: its relative name, its size, and a text that changes when its content does.

    A subfolder that cannot be listed is an entry too, with an ``error``.
    """

    name: str
    size_bytes: int
    fingerprint: str
    error: str = ""
    """Why it, or the subfolder that it stands for, cannot be read; one sentence."""


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
        """Give a local file with the content of an entry while the block lasts."""
        ...

    def put(self, name: str, scratch: Path) -> AbstractContextManager[Path]:
        """Give a local file that appears under ``name``, whole, when the block ends well."""
        ...

    def prepare(self) -> None:
        """Make the folder if it is missing."""
        ...

    def open_log(self, name: str, whole: str) -> Log:
        """Open a log for appending, made if it is missing; ``whole`` is the log of runs that are no part of one."""
        ...

    def read_logs(self, name: str) -> Iterator[str]:
        """Give the lines of all logs whose names begin so."""
        ...


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine, or of a file system mounted on it."""

    path: Path

    @property
    def place(self) -> str:
        """The absolute path."""
        return str(self.path)

    def entries(self, outside: str | None = None) -> Iterator[Entry]:
        """List all files; links to folders are not followed, as they may lead in a circle."""
        waiting = [(self.path, "")]
        while waiting:
            folder, prefix = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    items = sorted(found, key=lambda item: item.name)
            except OSError as error:
                sentence = f"cannot list {folder}: {error.strerror}"
                if not prefix:
                    raise SourceError(sentence) from error
                if not isinstance(error, FileNotFoundError):  # else it has just been removed
                    yield Entry(prefix.rstrip("/"), 0, "", sentence)
                continue
            for item in items:
                if item.name.startswith("."):
                    continue
                if item.is_dir(follow_symlinks=False):
                    if item.path != outside:
                        waiting.append((Path(item.path), f"{prefix}{item.name}/"))
                elif item.is_file():
                    with contextlib.suppress(FileNotFoundError):  # it has just been removed
                        facts = item.stat()
                        yield Entry(f"{prefix}{item.name}", facts.st_size, f"{facts.st_size}-{facts.st_mtime_ns}")

    @contextlib.contextmanager
    def fetch(self, entry: Entry, scratch: Path) -> Iterator[Path]:
        """Give the file itself."""
        yield self.path / entry.name

    @contextlib.contextmanager
    def put(self, name: str, scratch: Path) -> Iterator[Path]:
        """Give a file in the scratch folder and rename it; beside the target where that is another file system."""
        target = self.path / name
        try:
            leads_elsewhere = target.resolve() != self.path.resolve() / name
        except (OSError, RuntimeError) as error:  # links in a circle
            raise SinkError(f"cannot write {target}: {error}") from error
        if leads_elsewhere:
            raise SinkError(f"{target} leads by a link to {target.resolve()}; remove the link or choose another output")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            same = target.parent.stat().st_dev == scratch.stat().st_dev
        except OSError as error:
            raise SinkError(f"cannot make the folder {target.parent}: {error.strerror}") from error
        with whole_file(target, scratch if same else None) as partial:
            yield partial

    def prepare(self) -> None:
        """Make the folder if it is missing."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"cannot make the folder {self.path}: {error.strerror}") from error

    def open_log(self, name: str, whole: str) -> "LocalLog":
        """Open a log for appending, made if it is missing."""
        return LocalLog(self.path / f"{name}.jsonl", self.path / f"{whole}.jsonl")

    def read_logs(self, name: str) -> Iterator[str]:
        """Give the lines of all logs whose names begin so."""
        for path in sorted(self.path.glob(f"{name}*.jsonl")):
            with path.open(encoding="utf-8", errors="replace") as file:
                yield from file


class LocalLog:
    """Lines at the end of a file; one program at a time.

    Parts of a whole have files of their own and share the lock of ``whole``, which a run that is no part has alone.

    Raises
    ------
    SinkError
        If it cannot be written, or another program holds it or the whole.
    """

    def __init__(self, path: Path, whole: Path) -> None:
        self._path = path
        with contextlib.ExitStack() as opened:
            if whole != path:
                self._lock(self._open(whole, opened), alone=False)
            self._file = self._open(path, opened)
            self._lock(self._file, alone=True)
            self._end_line()
            self._files = opened.pop_all()

    def _open(self, path: Path, opened: contextlib.ExitStack) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise SinkError(f"cannot write {path}: {error.strerror}") from error
        opened.callback(os.close, file)
        return file

    def _end_line(self) -> None:
        """Make what a killed program did not finish a line of its own, which no reader understands."""
        try:
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")
        except OSError as error:
            raise SinkError(f"cannot write {self._path}: {error.strerror}") from error

    def _lock(self, file: int, *, alone: bool) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SinkError(
                f"another run is writing to {self._path.parent}; wait for it, or share the work with --shard"
            ) from error
        except OSError:  # a file system without locks
            return

    def append(self, lines: Iterable[str], *, at_once: bool = False) -> None:
        """Add lines in one piece and wait until the disk has them."""
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            raise SinkError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, which lets the next program in."""
        self._files.close()


def is_url(text: str) -> bool:
    """Tell a URL of fsspec (``s3://bucket/folder``) from a path."""
    return URL.match(text) is not None


def open_input(text: str) -> tuple[Folder, str]:
    """Find what an ``--input`` names: a folder, and a pattern of names in it ('' for all).

    Raises
    ------
    SourceError
        If it is neither a folder, nor a file, nor a pattern.
    MissingExtra
        If a URL needs packages that are not installed.
    """
    if is_url(text) and not text.lower().startswith("file://"):
        from denoise_stream.cloud import open_remote

        return open_remote(text)
    path = _local(text)
    if path.is_file():
        return LocalFolder(path.parent.resolve()), MAGIC.sub(r"[\g<0>]", path.name)
    if path.is_dir():
        return LocalFolder(path.resolve()), ""
    root, pattern = split_pattern(path.as_posix())
    folder = Path(root or ".").resolve()
    if not pattern or not folder.is_dir():
        raise SourceError(f"cannot read {text}: there is no such file or folder")
    return LocalFolder(folder), pattern


def open_output(text: str) -> Folder:
    """Give the folder that an ``--output`` names; it need not exist yet.

    Raises
    ------
    SinkError
        If it is a file.
    MissingExtra
        If a URL needs packages that are not installed.
    """
    if is_url(text) and not text.lower().startswith("file://"):
        from denoise_stream.cloud import RemoteFolder

        return RemoteFolder.open(text)
    path = _local(text)
    if path.exists() and not path.is_dir():
        raise SinkError(f"--output {text} is a file; results of many files need a folder")
    return LocalFolder(path.resolve())


def is_safe(name: str) -> bool:
    """Tell whether a relative name is one path inside its folder: object stores allow ``a/../../b`` and ``a//b``."""
    windows = os.name == "nt" and ("\\" in name or ":" in name)
    return not windows and not set(name.split("/")) & {"", ".", ".."}


def lies_in(inner: str, outer: str) -> bool:
    """Tell whether a place is another one, or lies in it."""
    return (inner.rstrip("/") + "/").startswith(outer.rstrip("/") + "/")


def _local(text: str) -> Path:
    return Path(unquote(text[len("file://") :]) if is_url(text) else text).expanduser()
