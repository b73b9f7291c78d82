"""Runs killed at random moments, by every signal, in a file, a table, a pipe or an archive: no partial outputs.

``KILLS=N`` tries N moments of each kind.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from archives import make_archive, tree
from programs import PROGRAM, noise

SIGNALS = {"TERM": 143, "INT": 130, "HUP": 129, "KILL": -9}
KILLS = int(os.environ.get("KILLS", "3"))

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound, a table, raw samples and an archive, each of some seconds of work at a hop of 1."""
    folder = tmp_path_factory.mktemp("inputs")
    soundfile.write(folder / "a.wav", noise(30_000), 16_000)
    (folder / "a.csv").write_text("v\n" + "".join(f"{value:.4f}\n" for value in noise(20_000)))
    (folder / "a.raw").write_bytes((3000 * noise(40_000)).astype("<i2").tobytes())
    make_archive(folder / "in", 12, samples=4_000)
    return folder


ARGUMENTS = {
    "file": ["a.wav", "--output", "out.wav"],
    "table": ["a.csv", "--output", "out.csv"],
    "pipe": ["--input", "-", "--format", "s16le", "--rate", "16000", "--output", "-"],
    "archive": ["in", "--output", "out", "--jobs", "2"],
}


def start(inputs: Path, folder: Path, kind: str) -> subprocess.Popen[bytes]:
    arguments = [str(inputs / part) if (inputs / part).exists() else part for part in ARGUMENTS[kind]]
    command = [*PROGRAM, *arguments, "--model", "general-small", "--hop", "1", "--quiet"]
    with (inputs / "a.raw").open("rb") as samples, (folder / "piped").open("wb") as piped:
        return subprocess.Popen(
            command, cwd=folder, stdin=samples, stdout=piped, stderr=subprocess.PIPE, start_new_session=True
        )


def wait_until_it_listens(process: subprocess.Popen[bytes]) -> None:
    """Wait until the program handles signals."""
    limit = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < limit:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")), 0)
        if caught >> (signal.SIGHUP - 1) & 1:  # the last of them
            return
        time.sleep(0.01)


def seen(folder: Path) -> dict[str, bytes]:
    """Return what a user sees in a folder."""
    return {name: data for name, data in tree(folder).items() if not any(part[0] == "." for part in name.split("/"))}


@pytest.fixture(scope="module")
def whole(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, bytes], float]]:
    """The outputs of undisturbed runs, and how long they take in s."""
    found = {}
    for kind in ARGUMENTS:
        folder = tmp_path_factory.mktemp(kind)
        process = start(inputs, folder, kind)
        wait_until_it_listens(process)
        started = time.monotonic()
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        found[kind] = seen(folder), time.monotonic() - started
    return found


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_run_that_is_ended_leaves_whole_outputs_only(inputs, whole, tmp_path, kind, name):
    rng = random.Random(f"{kind} {name}")
    expected, duration_s = whole[kind]
    counts: Counter[str] = Counter()
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        process = start(inputs, folder, kind)
        wait_until_it_listens(process)
        time.sleep(rng.uniform(0, 1.1 * duration_s))
        process.send_signal(getattr(signal, f"SIG{name}"))
        _, said = process.communicate(timeout=60)
        status = process.returncode
        assert status in (0, SIGNALS[name]), said
        assert b"Traceback" not in said, said
        found = seen(folder)
        piped = found.pop("piped", b"")
        assert expected["piped"].startswith(piped)
        assert len(piped) % 2 == 0 or name == "KILL"
        for file, data in found.items():
            assert data == expected[file], file
        if name != "KILL":
            assert {*tree(folder)} - {"piped"} == {*found}, "files in the making are left"
        counts["done" if status == 0 else "ended"] += 1
    again = start(inputs, folder, kind)
    _, said = again.communicate(timeout=300)
    exists = b"exists; use --force" in said
    assert again.returncode == 0 or exists, said
    assert seen(folder) == expected
    print(f"{kind}, SIG{name}: {dict(counts)}")
