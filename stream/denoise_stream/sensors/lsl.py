"""Read and write samples with their time stamps as streams of the Lab Streaming Layer (LSL)."""

import contextlib
import io
import math
import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.arrays import as_dtype
from denoise_stream.errors import SourceError, needs_extra
from denoise_stream.files.columns.names import named_column
from denoise_stream.files.protocols import Chunk, Reading
from denoise_stream.sensors.addresses import LslAddress
from denoise_stream.sensors.feed import UNDER_WAY_S, Circumstances, Feed
from denoise_stream.sensors.stamps import Stamped, StampedSource

FOUND_WITHIN_S = 10.0
"""How long a stream may take to be found, in s."""

OTHERS_WITHIN_S = 0.3
"""How long others of the same name are looked for after the first, in s."""

ANSWER_S = 10.0
"""How long a stream may take to describe itself, in s."""

POLL_S = 0.1
MOST_PULLED = 1024
"""Samples that are read at once."""

SILENT_S = 5.0
"""How long a stream of a regular rate may be silent, in s, until it counts as lost."""

LINGER_S = 0.5
"""How long an outlet stays after its last sample, in s, so that receivers get it."""


def load() -> Any:
    """Return pylsl, its own messages silenced unless the user has configured them.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    with needs_extra("an LSL stream", "sensors"):
        import pylsl
    places = (os.environ.get("LSLAPICFG", ""), "lsl_api.cfg", "~/lsl_api/lsl_api.cfg", "/etc/lsl_api/lsl_api.cfg")
    if not any(place and Path(place).expanduser().is_file() for place in places):
        pylsl.set_config_content("[log]\nlevel = -3\n")
    return pylsl


class LslSource:
    """The samples of an LSL stream: all channels, or those that are named.

    Kept between chunks: samples and stamps that wait for their denoised values.

    Parameters
    ----------
    address, reading, circumstances
        Which stream, what is stated about it, and how it is read.

    Raises
    ------
    SourceError
        If there is no such stream, or several, or it holds text.
    MissingExtra
        If pylsl is not installed.
    """

    def __init__(self, address: LslAddress, reading: Reading, circumstances: Circumstances) -> None:
        self.name = str(address)
        self.length_samples: int | None = None
        self._lsl = load()
        self._address = address
        self._circumstances = circumstances
        info = self._find(FOUND_WITHIN_S)
        if info is None:
            raise SourceError(f"{self.name}: nothing arrived")
        formats = {
            self._lsl.cf_float32: np.float32,
            self._lsl.cf_double64: np.float64,
            self._lsl.cf_int8: np.int8,
            self._lsl.cf_int16: np.int16,
            self._lsl.cf_int32: np.int32,
            self._lsl.cf_int64: np.int64,
        }
        if info.channel_format() not in formats:
            raise SourceError(f"{self.name} holds text, such as the markers of an experiment, and no samples")
        self.dtype: np.dtype[Any] = np.dtype(formats[info.channel_format()])
        self._inlet, full = self._open(info)
        circumstances.begun(self.name)
        self.content = full.type()
        self.all_names, self.all_units = _channels(full)
        self._regular = full.nominal_srate() > 0
        self.sample_rate_hz: float | None = reading.sample_rate_hz or full.nominal_srate() or None
        self._chosen = self._choose(reading.columns)
        self.channels = len(self._chosen)
        self.column_names = [self.all_names[index] for index in self._chosen]
        self.column_units = [self.all_units[index] for index in self._chosen] if self.all_units else []
        self._waiting: deque[Stamped] = deque()
        self._feed: Feed[Stamped] = Feed(
            self.name, self._read, circumstances, "is its sender still sending?", lambda item: item[0].nbytes
        )

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the values ``(n, channels)`` of the chosen channels, as soon as they are there."""
        for _, (samples, stamps) in self._feed:
            self._waiting.append((samples, stamps))
            yield samples[:, self._chosen].astype(np.float64)

    def stamped(self, samples: Chunk) -> Stamped:
        """Return denoised samples with all channels of the stream, in its numbers, and its time stamps."""
        parts, stamps = [np.empty((0, len(self.all_names)), self.dtype)], list[float]()
        while len(stamps) < len(samples):
            rows, times = self._waiting.popleft()
            count = len(samples) - len(stamps)
            if count < len(times):
                self._waiting.appendleft((rows[count:], times[count:]))
            parts.append(rows[:count])
            stamps += times[:count]
        whole = np.concatenate(parts)
        whole[:, self._chosen] = as_dtype(samples, self.dtype)
        return whole, stamps

    @property
    def error(self) -> Exception | None:
        """What ended the samples before the run was to end, if anything did."""
        return self._feed.error

    def close(self) -> None:
        """Leave the stream."""
        self._feed.close()

    def _choose(self, columns: Sequence[str] | None) -> list[int]:
        if columns is None:
            return list(range(len(self.all_names)))
        wanted = {named_column(column, self.all_names, self.name) for column in columns}
        return [index for index, name in enumerate(self.all_names) if name in wanted]

    def _find(self, within_s: float | None) -> Any:
        """Wait until a stream has the name; return None if the run is to end first.

        Raises
        ------
        SourceError
            If none appears in that time, or several do.
        """
        resolver = self._lsl.ContinuousResolver()
        started = time.monotonic()
        first_at: float | None = None
        while not self._circumstances.stop.wait(POLL_S):
            now, there = time.monotonic(), resolver.results()
            named = {
                (info.source_id() or info.uid(), info.hostname()): info
                for info in there
                if info.name() == self._address.name
            }
            if named:
                first_at = first_at or now
                if now - first_at < OTHERS_WITHIN_S:
                    continue
                if len(named) == 1:
                    return next(iter(named.values()))
                hosts = ", ".join(sorted(host for _, host in named))
                raise SourceError(f"{len(named)} LSL streams are called {self._address.name} (on {hosts}); rename one")
            if within_s is not None and now - started > within_s:
                names = ", ".join(sorted({info.name() for info in there}))
                here = (
                    f"there are {names}" if names else "there are no streams at all; is the sender on, in this network?"
                )
                raise SourceError(f"no LSL stream called {self._address.name} appeared in {within_s:g} s; {here}")
        return None

    def _open(self, info: Any) -> tuple[Any, Any]:
        """Open an inlet; return it and the stream's full description."""
        # Stamps of this machine's clock stay as they are; those of another one are moved onto this clock, as a stream
        # that leaves here would else have stamps that no receiver could place.
        other = info.hostname() != socket.gethostname()
        flags = self._lsl.proc_clocksync if other else self._lsl.proc_none
        inlet = self._lsl.StreamInlet(info, recover=True, processing_flags=flags)
        try:
            full = inlet.info(ANSWER_S)
            inlet.open_stream(ANSWER_S)
        except (self._lsl.util.LostError, TimeoutError) as error:
            raise SourceError(f"{self.name} was found, but does not answer; is its sender still on?") from error
        return inlet, full

    def _read(self, feed: Feed[Stamped]) -> None:
        """Read until the run is to end; open the stream again when it is lost."""
        silence = _Silence(self.name, self._circumstances)
        inlet = self._inlet
        limit = math.inf
        while time.monotonic() < limit:
            if self._circumstances.stop.is_set():
                limit = min(limit, time.monotonic() + UNDER_WAY_S)
            try:
                sample, stamp = inlet.pull_sample(POLL_S)
                more, stamps = ([], []) if stamp is None else inlet.pull_chunk(0.0, MOST_PULLED)
            except self._lsl.util.LostError as error:
                again = self._reopen(error)
                if again is None:
                    return
                inlet = again
                continue
            if stamp is not None:
                feed.put((np.array([sample, *more], self.dtype), [stamp, *stamps]))
                silence.end()
            elif limit < math.inf:
                return
            elif self._regular:
                silence.go_on()

    def _reopen(self, error: Exception) -> Any:
        """Wait for a lost stream; None if the run is to end first."""
        lost_at = time.monotonic()
        if lost := self._circumstances.lost(self.name, "its sender has gone"):
            raise lost from error
        for _ in self._circumstances.attempts():
            info = self._find(None)
            if info is None:
                return None
            if (info.channel_count(), info.channel_format()) != (len(self.all_names), self._inlet.channel_format):
                raise SourceError(f"{self.name} came back with other channels; start again")
            with contextlib.suppress(SourceError):
                inlet, _ = self._open(info)
                self._circumstances.begun(self.name, lost_at)
                return inlet
        return None


