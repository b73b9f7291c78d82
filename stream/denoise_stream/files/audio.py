"""Where signals come from: a file, a pipe or a table comes in, chunks of samples go out.

Every source has the same face (:class:`Source`); chunks are float64 ``(n, channels)``, audio with full scale 1.0.
Tables of numbers are in :mod:`denoise_stream.files.tables`, microphones in :mod:`denoise_stream.live.session`.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import SourceError

Chunk = NDArray[np.float64]

BLOCK_BYTES = 1 << 16
"""At most this much of a pipe or file is read at once."""

PIPE_BLOCK_SAMPLES = 16
"""Samples that are read from a WAV pipe at once: libsndfile waits until all of them are there."""


SAMPLE_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
"""Bytes per sample of what a WAV file may hold uncompressed."""


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


class Source(Protocol):
    """A signal that is read once, from its start to its end."""

    name: str
    channels: int
    sample_rate_hz: float | None
    length_samples: int | None
    """Samples per channel, None if only the end will tell."""

    def __iter__(self) -> Iterator[Chunk]:
        """Give the chunks, each as soon as it is there."""
        ...

    def close(self) -> None:
        """Release the file or device."""
        ...


@dataclass(frozen=True)
class AudioFormat:
    """How samples are stored: libsndfile's container, subtype and byte order, and text tags."""

    container: str = "WAV"
    subtype: str = "PCM_16"
    endian: str = "FILE"
    tags: dict[str, str] = field(default_factory=dict)


class AudioSource:
    """Audio that libsndfile reads: WAV, FLAC, OGG, AIFF, MP3 ... from a file, or WAV from a pipe."""

    def __init__(self, path: Path | None) -> None:
        """Open a file, or standard input for ``path=None``.

        Raises
        ------
        SourceError
            If it is missing, empty, cut short or no audio that libsndfile knows.
        """
        import soundfile

        self.name = "standard input" if path is None else path.name
        if path is not None:
            check_readable(path)
        try:
            self._file: Any = soundfile.SoundFile(0 if path is None else str(path))
            if path is None and self._file.format != "WAV":
                raise SourceError(f"{self.name}: a pipe must carry WAV, not {self._file.format}")
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            reason = getattr(error, "error_string", "") or str(error)
            raise SourceError(f"{self.name} is not audio that libsndfile reads: {reason}") from error
        self._is_pipe = path is None
        self.channels: int = self._file.channels
        self.sample_rate_hz: float | None = float(self._file.samplerate)
        self.format = AudioFormat(self._file.format, self._file.subtype, self._file.endian, self._file.copy_metadata())
        promised = self._promised_samples()
        self.length_samples: int | None = None if promised is None else self._file.frames
        if promised is not None and promised > self._file.frames:
            raise self._cut_short(self._file.frames, promised)

    def _promised_samples(self) -> int | None:
        """Give the length in the header; None where the header was written before the end was known."""
        if self._is_pipe:
            # libsndfile believes the header of a pipe; programs that write into one put the largest number.
            size = self._file.frames * self.channels * SAMPLE_BYTES.get(self._file.subtype, 1)
            return None if size >= 0x7FFE_0000 else self._file.frames
        declared = re.search(r"^data *: (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE)
        if declared is None or int(declared[1]) >= 0x7FFE_0000:
            return int(self._file.frames)
        size = self.channels * SAMPLE_BYTES.get(self._file.subtype, 1)
        return max(int(self._file.frames), int(declared[1]) // size) if int(declared[1]) > int(declared[2]) else 0

    def _cut_short(self, found: int, promised: int) -> SourceError:
        return SourceError(f"{self.name} is cut short: its header promises {promised} samples, {found} are there")

    def __iter__(self) -> Iterator[Chunk]:
        """Give the chunks; a pipe's are short, so that it is answered without delay."""
        import soundfile

        block = PIPE_BLOCK_SAMPLES if self._is_pipe else BLOCK_BYTES // 8 // self.channels + 1
        count = 0
        while True:
            try:
                chunk = self._file.read(block, dtype="float64", always_2d=True)
            except soundfile.LibsndfileError as error:
                if self.length_samples is None:
                    raise SourceError(f"{self.name} is damaged after sample {count}: {error}") from error
                raise self._cut_short(count, self.length_samples) from error
            if len(chunk) == 0:
                break
            count += len(chunk)
            yield chunk
        if self.length_samples is not None and count < self.length_samples:
            raise self._cut_short(count, self.length_samples)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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


def check_readable(path: Path) -> None:
    """Raise a SourceError in words if a path is no file that can be read, or is empty."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(f"{path} is no regular file; pipe it in: --input - with --format")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path.name} is empty")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def read_blocks(descriptor: int) -> Iterator[bytes]:
    """Read a file descriptor to its end, each block as soon as anything is there."""
    while block := os.read(descriptor, BLOCK_BYTES):
        yield block
