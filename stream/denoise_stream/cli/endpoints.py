"""Find the two ends of a run: names and options come in, an open source and an open sink go out."""

import contextlib
import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_stream.files.audio import AudioFormat, AudioSink, AudioSource, format_for
from denoise_stream.files.opening import PARQUET, is_table_file, open_file, open_table_sink
from denoise_stream.files.paths import whole_file
from denoise_stream.files.pipes import (
    ENCODINGS,
    RAW_FORMATS,
    PipeSink,
    RawSource,
    read_blocks,
    wav_encoding,
    wav_header,
)
from denoise_stream.files.protocols import NullSink, Sink, Source
from denoise_stream.files.tables import TableSink, TableSource

if TYPE_CHECKING:
    from denoise_stream.live.run import LiveSettings


class Endpoints:
    """Where a signal comes from and where it goes.

    Parameters
    ----------
    source
        File, ``-`` (standard input) or ``mic``.
    sink
        File, ``-`` (standard output), ``speaker`` or ``null``; None chooses ``NAME.denoised.EXT`` for a file, ``-``
        for a pipe and ``speaker`` for ``mic``.
    pipe_format
        ``csv``, ``wav``, ``s16le`` or ``f32le``: what a pipe carries.
    rate
        Sample rate in Hz of a raw pipe, a table or ``mic``.
    channels
        Number of channels of a raw pipe or ``mic``.
    columns
        Names of a table's columns, separated by commas.
    series_column
        Name of the column that says to which series a row of a table belongs.

    Raises
    ------
    ValueError
        If the options contradict each other.
    """

    def __init__(
        self,
        source: str,
        sink: str | None,
        pipe_format: str | None,
        rate: float | None,
        channels: int | None,
        columns: str | None,
        series_column: str | None = None,
    ) -> None:
        self.source = source
        self.sink = _default_sink(source) if sink is None else sink
        self._pipe_format = pipe_format
        self._rate = rate
        self._channels = channels
        self._columns = None if columns is None else [name.strip() for name in next(csv.reader([columns]))]
        self._series_column = series_column
        self.is_table = pipe_format == "csv" if source == "-" else is_table_file(source)
        self._output_device: str | None = None
        self._check()

    @property
    def input_files(self) -> tuple[Path, ...]:
        """The input, if it is a file."""
        return () if self.source in ("-", "mic") else (Path(self.source),)

    @property
    def output_file(self) -> Path | None:
        """The output, if it is a file."""
        return None if self.sink in ("-", "speaker", "null") else Path(self.sink)

    def _check(self) -> None:
        """Refuse options that contradict each other or describe what is not there."""
        source, sink, pipe_format = self.source, self.sink, self._pipe_format
        if (source == "-" and sys.stdin is None) or (sink == "-" and sys.stdout is None):
            raise ValueError(f"--input {source} --output {sink}: the standard stream is closed")
        if source in ("speaker", "null") or sink == "mic":
            raise ValueError(f"--input {source} --output {sink}: a signal cannot go that way")
        if source == "-" and pipe_format is None:
            raise ValueError("--input - needs --format csv, wav, s16le or f32le")
        if pipe_format is not None and "-" not in (source, sink):
            raise ValueError("--format describes a pipe, but neither --input nor --output is '-'")
        raw = source == "mic" or (source == "-" and pipe_format in RAW_FORMATS)
        if self._columns is not None and not self.is_table:
            raise ValueError("--columns describes a table, but the input is audio")
        if self._series_column is not None and (source == "-" or not self.is_table):
            raise ValueError("--series-column describes a table in a file, which is read twice")
        if self._channels is not None and not raw:
            raise ValueError("--channels describes a raw pipe or 'mic'; this input states its own")
        if self._channels is not None and self._channels < 1:
            raise ValueError(f"--channels {self._channels} is too few; use 1 or more")
        if self._rate is not None and not (raw or self.is_table):
            raise ValueError("--rate describes a raw pipe, a table or 'mic'; this input states its own")
        if sink == "null":
            return
        if sink == "-":
            to_table = self.is_table if pipe_format is None else pipe_format == "csv"
        else:
            to_table = is_table_file(sink)
        if self.is_table != to_table:
            raise ValueError(
                f"--output {sink}: a table becomes a table (.csv, .tsv), audio becomes audio, not one the other"
            )
        if sink == "-" and Path(source).suffix.lower() in PARQUET:
            raise ValueError(f"--output -: {source} is Parquet, which needs a file")
        if self.is_table and "-" not in (source, sink) and Path(source).suffix.lower() != Path(sink).suffix.lower():
            raise ValueError(f"--output {sink}: a table keeps its delimiter; end the name in {Path(source).suffix}")

    def live_settings(
        self,
        device: str | None,
        output_device: str | None,
        latency: str | None,
        duration_s: float | None,
        reconnect: bool | None,
    ) -> "LiveSettings | None":
        """Give the settings of a live run; None if the source is no microphone.

        Raises
        ------
        ValueError
            If a live option is out of range, or given for a file or pipe.
        """
        options = (("--device", device), ("--latency", latency), ("--duration", duration_s), ("--reconnect", reconnect))
        if self.source != "mic":
            for name, value in (*options, ("--output-device", output_device)):
                if value is not None and not (name == "--output-device" and self.sink == "speaker"):
                    raise ValueError(f"{name} describes a live run; use it with --input mic")
            self._output_device = output_device
            return None
        from denoise_stream.live.run import LiveSettings

        if output_device is not None and self.sink != "speaker":
            raise ValueError(f"--output-device plays, but --output is {self.sink}")
        if duration_s is not None and not duration_s > 0:
            raise ValueError(f"--duration {duration_s:g} is too short; use a number of seconds above 0")
        if self._rate is not None and not (math.isfinite(self._rate) and self._rate > 0):
            raise ValueError(f"--rate {self._rate:g} is not a valid sample rate; use a number above 0")
        return LiveSettings(
            device=device,
            output_device=output_device,
            play=self.sink == "speaker",
            sample_rate_hz=self._rate,
            channels=self._channels or 1,
            latency=_latency(latency),
            duration_s=duration_s,
            reconnect=reconnect,
        )

    def channel_names(self, signal: Source) -> list[str]:
        """Give the columns' names, or the channels' numbers."""
        names: list[str] | None = getattr(signal, "column_names", None)
        if names is not None:
            return names
        return ["signal"] if signal.channels == 1 else [f"channel {index + 1}" for index in range(signal.channels)]

    def open_source(self) -> Source:
        """Open the file or pipe; the caller closes it."""
        if self.source != "-":
            return open_file(
                Path(self.source), columns=self._columns, sample_rate_hz=self._rate, series_column=self._series_column
            )
        if self.is_table:
            blocks = read_blocks(sys.stdin.fileno())
            return TableSource(blocks, "standard input", columns=self._columns, sample_rate_hz=self._rate)
        if self._pipe_format in RAW_FORMATS:
            return RawSource(self._pipe_format, self._channels or 1, self._rate)
        return AudioSource(None)

    @contextlib.contextmanager
    def open_sink(self, signal: Source, sample_rate_hz: float | None) -> Iterator[Sink]:
        """Open the sink for a signal at the rate that its stream takes it to have.

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
        partial = None if path is None else stack.enter_context(whole_file(path))
        if isinstance(signal, TableSource) and (self.sink == "null" or partial is None):
            return TableSink(signal, None if self.sink == "null" else sys.stdout.buffer)
        if self.sink == "null":
            return NullSink()
        if self.is_table and partial is not None:
            return open_table_sink(signal, partial, stack)
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

            return SpeakerSink(find_device(self._output_device, "output"), signal.channels, sample_rate_hz)
        if path is None or partial is None:
            encoding = wav_encoding(audio.subtype)
            header = wav_header(encoding, sample_rate_hz, signal.channels, signal.length_samples)
            return PipeSink(sys.stdout.buffer, encoding, header)
        same = self.sink == _default_sink(self.source) or Path(self.source).suffix.lower() == path.suffix.lower()
        audio = audio if same else format_for(path, audio)
        return AudioSink(partial, audio, sample_rate_hz, signal.channels)


def _latency(latency: str | None) -> str | float:
    if latency in (None, "low", "high"):
        return latency or "low"
    try:
        seconds = float(latency)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 10:
        raise ValueError(f"--latency {latency} is neither low, high nor a number of seconds from 0 to 10")
    return seconds


def _default_sink(source: str) -> str:
    if source == "-":
        return "-"
    if source == "mic":
        return "speaker"
    path = Path(source)
    return str(path.with_name(f"{path.stem}.denoised{path.suffix}"))
