"""WAV headers: read from files and pipes, RIFF, RIFX and RF64, plain and extensible; written for pipes.

A header may say less than the truth, as its writer could not go back to it: the size of the audio is then 0 or the
largest number that fits. A size that a file contradicts is settled by what follows the audio.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.audio.chunks import ABOUT_THE_SAMPLES, LARGEST_KEPT, KeptChunk, are_chunks, byte_order
from denoise_stream.files.audio.encodings import Encoding

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE

SUBTYPES = {
    (PCM, 1): "PCM_U8",
    (PCM, 2): "PCM_16",
    (PCM, 3): "PCM_24",
    (PCM, 4): "PCM_32",
    (FLOAT, 4): "FLOAT",
    (FLOAT, 8): "DOUBLE",
    (A_LAW, 1): "ALAW",
    (MU_LAW, 1): "ULAW",
}
"""libsndfile's names for the uncompressed kinds, by format tag and bytes per sample."""

GUID_ENDS = (
    bytes.fromhex("000000001000800000aa00389b71"),  # the kinds that a plain header has a tag for
    bytes.fromhex("00002107d3118644c8c1ca000000"),  # the same, of Ambisonic B-format
)
"""What follows the format tag in the identifier of an extensible header."""

INFO_TAGS = {
    b"INAM": "title",
    b"IART": "artist",
    b"ICMT": "comment",
    b"ICOP": "copyright",
    b"ISFT": "software",
    b"ICRD": "date",
    b"IPRD": "album",
    b"IGNR": "genre",
    b"ITRK": "tracknumber",
}
"""libsndfile's names for the entries of a LIST INFO chunk."""


@dataclass
class WavHeader:
    """The header of a WAV file: all that stands before the audio.

    Attributes
    ----------
    container
        ``WAV``, ``WAVEX`` (extensible) or ``RF64``, as libsndfile names them.
    order
        ``<`` or ``>``: the byte order, as in :mod:`struct`.
    tag
        The format tag: 1 is PCM, 3 float.
    subtype
        libsndfile's name of an uncompressed kind, else empty.
    channels, sample_rate_hz
        As stated.
    frame_bytes
        Bytes of a sample of all channels, or of a compressed block.
    block_samples
        Samples in a compressed block, 0 if not stated.
    stated_samples
        Samples per channel by the chunk ``fact``, None without one.
    data_bytes
        The stated size of the audio, None if it is one that stands for "not known".
    written_bytes
        The size field itself.
    data_start
        Where the audio starts in the file.
    chunks
        What else stood before the audio.
    """

    container: str = "WAV"
    order: str = "<"
    tag: int = 0
    subtype: str = ""
    channels: int = 0
    sample_rate_hz: int = 0
    frame_bytes: int = 0
    block_samples: int = 0
    stated_samples: int | None = None
    data_bytes: int | None = None
    written_bytes: int = 0
    data_start: int = 0
    chunks: list[KeptChunk] = field(default_factory=list)

    def tags(self) -> dict[str, str]:
        """Return the text tags of its LIST INFO chunk by libsndfile's names."""
        return {
            INFO_TAGS[name]: text
            for chunk in self.chunks
            for name, text in info_entries(chunk, self.order)
            if name in INFO_TAGS and text
        }


def info_entries(chunk: KeptChunk, order: str) -> Iterator[tuple[bytes, str]]:
    """Yield the names and texts of a LIST INFO chunk; nothing of other chunks."""
    rest = chunk.content[4:] if chunk.name == b"LIST" and chunk.content.startswith(b"INFO") else b""
    while len(rest) >= 8:
        name, size = struct.unpack(f"{order}4sI", rest[:8])
        yield name, rest[8 : 8 + size].split(b"\0")[0].decode("utf-8", "replace")
        rest = rest[8 + size + size % 2 :]


def names_without_tags(chunk: KeptChunk, order: str) -> list[str]:
    """Return the names of what is lost of a chunk where only text tags are kept: the chunk, or some of its entries."""
    if not (chunk.name == b"LIST" and chunk.content.startswith(b"INFO")):
        return [str(chunk)]
    return [f"{chunk} {name.decode('latin-1')}" for name, _ in info_entries(chunk, order) if name not in INFO_TAGS]


