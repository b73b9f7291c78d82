"""What the documented commands find: the four programs, and the files that they name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import bundled_models
from documented import ROOT
from programs import noise


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of this process, with the four programs on the path as an installation would put them there."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("stream", "evaluate", "train", "export"):
        script = folder / f"denoise-{name}"
        script.write_text(
            f"#!{sys.executable}\nfrom denoise_start import {name}\nif __name__ == '__main__':\n    {name}()\n"
        )
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def shell(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a line in a shell; it must end well."""

    def shell(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        words = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(
            words, env={**environment, **variables}, capture_output=True, text=True, check=False, timeout=900
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return shell


def voice(seconds: float = 2.5) -> np.ndarray:
    """A tone at 16 kHz that comes and goes."""
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    return 0.2 * np.sin(2 * np.pi * 300 * time_s) * (np.sin(5 * time_s) > 0)


@pytest.fixture
def examples(folder: Path, command: str) -> Path:
    """A folder with the files that the examples name."""
    for name in ("speech.wav", "talk.wav", "take.flac", "noisy.wav", "new.wav", "hall.wav", "talk.m4a", "talk.mp4"):
        sound = voice() + noise(len(voice()), seed=len(name)) / 3
        soundfile.write("made.wav", sound, 16_000)
        if name.endswith((".m4a", ".mp4")):
            subprocess.run(["ffmpeg", "-v", "error", "-i", "made.wav", name], check=True)
        else:
            soundfile.write(name, sound, 16_000)
    Path("made.wav").unlink()
    rows = 20 + np.sin(np.arange(3000) / 60) + noise(3000)
    table = "time (s),temperature,load\n" + "".join(f"{n / 10},{v:.3f},{50 + n % 7}.5\n" for n, v in enumerate(rows))
    for name in ("sensor.csv", "load.csv", "noisy.csv", "log.csv"):
        Path(name).write_text(table)
    np.save("signal.npy", rows)
    shutil.copy(bundled_models()["general"], "mine.onnx")
    for name in ("recordings", "clean", "noisy"):
        Path(name).mkdir()
        np.save(f"{name}/pump.npy", np.sin(np.arange(9000) / 60) + (name != "clean") * noise(9000))
    Path("field/2024/may").mkdir(parents=True)
    shutil.copy("speech.wav", "field/2024/may/a.wav")
    for name in ("speech", "street", "office", "noise"):
        if f"{name}/" not in command:
            continue
        Path(name).mkdir()
        for number in range(3):
            if name == "speech":
                shutil.copy(ROOT / "samples" / "speech_clean.wav", f"{name}/{number}.wav")
            else:
                soundfile.write(f"{name}/{number}.wav", noise(80_000, seed=number), 16_000)
    return folder
