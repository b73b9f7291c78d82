"""Explain why a file or pipe cannot be read as audio: what it is, and how to convert it."""

import codecs
import shlex
import zlib
from pathlib import Path

KINDS = (
    (4, b"ftyp", "MP4 (m4a, mp4, mov)"),
    (0, b"\x1aE\xdf\xa3", "Matroska (mkv, webm)"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media (wma, wmv)"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV", "Flash video"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x0bw", "AC-3"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"\x00\x00\x01\xba", "MPEG video"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"\xff\xfb", "MP3"),
    (0, b"\xff\xf3", "MP3"),
    (0, b"\xff\xf2", "MP3"),
    (0, b"FORM", "AIFF"),
    (0, b"caff", "CAF"),
    (0, b"riff", "Wave64"),
    (0, b".snd", "AU"),
)
"""Where the signature of a kind of file stands, the signature, and the kind's name."""

FFMPEG_READS = frozenset(
    ".3gp .aac .ac3 .alac .amr .ape .asf .avi .caf .dff .dsf .dts .eac3 .flv .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp4 "
    ".mpeg .mpg .mts .opus .qt .ra .rm .spx .tta .ts .vob .webm .wma .wmv .wv".split()
)
COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz", b"(\xb5": "unzstd"}
"""The first two bytes of compressed files, and the program that unpacks them."""


def way_out(path: Path, reason: str) -> str:
    """Say in one sentence why a file cannot be read as audio, and what to do.

    Parameters
    ----------
    path
        The file.
    reason
        Why libsndfile does not read it.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    name, clean = shlex.quote(str(path)), shlex.quote(f"{path.stem.removesuffix('.csv')}.denoised.csv")
    unpack = COMPRESSED.get(start[:2])
    if unpack is not None:
        inside = _unpacked(start) if unpack == "gunzip" else start
        if path.with_suffix("").suffix.lower() in (".csv", ".tsv", ".txt") or is_text(inside):
            return (
                f"{path.name} is compressed; unpack it on the way: {unpack} -c {name} | denoise-stream --input - "
                f"--format csv > {clean}"
            )
        return f"{path.name} is compressed; unpack it first: {unpack} -k {name}"
    if is_text(start):
        return (
            f"{path.name} is text, not audio; if it is a table: "
            f"denoise-stream --input - --format csv < {name} > {clean}"
        )
    kind = kind_of(start)
    if kind or path.suffix.lower() in FFMPEG_READS:
        what = f"is {kind}, which is not supported" if kind else f"is not supported ({reason})"
        return f"{path.name} {what}; {decode_line(path)}"
    return (
        f"{path.name} is not audio that libsndfile reads: {reason}; if ffmpeg reads it: "
        f"ffmpeg -i {name} {shlex.quote(f'{path.stem}.decoded.wav')}"
    )


def decode_line(path: Path) -> str:
    """Return the command that decodes a file on the way."""
    clean = shlex.quote(f"{path.stem}.denoised.flac")
    return (
        f"decode it on the way: ffmpeg -i {shlex.quote(str(path))} -f wav - | "
        f"denoise-stream --input - --format wav --output {clean}"
    )


def way_out_of_pipe(start: bytes) -> str:
    """Say in one sentence that what comes through standard input is not WAV, and what to do."""
    kind = kind_of(start) or ("text" if is_text(start) else f"something that starts with {start[:8]!r}")
    if kind == "text":
        return "standard input carries text, not WAV; for a table say --format csv"
    return (
        f"standard input carries {kind}, not WAV; turn it into WAV on the way: ... | ffmpeg -i - -f wav - | "
        "denoise-stream --input - --format wav; for bare samples say --format s16le or f32le"
    )


def kind_of(start: bytes) -> str:
    """Return the name of a kind of file by its first bytes; empty if that is unknown."""
    return next((name for place, sign, name in KINDS if start[place : place + len(sign)] == sign), "")


def is_text(start: bytes) -> bool:
    """Tell whether bytes are text: UTF-8 or mostly ASCII, without control characters, or UTF-16 with its mark."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if not start or any(byte < 32 and byte not in b"\t\n\r\f" for byte in start):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the last letter may be cut
    except UnicodeDecodeError:
        return sum(byte < 127 for byte in start) >= 0.7 * len(start)
    return True


def _unpacked(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, 256)
    except zlib.error:
        return b""
