"""Check and open the source and the sink that the options name."""

import contextlib
import math
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from denoise_stream.cli.options import LIVE, Options, is_stream
from denoise_stream.files.audio.containers import AudioFormat, format_for, writable
from denoise_stream.files.audio.encodings import ENCODINGS, RAW_FORMATS
from denoise_stream.files.audio.format import AUDIO
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.source import AudioSource
from denoise_stream.files.audio.wav import wav_header
from denoise_stream.files.formats import ending_of, format_of
from denoise_stream.files.paths import denoised_name, whole_file
from denoise_stream.files.pipes import PipeSink, RawSource, read_blocks, wav_encoding
from denoise_stream.files.protocols import Format, NullSink, Reading, Sink, Source, check_columns
from denoise_stream.files.tables.format import TABLE
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource
from denoise_stream.sensors.addresses import LslAddress, SerialAddress, is_sensor, read_address

if TYPE_CHECKING:
    from denoise_stream.live.run import LiveSettings
    from denoise_stream.sensors.ends import SensorEnds

IN_WORDS = {"audio": "audio", "table": "a table", "array": "an array"}


class Endpoints:
    """Where a signal comes from and where it goes.

    Parameters
    ----------
    options
        ``source`` is a file, ``-`` (standard input), ``mic`` or ``monitor`` (what the loudspeaker plays) or a sensor;
        ``sink`` a file, ``-`` (standard output), ``speaker``, ``null`` or a sensor, and None chooses
        ``NAME.denoised.EXT`` for a file, ``-`` for a pipe or sensor and ``speaker`` for audio devices.

    Attributes
    ----------
    kind : str
        What the source is: ``audio``, ``table`` or ``array``.
    stop : threading.Event
        Ends a sensor's signal when it is set.

    Raises
    ------
    ValueError
        If the options contradict each other.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.source = options.source
        plays_all = options.output_device is not None and not options.listen
        default = "speaker" if plays_all else _default_sink(self.source)
        self.sink = default if options.sink is None else options.sink
        if options.virtual_mic is not None:
            self._check_virtual()
        self._pipe_format = options.pipe_format
        self._format = _format(self.source, options.pipe_format)
        self.kind = self._format.kind
        self._from, self._to = (
            read_address(option, name) if is_sensor(name) else None
            for option, name in (("--input", self.source), ("--output", self.sink))
        )
        self.stop = threading.Event()
        self._sensors: SensorEnds | None = None
        self._check()

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
        return self._from is not None

    def _check(self) -> None:
        """Refuse options that contradict each other or describe what is not there."""
        source, sink, pipe_format = self.source, self.sink, self._pipe_format
        if (source == "-" and sys.stdin is None) or (sink == "-" and sys.stdout is None):
            raise ValueError(f"--input {source} --output {sink}: the standard stream is closed")
        _refuse_npz("--input", source)
        _refuse_npz("--output", sink)
        if source in ("speaker", "null") or sink in LIVE:
            raise ValueError(f"--input {source} --output {sink}: a signal cannot go that way")
        if self.output_file is not None and (sink.endswith(("/", os.sep)) or self.output_file.is_dir()):
            raise ValueError(f"--output {sink} is a folder, in which this input has no name; name a file in it")
        if source == "-" and pipe_format is None:
            raise ValueError("--input - needs --format csv, wav, s16le or f32le")
        if pipe_format is not None and "-" not in (source, sink):
            raise ValueError("--format applies to a pipe, but neither --input nor --output is '-'")
        self._check_descriptions()
        self._check_sensors()
        if sink != "null":
            self._check_formats()

    def _check_sensors(self) -> None:
        """Refuse sensors as the output of what does not come live, and options that do not apply to them."""
        if self._from is not None and self._from == self._to and not isinstance(self._from, SerialAddress):
            raise ValueError(f"--output {self.sink} is the input too, which would hear itself; choose another name")
        if isinstance(self._from, LslAddress) and self._options.reading.table.stated:
            raise ValueError(f"{self._options.reading.table.stated} applies to a table of text; LSL carries numbers")
        if isinstance(self._to, LslAddress) and not is_stream(self.source):
            raise ValueError(
                f"--output {self.sink} stamps samples with the time at which they arrive, which a file lacks; "
                "use a live input"
            )

    def _check_virtual(self) -> None:
        """Refuse a virtual microphone for anything but a microphone, and other outputs beside it."""
        options = self._options
        if self.source != "mic":
            raise ValueError("--virtual-mic denoises a microphone; leave out --input, or use --input mic")
        for name, value in (("--output", options.sink), ("--output-device", options.output_device)):
            if value is not None:
                raise ValueError(f"--virtual-mic is the output; leave out {name} {value}")

    def _check_descriptions(self) -> None:
        """Refuse options that state what the input states itself, or that do not apply to it."""
        options = self._options
        raw = self.source in LIVE or (self.source == "-" and self._pipe_format in RAW_FORMATS)
        if options.columns is not None and self.kind != "table":
            raise ValueError(f"--columns applies to a table, but the input is {IN_WORDS[self.kind]}")
        if options.reading.table.stated and self._format is not TABLE:
            raise ValueError(f"{options.reading.table.stated} applies to a table of text, which the input is not")
        if options.series_column is not None and (is_stream(self.source) or self.kind != "table"):
            raise ValueError("--series-column applies to a table in a file, which is read twice")
        if options.salvage and (raw or self.kind != "audio"):
            raise ValueError("--salvage applies to audio with a header, in a file or a WAV pipe")
        if options.keep_peaks and (self.kind == "audio" or options.series_column is not None):
            raise ValueError(
                "--keep-peaks applies to a table or an array of signals, not audio and not --series-column"
            )
        if options.listen and (self.kind != "audio" or self.source in LIVE):
            input_in_words = "live" if self.source in LIVE else IN_WORDS[self.kind]
            raise ValueError(
                f"--listen plays sound before and after, from a file or pipe, but the input is {input_in_words}"
            )
        if options.listen and self.sink == "speaker":
            raise ValueError("--output speaker plays all of the result; use it or --listen, not both")
        if options.channels is not None and not raw:
            raise ValueError("--channels applies to a raw pipe, 'mic' or 'monitor'; this input has its own")
        if options.channels is not None and options.channels < 1:
            raise ValueError(f"--channels {options.channels} is too few; use 1 or more")
        if options.channels is not None and options.channels > options.max_columns:
            raise ValueError(
                f"--channels {options.channels} is more than {options.max_columns}, and each uses memory; "
                "allow as many with --max-columns"
            )
        if options.rate is not None and not (math.isfinite(options.rate) and options.rate > 0):
            raise ValueError(f"--rate {options.rate:g} is not a valid sample rate; use a number above 0")
        if options.rate is not None and self.kind == "audio" and not raw:
            raise ValueError(
                "--rate applies to a raw pipe, a table, an array, 'mic' or 'monitor'; this input has its own"
            )

    def _check_formats(self) -> None:
        """Refuse an output that cannot hold what the input holds."""
        source, sink = self.source, self.sink
        if sink == "-":
            target = self._format if self._pipe_format is None else _format("-", self._pipe_format)
        else:
            target = _format(sink, None)
        if target.kind != self.kind:
            ends = f"; end the name in {self._format.endings[0]}" if sink != "-" else ""
            raise ValueError(f"--output {sink}: {IN_WORDS[self.kind]} stays {IN_WORDS[self.kind]}{ends}")
        if sink == "-" and not self._format.in_pipes:
            raise ValueError(f"--output -: {source} is a format that cannot be written to a pipe; name a file")
        if self.kind == "audio" or sink == "-" or self._to is not None:
            return
        if self._from is not None and ending_of(sink) != ".csv":
            raise ValueError(f"--output {sink}: a sensor's rows are CSV; end the name in .csv")
        if source == "-" and target is not self._format:
            raise ValueError(f"--output {sink}: the pipe carries CSV; end the name in .csv")
        if not is_stream(source) and ending_of(source) != ending_of(sink):
            raise ValueError(f"--output {sink}: the format stays as it is; end the name in {ending_of(source)}")

    def live_settings(self) -> "LiveSettings | None":
        """Return the settings of a live run; None if the source is not a microphone.

        Raises
        ------
        ValueError
            If a live option is out of range, or given for a file or pipe.
        """
        options = self._options
        if options.duration is not None and not options.duration > 0:
            raise ValueError(f"--duration {options.duration:g} is too short; use a number of seconds above 0")
        if self.source not in LIVE:
            live = {
                "--device": options.device,
                "--latency": options.latency,
                "--duration": None if self.is_sensor else options.duration,
                "--reconnect": None if self.is_sensor or is_sensor(self.sink) else options.reconnect,
                "--output-device": options.output_device if self.sink != "speaker" and not options.listen else None,
            }
            for name, value in live.items():
                if value is not None:
                    raise ValueError(f"{name} applies to a live run; use it with --input mic")
            return None
        from denoise_stream.live.run import LiveSettings

        rate = options.rate
        if self.source == "monitor" and (options.device or options.output_device):
            raise ValueError("--input monitor hears the default loudspeaker; leave out --device and --output-device")
        if options.output_device is not None and self.sink != "speaker":
            raise ValueError(f"--output-device plays, but --output is {self.sink}")
        return LiveSettings(
            device=options.device,
            output_device=options.output_device,
            play=self.sink == "speaker",
            sample_rate_hz=rate,
            channels=options.channels or 1,
            latency=_latency(options.latency),
            duration_s=options.duration,
            reconnect=options.reconnect,
        )

    def channel_names(self, signal: Source) -> list[str]:
        """Return the columns' names, or the channels' numbers."""
        names: list[str] | None = getattr(signal, "column_names", None)
        if names is not None:
            return names
        return ["signal"] if signal.channels == 1 else [f"channel {index + 1}" for index in range(signal.channels)]

    def table_facts(self, signal: Source) -> dict[str, Any]:
        """Return the facts of a table for the summary: columns that stay as they are and why, bad rows, the rate."""
        facts: dict[str, Any] = getattr(signal, "facts", dict)()
        return facts

    def open_source(self, say: Callable[[str], None] = lambda line: None) -> Source:
        """Open the file, pipe or sensor; the caller closes it. ``say`` reports sensors that are lost or come back."""
        if self._from is not None or self._to is not None:
            from denoise_stream.sensors.ends import SensorEnds
            from denoise_stream.sensors.feed import Circumstances

            circumstances = Circumstances(self.stop, say, self._options.reconnect is not False)
            self._sensors = SensorEnds(self._from, self._to, circumstances)
        source = self._open_source(self._options.reading)
        check_columns(source, self._options.reading)
        return source

    def _open_source(self, reading: Reading) -> Source:
        if self._from is not None and self._sensors is not None:
            return self._sensors.open_source(reading)
        if self.source != "-":
            return self._format.open(Path(self.source), reading)
        if self.kind == "table":
            blocks = read_blocks(sys.stdin.fileno())
            blocks = blocks if self._sensors is None else self._sensors.noted(blocks)
            return TableSource(blocks, "standard input", reading)
        if self._pipe_format in RAW_FORMATS:
            return RawSource(self._pipe_format, self._options.channels or 1, self._options.rate)
        return AudioSource(None, salvage=reading.salvage)

    @contextlib.contextmanager
    def open_sink(self, signal: Source, sample_rate_hz: float | None) -> Iterator[Sink]:
        """Open the sink for a signal at the sample rate of its stream.

        A file takes its name when the block ends well, else nothing is left.
        """
        with contextlib.ExitStack() as stack:
            sink = self._open_sink(signal, sample_rate_hz, stack)
            try:
                yield sink
            finally:
                sink.close()

    def _open_sink(self, signal: Source, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> Sink:
        path = self.output_file
        partial = None if path is None else stack.enter_context(whole_file(path, replace=self._options.force))
        if self._sensors is not None:
            file = stack.enter_context(partial.open("wb")) if partial is not None else None
            return self._sensors.open_sink(signal, sys.stdout.buffer if self.sink == "-" else file, stack)
        if isinstance(signal, TableSource) and (self.sink == "null" or partial is None):
            return TableSink(signal, None if self.sink == "null" else sys.stdout.buffer)
        if self.sink == "null":
            return NullSink()
        if self.kind != "audio" and partial is not None:
            return self._format.create(signal, partial, sample_rate_hz, stack)
        if self.sink == "-" and sys.stdout.isatty():
            raise ValueError("audio would fill the terminal; redirect it or name an --output file")
        if self.sink == "-" and self._pipe_format in RAW_FORMATS:
            return PipeSink(sys.stdout.buffer, ENCODINGS[self._pipe_format])
        if sample_rate_hz is None:
            raise ValueError(f"--output {self.sink} needs a sample rate; state it with --rate HZ")
        audio = signal.format if isinstance(signal, AudioSource) else AudioFormat()
        if self.sink == "speaker":
            from denoise_stream.live.devices import find_device
            from denoise_stream.live.speaker import SpeakerSink

            return SpeakerSink(find_device(self._options.output_device, "output"), signal.channels, sample_rate_hz)
        if path is None or partial is None:
            encoding = wav_encoding(audio.subtype)
            header = wav_header(encoding, sample_rate_hz, signal.channels, signal.length_samples)
            return PipeSink(sys.stdout.buffer, encoding, header)
        same = self.sink == _default_sink(self.source) or Path(self.source).suffix.lower() == path.suffix.lower()
        audio = writable(audio) if same else format_for(path, audio)
        return AudioSink(partial, audio, sample_rate_hz, signal.channels, signal.length_samples)


def _format(name: str, pipe_format: str | None) -> Format:
    """Return the format of a file, a pipe or a device."""
    if name == "-":
        return TABLE if pipe_format == "csv" else AUDIO
    if is_sensor(name):
        return TABLE
    return AUDIO if name in (*LIVE, "speaker") else format_of(name)


def _refuse_npz(option: str, name: str) -> None:
    """Refuse an archive of arrays: nothing says which of them is the signal."""
    if ending_of(name) != ".npz":
        return
    names = "NAME"
    with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(name) as archive:
        names = " or ".join(member.removesuffix(".npy") for member in archive.namelist()) or names
    raise ValueError(
        f"{option} {name} holds several arrays, and a single one in .npy is needed; in Python: "
        f"numpy.save('signal.npy', numpy.load('{Path(name).name}')['{names}'])"
    )


def _latency(latency: str | None) -> str | float | None:
    if latency is None or latency in ("low", "high"):
        return latency
    try:
        seconds = float(latency)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 10:
        raise ValueError(f"--latency {latency} is neither low, high nor a number of seconds from 0 to 10")
    return seconds


def _default_sink(source: str) -> str:
    if source == "-" or is_sensor(source):
        return "-"
    if source in LIVE:
        return "speaker"
    return str(denoised_name(Path(source)))
