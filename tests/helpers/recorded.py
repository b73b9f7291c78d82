"""Audio files as other programs leave them: made by ffmpeg and sox."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Unchanged = Callable[..., tuple[Path, str]]
"""Runs the program on a file without changing the sound; returns the output's path and the messages."""


def need(*programs: str) -> None:
    """Skip a test whose programs are missing; where tests must run, fail."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def ffmpeg(*arguments: object) -> bytes:
    """Run ffmpeg; return what it writes to standard output."""
    need("ffmpeg")
    command = ["ffmpeg", "-v", "error", "-y", *(str(argument) for argument in arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


def sox(*arguments: object) -> bytes:
    """Run sox; return what it writes to standard output."""
    need("sox")
    return subprocess.run(
        ["sox", "-V1", "-D", *(str(argument) for argument in arguments)], check=True, capture_output=True, timeout=120
    ).stdout


def frames_by_sox(path: Path | str) -> int:
    """Count the samples per channel of a file, with sox."""
    need("soxi")
    return int(subprocess.run(["soxi", "-s", str(path)], check=True, capture_output=True, timeout=60).stdout)


def make_base(channels: int = 1, samples: int = 16_001, subtype: str = "PCM_24") -> np.ndarray:
    """Write ``base.wav``, 16 kHz, an odd number of samples; return its samples."""
    shape = (samples, channels) if channels > 1 else samples
    soundfile.write("base.wav", np.random.default_rng(5).normal(0, 0.1, shape), 16_000, subtype=subtype)
    return soundfile.read("base.wav")[0]


def refused(call, models, name: str, *arguments: object) -> str:
    status, said = call("--input", name, "--model", models["identity"], *arguments)
    assert status == 1
    assert said.count("\n") == 1
    assert not list(Path().glob("*denoised*"))
    return said


def change(name: str, at: bytes, content: bytes, behind: int = 4) -> None:
    """Write bytes at an offset after a mark in a file."""
    data = bytearray(Path(name).read_bytes())
    start = data.index(at) + behind
    data[start : start + len(content)] = content
    Path(name).write_bytes(data)


def samples(name: str | Path) -> np.ndarray:
    return soundfile.read(name)[0]
