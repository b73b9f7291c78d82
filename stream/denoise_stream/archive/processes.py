"""Denoise groups of files in processes of this machine, and replace those that die.

Processes, not threads, which would wait for each other: reading tables and recombining windows is Python. Each process
has its own model with one thread. One that dies (the system kills it for its memory, say) costs a retry of the file it
was at; a file that kills several is given up.
"""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Protocol

from denoise_stream.archive.folders.protocol import Entry
from denoise_stream.archive.manifest import Outcome
from denoise_stream.archive.plan import GROUP_BYTES, Group
from denoise_stream.archive.worker import Work, Worker
from denoise_stream.errors import DenoiseError

ATTEMPTS = 3
MOST_LOSSES = 12
"""Abort after this many consecutive worker deaths without progress, or three times the workers if that is more."""

GROUPS_AHEAD = 2
"""Groups queued for each worker while groups are small, so that none waits for the next."""


class Dispatcher(Protocol):
    """A way to denoise groups of files."""

    workers: int
    """How many files are worked on at once."""

    unreported: list[Outcome]
    """What was finished meanwhile, once a run was interrupted and closed."""

    def run(self, groups: Iterator[Group]) -> Generator[list[Outcome], None, None]:
        """Yield the outcome of every file once, in any order, those together that are ready together."""
        ...


class Retries:
    """Decide which files of a dead worker to retry, and when to give up.

    Attributes
    ----------
    workers
        How many files are worked on at once; it may change.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._deaths: dict[str, int] = {}  # by the file that the worker was at
        self._losses = 0  # since the last file that was finished

    def gain(self) -> None:
        """Reset the count of losses: a file was finished."""
        self._losses = 0

    def lose(self, unfinished: Group, reason: str) -> tuple[Group, list[Outcome]]:
        """Return which files of a lost group to retry, the one in flight first, and which to give up.

        Raises
        ------
        DenoiseError
            If too many workers die in a row without progress.
        """
        self._losses += 1
        if self._losses >= max(MOST_LOSSES, 3 * self.workers):
            raise DenoiseError(f"{reason}, after {self._losses - 1} other losses without progress; check the memory")
        if not unfinished:
            return [], []
        culprit = unfinished[0]
        count = self._deaths[culprit.name] = self._deaths.get(culprit.name, 0) + 1
        # Their outputs may be there already, though nobody could say so.
        unfinished = [dataclasses.replace(entry, replaces=True) for entry in unfinished]
        if count < ATTEMPTS:
            return unfinished, []
        sentence = f"{reason} {count} times while at this file; is it too large for the memory?"
        return unfinished[1:], [Outcome(culprit.name, culprit.fingerprint, sentence)]


class _WorkerProcess:
    """One worker process and the files it has yet to report, in their order."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _interrupts_held():
            self.process.start()
        theirs.close()
        self.unfinished: deque[Entry] = deque()
        self._groups: deque[int] = deque()

    @property
    def wants_more(self) -> bool:
        if not self._groups:
            return True
        held = sum(entry.size_bytes for entry in self.unfinished)
        return len(self._groups) < GROUPS_AHEAD and held < GROUP_BYTES

    def give(self, group: Group) -> None:
        self.unfinished.extend(group)
        self._groups.append(len(group))
        with contextlib.suppress(OSError):  # it is dead, which the next read from it shows
            self.connection.send(group)

    def take(self) -> Outcome:
        outcome: Outcome = self.connection.recv()
        self.unfinished.popleft()
        self._groups[0] -= 1
        if self._groups[0] == 0:
            self._groups.popleft()
        return outcome

    def bury(self) -> str:
        """Release a dead process; return the cause of death."""
        self.connection.close()
        self.process.join(5)
        code = self.process.exitcode
        return (
            f"the worker process died (signal {-code})" if code and code < 0 else f"the worker process ended ({code})"
        )

    def end(self) -> list[Outcome]:
        """End the process; return what it has finished and nobody has taken."""
        self.process.terminate()
        self.process.join()
        left = []
        with contextlib.suppress(EOFError, OSError):
            while self.unfinished and self.connection.poll():
                left.append(self.take())
        self.connection.close()
        return left


@contextlib.contextmanager
def _interrupts_held() -> Generator[None, None, None]:
    """Block SIGINT, for good in processes that are started meanwhile: Ctrl-C would break off their imports."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # which lets interrupts through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LocalDispatcher:
    """Worker processes on this machine.

    Parameters
    ----------
    work
        What they do.
    jobs
        How many; None means one per physical core.
    """

    def __init__(self, work: Work, jobs: int | None) -> None:
        self._work = work
        self.workers = jobs or physical_cores()
        self.unreported: list[Outcome] = []

    def run(self, groups: Iterator[Group]) -> Generator[list[Outcome], None, None]:
        """Yield the outcome of every file once, in any order, those together that are ready together."""
        again: deque[Group] = deque()
        retries = Retries(self.workers)
        workers: list[_WorkerProcess] = []

        def next_group() -> Group | None:
            return again.popleft() if again else next(groups, None)

        def feed(worker: _WorkerProcess) -> None:
            while worker.wants_more and (group := next_group()):
                worker.give(group)

        def employ() -> None:
            while len(workers) < self.workers and (group := next_group()):
                workers.append(_WorkerProcess(self._work))
                workers[-1].give(group)

        try:
            employ()
            while workers:
                ready = multiprocessing.connection.wait([worker.connection for worker in workers])
                for worker in [worker for worker in workers if worker.connection in ready]:
                    outcomes: list[Outcome] = []
                    try:
                        while worker.unfinished and (not outcomes or worker.connection.poll()):
                            outcomes.append(worker.take())
                    except (EOFError, OSError):
                        workers.remove(worker)
                        if outcomes:
                            retries.gain()
                        unfinished, given_up = retries.lose(list(worker.unfinished), worker.bury())
                        if unfinished:
                            again.append(unfinished)
                        yield outcomes + given_up
                        employ()
                        continue
                    retries.gain()
                    feed(worker)
                    yield outcomes
                    if not worker.unfinished:
                        workers.remove(worker)
                        worker.end()
        finally:
            for worker in workers:
                self.unreported += worker.end()


def physical_cores() -> int:
    """Count the cores this process may use, two hardware threads of one core as one."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return max(1, os.cpu_count() or 1)
    cores = set()
    for cpu in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings.read_text().strip() if siblings.is_file() else str(cpu))
    return max(1, min(len(cores), _container_cores()))


def _container_cores() -> int:
    """Read how many cores a container is allowed; without a limit, more than there are."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return 1 << 16


def _serve(connection: Any, work: Work) -> None:
    """Denoise groups until there are no more: the life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    threading.Thread(target=_end_with_parent, args=(work.scratch,), daemon=True).start()
    worker = Worker(work)
    while True:
        try:
            for entry in connection.recv():
                connection.send(worker.denoise(entry))
        except (EOFError, OSError):
            return


def _end_with_parent(scratch: Path) -> None:
    """End this process at once when the one that gives the work is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)
