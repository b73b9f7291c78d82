"""Keep lines whole where a serial port begins or breaks off in the middle of one."""

import re
from collections.abc import Callable

from denoise_stream.errors import SourceError, quoted

LONGEST_LINE_BYTES = 1 << 20

JUDGED_BYTES = 64
"""Bytes that must have come before they are judged to be text or not."""

MOST_NOISE = 0.3
"""Largest share of bytes that no text holds. At a wrong baud rate it is about a half."""

_DIGIT = re.compile(rb"\d")
_TEXT = bytes([*b"\t\n\r", *range(0x20, 0x7F)])


class WholeLines:
    """Cut what arrives after the last end of a line, and hold the rest.

    Parameters
    ----------
    name, wrong
        What is read, and what is wrong if it is not text, in messages.
    say
        Tells the user which lines are left out.
    """

    def __init__(self, name: str, wrong: str, say: Callable[[str], None]) -> None:
        self._name = name
        self._wrong = wrong
        self._say = say
        self._rest = b""
        self._judged = bytearray()
        self._drops = False

    def begin(self, *, inside: bool) -> None:
        """Begin after a gap; drop a first line of numbers if it may have begun before, ``inside`` it."""
        self._rest = b""
        self._drops = inside

    def push(self, data: bytes) -> bytes:
        """Return the lines that are complete with these bytes.

        Raises
        ------
        SourceError
            If the bytes are not text.
        """
        self._judge(data)
        data = self._rest + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        lines, self._rest = data[:end], data[end:]
        if len(self._rest) > LONGEST_LINE_BYTES:
            raise SourceError(f"{self._name}: no line ends within {LONGEST_LINE_BYTES >> 20} MiB; {self._wrong}")
        if self._drops and lines:
            first = lines.splitlines(keepends=True)[0]
            self._drops = False
            if _DIGIT.search(first):  # names without their first letters do no harm
                lines = lines[len(first) :]
                self._leave_out(first)
        return lines

    def cut(self) -> None:
        """Drop the line that a loss has cut off."""
        if self._rest and not self._drops:
            self._leave_out(self._rest)
        self._rest = b""

    def _leave_out(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            self._say(f"{self._name}: left out {quoted(text)}, a part of a line")

    def _judge(self, data: bytes) -> None:
        """Refuse bytes that no text holds, once enough have come."""
        if len(self._judged) >= JUDGED_BYTES:
            return
        self._judged += data[: JUDGED_BYTES - len(self._judged)]
        if len(self._judged) < JUDGED_BYTES:
            return
        noise = len(bytes(self._judged).translate(None, _TEXT))
        if noise > MOST_NOISE * JUDGED_BYTES:
            raise SourceError(
                f"{self._name}: what arrives is not text ({bytes(self._judged[:12])!r} ...); {self._wrong}"
            )
