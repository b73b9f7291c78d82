"""The errors of this package, each one sentence for a person.

DenoiseError
 ├── ContractError   an ONNX file that breaks the contract or is not an ONNX file
 ├── SourceError     an input that cannot be read, or data in it that cannot be processed
 ├── SinkError       an output that cannot be written
 ├── StreamFull      a stream of a pool that holds too many samples to take more
 ├── DeviceError     an audio device that is missing or fails
 └── MissingExtra    a package of an optional extra that is not installed

Arguments that are wrong in themselves raise ``ValueError`` or ``TypeError``.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class DenoiseError(Exception):
    """Base of every error that files, models and devices cause."""


class ContractError(DenoiseError):
    """A model file breaks the contract; the sentence names the key or tensor, found and needed."""


class SourceError(DenoiseError):
    """An input cannot be read, or holds something that is not a finite number."""


class SinkError(DenoiseError):
    """An output cannot be written; nothing of it is left behind."""


class StreamFull(DenoiseError):
    """A stream of a pool holds as many samples as it may; nothing of the chunk was taken."""


class DeviceError(DenoiseError):
    """An audio device, or PortAudio itself, is missing or fails."""


class MissingExtra(DenoiseError):
    """A feature needs an optional extra that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an optional part; run: pip install "denoise-stream[{extra}]"')
        self._facts = (feature, extra)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle, so that a process can hand the error to another."""
        return type(self), self._facts


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error says, or its kind if it says nothing.

    >>> first_line(ValueError("one\ntwo")), first_line(KeyError())
    ('one', 'KeyError')
    """
    reason: Any = getattr(error, "strerror", None) or str(error)
    return next(iter(str(reason).strip().splitlines()), type(error).__name__)


LONGEST_QUOTE = 60
LONGEST_MESSAGE = 2000
"""Longest quotation from a file in a message, and longest message on the command line, in characters."""


def quoted(text: str) -> str:
    r"""Quote a text from a file; a long one is cut off.

    >>> quoted("x\ty"), quoted("1" * 10_000_000)
    ("'x\\ty'", "'111111111111111111111111111111'... (10000000 characters)")
    """
    return repr(text) if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE // 2]!r}... ({len(text)} characters)"


def shortened(message: str) -> str:
    """Put a message on one line; of a very long one keep both ends: what happened, and what to do."""
    line = " ".join(message.split())
    if len(line) <= LONGEST_MESSAGE:
        return line
    return f"{line[: LONGEST_MESSAGE // 2]} ... {line[-LONGEST_MESSAGE // 2 :]}"


def printable(text: str) -> str:
    r"""Escape bytes that are not UTF-8, control characters and marks that turn the direction of text.

    Names of files and columns may contain all of them.

    >>> printable("caf\udce9.wav"), printable("a\nb.wav")
    ('caf\\udce9.wav', 'a\\nb.wav')
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


@contextlib.contextmanager
def needs_extra(feature: str, extra: str) -> Iterator[None]:
    """Import packages of an optional extra inside this block.

    Raises
    ------
    MissingExtra
        If one is not installed; the sentence says which extra brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("denoise_"):
            raise
        raise MissingExtra(feature, extra) from error
