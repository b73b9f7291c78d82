"""The workers of an archive: groups, kills that lose nothing, bounded memory."""

import contextlib
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from archives import GENERAL, kill_at_random, make_archive, run_program, times_done, tree
from denoise_stream import DenoiseError
from denoise_stream.archive import processes as dispatch
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.protocol import Entry
from denoise_stream.archive.plan import make_groups
from denoise_stream.archive.processes import LocalDispatcher, Retries, _WorkerProcess, physical_cores
from denoise_stream.archive.worker import Work
from denoise_stream.model import choose_models
from programs import PROGRAM


@pytest.mark.slow
def test_killed_again_and_again_then_finished_equals_an_undisturbed_run(tmp_path, archive):
    undisturbed, killed, rng = tmp_path / "undisturbed", tmp_path / "killed", random.Random(8)
    arguments = ["--input", archive, *GENERAL, "--hop", 5, "--jobs", 2, "--quiet", "--output"]
    assert run_program(*arguments, undisturbed).returncode == 0
    for turn in range(4):
        assert kill_at_random([*arguments, killed], killed, rng, group=turn % 2 == 0) > 0
    assert len(times_done(killed)) < 60
    assert run_program(*arguments, killed).returncode == 0
    assert tree(killed) == tree(undisturbed)
    assert len(times_done(killed)) == 60
    assert set(times_done(killed).values()) == {1}


