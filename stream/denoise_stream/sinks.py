"""Where signals go: chunks of samples come in, a whole file, a pipe or nothing comes out.

Every sink has the same face (:class:`Sink`): ``write`` chunks, then ``close``. Files appear under their
name only when they are complete: :func:`whole_file` hands out a temporary neighbour.
"""

import contextlib
import os
import re
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from denoise_stream.errors import SinkError
from denoise_stream.sources import RAW_DTYPES, AudioFormat, Chunk

WAV_ENCODINGS: dict[str, tuple[int, np.dtype[Any], float]] = {
    "PCM_16": (1, np.dtype("<i2"), 2.0**15),
    "PCM_32": (1, np.dtype("<i4"), 2.0**31),
    "FLOAT": (3, np.dtype("<f4"), 1.0),
    "DOUBLE": (3, np.dtype("<f8"), 1.0),
}
"""Subtypes that WAV in a pipe can have: format tag, sample type, full scale."""


class Sink(Protocol):
    """A signal's destination."""

    def write(self, samples: Chunk) -> None:
        """Write the next samples ``(n, channels)``; n may be 0."""
        ...

    def close(self) -> None:
        """Finish; nothing is lost after this."""
        ...


def check_writable(path: Path, *, force: bool, inputs: tuple[Path, ...] = ()) -> None:
    """Check before the work begins that an output may be written.

    Raises
    ------
    SinkError
        If it is an input, exists (without ``force``), is no regular file, or its folder cannot be
        written.
    """
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise SinkError(f"{path} is the input itself; choose another output")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a regular file; write to a file, '-' (standard output) or 'null'")
    if path.exists() and not force:
        raise SinkError(f"{path} exists; use --force to replace it")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise SinkError(f"cannot write {path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise SinkError(f"cannot write {path}: the folder {folder} is not writable")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its name when the block ends well.

    When the block fails, or the program is interrupted, the temporary file is removed and what
    was at ``path`` stays as it was.
    """
    target = path.resolve()
    partial = target.with_name(f".partial-{secrets.token_hex(4)}-{target.name}")
    try:
        with partial.open("xb"):
            pass
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        if target.exists():
            partial.chmod(target.stat().st_mode)
        partial.replace(target)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


class AudioSink:
    """An audio file with the container and subtype of an :class:`AudioFormat`."""

    def __init__(self, path: Path, audio: AudioFormat, sample_rate_hz: float, channels: int) -> None:
        import soundfile

        bits = re.search(r"(?:PCM|ALAC)_[SU]?(\d+)$", audio.subtype)
        self._steps = 2.0 ** (int(bits[1]) - 1) if bits else 0.0
        self._count = 0
        self._path = path
        try:
            self._file: Any = soundfile.SoundFile(
                str(path),
                "w",
                samplerate=round(sample_rate_hz),
                channels=channels,
                format=audio.container,
                subtype=audio.subtype,
                endian=audio.endian,
            )
        except (soundfile.LibsndfileError, ValueError, TypeError) as error:
            raise SinkError(
                f"libsndfile cannot write {audio.container} with {audio.subtype}, {channels} channels "
                f"and {sample_rate_hz:g} Hz: {error}; choose an --output with another extension"
            ) from error
        for key, value in audio.tags.items():
            with contextlib.suppress(Exception):  # a container without this tag
                setattr(self._file, key, value)

    def write(self, samples: Chunk) -> None:
        """Write the next samples, rounded and clipped to the subtype."""
        import soundfile

        if self._steps:
            # libsndfile cuts off what lies between two steps, which would shift the signal by half a step.
            samples = np.rint(samples * self._steps) / self._steps
        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError, OSError) as error:
            raise self._incomplete() from error
        self._count += len(samples)

    def close(self) -> None:
        """Complete the header and check that the file holds what was written."""
        import soundfile

        self._file.close()
        try:
            stored = soundfile.info(str(self._path)).frames
        except soundfile.LibsndfileError as error:
            if self._count == 0:
                return  # some containers cannot be opened again without a sample
            raise self._incomplete() from error
        if stored < self._count:
            raise self._incomplete()

    def _incomplete(self) -> SinkError:
        free = os.statvfs(self._path.parent)
        megabytes = free.f_bavail * free.f_frsize / 1e6
        return SinkError(f"the output could not be written whole; is the disk full? ({megabytes:.0f} MB free)")


class RawSink:
    """Samples without a header (``s16le``, ``f32le``), or WAV, into a pipe."""

    def __init__(self, file: BinaryIO, sample_format: str) -> None:
        self._file = file
        self._dtype = RAW_DTYPES[sample_format]
        self._full_scale = 2.0**15 if self._dtype.kind == "i" else 1.0

    def write(self, samples: Chunk) -> None:
        """Write the next samples and pass them on at once."""
        _put(self._file, _encode(samples, self._dtype, self._full_scale))

    def close(self) -> None:
        """Nothing is left to write."""


class WavPipeSink:
    """WAV into a pipe, where the header cannot be mended afterwards."""

    def __init__(self, file: BinaryIO, subtype: str, sample_rate_hz: float, channels: int, length: int | None) -> None:
        """Write the header.

        ``length`` in samples; None writes the largest length, as other programs do in a pipe. A subtype
        that :data:`WAV_ENCODINGS` lacks becomes ``PCM_32`` if it is PCM, else ``FLOAT``.
        """
        if subtype not in WAV_ENCODINGS:
            subtype = "PCM_32" if subtype.startswith("PCM_2") else "PCM_16" if "PCM" in subtype else "FLOAT"
        tag, self._dtype, self._full_scale = WAV_ENCODINGS[subtype]
        self._file = file
        frame = self._dtype.itemsize * channels
        rate = round(sample_rate_hz)
        size = 0xFFFF_FFFF if length is None else min(length * frame, 0xFFFF_FFFF)
        layout = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, self._dtype.itemsize * 8)
        header = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", size)
        _put(file, b"RIFF" + struct.pack("<I", min(len(header) + size, 0xFFFF_FFFF)) + header)

    def write(self, samples: Chunk) -> None:
        """Write the next samples and pass them on at once."""
        _put(self._file, _encode(samples, self._dtype, self._full_scale))

    def close(self) -> None:
        """Nothing is left to write."""


class NullSink:
    """Nowhere: for measuring, reporting and plotting only."""

    def write(self, samples: Chunk) -> None:
        """Forget the samples."""

    def close(self) -> None:
        """Nothing is left to write."""


def _encode(samples: Chunk, dtype: np.dtype[Any], full_scale: float) -> bytes:
    if dtype.kind == "f":
        return bytes(samples.astype(dtype).tobytes())
    scaled = np.clip(np.rint(samples * full_scale), -full_scale, full_scale - 1)
    return bytes(np.nan_to_num(scaled).astype(dtype).tobytes())


def _put(file: BinaryIO, data: bytes) -> None:
    if not data:
        return
    try:
        file.write(data)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SinkError(f"cannot write to standard output: {error.strerror}") from error
