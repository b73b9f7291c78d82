"""Archives on object stores and other file systems of fsspec.

A file is fetched to a local scratch file and sent from one: memory stays bounded, and libsndfile can seek. Object
stores show an upload only when it is complete; elsewhere it is uploaded under another name and renamed.
"""

import contextlib
import dataclasses
import functools
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from denoise_stream.archive.folders.patterns import MAGIC, split_pattern
from denoise_stream.archive.folders.protocol import Entry, lies_in
from denoise_stream.errors import DenoiseError, MissingExtra, SinkError, SourceError, first_line, needs_extra

Result = TypeVar("Result")

ALIASES = {"s3a": "s3", "gcs": "gs"}
"""Two names of one place."""

WHOLE_UPLOADS = {"s3", "gs", "az", "abfs", "abfss", "adl", "oss", "oci", "memory"}
"""Protocols where an upload appears complete or not at all."""

OPTIONS = {"s3": {"max_concurrency": 2}}
"""s3fs holds max_concurrency parts of 50 MB each in memory."""

ON_A_HOST = {"ftp", "sftp", "ssh", "smb"}
"""Protocols whose URLs name a computer."""

FINAL = (TypeError, ValueError, AttributeError, NotImplementedError)
"""Mistakes in what is asked for, which another attempt repeats."""

ATTEMPTS = 4
FIRST_PAUSE_S = 0.5
PARTS = 100
LOG_EVERY_S = 1.0
"""A killed run forgets at most what it finished in this time: an object cannot grow, so lines are sent in parts."""

