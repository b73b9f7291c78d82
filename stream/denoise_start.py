"""Start the programs: a signal while their modules load ends them at once and without a traceback.

This module stands outside the packages and imports next to nothing: a package loads NumPy, for which Ctrl-C would
otherwise be a traceback. What Python does before its first line, and that of a script, cannot be caught.
"""

import os
import signal
from types import FrameType
from typing import NoReturn


def stream() -> NoReturn:
    """Run ``denoise-stream``."""
    _end_at_once_when_asked()
    from denoise_stream.cli.main import main

    main()


def train() -> NoReturn:
    """Run ``denoise-train``."""
    _end_at_once_when_asked()
    from denoise_train.cli.train import main

    main()


def evaluate() -> NoReturn:
    """Run ``denoise-evaluate``."""
    _end_at_once_when_asked()
    from denoise_train.cli.evaluate import main

    main()


def export() -> NoReturn:
    """Run ``denoise-export``."""
    _end_at_once_when_asked()
    from denoise_export.cli import main

    main()


def _end_at_once_when_asked() -> None:
    """Exit with 128 plus the signal's number, until the program handles signals itself; nothing is written before."""
    for kind in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, kind, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)
