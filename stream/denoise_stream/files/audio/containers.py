"""Containers and subtypes, as libsndfile names them: what a file's name asks for, and what holds which samples."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path

from denoise_stream.files.audio.chunks import KeptChunk
from denoise_stream.files.audio.wav import names_without_tags

CONTAINERS = {"aif": "AIFF", "aifc": "AIFF", "oga": "OGG", "opus": "OGG", "snd": "AU", "wave": "WAV", "bwf": "WAV"}
"""Extensions whose libsndfile container has another name."""

RIFF_CONTAINERS = ("WAV", "WAVEX", "RF64")

BEYOND_4_GIB = ("RF64", "W64", "CAF", "FLAC", "OGG", "MP3", "RAW", "MAT4", "MAT5")
"""Containers whose sizes are not counted in 32 bits."""


@dataclass(frozen=True)
class AudioFormat:
    """How samples are stored, and what else the file says.

    Attributes
    ----------
    container, subtype, endian
        As libsndfile names them.
    tags
        Text tags that libsndfile carries from any container to any other.
    chunks
        Chunks of a RIFF or AIFF file that say nothing about the samples themselves: bext, cue, LIST ...
    left_out
        Names of what the file holds besides and cannot be carried over.
    came_as
        The subtype that it had before, where the container does not hold that.
    """

    container: str = "WAV"
    subtype: str = "PCM_16"
    endian: str = "FILE"
    tags: dict[str, str] = field(default_factory=dict)
    chunks: tuple[KeptChunk, ...] = ()
    left_out: tuple[str, ...] = ()
    came_as: str = ""


def format_for(path: Path, audio: AudioFormat) -> AudioFormat:
    """Return the format for a file's extension, with the subtype nearest to that of ``audio``.

    Raises
    ------
    ValueError
        If libsndfile knows no container of that name.
    """
    import soundfile

    extension = path.suffix.lower().lstrip(".")
    container = CONTAINERS.get(extension, extension.upper())
    if container not in soundfile.available_formats() or container == "RAW":
        raise ValueError(f"--output {path.name}: {path.suffix!r} is not a known audio format")
    chunks: tuple[KeptChunk, ...] = audio.chunks
    left_out = audio.left_out
    if _family(container) != _family(audio.container):
        order = ">" if audio.endian == "BIG" else "<"
        left_out = (*left_out, *(name for chunk in audio.chunks for name in names_without_tags(chunk, order)))
        chunks = ()
    target = dataclasses.replace(audio, container=container, endian="FILE", chunks=chunks, left_out=left_out)
    return dataclasses.replace(target, subtype="OPUS") if extension == "opus" else writable(target)


def writable(audio: AudioFormat) -> AudioFormat:
    """Return a format that libsndfile writes: of a container, the subtype nearest to that of ``audio``."""
    subtype = nearest_subtype(audio.container, audio.subtype)
    return audio if subtype == audio.subtype else dataclasses.replace(audio, subtype=subtype, came_as=audio.subtype)


def nearest_subtype(container: str, subtype: str) -> str:
    """Return the smallest subtype of a container that stores another subtype without loss.

    If none does, it is the one with the most bits; compressed sound becomes uncompressed.

    >>> nearest_subtype("WAV", "MPEG_LAYER_III"), nearest_subtype("FLAC", "FLOAT"), nearest_subtype("AIFF", "ALAC_24")
    ('PCM_16', 'PCM_24', 'PCM_24')
    """
    import soundfile

    if is_writable(container, subtype):
        return subtype
    offered: list[str] = [name for name in soundfile.available_subtypes(container) if is_writable(container, name)]
    depths = {name: depth(name) for name in offered if re.match(r"(PCM|ALAC)_|FLOAT$|DOUBLE$", name)}
    if not depths:
        return str(soundfile.default_subtype(container))
    needed = depth(subtype)
    enough = [name for name, bits in depths.items() if bits >= needed]
    return min(enough, key=lambda name: depths[name]) if enough else max(depths, key=lambda name: depths[name])


def is_writable(container: str, subtype: str) -> bool:
    """Tell whether libsndfile writes a subtype into a container; its own check is wrong about some."""
    import soundfile

    if (container != "MP3" and subtype.startswith("MPEG_")) or subtype in ("MPEG_LAYER_I", "MPEG_LAYER_II"):
        return False
    if container == "AIFF" and subtype.startswith("DWVW_"):
        return False
    return bool(soundfile.check_format(container, subtype))


def depth(subtype: str) -> int:
    """Return the precision of a subtype in bits: 16 for compressed ones, the mantissa of floats.

    >>> [depth(name) for name in ("PCM_U8", "PCM_24", "ALAC_20", "ULAW", "VORBIS", "FLOAT")]
    [8, 24, 20, 16, 16, 25]
    """
    if subtype in ("FLOAT", "DOUBLE"):
        return {"FLOAT": 25, "DOUBLE": 54}[subtype]
    bits = re.search(r"^(?:PCM|ALAC|DWVW|DPCM)_[SU]?(\d+)$", subtype)
    return int(bits[1]) if bits else 16


def _family(container: str) -> str:
    return "RIFF" if container in RIFF_CONTAINERS else container
