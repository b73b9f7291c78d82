"""Write audio files with libsndfile, beyond 4 GiB too, with the chunks that came along with the input."""

import contextlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.errors import SinkError
from denoise_stream.files.audio import chunks
from denoise_stream.files.audio.containers import BEYOND_4_GIB, RIFF_CONTAINERS, AudioFormat
from denoise_stream.files.audio.encodings import SAMPLE_BYTES
from denoise_stream.files.protocols import Chunk

MOST_BYTES = 0xFFFF_FFFF - (1 << 16)
"""Audio of more bytes does not fit sizes of 32 bits, with a header before it."""

MOST_VOC_BYTES = 0xFF_FFFF - 12
"""The size of a block in VOC has 24 bits, and libsndfile writes one."""


class AudioSink:
    """An audio file with the container and subtype of an :class:`AudioFormat`.

    WAV that grows beyond 4 GiB becomes RF64, from the beginning if its length is known.

    Parameters
    ----------
    path
        The file, which is replaced.
    audio
        Its format, tags and chunks.
    sample_rate_hz, channels
        Of the signal.
    length_samples
        Samples per channel that will come, None if that is not known.

    Attributes
    ----------
    notes : list of str
        Remarks for the user; complete after :meth:`close`.

    Raises
    ------
    SinkError
        If libsndfile cannot write such a file, or the container cannot hold as much.
    """

    def __init__(
        self,
        path: Path,
        audio: AudioFormat,
        sample_rate_hz: float,
        channels: int,
        length_samples: int | None = None,
    ) -> None:
        bits = re.search(r"(?:PCM|ALAC)_[SU]?(\d+)$", audio.subtype)
        self._steps = 2.0 ** (int(bits[1]) - 1) if bits else 0.0
        self._holds_gaps = audio.subtype in ("FLOAT", "DOUBLE")
        self._count = 0
        self._path = path
        self._audio = audio
        self._container = audio.container
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self._frame_bytes = SAMPLE_BYTES.get(audio.subtype, 0) * channels
        self._chunk_bytes = sum(len(chunk.content) + 9 for chunk in audio.chunks)
        self.notes: list[str] = []
        if audio.came_as:
            self.notes.append(f"written as {audio.subtype}, as {audio.container} does not hold {audio.came_as}")
        if audio.left_out:
            self.notes.append(f"not kept: {', '.join(dict.fromkeys(audio.left_out))} of the input")
        if self._is_too_much(length_samples or 0):
            self._container = "RF64"
        self._file = self._open()

    def write(self, samples: Chunk) -> None:
        """Write the next samples, rounded and clipped to the subtype."""
        import soundfile

        if not self._holds_gaps:
            samples = np.nan_to_num(samples)
        if self._steps:
            # libsndfile cuts off what lies between two steps, which would shift the signal by half a step.
            samples = np.rint(samples * self._steps) / self._steps
        if self._container != "RF64" and self._is_too_much(self._count + len(samples)):
            self._become_rf64()
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
            padded = self._container == "AIFF" and self._frame_bytes * self._count % 2
            if padded or (self._container in RIFF_CONTAINERS and not self._frame_bytes):
                chunks.write_sample_count(self._path, self._count)
            if self._audio.chunks:
                chunks.append(self._path, self._audio.chunks)
            stored = soundfile.info(str(self._path)).frames
        except soundfile.LibsndfileError as error:
            if self._count == 0:
                return  # some containers cannot be opened again without a sample
            raise self._incomplete() from error
        except OSError as error:
            raise self._incomplete() from error
        if stored < self._count:
            raise self._incomplete()
        if self._container == "RF64" != self._audio.container:
            self.notes.append("written as RF64, the kind of WAV for more than 4 GiB")

    def _open(self) -> Any:
        import soundfile

        try:
            file: Any = soundfile.SoundFile(
                str(self._path),
                "w",
                samplerate=round(self._sample_rate_hz),
                channels=self._channels,
                format=self._container,
                subtype=self._audio.subtype,
                endian=self._audio.endian,
            )
        except (soundfile.LibsndfileError, ValueError, TypeError, OverflowError) as error:
            raise SinkError(
                f"libsndfile cannot write {self._container} with {self._audio.subtype}, {self._channels} channels "
                f"and {self._sample_rate_hz:g} Hz: {error}; choose an --output with another extension"
            ) from error
        if not any(chunk.content.startswith(b"INFO") for chunk in self._audio.chunks):
            for key, value in self._audio.tags.items():
                with contextlib.suppress(Exception):  # a container without this tag
                    setattr(file, key, value)
        return file

    def _is_too_much(self, samples: int) -> bool:
        """Tell whether this many samples per channel need RF64.

        Raises
        ------
        SinkError
            If the container cannot hold as many, and there is none like it that can.
        """
        size = samples * self._frame_bytes
        if self._container == "VOC" and size > MOST_VOC_BYTES:
            raise SinkError(
                f"VOC holds {MOST_VOC_BYTES >> 20} MiB of audio at most; name an --output that ends in .wav"
            )
        if self._container in BEYOND_4_GIB or size + self._chunk_bytes <= MOST_BYTES:
            return False
        if self._container in RIFF_CONTAINERS and self._audio.endian != "BIG":
            return True
        raise SinkError(f"{self._container} holds 4 GiB of audio at most; name an --output that ends in .wav or .caf")

    def _become_rf64(self) -> None:
        """Copy what is written into an RF64 file, sample for sample, and go on with that."""
        import soundfile

        self._file.close()
        self._container = "RF64"
        dtype = {"FLOAT": "float32", "DOUBLE": "float64"}.get(self._audio.subtype, "int32")
        before = self._path.with_name(f"{self._path.name}.4gib")
        try:
            self._path.rename(before)
            with soundfile.SoundFile(str(before)) as written:
                self._file = self._open()
                while len(samples := written.read(1 << 16, dtype=dtype)):
                    self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError, OSError) as error:
            raise self._incomplete() from error
        finally:
            before.unlink(missing_ok=True)

    def _incomplete(self) -> SinkError:
        free_mb = shutil.disk_usage(self._path.parent).free / 1e6
        return SinkError(f"the output could not be written whole; is the disk full? ({free_mb:.0f} MB free)")
