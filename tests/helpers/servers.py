"""Servers that programs need beside them: an object store, and a Ray cluster."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

QUICK_TO_NOTICE = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "4",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether a server of this machine takes connections."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], object], what: str = "", limit_s: float = 60) -> None:
    """Wait until a condition holds; fail with what did not come."""
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


@contextlib.contextmanager
def store_server() -> Iterator[int]:
    """Run a local S3 server while the block runs, which gets its port."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, "the store")
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


def family(process: int) -> list[int]:
    """Return a process and all below it, leaves last."""
    found = [process]
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            found += family(int(child))
    return found


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
    """A head and a second node, or a head alone."""

    def __init__(self, nodes: int = 2) -> None:
        port = free_port()
        code = "import ray; print(ray.util.get_node_ip_address())"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.address = f"{found.stdout.split()[-1]}:{port}"
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment = {**os.environ, **QUICK_TO_NOTICE, **token}
        self.nodes = [Node(self.environment, "--head", "--port", str(port), "--include-dashboard", "false")]
        try:
            self.wait_for_cores(1)
            for count in range(2, nodes + 1):
                self.nodes.append(Node(self.environment, "--address", self.address))
                self.wait_for_cores(count)
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

        wait_until(cores, f"{count} cores", limit_s=90)

    def stop(self) -> None:
        for node in reversed(self.nodes):
            node.kill()
