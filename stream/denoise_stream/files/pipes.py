"""Pipes: bare samples, or WAV whose length is not known beforehand."""

import os
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.protocols import Chunk

BLOCK_BYTES = 1 << 16
"""At most this much of a pipe or file is read at once."""


@dataclass(frozen=True)
class Encoding:
    """How bare samples are stored: their type, and the number that full scale 1.0 becomes."""

    dtype: np.dtype[Any]
    full_scale: float

    def decode(self, data: bytes, channels: int) -> Chunk:
        """Read interleaved samples; return ``(n, channels)``."""
        samples = np.frombuffer(data, self.dtype).reshape(-1, channels)
        with np.errstate(invalid="ignore"):  # there are NaN that warn when they are copied
            return samples.astype(np.float64) / self.full_scale

    def encode(self, samples: Chunk) -> bytes:
        """Store samples ``(n, channels)``; integers are rounded and clipped, missing values become 0."""
        if self.dtype.kind == "f":
            return bytes(samples.astype(self.dtype).tobytes())
        scaled = np.clip(np.rint(samples * self.full_scale), -self.full_scale, self.full_scale - 1)
        return bytes(np.nan_to_num(scaled).astype(self.dtype).tobytes())


ENCODINGS = {
    "s16le": Encoding(np.dtype("<i2"), 2.0**15),
    "s32le": Encoding(np.dtype("<i4"), 2.0**31),
    "f32le": Encoding(np.dtype("<f4"), 1.0),
}


RAW_FORMATS = ("s16le", "f32le")
"""Encodings of pipes without a header."""


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
        """Give what the pipe holds, as soon as it holds something."""
        frame = self._encoding.dtype.itemsize * self.channels
        rest = b""
        for block in read_blocks(sys.stdin.fileno()):
            data = rest + block
            whole = len(data) - len(data) % frame
            rest = data[whole:]
            yield self._encoding.decode(data[:whole], self.channels)
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


class PipeSink:
    """Bare samples into a pipe, behind a header if there is one; every chunk is passed on at once."""

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
    """Give the encoding for WAV in a pipe that holds libsndfile's ``subtype`` without loss.

    Integers of up to 16 bits become 16 bits, of more bits 32; everything else becomes 32-bit float.
    """
    bits = re.fullmatch(r"PCM_[SU]?(\d+)", subtype)
    if bits is None:
        return ENCODINGS["f32le"]
    return ENCODINGS["s16le" if int(bits[1]) <= 16 else "s32le"]


def wav_header(encoding: Encoding, sample_rate_hz: float, channels: int, length: int | None) -> bytes:
    """Make a WAV header; a ``length`` of None samples becomes the largest size, as other programs do in a pipe."""
    frame, rate = encoding.dtype.itemsize * channels, round(sample_rate_hz)
    size = 0xFFFF_FFFF if length is None else min(length * frame, 0xFFFF_FFFF)
    tag = 3 if encoding.dtype.kind == "f" else 1
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, encoding.dtype.itemsize * 8)
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(len(body) + size, 0xFFFF_FFFF)) + body


def write_through(file: BinaryIO, data: bytes) -> None:
    """Write bytes and pass them on at once.

    Raises
    ------
    SinkError
        If the file takes no more; BrokenPipeError passes, as it is no failure of ours.
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
