"""Pipes: bare samples in and out, with or without a WAV header."""

import os
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.audio.encodings import ENCODINGS, Encoding, frames
from denoise_stream.files.protocols import Chunk

BLOCK_BYTES = 1 << 16
"""At most this much of a pipe or file is read at once."""


class RawSource:
    """Samples without a header from standard input: ``s16le`` or ``f32le``, channels interleaved."""

    def __init__(self, sample_format: str, channels: int, sample_rate_hz: float | None) -> None:
        self.name = "standard input"
        self.channels = channels
        self.sample_rate_hz = sample_rate_hz
        self.length_samples: int | None = None
        self._encoding = ENCODINGS[sample_format]
        self._sample_format = sample_format

    def __iter__(self) -> Iterator[Chunk]:
        """Yield what the pipe holds, as soon as it holds something."""
        frame = self._encoding.sample_bytes * self.channels
        rest = yield from frames(read_blocks(sys.stdin.fileno()), self._encoding, self.channels)
        if rest:
            raise SourceError(
                f"standard input ends inside a sample: {len(rest)} bytes are left over, "
                f"{self._sample_format} with {self.channels} channels takes {frame} a sample"
            )

    def close(self) -> None:
        """Nothing to release: standard input stays open."""


def read_blocks(descriptor: int) -> Iterator[bytes]:
    """Read a file descriptor to its end, each block as soon as anything is there."""
    while block := os.read(descriptor, BLOCK_BYTES):
        yield block


def file_blocks(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """Read a part of a file, block by block, as far as it is there."""
    file.seek(start)
    while size > 0 and (block := file.read(min(size, BLOCK_BYTES))):
        size -= len(block)
        yield block


class ByteWriter(Protocol):
    """What bytes are written to: a binary file, or what behaves like one."""

    def write(self, data: bytes, /) -> object:
        """Write all of the data."""
        ...

    def flush(self) -> object:
        """Pass on what was written."""
        ...


class PipeSink:
    """Write bare samples into a pipe, after a header if there is one; every chunk is passed on at once."""

    def __init__(self, file: BinaryIO, encoding: Encoding, header: bytes = b"") -> None:
        self._file = file
        self._encoding = encoding
        write_through(file, header)

    def write(self, samples: Chunk) -> None:
        """Write the next samples, rounded and clipped to the encoding."""
        write_through(self._file, self._encoding.encode(samples))

    def close(self) -> None:
        """Nothing is left to write."""


def wav_encoding(subtype: str) -> Encoding:
    """Return the encoding for WAV in a pipe that holds libsndfile's ``subtype`` without loss.

    Integers of up to 16 bits become 16 bits, of more bits 32; everything else becomes 32-bit float.
    """
    bits = re.fullmatch(r"PCM_[SU]?(\d+)", subtype)
    if bits is None:
        return ENCODINGS["f32le"]
    return ENCODINGS["s16le" if int(bits[1]) <= 16 else "s32le"]


def write_through(file: ByteWriter, data: bytes) -> None:
    """Write bytes and pass them on at once.

    Raises
    ------
    SinkError
        If the file takes no more; BrokenPipeError passes, as it is not our failure.
    """
    if not data:
        return
    try:
        file.write(data)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SinkError(f"the output could not be written whole: {error.strerror}") from error
