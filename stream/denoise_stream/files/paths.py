"""Where signals go: chunks of samples come in, a whole file, a pipe or nothing comes out.

Every sink has the same face (:class:`Sink`): ``write`` chunks, then ``close``. Files appear under their
name only when they are complete: :func:`whole_file` hands out a temporary neighbour.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from denoise_stream.errors import SinkError
from denoise_stream.files.audio import ENCODINGS, AudioFormat, Chunk, Encoding


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


def check_outputs(*paths: Path | None, force: bool, inputs: tuple[Path, ...] = ()) -> None:
    """Check every output that is not None, and that no two are the same file.

    Raises
    ------
    ValueError
        If two outputs name the same file.
    SinkError
        As :func:`check_writable` does.
    """
    outputs = [path for path in paths if path is not None]
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise ValueError(f"{' and '.join(str(path) for path in outputs)} name the same file twice")
    for path in outputs:
        check_writable(path, force=force, inputs=inputs)


@contextlib.contextmanager
def whole_file(path: Path, scratch: Path | None = None) -> Iterator[Path]:
    """Give a temporary file that takes the name ``path`` when the block ends well.

    It lies beside ``path``, or in the folder ``scratch`` of the same file system. When the block fails, or the
    program is interrupted, the temporary file is removed and what was at ``path`` stays as it was.
    """
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise SinkError(f"cannot write {path}: {error}") from error
    # The end of the name stays, extension and all; the whole must not exceed what a file system takes.
    partial = (scratch or target.parent) / f".partial-{secrets.token_hex(4)}-{target.name[-50:]}"
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


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write facts as an indented JSON file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n", newline="\n")


class AudioSink:
    """An audio file with the container and subtype of an :class:`AudioFormat`."""

    def __init__(self, path: Path, audio: AudioFormat, sample_rate_hz: float, channels: int) -> None:
        import soundfile

        bits = re.search(r"(?:PCM|ALAC)_[SU]?(\d+)$", audio.subtype)
        self._steps = 2.0 ** (int(bits[1]) - 1) if bits else 0.0
        self._holds_gaps = audio.subtype in ("FLOAT", "DOUBLE")
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
        except (soundfile.LibsndfileError, ValueError, TypeError, OverflowError) as error:
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

        if not self._holds_gaps:
            samples = np.nan_to_num(samples)
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
        free_mb = shutil.disk_usage(self._path.parent).free / 1e6
        return SinkError(f"the output could not be written whole; is the disk full? ({free_mb:.0f} MB free)")


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


class NullSink:
    """Nowhere: for measuring, reporting and plotting only."""

    def write(self, samples: Chunk) -> None:
        """Forget the samples."""

    def close(self) -> None:
        """Nothing is left to write."""


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
