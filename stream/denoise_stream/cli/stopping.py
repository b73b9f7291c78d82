"""End the program when a signal asks for it, even in the middle of a computation.

Python runs signal handlers between bytecodes only, so not while a network computes, which can take minutes or never
end. Its C-level handler writes the signal's number to a socket at once; a thread reads it there, and ends the program
if Python has not reacted.
"""

import functools
import os
import signal
import socket
import threading
from types import FrameType
from typing import NoReturn

from denoise_stream.files.paths import remove_unfinished

GRACE_S = 1.5
"""How long Python may take until it handles a signal, in s."""

_handled = threading.Event()
_asked: list[int] = []


def end_when_asked(*, in_computations: bool = False) -> None:
    """Unwind at SIGTERM and SIGHUP as for an error, so that half-written files are removed.

    Parameters
    ----------
    in_computations
        End the program without unwinding if a signal, Ctrl-C included, is not handled within ``GRACE_S``. Files in the
        making are removed.
    """
    for kind in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, kind, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, _terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt if in_computations else signal.default_int_handler)
    if in_computations:
        _start_watching()


@functools.cache
def _start_watching() -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True).start()


def _watch(reader: socket.socket) -> None:
    ending = {getattr(signal, kind, None) for kind in ("SIGTERM", "SIGHUP", "SIGINT")}
    while numbers := reader.recv(64):
        asked = next((number for number in numbers if number in ending), None)
        if asked is not None and not _handled.wait(GRACE_S):
            remove_unfinished()
            os._exit(128 + asked)


def asked_status() -> int | None:
    """Return the exit status for the signal that was handled, if any; code that it interrupts may raise any error."""
    return _asked[-1] if _asked else None


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    _asked.append(128 + number)
    _handled.set()
    raise SystemExit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _asked.append(128 + number)
    _handled.set()
    raise KeyboardInterrupt
