"""Audio files, and WAV from a pipe: read and written with libsndfile; full scale is 1.0."""

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.paths import check_readable
from denoise_stream.files.pipes import BLOCK_BYTES
from denoise_stream.files.protocols import Chunk, Format, Reading

PIPE_BLOCK_SAMPLES = 16
"""Samples that are read from a WAV pipe at once: libsndfile waits until all of them are there."""


SAMPLE_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
"""Bytes per sample of what a WAV file may hold uncompressed."""


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


CONTAINERS = {"aif": "AIFF", "oga": "OGG", "opus": "OGG", "snd": "AU"}
"""Extensions whose libsndfile container has another name."""


def format_for(path: Path, audio: AudioFormat) -> AudioFormat:
    """Give the format for a file's extension, with the subtype of ``audio`` where the container has it.

    Raises
    ------
    ValueError
        If libsndfile knows no container of that name.
    """
    import soundfile

    extension = path.suffix.lower().lstrip(".")
    container = CONTAINERS.get(extension, extension.upper())
    if container not in soundfile.available_formats() or container == "RAW":
        raise ValueError(f"--output {path.name}: libsndfile knows no audio format {path.suffix!r}")
    subtype = "OPUS" if extension == "opus" else audio.subtype
    if not soundfile.check_format(container, subtype):
        subtype = soundfile.default_subtype(container)
    return dataclasses.replace(audio, container=container, subtype=subtype, endian="FILE")


def _open(path: Path, reading: Reading) -> AudioSource:
    return AudioSource(path)


def _create(source: AudioSource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> AudioSink:
    return AudioSink(path, source.format, sample_rate_hz or 0.0, source.channels)


ENDINGS = (
    ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .w64 .caf .rf64 .sd2 .voc .htk .mat4 .mat5 .pvf"
)

AUDIO = Format("audio", tuple(ENDINGS.split()), _open, _create, in_pipes=True)
