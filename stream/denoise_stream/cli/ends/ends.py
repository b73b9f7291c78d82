"""Name the source and the sink of a run, from the options and what they leave open."""

from dataclasses import dataclass
from pathlib import Path

from denoise_stream.cli.options import LIVE, Options, is_stream
from denoise_stream.files.audio.format import AUDIO
from denoise_stream.files.formats import format_of
from denoise_stream.files.paths import denoised_name
from denoise_stream.files.protocols import FileKind, Format
from denoise_stream.files.tables.format import TABLE
from denoise_stream.sensors.addresses import Address, is_sensor, read_address


@dataclass(frozen=True)
class Ends:
    """Where a signal comes from and where it goes; nothing is open yet.

    Attributes
    ----------
    options
        What the user stated about both.
    source
        A file, ``-`` (standard input), ``mic`` or ``monitor`` (what the loudspeaker plays) or a sensor.
    sink
        A file, ``-`` (standard output), ``speaker``, ``null`` or a sensor.
    source_format
        The format of the file, pipe or device that is the source.
    source_address, sink_address
        What the names of sensors say; None for an end that is not a sensor.
    """

    options: Options
    source: str
    sink: str
    source_format: Format
    source_address: Address | None
    sink_address: Address | None

    @classmethod
    def of(cls, options: Options) -> "Ends":
        """Return the ends that the options name.

        Where they name no sink, it is ``NAME.denoised.EXT`` for a file, ``-`` for a pipe or sensor and ``speaker``
        for audio devices.

        Raises
        ------
        ValueError
            If a sensor's address is not one.
        """
        plays_all = options.output_device is not None and not options.listen
        sink = options.sink
        if sink is None:
            sink = "speaker" if plays_all else default_sink(options.source)
        return cls(
            options,
            options.source,
            sink,
            format_of_end(options.source, options.pipe_format),
            read_address("--input", options.source) if is_sensor(options.source) else None,
            read_address("--output", sink) if is_sensor(sink) else None,
        )

    @property
    def kind(self) -> FileKind:
        """What the source is: ``audio``, ``table`` or ``array``."""
        return self.source_format.kind

    @property
    def input_files(self) -> tuple[Path, ...]:
        """The input, if it is a file."""
        return () if is_stream(self.source) else (Path(self.source),)

    @property
    def output_file(self) -> Path | None:
        """The output, if it is a file."""
        return None if self.sink in ("-", "speaker", "null") or is_sensor(self.sink) else Path(self.sink)

    @property
    def is_sensor(self) -> bool:
        """Whether the source is a sensor, which goes on until something stops it."""
        return self.source_address is not None


def format_of_end(name: str, pipe_format: str | None) -> Format:
    """Return the format of a file, a pipe or a device."""
    if name == "-":
        return TABLE if pipe_format == "csv" else AUDIO
    if is_sensor(name):
        return TABLE
    return AUDIO if name in (*LIVE, "speaker") else format_of(name)


def default_sink(source: str) -> str:
    """Return the sink of a source for which none is stated."""
    if source == "-" or is_sensor(source):
        return "-"
    if source in LIVE:
        return "speaker"
    return str(denoised_name(Path(source)))