FINGERPRINTS = (
    *("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created"),
    *("modify", "modificationTime"),  # FTP, WebHDFS
)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder of any file system that fsspec knows."""

    protocol: str
    path: str
    host: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    """What else the URL says: a host, a port, a user ..., by the names that its file system has for them."""

    @classmethod
    def open(cls, url: str) -> "RemoteFolder":
        """Find the file system of a URL.

        Raises
        ------
        MissingExtra
            If its packages are not installed.
        SourceError
            If fsspec knows no such protocol, or the URL lacks the host that it needs.
        """
        shown = re.sub(r"//[^/]*@", "//", url)  # no password in a message
        with needs_extra(f"reading and writing {shown}", "cloud"):
            import fsspec
        protocol = url.partition("://")[0].lower()
        try:
            kind = fsspec.get_filesystem_class(protocol)
        except ValueError as error:
            raise SourceError(f"{shown}: fsspec has no protocol {protocol!r}") from error
        except ImportError as error:
            if ALIASES.get(protocol, protocol) in OPTIONS:
                raise MissingExtra(f"reading and writing {shown}", "cloud") from error
            raise SourceError(f"{shown}: {first_line(error)}") from error
        try:
            path, settings = str(kind._strip_protocol(url)), kind._get_kwargs_from_urls(url)
        except (ValueError, LookupError) as error:
            raise SourceError(f"{shown} is not a valid URL: {first_line(error)}") from error
        host = str(settings.get("host") or "")
        if protocol in ON_A_HOST and not host:
            raise SourceError(f"{shown} names no host; write {protocol}://HOST/FOLDER")
        host += f":{settings['port']}" if host and settings.get("port") else ""
        return cls(ALIASES.get(protocol, protocol), path.rstrip("/"), host, tuple(sorted(settings.items())))

    @functools.cached_property
    def files(self) -> Any:
        """The file system, opened in the process that uses it."""
        import fsspec

        options = OPTIONS.get(self.protocol, {}) | dict(self.settings)
        return fsspec.filesystem(self.protocol, use_listings_cache=False, **options)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the open file system: each process opens its own."""
        return {"protocol": self.protocol, "path": self.path, "host": self.host, "settings": self.settings}

    @property
    def place(self) -> str:
        """The URL, without user and password."""
        return self._url(self.path)

    def _url(self, path: str) -> str:
        """Return the URL of a path; those of HTTP are URLs themselves."""
        return path if path.startswith(f"{self.protocol}://") else f"{self.protocol}://{self.host}{path}"

    def entries(self, outside: str | None = None) -> Iterator[Entry]:
        """List all files."""
        listing: dict[str, dict[str, Any]] = self._try(
            lambda: self.files.find(self.path, detail=True), f"list {self.place}", SourceError
        )
        for path, facts in sorted(listing.items()):
            name = path[len(self.path) :].removeprefix("/")  # what is left of "a//b" is refused, as it is not "a/b"
            hidden = any(part.startswith(".") for part in name.split("/") if part not in (".", ".."))
            if facts.get("type") != "file" or hidden or not name or name.endswith("/"):
                continue
            if outside is not None and lies_in(self._url(path), outside):
                continue
            size = int(facts.get("size") or 0)
            mark = next((str(facts[key]) for key in FINGERPRINTS if facts.get(key)), None) or _hash(facts)
            yield Entry(name, size, f"{size}-{mark.strip(chr(34))}")

    @contextlib.contextmanager
    def fetch(self, entry: Entry, scratch: Path) -> Iterator[Path]:
        """Download the file into the scratch folder."""
        with _scratch_file(entry.name, scratch) as local:

            def download() -> None:
                self.files.get_file(f"{self.path}/{entry.name}", str(local))
                if local.stat().st_size != entry.size_bytes:
                    raise ConnectionError(f"got {local.stat().st_size} bytes, expected {entry.size_bytes}")

            self._try(download, f"read {self.place}/{entry.name}", SourceError)
            yield local

    @contextlib.contextmanager
    def put(self, name: str, scratch: Path, *, replace: bool = True) -> Iterator[Path]:
        """Yield a file in the scratch folder, then upload it."""
        with _scratch_file(name, scratch) as local:
            local.touch()
            yield local
            there = f"{self.place}/{name}"
            if not replace and self._try(
                lambda: self.files.exists(f"{self.path}/{name}"), f"look for {there}", SinkError
            ):
                raise SinkError(f"{there} appeared in the meantime and is not replaced")
            self._try(lambda: self._upload(local, name), f"write {there}", SinkError)

    def _upload(self, local: Path, name: str) -> None:
        target = f"{self.path}/{name}"
        if self.protocol in WHOLE_UPLOADS:
            self.files.put_file(str(local), target)
            return
        folder, _, last = target.rpartition("/")
        partial = f"{folder}/.partial-{secrets.token_hex(4)}-{last[-50:]}"
        self.files.makedirs(folder, exist_ok=True)
        try:
            self.files.put_file(str(local), partial)
            self.files.mv(partial, target)
        except BaseException:
            with contextlib.suppress(Exception):
                self.files.rm_file(partial)
            raise

    def prepare(self) -> None:
        """Make the folder if it is missing; on an object store it is only part of its files' names."""
        if self.protocol not in WHOLE_UPLOADS:
            self._try(lambda: self.files.makedirs(self.path, exist_ok=True), f"make {self.place}", SinkError)

    def open_log(self, name: str, whole: str) -> "RemoteLog":
        """Open a log for appending; object stores have no locks."""
        return RemoteLog(self, name)

    def read_logs(self, name: str) -> Iterator[str]:
        """Yield the lines of all logs whose names begin so."""
        found: list[str] = self._try(self._names, f"list {self.place}", SourceError)
        for path in sorted(found):
            last = path.rpartition("/")[2]
            if not (last.startswith(name) and last.endswith(".jsonl")):
                continue
            data: bytes = self._try(
                functools.partial(self.files.cat_file, path), f"read {self._url(path)}", SourceError
            )
            yield from data.decode("utf-8", "replace").split("\n")  # a name may hold what else ends a line

    def _names(self) -> list[str]:
        """List the folder alone; one that is missing holds nothing."""
        try:
            return list(self.files.ls(self.path, detail=False))
        except FileNotFoundError:
            return []

    def write(self, name: str, data: bytes) -> None:
        """Write a small file whole."""
        self._try(lambda: self.files.pipe_file(f"{self.path}/{name}", data), f"write {self.place}/{name}", SinkError)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._try(lambda: self.files.rm_file(f"{self.path}/{name}"), f"remove {self.place}/{name}", SinkError)

    def _try(self, action: Callable[[], Result], deed: str, kind: type[DenoiseError]) -> Result:
        """Retry an action that a network may break; raise ``kind`` with one sentence if it fails for good.

        The errors of the many file systems share no base class. Those that Python has names for are final: another
        attempt would repeat them.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return action()
            except PermissionError as error:
                raise kind(
                    f"cannot {deed}: access denied ({first_line(error)}); check credentials and policy"
                ) from error
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise kind(f"cannot {deed}: there is no such bucket, folder or file") from error
            except FINAL as error:
                raise kind(f"cannot {deed}: {first_line(error)}") from error
            except Exception as error:
                if type(error).__name__ in ("NoCredentialsError", "ParamValidationError", "NoRegionError"):
                    raise kind(f"cannot {deed}: {first_line(error)}") from error
                if attempt == ATTEMPTS:
                    raise kind(f"cannot {deed} after {ATTEMPTS} attempts: {first_line(error)}") from error
                time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
        raise AssertionError("unreachable")


class RemoteLog:
    """A log stored as many small objects, merged by the hundred, and into one when it is closed.

    So a killed run leaves few objects, and no line is sent more than three times.
    """

    def __init__(self, folder: RemoteFolder, name: str) -> None:
        self._folder = folder
        started = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._name = f"{name}-{started}"
        self._lines: list[str] = []
        self._sent: list[tuple[str, list[str]]] = []  # small objects, then those put together
        self._merged: list[tuple[str, list[str]]] = []
        self._last = -LOG_EVERY_S

    def append(self, lines: Iterable[str], *, at_once: bool = False) -> None:
        """Add lines, sent about once a second."""
        self._lines += lines
        if at_once or time.monotonic() - self._last >= LOG_EVERY_S:
            self._send()

    def _send(self) -> None:
        if not self._lines:
            return
        part = f"{self._name}-{len(self._merged):04d}-{len(self._sent):02d}.jsonl"
        self._write(part, self._lines)
        self._sent.append((part, self._lines))
        self._lines = []
        self._last = time.monotonic()
        if len(self._sent) == PARTS:
            whole = f"{self._name}-{len(self._merged):04d}.jsonl"
            self._merged.append((whole, self._merge(whole, self._sent)))
            self._sent = []

    def _write(self, name: str, lines: list[str]) -> None:
        self._folder.write(name, "".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Send the rest and replace the parts by one object."""
        self._send()
        parts = self._merged + self._sent
        if len(parts) > 1:
            self._merge(f"{self._name}.jsonl", parts)

    def _merge(self, whole: str, parts: list[tuple[str, list[str]]]) -> list[str]:
        lines = [line for _, part in parts for line in part]
        self._write(whole, lines)
        for name, _ in parts:
            self._folder.remove(name)
        return lines


