"""A real audio server for tests: PulseAudio with a virtual microphone and a virtual loudspeaker.

What is played into ``virtmic`` is what the microphone hears; what the loudspeaker plays can be recorded from
``virtspk``. Recorders that ask for a low latency keep the null sinks from working in bursts of two seconds.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

RATE_HZ = 48_000

ALSA = """
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.virtmic { type pulse device virtmic.monitor hint { show on description "virtual microphone" } }
pcm.virtspk { type pulse device virtspk hint { show on description "virtual loudspeaker" } }
pcm.ear { type pulse device virtspk.monitor hint { show on description "what the loudspeaker plays" } }
"""


class AudioServer:
    """PulseAudio in a folder of its own; ``environment`` leads programs to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "asound.conf").write_text(ALSA)
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }

    def start(self) -> None:
        """Start the server and wait until it answers."""
        sinks = [f"--load=module-null-sink sink_name={name} rate={RATE_HZ}" for name in ("virtmic", "virtspk")]
        options = ["--exit-idle-time=-1", "--daemonize=no", "-n", "--load=module-native-protocol-unix"]
        self._server = subprocess.Popen(
            ["pulseaudio", *options, *sinks], env=self.environment, stderr=subprocess.DEVNULL
        )
        limit = time.monotonic() + 120
        while self.call("pactl", "info").returncode and time.monotonic() < limit:
            time.sleep(0.05)
        self.call("pactl", "set-default-source", "virtmic.monitor", check=True)
        self.call("pactl", "set-default-sink", "virtspk", check=True)
        self._listeners = [self._record(name, subprocess.DEVNULL) for name in ("virtmic", "virtspk")]

    def stop(self) -> None:
        """Kill the server: every device vanishes."""
        self._server.kill()
        self._server.wait()
        for listener in self._listeners:
            listener.kill()
            listener.wait()

    def freeze(self) -> None:
        """Stop the server without ending it: it answers nothing any more."""
        self._server.send_signal(signal.SIGSTOP)

    def call(self, *command: str, check: bool = False) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=self.environment, capture_output=True, check=check, timeout=60)

    def play(self, path: Path) -> None:
        """Play a file into the microphone, to its end."""
        self.call("paplay", "--device=virtmic", "--latency-msec=20", str(path), check=True)

    def _record(self, name: str, stdout: object) -> subprocess.Popen[bytes]:
        options = [f"--device={name}.monitor", "--latency-msec=10", "--channels=1", f"--rate={RATE_HZ}"]
        return subprocess.Popen(["parec", *options, "--format=s16le"], env=self.environment, stdout=stdout)

    @contextlib.contextmanager
    def recording(self, name: str) -> Iterator[list[np.ndarray]]:
        """Record what a sink plays while the block runs; its samples are in the list afterwards."""
        result: list[np.ndarray] = []
        path = self._folder / f"{name}.raw"
        with path.open("wb") as file:
            recorder = self._record(name, file)
            time.sleep(0.3)
            try:
                yield result
            finally:
                time.sleep(0.3)
                recorder.terminate()
                recorder.wait()
        result.append(np.fromfile(path, "<i2") / 32768)
