"""Measure live latency end to end with clicks: ``make bench-live``.

Clicks are played into a virtual microphone; the program captures them and plays on a virtual loudspeaker. Both are
captured at the same time by the same means, so the difference between a click's two arrivals is the program's
whole latency: devices, windows and the buffers of the audio server between them. ``--mix 0`` keeps the clicks,
which a denoiser would remove, on the same way.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from audio_server import RATE_HZ, AudioServer

CLICKS = 20
SPACING_S = 0.5


class Ear:
    """Listen to one device; return the times at which clicks arrive."""

    def __init__(self, device: str) -> None:
        import sounddevice

        self._blocks: list[tuple[float, np.ndarray]] = []
        self._stream = sounddevice.InputStream(
            device=device, samplerate=RATE_HZ, channels=1, blocksize=120, latency="low", callback=self._hear
        )
        self._stream.start()

    def _hear(self, block: np.ndarray, frames: int, moment: object, status: object) -> None:
        self._blocks.append((time.perf_counter(), block[:, 0].copy()))

    def clicks(self) -> np.ndarray:
        """Stop and return the arrival time of every click in seconds."""
        self._stream.close()
        samples = np.concatenate([block for _, block in self._blocks])
        ends = np.cumsum([len(block) for _, block in self._blocks])
        # The earliest arrivals tell when a sample can be there; later ones waited for the processor.
        start = np.min([moment - end / RATE_HZ for (moment, _), end in zip(self._blocks, ends, strict=True)])
        loud = np.flatnonzero(np.abs(samples) > 0.3)
        first = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ * SPACING_S / 2]
        return np.asarray(start + first / RATE_HZ)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = AudioServer(folder)
        server.start()
        os.environ.update(server.environment)
        try:
            measure(server, folder)
        finally:
            server.stop()


def measure(server: AudioServer, folder: Path) -> None:
    train = np.zeros(int((CLICKS + 1) * SPACING_S * RATE_HZ))
    train[np.arange(CLICKS) * int(SPACING_S * RATE_HZ) + RATE_HZ // 4] = 0.9
    soundfile.write(folder / "clicks.wav", train, RATE_HZ)
    program = [sys.executable, "-c", "from denoise_stream.cli.main import main; main()", "--input", "mic", "--quiet"]
    options = ["--device", "virtmic", "--output-device", "virtspk", "--mix", "0", "--duration", "14"]
    report = folder / "report.json"
    process = subprocess.Popen([*program, *options, "--report", str(report)], env=server.environment)
    time.sleep(2)
    heard, played = Ear("virtmic"), Ear("ear")
    server.play(folder / "clicks.wav")
    time.sleep(0.5)
    heard_at, played_at = heard.clicks(), played.clicks()
    process.wait()
    facts = json.loads(report.read_text())
    pairs = [(one, played_at[played_at > one][0]) for one in heard_at if (played_at > one).any()]
    measured = np.array([1000 * (two - one) for one, two in pairs])
    stated = facts["latency_ms"] + facts["device_latency_ms"] + facts["buffer_latency_ms"]
    print(f"{len(measured)} clicks at {RATE_HZ} Hz, model {facts['model']}, hop {facts['hop']}")
    print(
        f"  stated:   {facts['latency_ms']:.1f} ms algorithmic + {facts['device_latency_ms']:.1f} ms devices + "
        f"{facts['buffer_latency_ms']:.1f} ms buffer = {stated:.1f} ms"
    )
    median = np.median(measured)
    print(f"  measured: {median:.1f} ms (from {measured.min():.1f} to {measured.max():.1f} ms)")
    print(f"  measured - stated: {median - stated:+.1f} ms; a device block is {facts['block_ms']:.1f} ms")
    print(f"  events: {facts['events'] or 'none'}")


if __name__ == "__main__":
    main()
