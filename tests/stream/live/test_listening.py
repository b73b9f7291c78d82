"""Sound before and after, through a real server."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_server import RATE_HZ, AudioServer
from denoise_stream.live.listening import FADE_S
from programs import PROGRAM, noise


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Two seconds of noise."""
    path = tmp_path / "take.wav"
    soundfile.write(path, noise(2 * RATE_HZ), RATE_HZ, subtype="FLOAT")
    return path


def listen(server: AudioServer, *arguments: object) -> tuple[subprocess.CompletedProcess[str], np.ndarray]:
    silence = Path(server.environment["HOME"]) / "silence.wav"
    soundfile.write(silence, np.zeros(30 * RATE_HZ), RATE_HZ)
    running = ["paplay", "--device=virtspk", "--latency-msec=20", str(silence)]
    # Of a sink that begins to run, the recorder would miss the first tenth of a second.
    with subprocess.Popen(running, env=server.environment) as background, server.recording("virtspk") as played:
        words = [*PROGRAM, *(str(argument) for argument in arguments), "--listen", "--output-device", "virtspk"]
        done = subprocess.run(words, env=server.environment, capture_output=True, text=True, check=False, timeout=60)
        background.terminate()
    return done, played[0]


@pytest.mark.slow  # alone: the server must not wait for other tests
def test_sound_is_heard_before_and_after(audio_server, take):
    done, played = listen(audio_server, take, "--model", "general", "--mix", 0.5)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "playing before: 0.0 to 2.0 s (Ctrl-C ends it)",
        "playing after: 0.0 to 2.0 s (Ctrl-C ends it)",
    ]
    fade = np.minimum(1, np.arange(2 * RATE_HZ) / (FADE_S * RATE_HZ))
    sounds = (soundfile.read(take.with_name(name))[0] for name in ("take.wav", "take.denoised.wav"))
    before, after = (np.sum((sound * fade * fade[::-1]) ** 2) for sound in sounds)
    assert after < before / 2
    heard = np.cumsum(played**2)  # to which the gaps that a busy computer makes add nothing
    assert heard[-1] == pytest.approx(before + after, rel=0.02)
    pause = np.abs(heard - before) < 0.02 * before
    assert np.count_nonzero(pause) > 0.5 * RATE_HZ


def test_missing_loudspeaker_is_told_before_the_work_begins(audio_server, take):
    words = [*PROGRAM, take, "--listen", "--output-device", "no such"]
    done = subprocess.run(words, env=audio_server.environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("denoise-stream: --listen needs a loudspeaker: ")
    assert len(done.stderr.splitlines()) == 1
    assert not take.with_name("take.denoised.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.csv", "--listen"], "--listen plays sound before and after, from a file or pipe, but the input is a table"),
        (["mic", "--listen"], "but the input is live"),
        (["a.wav", "--listen", "--output", "speaker"], "use it or --listen, not both"),
    ],
)
def test_listening_to_what_cannot_be_compared_is_refused(folder, call, arguments, words):
    status, message = call(*arguments)
    assert status == 2
    assert words in message
