"""Audio that was opened, and opening it with libsndfile."""

import contextlib
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from denoise_stream.errors import SourceError
from denoise_stream.files.audio.containers import RIFF_CONTAINERS, AudioFormat
from denoise_stream.files.audio.encodings import SAMPLE_BYTES
from denoise_stream.files.audio.unreadable import way_out
from denoise_stream.files.audio.wav import is_placeholder
from denoise_stream.files.pipes import BLOCK_BYTES
from denoise_stream.files.protocols import Chunk
from denoise_stream.native_messages import native_messages_hidden

Decoding = Generator[Chunk, None, int]
"""Samples ``(n, channels)``; the value at the end counts bytes that were left over."""

ENDLESS = 1 << 62
"""libsndfile reports this many samples or more for a header that does not state their number."""


@dataclass
class Opened:
    """Audio that was opened.

    Attributes
    ----------
    channels, sample_rate_hz, format
        Its facts.
    read
        Starts reading it.
    close
        Releases the file.
    promised
        Samples per channel by its header; None if that does not say.
    found
        Samples per channel that are there, as far as that is known before they are read.
    most
        Samples per channel after which there is padding; None if there is none.
    notes
        Remarks for the user.
    """

    channels: int
    sample_rate_hz: int
    format: AudioFormat
    read: Callable[[], Decoding]
    close: Callable[[], None] = lambda: None
    promised: int | None = None
    found: int | None = None
    most: int | None = None
    notes: list[str] = field(default_factory=list)


def open_with_libsndfile(path: Path) -> Opened:
    """Open a file with libsndfile.

    Raises
    ------
    SourceError
        If libsndfile does not read it; the sentence says what does.
    """
    import soundfile

    class _Unseekable(soundfile.SoundFile):  # type: ignore[misc]
        """A file read without seeking, as a seek fails at the end of a file of unknown length."""

        def seekable(self) -> bool:
            return False

    try:
        with native_messages_hidden():  # libmpg123 says a line for each damaged frame
            file: Any = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        reason = getattr(error, "error_string", "") or str(error)
        raise SourceError(way_out(path, reason.rstrip("."))) from error
    if file.frames >= ENDLESS:
        file.close()
        file = _Unseekable(str(path))
    block = BLOCK_BYTES // 8 // file.channels + 1

    hidden = native_messages_hidden if file.format == "MP3" else contextlib.nullcontext

    def read() -> Decoding:
        while True:
            with hidden():
                chunk = file.read(block, dtype="float64", always_2d=True)
            if not len(chunk):
                return 0
            yield chunk

    audio = AudioFormat(file.format, file.subtype, file.endian, file.copy_metadata())
    found = None if file.frames >= ENDLESS else int(file.frames)
    promised = None if found is None else max(found, _promised(file))
    return Opened(file.channels, file.samplerate, audio, read, file.close, promised, found)


def _promised(file: Any) -> int:
    """Return how many samples a header promises, of files that are not WAV, by libsndfile's log."""
    frame = file.channels * SAMPLE_BYTES.get(file.subtype, 0)
    if frame == 0 or file.format in RIFF_CONTAINERS:
        return 0
    if file.format == "W64":  # whose sizes count 24 bytes of their own
        stated = re.search(r"^data : (\d+)$", file.extra_info, re.MULTILINE)
        missing = int(stated[1]) - 24 - file.frames * frame if stated else 0
        return file.frames + missing // frame if missing >= 8 else 0  # they end at multiples of 8
    stated = re.search(r"^ *Data Size +: (\d+) \(should be \d+\)$", file.extra_info, re.MULTILINE)  # AU
    return int(stated[1]) // frame if stated and not is_placeholder(int(stated[1])) else 0
