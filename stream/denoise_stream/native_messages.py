"""Hide what C libraries write to the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def native_messages_hidden() -> Iterator[None]:
    """Hide what C libraries write past Python's standard error; Python's own still reaches the terminal."""
    if sys.stderr is None:  # closed by the program that started us
        yield
        return
    sys.stderr.flush()
    python_error, kept = sys.stderr, os.dup(2)
    try:
        with (
            open(os.devnull, "wb") as nowhere,
            open(os.dup(kept), "w", buffering=1, errors="backslashreplace") as own_error,
        ):
            os.dup2(nowhere.fileno(), 2)
            sys.stderr = own_error
            yield
    finally:
        sys.stderr = python_error
        os.dup2(kept, 2)
        os.close(kept)
