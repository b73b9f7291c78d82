"""An archive in a folder of this machine."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from denoise_stream.archive.folders.protocol import Entry
from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.paths import whole_file


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
                    yield Entry(prefix.rstrip("/"), 0, "", sentence, is_folder=True)
                continue
            for item in items:
                if item.name.startswith("."):
                    continue
                name = f"{prefix}{item.name}"
                try:
                    if item.is_dir(follow_symlinks=False):
                        if item.path != outside:
                            waiting.append((Path(item.path), f"{name}/"))
                        continue
                    facts = item.stat()
                except FileNotFoundError:
                    if item.is_symlink():  # else it has just been removed
                        yield Entry(name, 0, "", f"cannot read {item.path}: the link leads to nothing")
                except OSError as error:  # a link in a circle, no permission, a server that forgot the file
                    yield Entry(name, 0, "", f"cannot read {item.path}: {error.strerror}")
                else:
                    if stat.S_ISREG(facts.st_mode):
                        yield Entry(name, facts.st_size, f"{facts.st_size}-{facts.st_mtime_ns}")

    @contextlib.contextmanager
    def fetch(self, entry: Entry, scratch: Path) -> Iterator[Path]:
        """Yield the file itself."""
        yield self.path / entry.name

    @contextlib.contextmanager
    def put(self, name: str, scratch: Path, *, replace: bool = True) -> Iterator[Path]:
        """Yield a file in the scratch folder, then rename it; beside the target where that is another file system."""
        target = self.path / name
        real = os.path.realpath(target)
        if real != os.path.join(os.path.realpath(self.path), name):
            raise SinkError(f"{target} leads by a link to {real}; remove the link or choose another output")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            same = target.parent.stat().st_dev == scratch.stat().st_dev
        except OSError as error:
            raise SinkError(f"cannot make the folder {target.parent}: {error.strerror}") from error
        with whole_file(target, scratch if same else None, replace=replace) as partial:
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
        """Yield the lines of all logs whose names begin so.

        Raises
        ------
        SinkError
            If one is not a regular file: a pipe would be waited for without end.
        """
        for path in sorted(self.path.glob(f"{name}*.jsonl")):
            if not path.is_file():
                raise SinkError(f"cannot read the manifest {path}: it is not a regular file; move it away")
            with path.open(encoding="utf-8", errors="replace") as file:
                yield from file


class LocalLog:
    """Lines at the end of a file; one program at a time.

    Shards have log files of their own and share the lock of ``whole``; a run that is not sharded holds it exclusively.

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
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            file = os.open(path, flags, 0o666)
        except OSError as error:
            raise SinkError(f"cannot write {path}: {error.strerror}") from error
        opened.callback(os.close, file)
        return file

    def _end_line(self) -> None:
        """End a line that a killed program left unfinished; readers skip it."""
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
