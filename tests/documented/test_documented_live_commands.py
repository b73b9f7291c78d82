"""The commands of the README and the guides that need a sound server run as they are printed there."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from audio_server import RATE_HZ, AudioServer
from documented import ROOT, commands
from terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.alone]

COMMANDS = commands("a sound server")
ENDS = re.compile(r"--listen|--service")
ASKS = re.compile(r"--device '\?'")
PIPE = re.compile(r"^arecord")

PIECE = 1600
"""A tenth of a second at 16 kHz."""

NAMED_DEVICES = """
pcm."USB Mic" { type pulse device virtmic.monitor hint { show on description "a microphone" } }
pcm.headphones { type pulse device virtspk hint { show on description "headphones" } }
"""


@pytest.fixture
def live(audio_server: AudioServer, environment: dict[str, str]) -> dict[str, str]:
    return {**audio_server.environment, "PATH": environment["PATH"]}


def of(*kinds: re.Pattern[str], others: bool = False) -> list[str]:
    return [command for command in COMMANDS if others != any(kind.search(command) for kind in kinds)]


@pytest.mark.parametrize("command", of(ENDS))
def test_command_ends_by_itself_as_printed(command, audio_server, examples, live):
    user = Path(live["HOME"])
    (user / ".config" / "systemd" / "user").mkdir(parents=True, exist_ok=True)  # the line before it in the guide
    with audio_server.recording("virtspk") as heard:
        done = subprocess.run(["bash", "-c", command], env=live, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "--listen" in command:
        assert soundfile.info("talk.denoised.wav").frames == soundfile.info("talk.wav").frames
        assert np.abs(heard[0]).max() > 0.05
    else:
        assert "ExecStart=" in (user / ".config/systemd/user/denoise-stream.service").read_text()


@pytest.mark.parametrize("command", of(ENDS, ASKS, PIPE, others=True))
def test_command_runs_as_printed_until_ctrl_c(command, audio_server, examples, live):
    if "USB Mic" in command:
        devices = Path(live["ALSA_CONFIG_PATH"])
        devices.write_text(devices.read_text() + NAMED_DEVICES)
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=live, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = [process.stderr.readline()]
    while said[-1] and not said[-1].startswith("microphone"):
        said.append(process.stderr.readline())
    assert said[-1], said  # the microphone is open
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert "Traceback" not in rest
    if "--output take.wav" in command:
        assert process.returncode == 0, rest
        assert "wrote take.wav" in rest
        assert soundfile.info("take.wav").frames > 0
    else:
        assert process.returncode in (0, 130), rest


@pytest.mark.parametrize("command", of(ASKS))
def test_device_is_asked_for_as_printed(command, examples, live):
    terminal = Terminal(["bash", "-c", f"exec {command}"], live)
    number = re.search(r"(\d+) virtmic", terminal.read_until(r"microphone \[\d+\]: "))[1]
    terminal.press(f"{number}\n")
    terminal.read_until(rf"microphone +{number} virtmic")
    terminal.press("q")
    assert terminal.process.wait(60) == 0


@pytest.mark.parametrize("command", of(PIPE))
def test_microphone_goes_through_a_pipe_to_the_loudspeaker_as_printed(command, audio_server, examples, live):
    if shutil.which("arecord") is None and not os.environ.get("CI"):
        pytest.skip("needs alsa-utils")
    said = ROOT / "samples" / "speech_clean.wav"  # a steady tone is noise to the model for speech
    process = subprocess.Popen(["bash", "-c", command], env=live, stderr=subprocess.PIPE, start_new_session=True)
    try:
        for _ in range(10):  # until the programs of the pipe have started
            with audio_server.recording("virtspk") as heard:
                audio_server.play(said)
                time.sleep(2)
            if np.abs(heard[0]).max() > 0.05:
                break
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert b"Traceback" not in message
    speech, rate_hz = soundfile.read(said)
    found = scipy.signal.resample_poly(heard[0], 1, RATE_HZ // rate_hz)
    pieces = found[: len(found) // PIECE * PIECE].reshape(-1, PIECE)  # a busy machine leaves gaps between them
    loudest = pieces[np.linalg.norm(pieces, axis=1).argsort()[-8:]]
    assert max(likeness(piece, speech) for piece in loudest) > 0.8


def likeness(piece: np.ndarray, speech: np.ndarray) -> float:
    """Return the correlation of a piece with the place in speech, not a silent one, that fits best."""
    energy = scipy.signal.correlate(speech**2, np.ones(len(piece)), "valid", method="fft")
    products = np.abs(scipy.signal.correlate(speech, piece, "valid", method="fft"))
    spoken = energy > 0.1 * energy.max()
    return float((products[spoken] / np.sqrt(energy[spoken])).max() / np.linalg.norm(piece))
