"""Open the source and the sink of a run."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_stream.cli.ends.ends import Ends, default_sink
from denoise_stream.files.audio.containers import AudioFormat, format_for, writable
from denoise_stream.files.audio.encodings import ENCODINGS, RAW_FORMATS
from denoise_stream.files.audio.sink import AudioSink
from denoise_stream.files.audio.source import AudioSource
from denoise_stream.files.audio.wav import wav_header
from denoise_stream.files.paths import whole_file
from denoise_stream.files.pipes import PipeSink, RawSource, read_blocks, wav_encoding
from denoise_stream.files.protocols import NullSink, Reading, Sink, Source, check_columns
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource

if TYPE_CHECKING:
    from denoise_stream.sensors.ends import SensorEnds


class Opener:
    """Open the ends of a run.

    Parameters
    ----------
    ends
        What to open.
    stop
        Ends a sensor's signal when it is set.
    """

    def __init__(self, ends: Ends, stop: threading.Event) -> None:
        self._ends = ends
        self._stop = stop
        self._sensors: SensorEnds | None = None

    def open_source(self, say: Callable[[str], None] = lambda line: None) -> Source:
        """Open the file, pipe or sensor; the caller closes it. ``say`` reports sensors that are lost or come back."""
        ends, options = self._ends, self._ends.options
        if ends.source_address is not None or ends.sink_address is not None:
            from denoise_stream.sensors.ends import SensorEnds
            from denoise_stream.sensors.feed import Circumstances

            circumstances = Circumstances(self._stop, say, options.reconnect is not False)
            self._sensors = SensorEnds(ends.source_address, ends.sink_address, circumstances)
        source = self._open_source(options.reading)
        check_columns(source, options.reading)
        return source

    def _open_source(self, reading: Reading) -> Source:
        ends, options = self._ends, self._ends.options
        if ends.source_address is not None and self._sensors is not None:
            return self._sensors.open_source(reading)
        if ends.source != "-":
            return ends.source_format.open(Path(ends.source), reading)
        if ends.kind == "table":
            blocks = read_blocks(sys.stdin.fileno())
            blocks = blocks if self._sensors is None else self._sensors.noted(blocks)
            return TableSource(blocks, "standard input", reading)
        if options.pipe_format in RAW_FORMATS:
            return RawSource(options.pipe_format, options.channels or 1, options.rate)
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
        ends, options = self._ends, self._ends.options
        path = ends.output_file
        partial = None if path is None else stack.enter_context(whole_file(path, replace=options.force))
        if self._sensors is not None:
            file = stack.enter_context(partial.open("wb")) if partial is not None else None
            return self._sensors.open_sink(signal, sys.stdout.buffer if ends.sink == "-" else file, stack)
        if isinstance(signal, TableSource) and (ends.sink == "null" or partial is None):
            return TableSink(signal, None if ends.sink == "null" else sys.stdout.buffer)
        if ends.sink == "null":
            return NullSink()
        if ends.kind != "audio" and partial is not None:
            return ends.source_format.create(signal, partial, sample_rate_hz, stack)
        if ends.sink == "-" and sys.stdout.isatty():
            raise ValueError("audio would fill the terminal; redirect it or name an --output file")
        if ends.sink == "-" and options.pipe_format in RAW_FORMATS:
            return PipeSink(sys.stdout.buffer, ENCODINGS[options.pipe_format])
        if sample_rate_hz is None:
            raise ValueError(f"--output {ends.sink} needs a sample rate; state it with --rate HZ")
        audio = signal.format if isinstance(signal, AudioSource) else AudioFormat()
        if ends.sink == "speaker":
            from denoise_stream.live.devices import find_device
            from denoise_stream.live.speaker import SpeakerSink

            return SpeakerSink(find_device(options.output_device, "output"), signal.channels, sample_rate_hz)
        if path is None or partial is None:
            encoding = wav_encoding(audio.subtype)
            header = wav_header(encoding, sample_rate_hz, signal.channels, signal.length_samples)
            return PipeSink(sys.stdout.buffer, encoding, header)
        same = ends.sink == default_sink(ends.source) or Path(ends.source).suffix.lower() == path.suffix.lower()
        audio = writable(audio) if same else format_for(path, audio)
        return AudioSink(partial, audio, sample_rate_hz, signal.channels, signal.length_samples)