@pytest.mark.slow
def test_workers_that_are_killed_cost_a_retry_only(tmp_path, archive):
    process = subprocess.Popen(
        [*PROGRAM, "--input", archive, "--output", tmp_path / "out", *GENERAL, "--hop", "3", "--quiet"]
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    killed = done = 0
    while process.poll() is None and killed < 3:
        workers = [
            int(child)
            for child in (children.read_text().split() if children.exists() else [])
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        if workers and len(times_done(tmp_path / "out")) > done:
            done = len(times_done(tmp_path / "out"))
            os.kill(workers[0], signal.SIGKILL)
            killed += 1
        time.sleep(0.01)
    assert process.wait(120) == 0
    assert killed == 3
    assert len(times_done(tmp_path / "out")) == 60
    assert set(times_done(tmp_path / "out").values()) == {1}


class Deadly(LocalFolder):
    """A folder with a file that kills any process that reads it."""

    def fetch(self, entry, scratch):
        if entry.name.endswith("000007.csv"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fetch(entry, scratch)


def test_file_that_kills_every_worker_is_given_up_and_the_others_are_done(tmp_path, archive):
    work = Work(Deadly(archive), LocalFolder(tmp_path / "out"), tmp_path / "scratch", choose_models("general"))
    entries = list(LocalFolder(archive).entries())
    outcomes = sum(LocalDispatcher(work, 2).run(make_groups(entries, 2)), [])
    assert sorted(outcome.name for outcome in outcomes) == [entry.name for entry in entries]
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    assert failed.name == "000/000007.csv"
    assert "the worker process died (signal 9) 3 times while at this file" in failed.error


def living(session: int) -> list[str]:
    """Return the running processes of a session, zombies left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_no_half_file_and_no_process(tmp_path, archive, number, status):
    out = tmp_path / "out"
    command = [*PROGRAM, "--input", archive, "--output", out, *GENERAL, "--hop", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    limit = time.monotonic() + 120
    while not times_done(out) and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    _, message = process.communicate(timeout=30)
    assert process.returncode == status
    assert b"Traceback" not in message
    assert set(tree(out)) == set(times_done(out))
    limit = time.monotonic() + 120
    while living(process.pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not living(process.pid)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows holds no signals back")
def test_interrupt_does_not_break_off_the_imports_of_a_worker(tmp_path, archive):
    entry = next(LocalFolder(archive).entries())
    work = Work(LocalFolder(archive), LocalFolder(tmp_path / "out"), tmp_path / "scratch", choose_models("general"))
    worker = _WorkerProcess(work)
    os.kill(worker.process.pid, signal.SIGINT)
    worker.give([entry])
    assert worker.take().name == entry.name
    worker.end()


def test_what_workers_finish_while_a_run_is_interrupted_is_recorded(tmp_path, archive):
    work = Work(LocalFolder(archive), LocalFolder(tmp_path / "out"), tmp_path / "scratch", choose_models("general"))
    dispatcher = LocalDispatcher(work, 2)
    entries = [*LocalFolder(archive).entries()]
    running = dispatcher.run(iter([entries]))
    taken = next(running)
    limit = time.monotonic() + 120
    while len(tree(tmp_path / "out")) < len(entries) and time.monotonic() < limit:
        time.sleep(0.05)
    running.close()
    told = [outcome.name for outcome in (*taken, *dispatcher.unreported)]
    assert told in (names := [entry.name for entry in entries], names[:-1])  # the last one may not be told yet
    assert len(taken) < len(told)


def test_small_files_are_grouped_and_large_ones_are_not():
    small, large = [Entry(str(n), 2000, "") for n in range(5000)], [Entry(f"l{n}", 90 << 20, "") for n in range(4)]
    groups = list(make_groups([*large, *small], 2))
    assert [len(group) for group in groups[:4]] == [1, 1, 1, 1]
    assert {len(group) for group in groups[4:-1]} == {64}
    assert sum(groups, []) == [*large, *small]


def test_large_file_is_not_handed_out_ahead_while_small_groups_are():
    worker = _WorkerProcess.__new__(_WorkerProcess)
    worker.unfinished, worker._groups, worker.connection = deque(), deque(), SimpleNamespace(send=lambda group: None)
    assert worker.wants_more
    worker.give([Entry("small", 1000, "")])
    assert worker.wants_more
    worker.give([Entry("large", 90 << 20, "")])
    assert not worker.wants_more
    worker.connection.recv = lambda: None
    worker.take()
    assert not worker.wants_more
    worker.take()
    assert worker.wants_more


def test_loss_of_a_node_with_all_its_workers_ends_no_run():
    retries = Retries(16)
    for number in range(47):
        retries.lose([Entry(str(number), 1000, "")], "lost")
    with pytest.raises(DenoiseError, match="after 47 other losses without progress"):
        retries.lose([Entry("last", 1000, "")], "lost")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_cores_are_those_that_this_process_may_use(monkeypatch):
    assert physical_cores() <= len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {10_000, 10_001, 10_002})
    monkeypatch.setattr(dispatch, "_container_cores", lambda: 64)
    assert physical_cores() == 3
    monkeypatch.setattr(dispatch, "_container_cores", lambda: 2)
    assert physical_cores() == 2


@pytest.mark.slow
def test_hours_in_one_file_and_many_small_ones_keep_the_memory_of_workers_bounded(tmp_path):
    make_archive(tmp_path / "in", 100)
    block = np.random.default_rng(0).normal(0, 0.1, 48_000)
    with soundfile.SoundFile(tmp_path / "in/long.wav", "w", 48_000, 1) as file:
        for _ in range(200):
            file.write(block)
    work = Work(
        LocalFolder(tmp_path / "in"), LocalFolder(tmp_path / "out"), tmp_path / "scratch", choose_models("general")
    )
    code = (
        "import pickle, sys\nfrom denoise_stream.archive.worker import Worker\n"
        "worker = Worker(pickle.loads(sys.stdin.buffer.read()))\n"
        "def peak():\n"
        "    return next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "entries = sorted(worker._work.source.entries(), key=lambda entry: entry.name == 'long.wav')\n"
        "first = [worker.denoise(entry).error for entry in entries[:20]]\nearly = peak()\n"
        "rest = [worker.denoise(entry).error for entry in entries[20:]]\n"
        "print(early, peak(), len(rest), *set(first + rest))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(work), capture_output=True, timeout=120)
    early, late, rest = (int(word) for word in done.stdout.split())
    assert rest == 81
    assert late - early < 12 * 1024


def test_gate_is_for_the_sound_in_a_folder_and_its_tables_pass_without(folder, call):
    make_archive(folder / "in", 4)
    shutil.copy(Path(__file__).parents[3] / "samples" / "speech_noisy.wav", folder / "in" / "words.wav")
    assert call("--input", "in", "--output", "plain", "--jobs", 1)[0] == 0
    assert call("--input", "in", "--output", "gated", "--jobs", 1, "--gate", 40)[0] == 0
    plain, gated = tree(Path("plain")), tree(Path("gated"))
    assert plain["words.wav"] != gated["words.wav"]
    assert plain["000/000003.csv"] == gated["000/000003.csv"]
