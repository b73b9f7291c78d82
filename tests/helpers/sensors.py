"""Sensors to read from: a serial port that can be unplugged, an MQTT broker, and the program that reads them."""

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

from programs import PROGRAM
from servers import answers, free_port, wait_until

PATIENCE_S = 60.0


class Program:
    """``denoise-stream``, running; what it says can be waited for."""

    def __init__(self, *arguments: object) -> None:
        command = [*PROGRAM, *(str(argument) for argument in arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.said = b""
        self.written = b""
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("said", "written")]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        pipe = self._process.stderr if name == "said" else self._process.stdout
        while block := pipe.read(65536):
            setattr(self, name, getattr(self, name) + block)

    def wait_for(self, text: str) -> None:
        """Wait until the program has said something."""
        wait_until(lambda: text.encode() in self.said or self._process.poll() is not None, text)
        assert text.encode() in self.said, self.said.decode()

    def wait_for_lines(self, count: int) -> None:
        """Wait until the program has written so many lines."""
        wait_until(lambda: self.written.count(b"\n") >= count, f"{count} lines")

    def end(self, kind: signal.Signals | None = signal.SIGINT) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if kind is not None:
            self._process.send_signal(kind)
        status = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()
        return status


class Port:
    """A serial port: a pseudo-terminal behind a link, which another one can take over after it was unplugged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug_in()

    def plug_in(self) -> None:
        self.device, self._port = pty.openpty()
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._port))

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self.device)
        os.close(self._port)

    def send(self, data: bytes) -> None:
        """Send bytes, and wait until they are read."""
        while data:
            data = data[os.write(self.device, data[:512]) :]
        for _ in range(2):  # some may be on their way between both ends
            wait_until(lambda: not fcntl.ioctl(self._port, termios.FIONREAD, b"\0" * 4)[0], "a reader")
            time.sleep(0.05)

    def receive(self, lines: int) -> bytes:
        data = b""
        while data.count(b"\n") < lines:
            assert select.select([self.device], [], [], PATIENCE_S)[0], data
            data += os.read(self.device, 65536)
        return data


class Broker:
    """Mosquitto on a free port, behind a relay whose connections can be cut."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true\n") -> None:
        if shutil.which("mosquitto") is None:
            if os.environ.get("CI"):
                pytest.fail("mosquitto is not installed")
            pytest.skip("needs mosquitto")
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        self._file.write_text(f"listener {self.port} 127.0.0.1\n{settings}")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", self._file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(lambda: answers(self.port), "mosquitto")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)


class Relay:
    """Pass connections on to another port until they are cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.refuses = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections off, and refuse others until ``refuses`` is False again."""
        self.refuses = True
        connections, self._open = self._open, []
        for connection in connections:
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._to))
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()
