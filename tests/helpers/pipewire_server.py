"""A PipeWire daemon of its own, without a sound card: a virtual microphone, and the user's configurations."""

import os
import subprocess
import time
from pathlib import Path

MICROPHONE = """
context.objects = [
    { factory = adapter
      args = {
        factory.name = support.null-audio-sink node.name = microphone
        media.class = Audio/Source/Virtual audio.position = [ MONO ]
      }
    }
]
"""
LIMIT_S = 120


class PipeWire:
    """The daemon and its session manager.

    Parameters
    ----------
    folder
        Where it keeps everything; its path must be short, as it holds a socket.
    configurations
        Files of ``pipewire.conf.d`` by their names.
    """

    def __init__(self, folder: Path, configurations: dict[str, str]) -> None:
        run, settings = folder / "run", folder / "config" / "pipewire" / "pipewire.conf.d"
        run.mkdir(mode=0o700)
        settings.mkdir(parents=True)
        for name, text in {**configurations, "microphone.conf": MICROPHONE}.items():
            (settings / name).write_text(text)
        self.environment = {key: value for key, value in os.environ.items() if key not in ("DBUS_SESSION_BUS_ADDRESS",)}
        places = {"HOME": folder, "XDG_RUNTIME_DIR": run, "XDG_CONFIG_HOME": folder / "config"}
        self.environment |= {name: str(path) for name, path in (places | {"XDG_STATE_HOME": folder / "state"}).items()}
        self._log = (folder / "log").open("wb")
        self._processes = [self.start("pipewire"), self.start("dbus-run-session", "--", "wireplumber")]

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def links(self, option: str) -> str:
        """List outputs (``-o``), inputs (``-i``) or links (``-l``)."""
        listed = subprocess.run(
            ["pw-link", option], env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return listed.stdout

    def wait_for(self, option: str, words: str) -> str:
        """Wait until the list has a line with these words, and return that line."""
        limit = time.monotonic() + LIMIT_S
        while True:
            if found := [line for line in self.links(option).splitlines() if words in line]:
                return found[0]
            assert time.monotonic() < limit, f"no {words!r} in pw-link {option}"
            time.sleep(0.05)

    def link(self, output: str, into: str) -> None:
        subprocess.run(["pw-link", output, into], env=self.environment, check=True, timeout=60)

    def stop(self) -> None:
        """End the daemon; the session manager, and with it the message bus, ends by itself when the daemon has."""
        self._processes[0].terminate()
        for process in self._processes:
            process.wait(timeout=60)
        self._log.close()
