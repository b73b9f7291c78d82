"""Run for long: ``make soak`` (an hour live, a day of signal), or ``soak.py live HOURS``, ``soak.py signal HOURS``.

``live`` runs the program from a virtual microphone to a virtual loudspeaker and watches its memory and its dropouts.
``signal`` sends hours of noisy signal through one stream of each model, ``general`` at 1 kHz and ``speech`` at 16 kHz,
in chunks of a second and faster than real time, and compares the hours: gain, memory, windows that failed.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from audio_server import RATE_HZ, AudioServer
from denoise_stream import Denoiser
from programs import PROGRAM

SETTLED_S = 600
"""After this time memory must not grow any more."""

LOOK_EVERY_S = 10
GENERAL_HZ, SPEECH_HZ = 1000, 16_000
HOUR_S = 3600
SPEECH = Path(__file__).parents[1] / "samples" / "speech_clean.wav"


def resident_mb(process: str = "self") -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def live(hours: float) -> bool:
    """Denoise a virtual microphone; return whether memory stayed within 2 MB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = AudioServer(folder)
        server.start()
        try:
            return _watch_program(server, folder, hours * HOUR_S)
        finally:
            server.stop()


def _watch_program(server: AudioServer, folder: Path, seconds: float) -> bool:
    noisy = np.random.default_rng(0).normal(0, 0.05, 60 * RATE_HZ) + 0.2 * np.sin(np.arange(60 * RATE_HZ) / 20)
    soundfile.write(folder / "noisy.wav", noisy, RATE_HZ)
    report = folder / "report.json"
    command = [*PROGRAM, "--input", "mic", "--device", "virtmic", "--output-device", "virtspk", "--quiet"]
    options = ["--duration", str(seconds), "--report", str(report)]
    with subprocess.Popen([*command, *options], env=server.environment, stdout=subprocess.DEVNULL) as program:
        player = threading.Thread(target=_play_until_over, args=(server, folder / "noisy.wav", program), daemon=True)
        player.start()
        memory: list[tuple[float, float]] = []
        started = time.monotonic()
        while program.poll() is None:
            memory.append((time.monotonic() - started, resident_mb(str(program.pid))))
            if len(memory) % 60 == 0:
                print(f"  {memory[-1][0] / 60:6.1f} min  {memory[-1][1]:.1f} MB", flush=True)
            time.sleep(LOOK_EVERY_S)
        player.join()
    facts = json.loads(report.read_text())
    settled = [megabytes for moment, megabytes in memory if moment > min(SETTLED_S, seconds / 2)]
    growth = max(settled) - settled[0]
    print(f"live for {seconds / 60:.0f} minutes at {RATE_HZ} Hz, model {facts['model']}, exit {program.returncode}")
    print(
        f"  memory {settled[0]:.1f} MB when settled, then up to {growth:+.1f} MB; events: {facts['events'] or 'none'}"
    )
    return growth <= 2 and program.returncode == 0


def _play_until_over(server: AudioServer, path: Path, program: subprocess.Popen[bytes]) -> None:
    while program.poll() is None:
        command = ["paplay", "--device=virtmic", str(path)]
        with subprocess.Popen(command, env=server.environment, stderr=subprocess.DEVNULL) as playing:
            while playing.poll() is None and program.poll() is None:
                time.sleep(0.1)
            playing.terminate()


def signal(hours: float) -> bool:
    """Denoise hours of signal with each model; return whether every hour was like the first."""
    kinds = [("general", GENERAL_HZ, _tones()), ("speech", SPEECH_HZ, _speech())]
    return all([_soak_model(*kind, hours) for kind in kinds])


def _tones() -> np.ndarray:
    """Return a minute of slow waves with steps."""
    time_s = np.arange(60 * GENERAL_HZ) / GENERAL_HZ
    return np.sin(2 * np.pi * 2.5 * time_s) + 0.5 * np.sign(np.sin(2 * np.pi * 0.45 * time_s))


def _speech() -> np.ndarray:
    """Return a minute of speech at the level 1."""
    speech, rate = soundfile.read(SPEECH)
    speech = speech if speech.ndim == 1 else speech[:, 0]
    speech = np.interp(np.arange(0, len(speech), rate / SPEECH_HZ), np.arange(len(speech)), speech)
    return np.resize(speech / speech.std(), 60 * SPEECH_HZ)


def _soak_model(model: str, rate_hz: int, clean: np.ndarray, hours: float) -> bool:
    """Send the same minute repeatedly, each time with other noise; compare hours, or tenths of shorter runs."""
    stream = Denoiser(model).stream(sample_rate_hz=rate_hz)
    rng, late = np.random.default_rng(0), stream.latency_samples
    parts = max(10, round(hours))
    minutes = max(1, round(60 * hours / parts))
    gains, memory, finite = [], [], True
    expected = np.zeros(0)
    started, cpu = time.monotonic(), time.process_time()
    for part in range(parts):
        error = noise_energy = 0.0
        for _ in range(minutes):
            noise = rng.normal(0, 0.5, len(clean))
            expected = np.concatenate((expected[len(expected) - late :], clean))
            denoised = np.concatenate([stream.process(chunk) for chunk in np.array_split(clean + noise, 60)])
            finite = finite and bool(np.isfinite(denoised).all())
            behind = stream.samples_in - stream.samples_out
            wanted = expected[len(expected) - behind - len(denoised) : len(expected) - behind]
            error += float(np.sum((denoised - wanted) ** 2))
            noise_energy += float(np.sum(noise**2))
        gains.append(10 * np.log10(noise_energy / error))
        memory.append(resident_mb())
        print(f"  {model}, part {part + 1} of {parts}: {gains[-1]:.3f} dB, {memory[-1]:.1f} MB", flush=True)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    signal_s = parts * minutes * 60
    spread, growth = max(gains) - min(gains), max(memory[1:]) - memory[1]
    print(
        f"{model}: {signal_s / 3600:.1f} h of signal at {rate_hz} Hz in {seconds:.0f} s, {cpu:.0f} s of them computing"
    )
    print(f"  gain {gains[0]:.3f} dB at first, {gains[-1]:.3f} dB at last, apart by {spread:.3f} dB at most")
    print(f"  memory {memory[1]:.1f} MB, then up to {growth:+.1f} MB; failed windows {stream.failed_windows}")
    print(f"  all samples finite: {finite}", flush=True)
    return finite and spread < 0.1 and growth <= 2 and stream.failed_windows == 0 and seconds < signal_s


def main() -> None:
    kinds = {"live": (live, 1.0), "signal": (signal, 24.0)}
    wanted = sys.argv[1:2] or [*kinds]
    results = []
    for kind in wanted:
        run, hours = kinds[kind]
        results.append(run(float(sys.argv[2]) if len(sys.argv) > 2 else hours))
    sys.exit(0 if all(results) else "the soak failed: see above")


if __name__ == "__main__":
    main()
