"""Every command that the README and the guides show runs as it is printed there, or is in a list that says why not."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_server import AudioServer
from denoise_stream import bundled_models
from programs import noise

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = re.compile(r"\bdenoise-(?:stream|evaluate|train|export)\b")

ELSEWHERE = {
    r"--install": "writes into the user's own folders: tests/export/plugin/test_making.py",
    r"s3://": "an object store: tests/stream/archive/test_cloud.py",
    r"--engine ray": "a cluster: tests/stream/archive/test_ray.py",
    r"^sbatch": "a cluster's scheduler",
    r"^tail -f": "follows a log without end: tests/stream/files/test_pipes.py",
    r"^arecord": "a sound card: tests/stream/files/test_audio_pipes.py has the same pipe",
    r"--device '\?'": "asks on a terminal: tests/stream/live/test_live.py",
    r'--device "USB Mic"': "a device of that name: tests/stream/live/test_live.py",
    r"--listen": "a loudspeaker: tests/stream/live/test_listening.py",
    r"--virtual-mic": "tests/stream/live/test_virtual_microphone.py",
    r"--speech --clean.*--write": "minutes of PESQ: tests/train/evaluation/speech/test_evaluate_speech.py",
    r"--stretch 1,10,100": "minutes on long signals: tests/train/evaluation/test_stretches.py",
    r"--peer ": "files that others publish: tests/train/evaluation/speech/test_peers.py",
    r"--input (?:serial:|lsl:|mqtt:)": "tests/stream/sensors",
    r"mnist|t10k|faces|lstm": "hours of training: tests/train/training/test_tutorials.py",
    r"my\.keras|my_module|my\.onnx": "tests/test_your_own_model.py",
    r"runs/general-context|speech-shared": "hours of training: docs/models",
    r"^denoise-train": "minutes of training: tests/train/training/test_own_signals.py",
    r"runs/mine": "needs a training: tests/export",
}
"""Commands that do not run here, by a pattern, and where they do."""

LIVE = re.compile(r"--input mic\b")


def commands() -> list[str]:
    """Collect the lines of shell examples that call a program, without comments."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [re.sub(r"\s+#.*", "", line).strip() for line in lines if PROGRAMS.search(line)]
    return list(dict.fromkeys(found))


def reason(command: str) -> str | None:
    return next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, command)), None)


RUN = [command for command in commands() if reason(command) is None]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four programs, as an installation would put them on the path."""
    folder = tmp_path_factory.mktemp("bin")
    starts = {
        "stream": "denoise_stream.cli.main",
        "evaluate": "denoise_train.cli.evaluate",
        "export": "denoise_export.cli",
    }
    for name, module in starts.items():
        script = folder / f"denoise-{name}"
        script.write_text(f"#!{sys.executable}\nfrom {module} import main\nif __name__ == '__main__':\n    main()\n")
        script.chmod(0o755)
    return folder


@pytest.fixture
def examples(folder: Path, command: str) -> Path:
    """A folder with the files that the examples name."""
    time_s = np.arange(40_000) / 16_000
    voice = 0.2 * np.sin(2 * np.pi * 300 * time_s) * (np.sin(5 * time_s) > 0)
    for name in ("speech.wav", "talk.wav", "take.flac", "noisy.wav", "new.wav", "hall.wav", "talk.m4a", "talk.mp4"):
        sound = voice + noise(len(time_s), seed=len(name)) / 3
        soundfile.write("made.wav", sound, 16_000)
        if name.endswith((".m4a", ".mp4")):
            subprocess.run(["ffmpeg", "-v", "error", "-i", "made.wav", name], check=True)
        else:
            soundfile.write(name, sound, 16_000)
    Path("made.wav").unlink()
    rows = 20 + np.sin(np.arange(3000) / 60) + noise(3000)
    table = "time (s),temperature,load\n" + "".join(f"{n / 10},{v:.3f},{50 + n % 7}.5\n" for n, v in enumerate(rows))
    for name in ("sensor.csv", "load.csv", "noisy.csv"):
        Path(name).write_text(table)
    np.save("signal.npy", rows)
    shutil.copy(bundled_models()["general"], "mine.onnx")
    for name in ("recordings", "clean", "noisy"):
        Path(name).mkdir()
        np.save(f"{name}/pump.npy", np.sin(np.arange(9000) / 60) + (name != "clean") * noise(9000))
    Path("field/2024/may").mkdir(parents=True)
    shutil.copy("speech.wav", "field/2024/may/a.wav")
    for name in ("speech", "street", "office"):
        if f"{name}/" not in command:
            continue
        Path(name).mkdir()
        for number in range(3):
            sound = voice if name == "speech" else noise(len(time_s), seed=number)
            soundfile.write(f"{name}/{number}.wav", np.tile(sound, 3), 16_000)
    return folder


def test_every_exception_is_still_in_the_documents():
    assert len(RUN) > 15
    for pattern in ELSEWHERE:
        assert any(re.search(pattern, command) for command in commands()), pattern


@pytest.mark.parametrize("command", [command for command in RUN if not LIVE.search(command)])
def test_command_runs_as_printed(command, examples, programs):
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    if re.search(r"--output clean(/|\.| |$)", command) and Path("clean").is_dir():
        shutil.rmtree("clean")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if "--input" in command or command.startswith("denoise-stream"):
        written = [path for path in Path().rglob("*") if path.is_file() and path not in before]
        assert written or "--dry-run" in command or "--list" in command
    else:
        assert done.stdout.strip() or "denoise-export" in command


@pytest.mark.parametrize("command", [command for command in RUN if LIVE.search(command)])
def test_live_command_runs_as_printed_until_ctrl_c(command, audio_server: AudioServer, examples, programs):
    environment = {**audio_server.environment, "PATH": f"{programs}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.readline()  # the microphone is open
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert said.startswith("microphone"), said + rest
    assert "Traceback" not in rest
    if "--output" in command:
        assert process.returncode == 0, rest
        assert "wrote take.wav" in rest
        assert soundfile.info("take.wav").frames > 0
    else:
        assert process.returncode in (0, 130), rest
