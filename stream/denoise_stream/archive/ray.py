"""Denoise groups of files on a Ray cluster.

Ray decides what runs where. A group is a task that reports file by file; its process keeps the model for the next
one. A worker or a node that dies costs a retry of the file it was at, and the rest of its group goes elsewhere.
"""

import contextlib
import dataclasses
import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from denoise_stream.archive.manifest import Outcome
from denoise_stream.archive.plan import Group
from denoise_stream.archive.processes import Retries
from denoise_stream.archive.worker import Work, Worker
from denoise_stream.errors import DenoiseError, first_line, needs_extra
from denoise_stream.model import bundled_models, choose_models

AHEAD = 2
"""Groups submitted per core: the next one is there when a core is free, and Ray's autoscaler sees the demand."""

WAIT_S = 5.0
"""How often the number of cores is read again, as clusters grow and shrink."""

CONNECT_S = 10.0

_workers: dict[tuple[Work, int], Worker] = {}
"""Workers that a process of the cluster keeps from task to task."""


class RayDispatcher:
    """Workers on a Ray cluster.

    Parameters
    ----------
    work
        What they do. Local paths must mean the same on every node: a shared file system.
    address
        The cluster; None means ``RAY_ADDRESS`` or a cluster running here, else one of this machine only.
    jobs
        Files at once; None means as many as the cluster has cores.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    DenoiseError
        If there is no cluster at this address.
    """

    def __init__(self, work: Work, address: str | None, jobs: int | None) -> None:
        with needs_extra("a Ray cluster", "ray"):
            import ray
        _check_reachable(address)
        self._ray: Any = ray
        self._work = work
        self._jobs = jobs
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise DenoiseError(
                f"no Ray cluster answers at {address or 'the default address'}: {first_line(error)}"
            ) from error
        self.workers = self._slots()
        self.unreported: list[Outcome] = []

    def _slots(self) -> int:
        return self._jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def run(self, groups: Iterator[Group]) -> Generator[list[Outcome], None, None]:
        """Yield the outcome of every file once, in any order."""
        ray, work = self._ray, self._work
        own = [model for model in work.models if model and model not in bundled_models()]
        model = ray.put(Path(own[0]).read_bytes()) if own else None  # one that was named is that of all files
        task = ray.remote(num_cpus=1, max_retries=0)(_denoise_group)
        again: deque[Group] = deque()
        running: dict[Any, deque[Any]] = {}
        retries = Retries(self.workers)
        try:
            while True:
                retries.workers = self._slots()
                limit = self._jobs or AHEAD * retries.workers
                while len(running) < limit and (group := again.popleft() if again else next(groups, None)):
                    running[task.remote(work, group, model)] = deque(group)
                if not running:
                    return
                ready, _ = ray.wait(list(running), timeout=WAIT_S, fetch_local=False)
                for reports in ready:
                    try:
                        outcome = ray.get(next(reports))
                    except StopIteration:
                        del running[reports]
                    except ray.exceptions.RayTaskError as error:
                        raise DenoiseError(f"the cluster cannot do the work: {first_line(error.cause)}") from error
                    except ray.exceptions.RayError as error:
                        reason = f"the cluster lost a worker ({type(error).__name__})"
                        unfinished, given_up = retries.lose(list(running.pop(reports)), reason)
                        if unfinished:
                            again.append(unfinished)
                        yield given_up
                    else:
                        retries.gain()
                        running[reports].popleft()
                        yield [outcome]
        finally:
            for reports in running:
                with contextlib.suppress(Exception):
                    ray.cancel(reports, force=True)
            ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Refuse a ``host:port`` that takes no connection: Ray itself would wait for it for many minutes."""
    host, _, port = (address or os.environ.get("RAY_ADDRESS", "")).rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    host = host.strip("[]")  # an IPv6 address
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        raise DenoiseError(f"no Ray cluster answers at {host}:{port}: {first_line(error)}") from error


def _denoise_group(work: Work, group: Group, model: bytes | None) -> Iterator[Outcome]:
    """Denoise a group on a node; the process keeps the model for its next task."""
    key = (work, hash(model))
    if key not in _workers:
        _workers.clear()
        with tempfile.TemporaryDirectory(prefix="denoise-") as folder:
            if model is not None:
                path = Path(folder) / Path(work.models.audio or work.models.table).name
                path.write_bytes(model)
                work = dataclasses.replace(work, models=choose_models(str(path)))
            _workers[key] = Worker(work)
    for entry in group:
        yield _workers[key].denoise(entry)
