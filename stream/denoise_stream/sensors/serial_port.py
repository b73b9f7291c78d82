"""Read and write lines of text at a serial port."""

import contextlib
import errno
import math
import time
from typing import Any

from denoise_stream.errors import DenoiseError, SinkError, SourceError, first_line, needs_extra
from denoise_stream.sensors.addresses import SerialAddress
from denoise_stream.sensors.feed import UNDER_WAY_S, Circumstances, Clock, Feed
from denoise_stream.sensors.lines import WholeLines

POLL_S = 0.1
"""How often a reader looks whether it is to stop, in s."""

QUIET_S = 0.03
"""Bytes that come sooner after the port opens may belong to a line that began before: adapters hold them for 16 ms."""


def open_feed(address: SerialAddress, circumstances: Circumstances, clock: Clock = time.monotonic) -> Feed[bytes]:
    """Open a port and read its lines in a thread; what a loss has cut off is left out, and said.

    Raises
    ------
    SourceError
        If the port cannot be opened.
    MissingExtra
        If pyserial is not installed.
    """
    port = _open(address, SourceError)
    wrong = f"the device sends at another rate than {address.baud}, or no text; state its rate as {address.port}@BAUD"
    lines = WholeLines(str(address), wrong, circumstances.say)

    def read(feed: Feed[bytes]) -> None:
        connected, lost_at = port, None
        while True:
            reason = ""
            try:
                time.sleep(QUIET_S)
                lines.begin(inside=connected.in_waiting > 0)
                circumstances.begun(str(address), lost_at)
                _read_until_stopped(connected, lines, feed, circumstances)
            except OSError as error:  # SerialException is one
                reason, lost_at = _reason(error), time.monotonic()
            connected.close()
            lines.cut()
            if not reason:
                return
            if ended := circumstances.lost(str(address), reason):
                raise ended
            connected = _reopen(address, circumstances)
            if connected is None:
                return

    hint = f"is the device on, and {address.baud} its rate?"
    return Feed(str(address), read, circumstances, hint, len, clock)


class SerialWriter:
    """A file that writes lines to a serial port, and reopens it when it is lost.

    Raises
    ------
    SinkError
        If the port cannot be opened.
    MissingExtra
        If pyserial is not installed.
    """

    def __init__(self, address: SerialAddress, circumstances: Circumstances) -> None:
        self._address = address
        self._circumstances = circumstances
        self._port = _open(address, SinkError)

    def write(self, data: bytes) -> None:
        """Write lines; one that a loss cuts off is written again.

        Raises
        ------
        SinkError
            If the port is lost, and the run is to end or not to reconnect.
        """
        lines = data.splitlines(keepends=True)
        done = 0
        while done < len(lines):
            try:
                self._port.write(lines[done])
                self._port.flush()
            except OSError as error:
                self._reopen(_reason(error), len(lines) - done)
            else:
                done += 1

    def flush(self) -> None:
        """Nothing is left: each line is on its way when it is written."""

    def close(self, *, wait: bool) -> None:
        """Close the port."""
        self._port.close()

    def _reopen(self, reason: str, lines: int) -> None:
        self._port.close()
        if error := self._circumstances.lost(str(self._address), reason):
            raise SinkError(str(error))
        again = _reopen(self._address, self._circumstances)
        if again is None:
            raise SinkError(f"{self._address} is lost ({reason}); {lines} lines were not written")
        self._port = again
        self._circumstances.say(f"{self._address} is back")


def _open(address: SerialAddress, kind: type[DenoiseError]) -> Any:
    """Open a port."""
    with needs_extra("a serial port", "sensors"):
        import serial
    try:
        return serial.Serial(address.port, address.baud, timeout=POLL_S)
    except ValueError as error:
        raise kind(f"{address} does not take the baud rate {address.baud}; use one that the device knows") from error
    except OSError as error:
        raise kind(f"cannot open {address}: {_why_not(error)}") from error


def _why_not(error: OSError) -> str:
    """Say why a port cannot be opened, and what to do."""
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        from serial.tools.list_ports import comports

        names = ", ".join(sorted(port.device for port in comports()))
        return f"there is no such port; {f'those here are {names}' if names else 'no port is connected'}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you may not use it; on Linux, join the group of the port (sudo usermod -aG dialout $USER)"
    return _reason(error)


def _reason(error: OSError) -> str:
    return first_line(error).removeprefix("write failed: ").removeprefix("read failed: ")


def _read_until_stopped(port: Any, lines: WholeLines, feed: Feed[bytes], circumstances: Circumstances) -> None:
    """Read until the run is to end; OSError if the port is lost before."""
    limit = math.inf
    while time.monotonic() < limit:
        data = port.read(max(1, port.in_waiting))
        if whole := lines.push(data):
            feed.put(whole)
        if circumstances.stop.is_set():
            limit = min(limit, time.monotonic() + UNDER_WAY_S if data else 0.0)


def _reopen(address: SerialAddress, circumstances: Circumstances) -> Any:
    """Try to open a lost port again; None if the run is to end first."""
    for _ in circumstances.attempts():
        with contextlib.suppress(SourceError):
            return _open(address, SourceError)
    return None
