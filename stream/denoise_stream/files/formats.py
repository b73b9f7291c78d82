"""The registry of formats: the command line, archives and training ask here what a file's name means.

To add a format, write a module with a source, a sink and a :class:`~denoise_stream.files.protocols.Format`, and list
that in ``FORMATS``. CONTRIBUTING.md shows how.
"""

from pathlib import Path

from denoise_stream.files.array_files import ARRAY
from denoise_stream.files.audio.format import AUDIO
from denoise_stream.files.parquet import PARQUET
from denoise_stream.files.protocols import Format, Reading, Source
from denoise_stream.files.tables.format import TABLE

FORMATS = (AUDIO, TABLE, PARQUET, ARRAY)

ENDINGS: dict[str, Format] = {ending: format for format in FORMATS for ending in format.endings}
"""The format of each ending of a name."""


def ending_of(name: str) -> str:
    """Return the end of a file's name in lower case, with the dot; empty if it has none.

    >>> ending_of("a/B.WAV"), ending_of("a.d/b"), ending_of(".wav")
    ('.wav', '', '.wav')
    """
    last = name.rpartition("/")[2]
    return f".{last.rpartition('.')[2].lower()}" if "." in last else ""


def is_signal_file(name: str) -> bool:
    """Tell by its name whether a file holds signals."""
    return ending_of(name) in ENDINGS


def format_of(name: str) -> Format:
    """Return the format of a file by its name; audio, which is told by its content, if the name does not say it."""
    return ENDINGS.get(ending_of(name), AUDIO)


def open_file(path: Path, reading: Reading | None = None) -> Source:
    """Open a file of signals, by its name. The caller closes it.

    Raises
    ------
    SourceError
        If it cannot be read as such.
    """
    return format_of(path.name).open(path, reading or Reading())