class _Silence:
    """Tell when a stream of a regular rate falls silent: LSL itself waits for it without a word.

    Kept: when its last sample came, and whether the user knows.
    """

    def __init__(self, name: str, circumstances: Circumstances) -> None:
        self._name = name
        self._circumstances = circumstances
        self._since: float | None = None
        self._said = False

    def end(self) -> None:
        """Note a sample."""
        if self._said:
            self._circumstances.begun(self._name, self._since)
        self._since, self._said = time.monotonic(), False

    def go_on(self) -> None:
        """Note that no sample has come.

        Raises
        ------
        SourceError
            If the stream is not to be waited for.
        """
        if self._since is None or self._said or time.monotonic() - self._since < SILENT_S:
            return
        self._said = True
        if error := self._circumstances.lost(self._name, f"silent for {SILENT_S:g} s"):
            raise error


class LslSink:
    """An outlet that sends denoised samples with the stamps of their source.

    Parameters
    ----------
    address
        The name of the new stream.
    source
        Whose samples it sends.

    Raises
    ------
    MissingExtra
        If pylsl is not installed.
    """

    def __init__(self, address: LslAddress, source: StampedSource) -> None:
        lsl = load()
        self._source = source
        info = lsl.StreamInfo(
            address.name,
            source.content,
            len(source.all_names),
            source.sample_rate_hz or lsl.IRREGULAR_RATE,
            "double64" if source.dtype == np.float64 else source.dtype.name,
            # The same after a restart, so that receivers come back by themselves.
            f"denoise-stream {address.name} on {socket.gethostname()}",
        )
        info.set_channel_labels(source.all_names)
        if any(source.all_units):
            info.set_channel_units(source.all_units)
        self._outlet = lsl.StreamOutlet(info)

    def write(self, samples: Chunk) -> None:
        """Send the next samples ``(n, channels)``."""
        rows, stamps = self._source.stamped(samples)
        for row, stamp in zip(rows.tolist(), stamps, strict=True):
            self._outlet.push_sample(row, stamp)

    def close(self) -> None:
        """Close the outlet when the last samples are out."""
        if self._outlet.have_consumers():
            time.sleep(LINGER_S)
        del self._outlet


def _channels(info: Any) -> tuple[list[str], list[str]]:
    """Return the names and units of a stream's channels; numbers where it names none."""
    count = info.channel_count()
    with contextlib.redirect_stdout(io.StringIO()):  # where pylsl reports an incomplete description
        labels, units = info.get_channel_labels() or [], info.get_channel_units() or []
    names = [label or str(index + 1) for index, label in enumerate(labels)]
    return (
        names if len(names) == count else [str(index + 1) for index in range(count)],
        [unit or "" for unit in units] if len(units) == count else [],
    )
