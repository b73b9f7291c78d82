"""The program as a subprocess or in this process, and inputs for it."""

import contextlib
import io
import os
import subprocess
import sys
import threading
from unittest import mock

import numpy as np
import pytest

from denoise_stream.cli.main import main

PROGRAM = [sys.executable, "-c", "from denoise_start import stream\nif __name__ == '__main__':\n    stream()"]
"""Spawned workers import this again, which must not run the program again."""


def pipe(data: bytes, *arguments: object, **options) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60, **options)


def pipe_here(data: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Do what ``pipe`` does in this process, for tests in which a process of its own is not the point."""
    reading, writing = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(data)

    command = ["denoise-stream", *(str(argument) for argument in arguments)]
    feeder = threading.Thread(target=feed)
    feeder.start()
    with (
        os.fdopen(reading) as stdin,
        mock.patch.multiple(sys, argv=command, stdin=stdin),
        mock.patch("sys.stdout", io.TextIOWrapper(io.BytesIO(), write_through=True)) as stdout,
        mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO(), write_through=True)) as stderr,
        pytest.raises(SystemExit) as ended,
    ):
        main()
    feeder.join()
    said = (file.buffer.getvalue() for file in (stdout, stderr))
    return subprocess.CompletedProcess(command, int(ended.value.code or 0), *said)


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = samples if channels == 1 else (samples, channels)
    return np.random.default_rng(seed).normal(0, 0.1, shape)