def open_remote(url: str) -> tuple[RemoteFolder, str]:
    """Find what a URL names: a folder, and a pattern of names in it ('' for all).

    Raises
    ------
    SourceError
        If the store cannot be reached, or there is nothing of that name.
    """
    root, pattern = split_pattern(url)
    if pattern:
        return RemoteFolder.open(root), pattern
    folder = RemoteFolder.open(url)
    is_file = not url.endswith("/") and folder._try(
        lambda: folder.files.isfile(folder.path), f"read {folder.place}", SourceError
    )
    if not is_file:
        if folder.protocol in ("http", "https"):  # where a server that does not answer looks like an empty folder
            folder._try(lambda: folder.files.ls(folder.path, detail=False), f"list {folder.place}", SourceError)
        return folder, ""
    parent, _, name = folder.path.rpartition("/")
    return dataclasses.replace(folder, path=parent), MAGIC.sub(r"[\g<0>]", name)


def _hash(facts: dict[str, Any]) -> str:
    """Compute a file's fingerprint from everything that the store reports about it."""
    return hashlib.sha256(repr(sorted((key, str(fact)) for key, fact in facts.items())).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _scratch_file(name: str, scratch: Path) -> Iterator[Path]:
    """Yield a free path in the scratch folder that ends in the file's name; nothing is left behind."""
    folder = scratch / secrets.token_hex(8)
    folder.mkdir(parents=True)
    local = folder / name.rpartition("/")[2]
    try:
        yield local
    finally:
        local.unlink(missing_ok=True)
        folder.rmdir()
