"""Run the example server of docs/serving.md, talk to it as a client should, and attack it."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import connect

from denoise_stream import Denoiser
from hostile_clients import Visit
from servers import family, wait_until

SERVER = Path(__file__).parents[2] / "docs" / "examples" / "websocket_server.py"
LIMIT_S = 120
"""Time for an answer; only a server that hangs takes so long."""
MOST_MB = 100
"""Growth of the server: a megabyte for every client that never leaves, and what the system keeps of freed memory."""
INTERNAL_ERROR = 1011
STAY = 30
"""Clients that neither read nor leave."""


@contextlib.contextmanager
def running(log: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run the server beside its log; yield its address and process, and check that it ends cleanly."""
    with log.open("w") as errors:
        command = [sys.executable, str(SERVER), "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=log.parent)
    assert process.stdout is not None
    found = re.search(r"port (\d+)", process.stdout.readline())
    assert found is not None
    try:
        yield f"ws://127.0.0.1:{found[1]}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(LIMIT_S)
        finally:
            process.kill()
            process.stdout.close()
    assert status == 0
    assert "Traceback" not in log.read_text()


async def denoise_remotely(address: str, noisy: np.ndarray, rate: int, chunk: int) -> np.ndarray:
    """Have a signal denoised by the server."""
    async with connect(f"{address}/?rate={rate}") as connection:

        async def send() -> None:
            for start in range(0, len(noisy), chunk):
                await connection.send(noisy[start : start + chunk].tobytes())
            await connection.send("end")

        sending = asyncio.create_task(send())
        parts = [np.frombuffer(message, "<i2") async for message in connection]
        await sending
    return np.concatenate(parts)


def resident_mb(process: int) -> float:
    """Return the memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def closing_code(answer: bytearray) -> int:
    """Return the code with which a server closed the connection; 0 if it did not."""
    at = answer.find(b"\r\n\r\n") + 4
    while at + 2 <= len(answer):
        operation, length = answer[at], answer[at + 1]
        wide = {126: 2, 127: 8}.get(length, 0)
        start = at + 2 + wide
        if operation == 0x88:
            return int.from_bytes(answer[start : start + 2], "big")
        at = start + (int.from_bytes(answer[at + 2 : start], "big") if wide else length)
    return 0


@dataclass
class WatchedServer:
    """A server that hostile clients visit: after each it must serve a good client, and have kept its peace."""

    address: str
    process: int
    log: Path
    staying: deque[socket.socket] = field(default_factory=deque)
    read_to: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.noisy = (3000 * rng.normal(size=1000)).astype("<i2")
        self.expected = Denoiser("x2").denoise(self.noisy, 16_000)
        assert not self._serve()
        self.open_files, self.memory_mb = self._open_files(), resident_mb(self.process)

    def visit(self, visit: Visit) -> str:
        """Be a hostile client, then a good one; return a complaint about the server, if any."""
        client = socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), LIMIT_S)
        self.staying.append(client)
        answer = bytearray()
        with contextlib.suppress(ConnectionError):  # the server may hang up on such a client
            self._attack(client, visit, answer)
        if visit.manner != "stays":
            self.staying.pop().close()
        elif len(self.staying) > STAY:
            self.staying.popleft().close()
        status = answer.partition(b"\r\n")[0].decode("latin-1")
        if " 500 " in status or closing_code(answer) == INTERNAL_ERROR:
            return f"error inside: {bytes(answer[-500:])!r}"
        if visit.foreign and " 101 " in status:
            return f"foreign page: {status}"
        return self._serve() or self._trouble()

    def end(self) -> str:
        """Let all clients leave; return a complaint about what they leave behind, if any."""
        while self.staying:
            self.staying.pop().close()
        wait_until(lambda: self._open_files() <= self.open_files, "open files after all clients left", LIMIT_S)
        left = {path.name for path in self.log.parent.iterdir()} - {self.log.name}
        if left or family(self.process) != [self.process]:
            return f"left: {left} {family(self.process)}"
        return self._serve() or self._trouble()

    def _attack(self, client: socket.socket, visit: Visit, answer: bytearray) -> None:
        client.sendall(visit.request.replace(b"PORT", self.address.rpartition(":")[2].encode()))
        while visit.patient and b"\r\n\r\n" not in answer and (more := client.recv(1 << 16)):
            answer += more
        if visit.manner == "stays":
            client.settimeout(0.2)  # the server need not read what it cannot hold
            with contextlib.suppress(TimeoutError):
                client.sendall(visit.frames)
            return
        client.sendall(visit.frames)
        if visit.manner == "vanishes":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        client.shutdown(socket.SHUT_WR)
        while not closing_code(answer) and (more := client.recv(1 << 16)):
            answer += more

    def _serve(self) -> str:
        async def ask() -> np.ndarray:
            async with asyncio.timeout(LIMIT_S):
                return await denoise_remotely(self.address, self.noisy, 16_000, 100)

        try:
            clean = asyncio.run(ask())
        except Exception as error:
            return f"good client: {error!r}"
        same = clean.shape == self.expected.shape and np.abs(clean.astype(int) - self.expected).max() <= 1
        return "" if same else f"wrong samples: {clean}"

    def _trouble(self) -> str:
        grown = resident_mb(self.process) - self.memory_mb
        if grown > MOST_MB:
            return f"memory of the server: {grown:.0f} MB more"
        with self.log.open("rb") as log:
            log.seek(self.read_to)
            said = log.read()
        said = said[: said.rfind(b"\n") + 1]  # whole lines
        self.read_to += len(said)
        lines = [line for line in said.decode().splitlines() if not re.fullmatch(r"client \(.*\) .{,250}", line)]
        return f"log: {lines}" if lines else ""

    def _open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process}/fd"))


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[WatchedServer]:
    """Run a server in a folder of its own, which must stay empty, and watch it."""
    folder.mkdir()
    with running(folder / "log", "--model", "x2") as (address, process):
        server = WatchedServer(address, process, folder / "log")
        yield server
