"""Open the folder, local or remote, that ``--input`` or ``--output`` names."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.patterns import MAGIC, split_pattern
from denoise_stream.archive.folders.protocol import Folder
from denoise_stream.errors import SinkError, SourceError

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
FILE_SCHEME = re.compile(r"file://(?:localhost(?=/))?", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Tell a URL of fsspec (``s3://bucket/folder``) from a path."""
    return URL.match(text) is not None


def without_file_scheme(text: str) -> str:
    """Return the path that a ``file://`` URL means; any other text as it is.

    >>> without_file_scheme("file:///data/a%20b.wav"), without_file_scheme("s3://bucket/a.wav")
    ('/data/a b.wav', 's3://bucket/a.wav')
    """
    scheme = FILE_SCHEME.match(text)
    return text if scheme is None else unquote(text[scheme.end() :])


def open_input(text: str) -> tuple[Folder, str]:
    """Find what an ``--input`` names: a folder, and a pattern of names in it ('' for all).

    Raises
    ------
    SourceError
        If it is neither a folder, nor a file, nor a pattern.
    MissingExtra
        If a URL needs packages that are not installed.
    """
    if is_url(text):
        from denoise_stream.archive.folders.cloud import open_remote

        return open_remote(text)
    path = Path(text).expanduser()
    if path.is_file():
        return LocalFolder(path.parent.resolve()), MAGIC.sub(r"[\g<0>]", path.name)
    if path.is_dir():
        return LocalFolder(path.resolve()), ""
    root, pattern = split_pattern(path.as_posix())
    folder = Path(os.path.realpath(root or "."))
    if not pattern or not folder.is_dir():
        raise SourceError(f"cannot read {text}: there is no such file or folder")
    return LocalFolder(folder), pattern


def open_output(text: str) -> Folder:
    """Return the folder that an ``--output`` names; it need not exist yet.

    Raises
    ------
    SinkError
        If it is a file.
    MissingExtra
        If a URL needs packages that are not installed.
    """
    if is_url(text):
        from denoise_stream.archive.folders.cloud import RemoteFolder

        return RemoteFolder.open(text)
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise SinkError(f"--output {text} is a file; results of many files need a folder")
    return LocalFolder(Path(os.path.realpath(path)))
