"""Measure runs over archives: ``make bench-archive``, or parts of it:

    PYTHONPATH=tests/helpers python benchmarks/bench_archive.py [throughput linear kills]


throughput: 2,000 files by the program on all cores, against a serial loop in one process and against onnxruntime
alone on the same windows, in turns. linear: seconds per file and peak memory from 200 to 20,000 files. kills: a run
killed with SIGKILL ten times at random moments and then finished, compared with an undisturbed one.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from archives import kill_at_random, make_archive, run_program, times_done, tree
from denoise_stream import Denoiser
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.processes import physical_cores
from denoise_stream.archive.worker import Work, Worker
from denoise_stream.engine.stages import BATCH_WINDOWS
from denoise_stream.files.formats import open_file
from denoise_stream.model import choose_models

ROUNDS = 3
FILES = int(os.environ.get("FILES", "2000"))
SAMPLES = 32_000  # 2 s at 16 kHz
SHORT = 4_000


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def program(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    done = run_program("--input", source, "--output", target, "--model", "general", "--quiet")
    assert done.returncode == 0, done.stderr


def serial_loop(source: Path, target: Path) -> None:
    """Denoise file by file in this process, as a simple script would."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    worker = Worker(Work(LocalFolder(source), LocalFolder(target), target / ".scratch", choose_models("general")))
    for entry in LocalFolder(source).entries():
        assert not worker.denoise(entry).error


def windows_of(source: Path) -> list[np.ndarray]:
    """Return the normalized windows of all files, as the network gets them."""
    denoiser = Denoiser()
    window, hop = denoiser.contract.window, denoiser.hop
    found = []
    for entry in LocalFolder(source).entries():
        path = source / entry.name
        signal = soundfile.read(path)[0] if path.suffix == ".wav" else np.concatenate(list(open_file(path)))[:, 0]
        rows = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop]
        rows = rows - rows.min(axis=1, keepdims=True)
        found.append((rows / rows.max(axis=1, keepdims=True)).astype(np.float32))
    return found


def runtime_alone(files: list[np.ndarray]) -> None:
    model = Denoiser().model
    for rows in files:
        for start in range(0, len(rows), BATCH_WINDOWS):
            some = rows[start : start + BATCH_WINDOWS]
            context = np.zeros((len(some), model.contract.context_size), np.float32)
            model._session.run(["clean"], {"noisy": some} | ({"context": context} if context.size else {}))


def throughput(folder: Path) -> None:
    source = make_archive(folder / "in", FILES, SAMPLES)
    files = windows_of(source)
    rounds = []
    for _ in range(ROUNDS):
        ours = seconds(lambda: program(source, folder / "out"))
        serial = seconds(lambda: serial_loop(source, folder / "serial"))
        alone = seconds(lambda: runtime_alone(files))
        rounds.append((serial / ours, ours / alone, ours))
        print(
            f"  program {ours:.1f} s, serial loop {serial:.1f} s, onnxruntime alone on one core {alone:.1f} s",
            flush=True,
        )
    assert tree(folder / "out") == tree(folder / "serial")
    speedup, against, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    windows = sum(len(rows) for rows in files)
    print(f"throughput: {FILES} files, {windows} windows, {physical_cores()} cores: {FILES / ours:.0f} files a second")
    print(f"  serial loop / program: {speedup:.2f} x (aim 1.8 on two cores)")
    print(
        f"  program / onnxruntime alone on one core: {against:.2f} x; on all cores: {against * physical_cores():.2f} x"
    )


def measured(source: Path, target: Path) -> tuple[float, float, float]:
    """Return seconds, and the peak memory in MB of the first process and of the largest worker."""
    code = (
        "import resource, sys\nfrom denoise_stream.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    try:\n        main()\n    finally:\n"
        "        everyone = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN\n"
        "        print(*(resource.getrusage(who).ru_maxrss for who in everyone))\n"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "--input",
        str(source),
        "--output",
        str(target),
        "--model",
        "general",
        "--quiet",
    ]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken = time.perf_counter() - started
    first, worker = (int(word) / 1024 for word in done.stdout.split())
    return taken, first, worker


def linear(folder: Path) -> None:
    results = []
    for files in (200, 2_000, 20_000):
        source = make_archive(folder / f"in{files}", files, SHORT)
        taken, first, worker = measured(source, folder / f"out{files}")
        again = seconds(
            lambda source=source, files=files: run_program(
                "--input", source, "--output", folder / f"out{files}", "--model", "general"
            )
        )
        results.append((taken, files))
        print(
            f"linear: {files:6d} short files in {taken:6.1f} s, {1000 * taken / files:.2f} ms a file; "
            f"peak memory {first:.0f} MB, workers {worker:.0f} MB; run again with nothing to do: {again:.1f} s",
            flush=True,
        )
        shutil.rmtree(source)
        shutil.rmtree(folder / f"out{files}")
    (small, few), _, (large, many) = results
    print(f"  20,000 files against 200: {large / small:.1f} x the time for {many / few:.0f} x the files")


def kills(folder: Path) -> None:
    source, rng = make_archive(folder / "killed_in", 300), random.Random(int(time.time()))
    arguments = ["--input", source, "--model", "general", "--hop", 5, "--quiet", "--output"]
    assert run_program(*arguments, folder / "undisturbed").returncode == 0
    killed = folder / "killed"
    found = [kill_at_random([*arguments, killed], killed, rng, group=turn % 2 == 0) for turn in range(10)]
    print(f"kills: recorded as done before each of ten kills: {found}, of 300 files")
    assert run_program(*arguments, killed).returncode == 0
    assert tree(killed) == tree(folder / "undisturbed")
    assert times_done(killed) == dict.fromkeys(tree(killed), 1)
    print("  then finished: byte-identical to an undisturbed run, none missing, none done twice")


if __name__ == "__main__":
    print(f"{physical_cores()} physical cores")
    for name in sys.argv[1:] or ["throughput", "linear", "kills"]:
        with tempfile.TemporaryDirectory() as place:
            {"throughput": throughput, "linear": linear, "kills": kills}[name](Path(place))
