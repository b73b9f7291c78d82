"""Creative Voice files: where their blocks of audio are."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from denoise_stream.errors import SourceError
from denoise_stream.files.audio.encodings import SAMPLE_BYTES
from denoise_stream.files.pipes import BLOCK_BYTES, file_blocks


@dataclass
class VocAudio:
    """The audio of a VOC file.

    Attributes
    ----------
    subtype
        As libsndfile names it.
    channels, sample_rate_hz
        As the file says.
    parts
        Where audio is in the file, in bytes: start and size. A start of 0 stands for silence.
    """

    subtype: str = ""
    channels: int = 1
    sample_rate_hz: int = 0
    parts: list[tuple[int, int]] = field(default_factory=list)

    def blocks(self, file: BinaryIO) -> Iterator[bytes]:
        """Read the audio, block by block."""
        quiet = b"\x80" if self.subtype == "PCM_U8" else b"\0"
        for start, size in self.parts:
            if start:
                yield from file_blocks(file, start, size)
                continue
            while size > 0:
                yield quiet * min(size, BLOCK_BYTES)
                size -= BLOCK_BYTES


VOC_CODECS = {0: "PCM_U8", 4: "PCM_16", 6: "ALAW", 7: "ULAW"}
"""libsndfile's names for the kinds of sound."""


def read_voc(file: BinaryIO, name: str) -> VocAudio:
    """Read the blocks of a Creative Voice file.

    libsndfile takes the headers of continued blocks for samples.

    Raises
    ------
    SourceError
        If it changes its format midway, or holds compressed audio or loops.
    """
    audio = VocAudio()
    size_of_file = file.seek(0, 2)
    file.seek(20)
    start = int.from_bytes(file.read(2), "little")
    extended: tuple[int, int, int] | None = None
    while start + 4 <= size_of_file:
        file.seek(start)
        head = file.read(16).ljust(16, b"\0")
        kind, size = head[0], int.from_bytes(head[1:4], "little")
        body, start = start + 4, start + 4 + size
        found: tuple[int, int, int] | None = None  # codec, channels, rate
        if kind == 0:
            start = body - 3
            break
        if kind == 8:  # what the next block of sound is, instead of what it says itself
            divisor, codec, mode = struct.unpack_from("<HBB", head, 4)
            extended = codec, mode + 1, 256_000_000 // ((mode + 1) * (65_536 - divisor))
        elif kind == 1:
            found = extended or (head[5], 1, 1_000_000 // (256 - head[4]))
            extended = None
            audio.parts.append((body + 2, max(0, size - 2)))
        elif kind == 9:
            rate, bits, channels, codec = struct.unpack_from("<IBBH", head, 4)
            found = codec, channels, rate
            audio.parts.append((body + 12, max(0, size - 12)))
        elif kind == 2:
            audio.parts.append((body, size))
        elif kind == 3:
            samples = struct.unpack_from("<H", head, 4)[0] + 1
            audio.parts.append((0, samples * audio.channels * SAMPLE_BYTES.get(audio.subtype, 1)))
        elif kind in (6, 7):
            raise SourceError(f"{name} holds a loop, which is not supported; unroll it with: sox {name} other.wav")
        if found is not None:
            facts = (VOC_CODECS.get(found[0], ""), found[1], found[2])
            if audio.subtype and facts != (audio.subtype, audio.channels, audio.sample_rate_hz):
                raise SourceError(f"{name} changes its format midway; unify it with: sox {name} other.wav")
            if not facts[1] or not facts[2]:
                raise SourceError(f"{name} states {facts[1]} channels at {facts[2]} Hz")
            if not facts[0]:
                raise SourceError(f"{name} has an unsupported compression: VOC codec {found[0]}")
            audio.subtype, audio.channels, audio.sample_rate_hz = facts
    if not audio.subtype:
        raise SourceError(f"{name} holds no audio")
    begin, size = audio.parts[0]
    if len(audio.parts) == 1 and begin + size <= size_of_file and start not in (size_of_file - 1, size_of_file):
        # sox states 8 bytes too few for 16 bits: the blocks must end where the file does, with a byte 0.
        frame = audio.channels * SAMPLE_BYTES[audio.subtype]
        audio.parts = [(begin, (size_of_file - 1 - begin) // frame * frame)]
    return audio
