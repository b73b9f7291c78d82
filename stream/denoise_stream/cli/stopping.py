"""End the program when a signal asks for it, even in the middle of a computation.

Python runs signal handlers between bytecodes only, so not while a network computes, which can take minutes or never
end. Its C-level handler writes the signal's number to a socket at once; a thread reads it there, and ends the program
if Python has not reacted.
"""

import atexit
import contextlib
import functools
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from denoise_stream.files.paths import remove_unfinished

GRACE_S = 1.5
"""How long Python may take until it handles a signal, in s."""

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]
"""Signals that end the program. Windows has no SIGHUP."""

_handled = threading.Event()
_asked: list[int] = []
_spared = 0  # signals that may take longer, as what has arrived is finished first


def end_when_asked(*, in_computations: bool = False) -> None:
    """Unwind at SIGTERM and SIGHUP as for an error, so that half-written files are removed.

    Parameters
    ----------
    in_computations
        End the program without unwinding if a signal, Ctrl-C included, is not handled within ``GRACE_S``. Files in the
        making are removed.
    """
    interrupt = _interrupt if in_computations else signal.default_int_handler
    for kind in ENDING:
        if signal.getsignal(kind) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(kind, interrupt if kind == signal.SIGINT else _terminate)
    if in_computations:
        _start_watching()


@functools.cache
def _start_watching() -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True).start()


def _watch(reader: socket.socket) -> None:
    global _spared
    while numbers := reader.recv(64):
        asked = next((number for number in numbers if number in ENDING), None)
        if asked is not None and _spared:
            _spared -= 1
            continue
        if asked is not None and not _handled.wait(GRACE_S):
            remove_unfinished()
            os._exit(128 + asked)


@contextlib.contextmanager
def ended_by_first_signal(stop: Callable[[], object], after_s: float | None = None) -> Iterator[None]:
    """Let the first signal call ``stop``, so that the block ends by itself; a second one ends the program as ever.

    After SIGTERM and SIGHUP the program's status is theirs; Ctrl-C is the normal end of what goes on for ever.

    Parameters
    ----------
    stop
        Ends the block's work; called in the middle of it.
    after_s
        Calls ``stop`` after as many seconds, too.
    """
    global _spared
    before = {kind: signal.getsignal(kind) for kind in ENDING}
    first: list[int] = []

    def restore() -> None:
        for kind, handler in before.items():
            signal.signal(kind, handler)

    def note(number: int, frame: FrameType | None) -> None:
        first.append(number)
        restore()
        stop()

    timer = threading.Timer(after_s or 0.0, stop)
    timer.daemon = True
    if after_s is not None:
        timer.start()
    _spared = 1
    for kind, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(kind, note)
    try:
        yield
    finally:
        timer.cancel()
        restore()
        _spared = 0
    if first and first[0] != signal.SIGINT:
        raise SystemExit(128 + first[0])


def end_undisturbed() -> None:
    """Let no signal end the program while it exits, as its work is done: Python itself would die of one by then."""
    atexit.register(_ignore_signals)


def _ignore_signals() -> None:
    for kind in ENDING:
        signal.signal(kind, signal.SIG_IGN)


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
