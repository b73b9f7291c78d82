"""The program as a subprocess, and inputs for it."""

import subprocess
import sys

import numpy as np

PROGRAM = [sys.executable, "-c", "from denoise_start import stream\nif __name__ == '__main__':\n    stream()"]
"""Spawned workers import this again, which must not run the program again."""


def pipe(data: bytes, *arguments: object, **options) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60, **options)


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = samples if channels == 1 else (samples, channels)
    return np.random.default_rng(seed).normal(0, 0.1, shape)
