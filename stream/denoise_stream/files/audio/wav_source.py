"""Open WAV: from pipes, and files whose header says too little, without libsndfile; all others with it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from denoise_stream.errors import SourceError
from denoise_stream.files.audio import chunks
from denoise_stream.files.audio.containers import AudioFormat
from denoise_stream.files.audio.encodings import decoder, frames
from denoise_stream.files.audio.opened import Decoding, Opened, open_with_libsndfile
from denoise_stream.files.audio.unreadable import way_out_of_pipe
from denoise_stream.files.audio.wav import WavHeader, audio_bytes, read_header
from denoise_stream.files.pipes import file_blocks, read_blocks


def open_wav_pipe(name: str, *, salvage: bool) -> Opened:
    """Open the WAV that comes through standard input.

    Raises
    ------
    SourceError
        If something else comes, or a compressed kind of WAV.
    """
    descriptor = sys.stdin.fileno()

    def read(count: int) -> bytes:
        data = b""
        while len(data) < count and (part := os.read(descriptor, count - len(data))):
            data += part
        return data

    start = read(12)
    if not start:
        raise SourceError(f"{name} is empty")
    if not chunks.byte_order(start[:4]) or start[8:] != b"WAVE":
        raise SourceError(way_out_of_pipe(start + read(64)))
    ahead = iter([start])
    header = read_header(lambda count: next(ahead, b"") or read(count), name)
    notes: list[str] = []
    blocks = read_blocks(descriptor)
    if header.data_bytes is not None and not salvage:
        blocks = _first(blocks, header.data_bytes, notes)
    opened = _opened(header, blocks, name, notes)
    if header.data_bytes is not None:
        opened.promised = header.data_bytes // header.frame_bytes
    return opened


def _first(blocks: Iterator[bytes], size: int, notes: list[str]) -> Iterator[bytes]:
    """Return the first bytes of a pipe, and read the rest too, so that the writer is not interrupted."""
    padding, next_bytes, beyond = size % 2, b"", 0
    for block in blocks:
        if size > 0:
            yield block[:size]
        extra = block[size:]
        size = max(0, size - len(block))
        next_bytes, beyond = (next_bytes + extra)[:8], beyond + len(extra)
    if beyond > padding and not chunks.is_name(next_bytes[padding : padding + 4]):
        notes.append(f"{beyond} bytes after the stated end of the audio were left out; --salvage takes them")


def open_wav_file(path: Path, file: BinaryIO, *, salvage: bool) -> Opened:
    """Open a WAV file, with libsndfile where it finds as much audio as there is.

    Raises
    ------
    SourceError
        If it is cut short and not to be salvaged, or cannot be read.
    """
    file.seek(0)
    header = read_header(file.read, path.name)
    there = file.seek(0, 2) - header.data_start
    size, note = audio_bytes(file, header)
    if salvage and header.subtype and size < there and note:
        size, note = there, f"salvaged: {there - size} bytes after the stated end of the audio were taken too"
    kept, left_out = chunks.read_kept(file, header.order, header.data_start + size + size % 2)
    opened = _open_uncompressed(path, header, size) if header.subtype else _open_compressed(path, header, size, there)
    audio = opened.format
    opened.format = AudioFormat(
        audio.container, audio.subtype, audio.endian, audio.tags, tuple(kept), (*audio.left_out, *left_out)
    )
    opened.notes += [note] if note else []
    return opened


def _open_uncompressed(path: Path, header: WavHeader, size: int) -> Opened:
    samples = size // header.frame_bytes
    try:
        opened = open_with_libsndfile(path)
    except SourceError:
        opened = None
    if opened is not None and opened.promised == samples and header.written_bytes == size:
        return opened
    if opened is not None:
        opened.close()
    file = path.open("rb")
    opened = _opened(header, file_blocks(file, header.data_start, size), path.name, [])
    opened.close = file.close
    opened.promised, opened.found = samples, min(samples, (file.seek(0, 2) - header.data_start) // header.frame_bytes)
    return opened


def _open_compressed(path: Path, header: WavHeader, size: int, there: int) -> Opened:
    """Open blocks of compressed samples; the last one may be padded, which the chunk ``fact`` tells."""
    opened = open_with_libsndfile(path)
    found, stated = opened.promised, header.stated_samples
    if found is None:
        return opened
    if size > there and there:
        opened.promised = found * size // there
    if stated is not None and 0 < found - stated < header.block_samples:
        opened.promised = opened.most = stated
    return opened


def _opened(header: WavHeader, blocks: Iterator[bytes], name: str, notes: list[str]) -> Opened:
    if not header.subtype:
        raise SourceError(
            f"{name} is compressed WAV, format tag {header.tag:#x}; have its writer produce PCM, with ffmpeg: "
            "ffmpeg -i INPUT -c:a pcm_s16le -f wav -"
        )
    big_endian = header.order == ">"
    audio = AudioFormat(
        header.container, header.subtype, "BIG" if big_endian else "FILE", header.tags(), tuple(header.chunks)
    )

    def read() -> Decoding:
        rest = yield from frames(blocks, decoder(header.subtype, big_endian=big_endian), header.channels)
        return len(rest)

    return Opened(header.channels, header.sample_rate_hz, audio, read, notes=notes)
