"""Open the sensors that a run reads and writes."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol, TypeVar

from denoise_stream.files.pipes import ByteWriter
from denoise_stream.files.protocols import Reading, Sink, Source
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource
from denoise_stream.sensors.addresses import Address, LslAddress, SerialAddress
from denoise_stream.sensors.feed import Circumstances, Clock, Feed
from denoise_stream.sensors.stamps import Arrivals, StampedRows, StampedSource, StampedTable


class LineWriter(ByteWriter, Protocol):
    """A writer of lines that is connected to something."""

    def close(self, *, wait: bool) -> None:
        """Disconnect; if asked to, wait until all lines have arrived."""
        ...


Writer = TypeVar("Writer", bound=LineWriter)


class LineSource(TableSource):
    """The signal columns of a table that a sensor sends line by line; see :class:`TableSource`."""

    def __init__(self, feed: Feed[bytes], arrivals: Arrivals | None, name: str, reading: Reading) -> None:
        self._feed = feed
        blocks = (block for _, block in feed) if arrivals is None else arrivals.noting(feed)
        try:
            super().__init__(blocks, name, reading)
        except BaseException:
            feed.close()
            raise

    @property
    def error(self) -> Exception | None:
        """What ended the rows before the run was to end, if anything did."""
        return self._feed.error

    def close(self) -> None:
        """Leave the sensor."""
        self._feed.close()


class SensorEnds:
    """The source and the sink of a run, of which at least one is a sensor.

    Parameters
    ----------
    source, sink
        Their addresses; None for an end that is not a sensor.
    circumstances
        How they are read and written.
    """

    def __init__(self, source: Address | None, sink: Address | None, circumstances: Circumstances) -> None:
        self._source = source
        self._sink = sink
        self._circumstances = circumstances
        self._arrivals = Arrivals() if isinstance(sink, LslAddress) and not isinstance(source, LslAddress) else None

    def open_source(self, reading: Reading) -> Source:
        """Open the sensor, and wait for the samples that tell what it sends.

        Raises
        ------
        SourceError
            If it cannot be reached, sends nothing that can be read, or the run is to end before anything has come.
        MissingExtra
            If a package is not installed.
        """
        if isinstance(self._source, LslAddress):
            from denoise_stream.sensors.lsl import LslSource

            return LslSource(self._source, reading, self._circumstances)
        assert self._source is not None
        feed = self._open_feed(self._source)
        return LineSource(feed, self._arrivals, str(self._source), reading)

    def noted(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Note when the lines of a pipe arrive, if the sink asks for it."""
        if self._arrivals is None:
            return blocks
        clock = self._clock()
        return self._arrivals.noting((clock(), block) for block in blocks)

    def open_sink(self, signal: Source, file: ByteWriter | None, stack: contextlib.ExitStack) -> Sink:
        """Open the sensor that the samples go to, or write them to a file.

        Parameters
        ----------
        signal
            Where the samples come from.
        file
            Takes the lines if the sink is not a sensor; None forgets them.
        stack
            Closes the sensor.
        """
        if isinstance(self._sink, LslAddress):
            from denoise_stream.sensors.lsl import LslSink

            return LslSink(self._sink, self._stamped(signal))
        if isinstance(self._sink, SerialAddress):
            from denoise_stream.sensors.serial_port import SerialWriter

            file = stack.enter_context(_closing(SerialWriter(self._sink, self._circumstances)))
        elif self._sink is not None:
            from denoise_stream.sensors.mqtt import TopicWriter

            file = stack.enter_context(_closing(TopicWriter(self._sink, self._circumstances)))
        return TableSink(signal, file) if isinstance(signal, TableSource) else StampedRows(self._stamped(signal), file)

    def _open_feed(self, address: Address) -> Feed[bytes]:
        if isinstance(address, SerialAddress):
            from denoise_stream.sensors.serial_port import open_feed

            return open_feed(address, self._circumstances, self._clock())
        assert not isinstance(address, LslAddress)
        from denoise_stream.sensors.mqtt import open_feed as subscribe

        return subscribe(address, self._circumstances, self._clock())

    def _clock(self) -> Clock:
        """Return the clock of arrivals: that of LSL if the samples go there."""
        if self._arrivals is None:
            return time.monotonic
        from denoise_stream.sensors.lsl import load

        clock: Clock = load().local_clock
        return clock

    def _stamped(self, signal: Source) -> StampedSource:
        if not isinstance(signal, TableSource):
            from denoise_stream.sensors.lsl import LslSource

            assert isinstance(signal, LslSource)
            return signal
        assert self._arrivals is not None
        return StampedTable(signal, self._arrivals)


@contextlib.contextmanager
def _closing(writer: Writer) -> Iterator[Writer]:
    """Close a writer: wait for its lines to arrive, unless an error ends the run."""
    try:
        yield writer
    except BaseException:
        writer.close(wait=False)
        raise
    writer.close(wait=True)
