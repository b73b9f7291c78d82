"""A terminal for tests: what a program shows on it, and keys for the program."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

import pytest


class Terminal:
    """A pseudo-terminal with a program in it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        environment = {**environment, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        # The program's controlling terminal, so that Ctrl-C becomes a signal.
        self.process = subprocess.Popen(command, env=environment, preexec_fn=lambda: os.login_tty(slave))
        os.close(slave)
        self._seen = ""

    def read_until(self, pattern: str) -> str:
        """Read until new output matches; return all of it since the last match."""
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            found = re.search(pattern, self._seen)
            if found:
                seen, self._seen = self._seen[: found.end()], self._seen[found.end() :]
                return seen
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if ready:
                try:
                    data = os.read(self._master, 65536).decode("utf-8", "replace")
                except OSError:
                    data = ""
                self._seen += re.sub(r"\x1b\[[0-9;]*m", "", data)
        pytest.fail(f"{pattern!r} did not appear in {self._seen[-2000:]!r}")

    def press(self, key: str) -> None:
        os.write(self._master, key.encode())
