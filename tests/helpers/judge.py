"""Run one hostile input in this process and judge the outcome: exceptions, hangs, memory, leftover files."""

import contextlib
import io
import os
import re
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

MOST_CPU_S = 20.0
MOST_MB = 400.0
KEPT = 5
"""Inputs of each kind of failure that are kept in files."""


class Hang(BaseException):
    """An input took too much time of the processor."""


@dataclass
class Verdicts:
    """Number of inputs tried, and of failures.

    Attributes
    ----------
    tried
        Inputs in all.
    refused
        Those that got a sentence.
    failures
        Number of failures of each kind.
    kept
        Folder for inputs that failed.
    """

    kept: Path
    tried: int = 0
    refused: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def fail(self, kind: str, data: bytes, words: str) -> None:
        """Count a failure and keep its input."""
        self.failures[kind] += 1
        if self.failures[kind] <= KEPT:
            self.kept.mkdir(parents=True, exist_ok=True)
            name = f"{kind}-{self.failures[kind]}"
            (self.kept / name).write_bytes(data)
            (self.kept / f"{name}.txt").write_text(words, errors="backslashreplace")

    def judge(
        self, data: bytes, run: Callable[[], str], expected: type[Exception] | tuple[type[Exception], ...]
    ) -> None:
        """Run one input; ``expected`` are errors with a sentence for the user, ``run`` returns a complaint."""
        self.tried += 1
        before = _memory_mb("VmRSS")
        _forget_peak()
        try:
            with _time_limit():
                complaint = run()
            if complaint:
                self.fail(complaint.partition(":")[0], data, complaint)
        except Hang:
            self.fail("hang", data, traceback.format_exc())
        except expected:
            self.refused += 1
        except Exception as error:
            self.fail(type(error).__name__, data, traceback.format_exc())
        grown = _memory_mb("VmHWM") - before
        if grown > MOST_MB:
            self.fail("memory", data, f"{grown:.0f} MB")


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(name)), 0.0)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def call(arguments: list[str], stdin: Path | None = None) -> str:
    """Run the program in this process, in the working folder; return a complaint about how it ended, if any."""
    from denoise_stream.cli.main import main

    before = {*os.listdir()}
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    saved = sys.argv, sys.stdin, sys.stdout, sys.stderr
    with open(stdin or os.devnull) as given, open(os.devnull, "w") as nowhere:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = ["denoise-stream", *arguments], given, nowhere, said
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        finally:
            sys.argv, sys.stdin, sys.stdout, sys.stderr = saved
    said.seek(0)
    text = said.read()
    left = {*os.listdir()} - before
    for name in left:
        Path(name).unlink()
    if status not in (0, 1, 2):
        return f"status: {status} {text}"
    if status and text.count("\n") != 1:
        return f"sentence: {text}"
    if status == 2 and not re.search("--|; ", text.partition("(see ")[0]):
        return f"says not what to do: {text}"
    if "Traceback" in text:
        return f"traceback: {text}"
    if any(name.startswith(".") for name in left) or (status and left):
        return f"left: {left} {text}"
    return ""
