"""Archives of generated files for tests and benchmarks, and helpers to inspect their results."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from denoise_stream.archive.manifest import Outcome
from denoise_stream.archive.plan import Group
from denoise_stream.archive.worker import Work, Worker
from programs import PROGRAM

GENERAL = ("--model", "general")
"""For long work by a small hop, which a stateful default model would refuse."""


class InProcess:
    """A dispatcher in this process, for tests in which worker processes are not the point."""

    workers = 1
    unreported = ()

    def __init__(self, work: Work, jobs: int | None = None) -> None:
        self.work = work
        self._worker = Worker(work)

    def run(self, groups: Iterator[Group]) -> Iterator[list[Outcome]]:
        for group in groups:
            yield [self._worker.denoise(entry) for entry in group]


def make_archive(folder: Path, files: int, samples: int = 4000, seed: int = 0) -> Path:
    """Fill a folder with noisy WAV and CSV files, a hundred to a subfolder."""
    rng = np.random.default_rng(seed)
    tone = np.sin(np.arange(samples) / 15)
    for number in range(files):
        place = folder / f"{number // 100:03d}"
        place.mkdir(parents=True, exist_ok=True)
        noisy = 0.3 * tone + rng.normal(0, 0.1, samples)
        if number % 4 == 3:
            rows = "\n".join(f"{value:.5f}" for value in noisy[: samples // 4])
            (place / f"{number:06d}.csv").write_text(f"acceleration\n{rows}\n")
        else:
            soundfile.write(place / f"{number:06d}.wav", noisy, 16_000)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files but the manifest, hidden leftovers included."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("denoise-manifest"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rows(folder: Path) -> list[dict]:
    """Return the readable rows of all manifests of a folder."""
    found = []
    for path in sorted(folder.glob("denoise-manifest*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def times_done(folder: Path) -> Counter[str]:
    """Count how often each file was recorded as done."""
    return Counter(row["file"] for row in rows(folder) if row["state"] == "done")


def run_program(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def kill_at_random(arguments: list[object], output: Path, rng: random.Random, *, group: bool, **options) -> int:
    """Start the program, kill it some moments after its first file is done; return how many it had recorded.

    ``group`` kills its workers at the same moment; otherwise they must end by themselves.
    """
    before = sum(times_done(output).values())
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True, **options)
    limit = time.monotonic() + 60
    while sum(times_done(output).values()) == before and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.3))
    if group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait(30)
    return sum(times_done(output).values()) - before
