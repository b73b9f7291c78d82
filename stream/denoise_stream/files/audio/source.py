"""Read audio: files of any kind, and WAV from pipes."""

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from denoise_stream.errors import SourceError
from denoise_stream.files.audio import chunks, mp3
from denoise_stream.files.audio.containers import AudioFormat
from denoise_stream.files.audio.encodings import SAMPLE_BYTES, decoder, frames
from denoise_stream.files.audio.opened import Decoding, Opened, open_with_libsndfile
from denoise_stream.files.audio.unreadable import decode_line
from denoise_stream.files.audio.voc import read_voc
from denoise_stream.files.audio.wav import is_placeholder
from denoise_stream.files.audio.wav_source import open_wav_file, open_wav_pipe
from denoise_stream.files.paths import check_readable
from denoise_stream.files.protocols import Chunk

MP3_MARGIN = 2 * 1152
"""Frames at the start of MP3 that decoders drop, in samples."""


class AudioSource:
    """Audio from a file, WAV, FLAC, OGG, AIFF, MP3 ..., or WAV from a pipe.

    Parameters
    ----------
    path
        The file; None is standard input.
    salvage
        Take what is there of audio that is shorter than its header says, or damaged, and what follows where a WAV
        header says that the audio has ended.

    Attributes
    ----------
    format : AudioFormat
        How it is stored.
    notes : list of str
        Remarks for the user; complete when all of it was read.

    Raises
    ------
    SourceError
        If it is missing, empty, cut short or no audio that can be read.
    """

    def __init__(self, path: Path | None, *, salvage: bool = False) -> None:
        self.name = "standard input" if path is None else path.name
        self._salvage = salvage
        if path is None:
            self._opened = open_wav_pipe(self.name, salvage=salvage)
        else:
            check_readable(path)
            self._opened = _open_file(path, salvage=salvage)
        self.channels = self._opened.channels
        self.sample_rate_hz: float | None = float(self._opened.sample_rate_hz)
        self.format = self._opened.format
        self.length_samples = None if salvage else self._opened.promised
        self.notes = self._opened.notes

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks; a pipe's as soon as they are there.

        Raises
        ------
        SourceError
            If the audio ends before its header says so, or is damaged, unless it is to be salvaged.
        """
        import soundfile

        count, damage, left_over = 0, "", 0
        most, promised, reading = self._opened.most, self._opened.promised, self._opened.read()
        while most is None or count < most:
            try:
                chunk = next(reading)
            except StopIteration as end:
                left_over = end.value
                break
            except soundfile.LibsndfileError as error:
                damage = f"{self.name} is damaged after sample {count}: {error.error_string.rstrip('.')}"
                break
            chunk = chunk if most is None else chunk[: most - count]
            count += len(chunk)
            yield chunk
        if promised is not None and count < promised:
            damage = f"{self.name} is cut short: its header promises {promised} samples, {count} are there"
        if damage and not self._salvage:
            raise SourceError(f"{damage}; --salvage takes what is there")
        if damage:
            self.notes.append(f"salvaged: {damage}")
        if left_over:
            self.notes.append(f"{left_over} bytes at the end, a part of a sample, were left out")

    def close(self) -> None:
        """Close the file."""
        self._opened.close()


def _open_file(path: Path, *, salvage: bool) -> Opened:
    with path.open("rb") as file:
        start = file.read(20)
        if chunks.byte_order(start[:4]) and start[8:12] == b"WAVE":
            opened = open_wav_file(path, file, salvage=salvage)
        elif start[:4] == b"FORM" and start[8:11] == b"AIF":
            opened = _open_aiff(path, file)
        elif start == b"Creative Voice File\x1a":
            opened = _open_voc(path)
        elif start[:4] == b"fLaC":
            opened = _open_flac(path, file)
        else:
            opened = _open_other(path, file)
    found = opened.found
    if found is not None and opened.promised is not None and found < opened.promised and not salvage:
        opened.close()
        raise cut_short(path.name, opened.promised, found)
    return opened


def cut_short(name: str, promised: int, found: int) -> SourceError:
    """Return the error for audio that ends early."""
    return SourceError(
        f"{name} is cut short: its header promises {promised} samples, {found} are there; --salvage takes those"
    )


def _open_aiff(path: Path, file: BinaryIO) -> Opened:
    opened = open_with_libsndfile(path)
    kept, left_out = chunks.read_kept(file, ">")
    audio = opened.format
    opened.format = dataclasses.replace(audio, chunks=tuple(kept), left_out=tuple(left_out))
    if audio.subtype not in SAMPLE_BYTES:
        return opened
    for chunk in chunks.walk(file, order=">"):
        if chunk.name == b"COMM" and chunk.size >= 18:
            file.seek(chunk.start + 2)
            stated = struct.unpack(">I", file.read(4))[0]
            if not is_placeholder(stated):
                # libsndfile takes the byte that makes a chunk even for a sample of 8 bits.
                opened.promised = opened.most = stated
    return opened


def _open_voc(path: Path) -> Opened:
    file = path.open("rb")
    try:
        audio = read_voc(file, path.name)
    except BaseException:
        file.close()
        raise
    frame = SAMPLE_BYTES[audio.subtype] * audio.channels
    there = file.seek(0, 2)

    def read() -> Decoding:
        rest = yield from frames(audio.blocks(file), decoder(audio.subtype), audio.channels)
        return len(rest)

    return Opened(
        audio.channels,
        audio.sample_rate_hz,
        AudioFormat("VOC", audio.subtype),
        read,
        file.close,
        promised=sum(size for _, size in audio.parts) // frame,
        found=sum(min(size, there - start) if start else size for start, size in audio.parts) // frame,
    )


def _open_flac(path: Path, file: BinaryIO) -> Opened:
    opened = open_with_libsndfile(path)
    kinds = {2: "APPLICATION", 5: "CUESHEET", 6: "PICTURE"}
    lost, start, last = set(), 4, False
    while not last:
        file.seek(start)
        head = file.read(4)
        if len(head) < 4:
            break
        last, start = head[0] >= 0x80, start + 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x7F in kinds:
            lost.add(kinds[head[0] & 0x7F])
    opened.format = dataclasses.replace(opened.format, left_out=tuple(sorted(lost)))
    return opened


def _open_other(path: Path, file: BinaryIO) -> Opened:
    opened = open_with_libsndfile(path)
    container = opened.format.container
    if container == "MP3" and opened.promised is not None and not mp3.states_its_length(file):
        estimate, opened.promised = opened.promised, None
        if mp3.count_samples(file) > estimate + MP3_MARGIN:
            opened.close()
            raise SourceError(
                f"{path.name} does not state its length, and libsndfile would lose everything after sample "
                f"{estimate}; {decode_line(path)}"
            )
    if container == "OGG" and opened.promised == 0:
        raise SourceError(f"{path.name} holds no whole page of audio")
    return opened
