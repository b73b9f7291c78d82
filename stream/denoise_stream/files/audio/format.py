"""The format of audio files, for the registry."""

import contextlib
from pathlib import Path

from denoise_stream.files.audio.containers import writable
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.source import AudioSource
from denoise_stream.files.protocols import Format, Reading

ENDINGS = (
    ".wav .wave .bwf .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .w64 .caf .rf64 .sd2 .voc .htk .mat4 .mat5 "
    ".pvf"
)


def _open(path: Path, reading: Reading) -> AudioSource:
    return AudioSource(path, salvage=reading.salvage)


def _create(source: AudioSource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> AudioSink:
    return AudioSink(path, writable(source.format), sample_rate_hz or 0.0, source.channels, source.length_samples)


AUDIO = Format("audio", tuple(ENDINGS.split()), _open, _create, in_pipes=True)
