"""The interfaces of sources and sinks; chunks are float64 ``(n, channels)``, audio with full scale 1.0."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import SourceError
from denoise_stream.files.dialect.options import TableOptions

Chunk = NDArray[np.float64]

MOST_COLUMNS = 32_768
"""Twice as many as a spreadsheet has."""

FOUND = TableOptions()
"""Nothing is stated about a table; everything is detected."""


class Source(Protocol):
    """A signal that is read once, from its start to its end."""

    name: str
    channels: int
    sample_rate_hz: float | None
    length_samples: int | None
    """Samples per channel, None if only the end will tell."""

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks, each as soon as it is there."""
        ...

    def close(self) -> None:
        """Release the file or device."""
        ...


class Sink(Protocol):
    """A signal's destination."""

    def write(self, samples: Chunk) -> None:
        """Write the next samples ``(n, channels)``; n may be 0."""
        ...

    def close(self) -> None:
        """Finish; nothing is lost after this."""
        ...


class NullSink:
    """A sink that discards all, for measuring, reporting and plotting only."""

    def write(self, samples: Chunk) -> None:
        """Forget the samples."""

    def close(self) -> None:
        """Nothing is left to write."""


@dataclass(frozen=True)
class Reading:
    """What the user states about a file.

    Attributes
    ----------
    columns
        Names of a table's columns to denoise; None chooses them.
    sample_rate_hz
        Rows per second of a table or an array, if known.
    series_column
        Name of the table's column that says to which series a row belongs, if there is one.
    table
        How a table of text is written, as far as it is stated.
    salvage
        Take what is there of audio that is cut short or damaged.
    max_columns
        Most columns of a table, and channels of anything else: each takes memory of its own.
    """

    columns: tuple[str, ...] | None = None
    sample_rate_hz: float | None = None
    series_column: str | None = None
    table: TableOptions = FOUND
    salvage: bool = False
    max_columns: int = MOST_COLUMNS


def check_columns(signal: Source, reading: Reading) -> None:
    """Refuse a signal of too many channels.

    Raises
    ------
    SourceError
        The sentence names the option that allows more.
    """
    if signal.channels > reading.max_columns:
        raise too_many_columns(signal.name, signal.channels, reading.max_columns)


def too_many_columns(name: str, columns: int, most: int) -> SourceError:
    """Return the error for a signal of too many columns or channels."""
    return SourceError(
        f"{name} has {columns} columns or channels, and each uses memory; --max-columns {columns} allows "
        f"more than {most}"
    )


FileKind = Literal["audio", "table", "array"]


@dataclass(frozen=True)
class Format:
    """A format of files that hold signals: how they are named, read and written.

    Attributes
    ----------
    kind
        ``audio`` has full scale 1.0 and a sample rate, a ``table`` has columns with names, an ``array`` neither.
    endings
        The ends of the files' names: lower case, with the dot.
    open
        Opens a file to read; the caller closes it. SourceError if it cannot be read.
    create
        Creates the file that holds what a source of this format becomes: from that source, the path, the sample rate
        in Hz and a stack that closes what stays open.
    in_pipes
        Whether it can be written to a pipe.
    """

    kind: FileKind
    endings: tuple[str, ...]
    open: Callable[[Path, Reading], Source]
    create: Callable[[Any, Path, float | None, contextlib.ExitStack], Sink]
    in_pipes: bool = False
