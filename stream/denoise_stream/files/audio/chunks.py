"""Files made of chunks, RIFF (WAV), RF64 and FORM (AIFF): walk them, and carry chunks from one file to another."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LARGEST_KEPT = 1 << 24
"""Chunks beyond this many bytes are not carried over."""

ABOUT_THE_SAMPLES = frozenset(
    (b"fmt ", b"data", b"fact", b"ds64", b"PEAK", b"levl", b"MD5 ", b"JUNK", b"junk", b"FLLR", b"PAD ", b"pad ")
    + (b"COMM", b"SSND", b"FVER")
    + (b"NAME", b"AUTH", b"ANNO", b"(c) ")  # which libsndfile carries over as tags
)
"""Chunks that describe the samples as they were, or are written again."""


@dataclass(frozen=True)
class FileChunk:
    """A chunk of a file: its name, where its content starts, and how many bytes it says it has."""

    name: bytes
    start: int
    size: int

    @property
    def end(self) -> int:
        """Where the next chunk starts; chunks begin at even places."""
        return self.start + self.size + self.size % 2


@dataclass(frozen=True)
class KeptChunk:
    """A chunk to be carried over."""

    name: bytes
    content: bytes

    def __str__(self) -> str:
        kind = f" {self.content[:4].decode('latin-1')}" if self.name == b"LIST" else ""
        return f"{self.name.decode('latin-1').strip()}{kind}"


def byte_order(magic: bytes) -> str:
    """Return the byte order (as in :mod:`struct`) of a file by its first four bytes; empty if it has no chunks."""
    return {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">", b"FORM": ">"}.get(magic, "")


def walk(file: BinaryIO, start: int = 12, *, order: str, data_end: int | None = None) -> Iterator[FileChunk]:
    """Find the chunks of a file from ``start`` on, as far as they can be followed.

    Parameters
    ----------
    file
        A file that can be sought.
    start
        Where the first chunk starts.
    order
        ``<`` or ``>``.
    data_end
        Where the chunk ``data`` ends if its own size cannot say so.
    """
    size_of_file = file.seek(0, 2)
    while start + 8 <= size_of_file:
        file.seek(start)
        name, size = struct.unpack(f"{order}4sI", file.read(8))
        if not is_name(name):
            return
        chunk = FileChunk(name, start + 8, size)
        yield chunk
        start = chunk.end
        if name == b"data" and data_end is not None:
            start, data_end = data_end, None  # used once: a second chunk of this name would lead back here for ever


def is_name(name: bytes) -> bool:
    """Tell whether four bytes can be the name of a chunk."""
    return len(name) == 4 and all(0x20 <= letter < 0x7F for letter in name)


def are_chunks(file: BinaryIO, start: int, order: str) -> bool:
    """Tell whether a file consists of whole chunks from ``start`` to its end."""
    size_of_file = file.seek(0, 2)
    end = start
    for chunk in walk(file, start, order=order):
        end = chunk.end
    return start < size_of_file <= end <= size_of_file + 1


def read_kept(file: BinaryIO, order: str, data_end: int | None = None) -> tuple[list[KeptChunk], list[str]]:
    """Read the chunks that say nothing about the samples themselves.

    Returns
    -------
    kept, left_out
        The chunks, and the names of those beyond ``LARGEST_KEPT`` or cut short, or of audio after the first.
    """
    size_of_file = file.seek(0, 2)
    kept, left_out, has_audio = [], [], False
    for chunk in walk(file, order=order, data_end=data_end):
        if chunk.name == b"data":
            left_out += ["second data"] if has_audio else []
            has_audio = True
        if chunk.name in ABOUT_THE_SAMPLES or chunk.size == 0:
            continue
        if chunk.size > LARGEST_KEPT or chunk.start + chunk.size > size_of_file:
            left_out.append(chunk.name.decode("latin-1").strip())
            continue
        file.seek(chunk.start)
        kept.append(KeptChunk(chunk.name, file.read(chunk.size)))
    return kept, left_out


def append(path: Path, chunks: Sequence[KeptChunk]) -> None:
    """Append chunks to a RIFF, RF64 or FORM file, and state its new size in its header."""
    with path.open("rb+") as file:
        magic = file.read(4)
        order = byte_order(magic)
        end = file.seek(0, 2)
        file.write(bytes(end % 2))
        for chunk in chunks:
            file.write(struct.pack(f"{order}4sI", chunk.name, len(chunk.content)))
            file.write(chunk.content + bytes(len(chunk.content) % 2))
        size = file.tell() - 8
        if magic in (b"RF64", b"BW64"):
            file.seek(20)  # after the header of ds64, the first chunk
            file.write(struct.pack("<Q", size))
        else:
            file.seek(4)
            file.write(struct.pack(f"{order}I", size))


def write_sample_count(path: Path, samples: int) -> None:
    """State how many samples per channel a file holds, where libsndfile counts padding too.

    That is in the chunk ``fact`` of WAV, and in ``COMM`` of AIFF, whose samples must be uncompressed.
    """
    with path.open("rb+") as file:
        order = byte_order(file.read(4))
        frame_bytes = 0
        for chunk in walk(file, order=order):
            file.seek(chunk.start)
            if chunk.name == b"fact" and chunk.size >= 4:
                file.write(struct.pack(f"{order}I", min(samples, 0xFFFF_FFFF)))
            elif chunk.name == b"COMM" and chunk.size >= 18:
                channels, _, bits = struct.unpack(">HIH", file.read(8))
                frame_bytes = channels * ((bits + 7) // 8)
                file.seek(chunk.start + 2)
                file.write(struct.pack(">I", samples))
            elif chunk.name == b"SSND" and frame_bytes:
                file.seek(chunk.start - 4)
                file.write(struct.pack(">I", 8 + samples * frame_bytes))
