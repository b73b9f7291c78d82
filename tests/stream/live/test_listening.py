"""Sound before and after, through a real server."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from audio_server import RATE_HZ, AudioServer
from denoise_stream.live import listening
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


@pytest.mark.slow
@pytest.mark.alone  # the server must not wait for other tests
def test_sound_is_heard_before_and_after(audio_server, take):
    done, played = listen(audio_server, take, "--model", "general", "--mix", 0.5)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "playing before: 0.0 to 2.0 s (Ctrl-C ends it)",
        "playing after: 0.0 to 2.0 s (Ctrl-C ends it)",
    ]
    before, after = (soundfile.read(take.with_name(name))[0] for name in ("take.wav", "take.denoised.wav"))
    starts = range(RATE_HZ // 10, len(before) - RATE_HZ // 5, RATE_HZ // 10)
    places = [place_of(sound[start : start + RATE_HZ // 10], played) for sound in (before, after) for start in starts]
    heard = [place for place in places if place is not None]
    assert heard == sorted(heard)
    assert len(heard) > len(places) / 2  # a busy computer makes gaps


def place_of(piece: np.ndarray, played: np.ndarray) -> int | None:
    """Return where a piece was played, if it was without a gap."""
    energy = np.cumsum(np.concatenate([[0.0], played**2]))
    distance = energy[len(piece) :] - energy[: -len(piece)] - 2 * correlate(played, piece, "valid") + np.sum(piece**2)
    place = int(np.argmin(distance))
    return place if distance[place] < 0.01 * np.sum(piece**2) else None


def test_both_are_played_with_a_pause_between_them(monkeypatch):
    played = []
    speaker = SimpleNamespace(write=played.append, close=lambda: None)
    monkeypatch.setattr(listening, "find_device", lambda wanted, kind: SimpleNamespace(index=0, name="loudspeaker"))
    monkeypatch.setattr(listening, "portaudio", lambda: Mock())
    monkeypatch.setattr(listening, "SpeakerSink", lambda device, channels, rate, latency: speaker)
    listener = listening.Listener(None, channels=1, sample_rate_hz=1000)
    before = noise(2000)[:, None]
    listener.observe(before, before / 2)
    listener.play(lambda text: None)
    pause = round(listening.PAUSE_S * 1000)
    expected = np.concatenate([before, np.zeros((pause, 1)), before / 2, np.zeros((pause, 1))])
    samples = np.concatenate(played)
    faded = round(listening.FADE_S * 1000)
    ends = [edge + at for edge in (0, 2000, 2000 + pause, 4000 + pause) for at in range(-faded, faded)]
    sound = np.setdiff1d(np.arange(len(expected)), ends)
    np.testing.assert_array_equal(samples[sound], expected[sound])
    assert np.all(np.abs(samples) <= np.abs(expected))
    assert abs(samples[0]) < abs(expected[0]) / 10


def test_missing_loudspeaker_is_reported_before_the_work_begins(audio_server, take):
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
