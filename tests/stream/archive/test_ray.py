"""A Ray cluster of two nodes on this machine: the same results, also when a worker, a node or the program is killed."""

import contextlib
import importlib.util
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archives import kill_at_random, make_archive, run_program, times_done, tree
from programs import PROGRAM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None and not os.environ.get("CI"), reason="needs ray: pip install .[ray]"
    ),
]

QUICK_TO_NOTICE = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}


def family(process: int) -> list[int]:
    """Return a process and all below it, leaves last."""
    found = [process]
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            found += family(int(child))
    return found


def wait_until(condition: Callable[[], object], limit_s: float = 90) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


class Node:
    """One ``ray start``, with one core."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        settings = ["--num-cpus", "1", "--disable-usage-stats", "--object-store-memory", "100000000"]
        self.process = subprocess.Popen(
            [*ray, *settings, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Let all of the node vanish at once."""
        for process in family(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait(30)

    def workers(self) -> list[int]:
        """Return the processes that denoise at the moment."""
        found = []
        for process in family(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::_denoise_group"):
                    found.append(process)
        return found


class Cluster:
    """A head and a second node."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        code = "import ray; print(ray.util.get_node_ip_address())"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.address = f"{found.stdout.split()[-1]}:{port}"
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**os.environ, **QUICK_TO_NOTICE, **token}
        self.nodes = [Node(self.environment, "--head", "--port", str(port), "--include-dashboard", "false")]
        try:
            self.wait_for_cores(1)
            self.nodes.append(Node(self.environment, "--address", self.address))
            self.wait_for_cores(2)
        except BaseException:
            self.stop()
            raise

    @property
    def second(self) -> Node:
        """The node that may die."""
        return self.nodes[1]

    def wait_for_cores(self, count: int) -> None:
        code = f"import ray; ray.init('{self.address}', log_to_driver=False); print(ray.cluster_resources().get('CPU'))"

        def cores() -> bool:
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=self.environment
            )
            return done.stdout.strip() == f"{count}.0"

        wait_until(cores)

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.kill()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.stop()


def test_results_under_ray_are_those_of_a_local_run_whatever_dies(tmp_path, cluster, models):
    archive = make_archive(tmp_path / "in", 200)
    model = tmp_path / "mine.onnx"
    model.write_bytes(models["smoother"].read_bytes())
    arguments = ["--input", archive, "--model", model, "--hop", 2, "--quiet", "--output"]
    assert run_program(*arguments, tmp_path / "local").returncode == 0
    out = tmp_path / "out"
    under_ray = [*arguments, out, "--engine", "ray", "--ray-address", cluster.address]

    rng = random.Random(8)
    for _ in range(2):  # the program itself
        assert kill_at_random(under_ray, out, rng, group=True, env=cluster.environment) > 0

    process = subprocess.Popen([*PROGRAM, *map(str, under_ray)], env=cluster.environment)
    done_before = sum(times_done(out).values())
    wait_until(lambda: sum(times_done(out).values()) >= done_before + 5)
    wait_until(lambda: cluster.second.workers())
    os.kill(cluster.second.workers()[0], signal.SIGKILL)  # a worker
    done_before = sum(times_done(out).values())
    wait_until(lambda: sum(times_done(out).values()) >= done_before + 5)
    wait_until(lambda: cluster.second.workers())
    cluster.second.kill()  # a whole node
    assert len(times_done(out)) < 200
    assert process.wait(240) == 0

    assert tree(out) == tree(tmp_path / "local")
    assert times_done(out) == dict.fromkeys(tree(tmp_path / "local"), 1)


def test_failures_and_resume_are_those_of_a_local_run(tmp_path, cluster):
    archive = make_archive(tmp_path / "in", 8)
    (archive / "bad.csv").write_text("v\n1.5\nx\n2.5\n")
    arguments = ["--input", archive, "--output", tmp_path / "out", "--engine", "ray", "--ray-address", cluster.address]
    first = run_program(*arguments, env=cluster.environment)
    assert first.returncode == 1
    assert "bad.csv  bad.csv, line 3, column 'v': 'x' is not a number" in first.stderr
    assert "8 files denoised" in first.stderr
    assert "8 done before" in run_program("--input", archive, "--output", tmp_path / "out").stderr


def test_cluster_that_is_not_there_is_named_in_one_sentence(tmp_path):
    archive = make_archive(tmp_path / "in", 1)
    done = run_program(
        "--input", archive, "--output", tmp_path / "out", "--engine", "ray", "--ray-address", "127.0.0.1:9"
    )
    assert done.returncode == 1
    assert "no Ray cluster answers at 127.0.0.1:9" in done.stderr.splitlines()[-1]