def read_header(read: Callable[[int], bytes], name: str) -> WavHeader:
    """Read a WAV header up to the first byte of audio.

    Parameters
    ----------
    read
        Returns the next ``n`` bytes of a file or a pipe, fewer only at its end.
    name
        Of the file or pipe, for messages.

    Raises
    ------
    SourceError
        If it is not a whole WAV header.
    """
    position = 0
    header = WavHeader()

    def take(count: int) -> bytes:
        nonlocal position
        data = read(count)
        position += len(data)
        if len(data) < count:
            raise SourceError(f"{name} ends after {position} bytes, inside its WAV header")
        return data

    magic, _, kind = struct.unpack("<4sI4s", take(12))
    header.order = byte_order(magic)
    if not header.order or kind != b"WAVE":
        raise SourceError(f"{name} is not WAV: it starts with {(magic + kind)!r}, not with RIFF or RF64 and WAVE")
    header.container = "RF64" if magic in (b"RF64", b"BW64") else "WAV"
    wide_size: int | None = None
    while True:
        chunk, size = struct.unpack(f"{header.order}4sI", take(8))
        if chunk == b"data":
            break
        content = take(size) if size <= LARGEST_KEPT else _skip(take, size)
        take(size % 2)
        if chunk == b"fmt ":
            _read_format(header, content, name)
        elif chunk == b"fact" and size >= 4:
            header.stated_samples = struct.unpack_from(f"{header.order}I", content)[0]
        elif chunk == b"ds64" and size >= 24:
            _, wide_size, wide_samples = struct.unpack_from("<3Q", content)
            header.stated_samples = wide_samples or None
        elif chunk not in ABOUT_THE_SAMPLES and content:
            header.chunks.append(KeptChunk(chunk, content))
    if not header.channels:
        raise SourceError(f"{name} is not a readable WAV file: no 'fmt ' chunk before its audio")
    header.data_start = position
    header.written_bytes = wide_size if wide_size is not None and size == 0xFFFF_FFFF else size
    header.data_bytes = None if is_placeholder(header.written_bytes) else header.written_bytes
    return header


def _skip(take: Callable[[int], bytes], size: int) -> bytes:
    while size:
        size -= len(take(min(size, 1 << 16)))
    return b""


def _read_format(header: WavHeader, content: bytes, name: str) -> None:
    if len(content) < 16:
        raise SourceError(
            f"{name} is not a readable WAV file: its 'fmt ' chunk has {len(content)} bytes, not 16 or more"
        )
    tag, channels, rate, _, frame, bits = struct.unpack_from(f"{header.order}HHIIHH", content)
    if tag == EXTENSIBLE and len(content) >= 40:
        if content[26:40] in GUID_ENDS:
            tag = struct.unpack_from(f"{header.order}H", content, 24)[0]
        header.container = "WAVEX" if header.container == "WAV" else header.container
    elif len(content) >= 20 and tag not in (PCM, FLOAT, A_LAW, MU_LAW):
        header.block_samples = struct.unpack_from(f"{header.order}H", content, 18)[0]
    if not channels or not rate or not frame:
        raise SourceError(f"{name} is not a readable WAV file: it states {channels} channels at {rate} Hz")
    header.tag, header.channels, header.sample_rate_hz, header.frame_bytes = tag, channels, rate, frame
    # Samples of 12 or 20 bits stand in 16 or 24, on the side of the larger numbers.
    whole = frame % channels == 0 and bits <= 8 * (frame // channels)
    header.subtype = SUBTYPES.get((tag, frame // channels), "") if whole else ""


def is_placeholder(size: int) -> bool:
    """Tell whether a size stands for "not known": 0, or close below the largest numbers of 31, 32 and 64 bits."""
    return size == 0 or any(top - 0x2_0000 <= size <= top for top in (0x8000_0000, 0xFFFF_FFFF, 2**64 - 1))


def audio_bytes(file: BinaryIO, header: WavHeader) -> tuple[int, str]:
    """Return how many bytes of audio a file holds, and a remark for the user.

    The size in the header counts if the file confirms it: the file ends there, or more chunks follow. A size of 0, the
    largest one or one that lost its upper bits at 4 GiB is replaced by all that follows up to the end of the file.

    Returns
    -------
    size, note
        ``size`` is larger than the file if the audio is cut short. ``note`` is empty if nothing is out of order.
    """
    size_of_file = file.seek(0, 2)
    there, stated = size_of_file - header.data_start, header.written_bytes
    after = header.data_start + stated + stated % 2
    if stated and there <= stated + stated % 2 and (there >= stated or header.data_bytes is not None):
        return stated, ""
    if there == 0 or (there > stated and are_chunks(file, after, header.order)):
        return min(stated, there), ""
    if header.data_bytes is None:
        note = (
            ""
            if stated
            else "its header says that it holds no audio, as after a crash; everything after the header was read"
        )
        return there, note
    if (there - stated) % 2**32 <= 1:
        return there, f"its header says {stated} bytes of audio, which is the size of {there} without its upper bits"
    return stated, f"{there - stated} bytes after the stated end of the audio were left out; --salvage takes them"


def wav_header(encoding: Encoding, sample_rate_hz: float, channels: int, length: int | None) -> bytes:
    """Make a WAV header; a ``length`` of None samples becomes the largest size, as other programs do in a pipe.

    Raises
    ------
    SinkError
        If a number does not fit a WAV header.
    """
    frame, rate = encoding.dtype.itemsize * channels, round(sample_rate_hz)
    if rate > 0xFFFF_FFFF or frame > 0xFFFF:
        raise SinkError(f"WAV cannot state {channels} channels at {sample_rate_hz:g} Hz; use --format s16le or f32le")
    size = 0xFFFF_FFFF if length is None else min(length * frame, 0xFFFF_FFFF)
    tag = FLOAT if encoding.dtype.kind == "f" else PCM
    layout = struct.pack(
        "<HHIIHH", tag, channels, rate, min(rate * frame, 0xFFFF_FFFF), frame, encoding.dtype.itemsize * 8
    )
    body = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", min(len(body) + size, 0xFFFF_FFFF)) + body
