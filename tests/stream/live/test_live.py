"""Live audio through a real server: what is heard is denoised, and nothing is lost when devices or disks fail."""

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from audio_server import RATE_HZ, AudioServer
from denoise_stream import Denoiser
from programs import PROGRAM
from terminal import Terminal

SMALL = ("--model", "general-small")


def start(server: AudioServer, *arguments: object, **options: object) -> subprocess.Popen[str]:
    words = [*PROGRAM, "--input", "mic", *(str(argument) for argument in arguments)]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(words, env=server.environment, **settings)


def run(server: AudioServer, *arguments: object) -> subprocess.CompletedProcess[str]:
    process = start(server, *arguments)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for_microphone(process: subprocess.Popen[str]) -> None:
    """Read what a run says until its devices are open."""
    while not (line := process.stderr.readline()).startswith("microphone"):
        assert line, "it has ended"


def wait_for_recording(folder: Path) -> None:
    """Wait until a recording has begun to fill."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        if any(path.stat().st_size > 50_000 for path in folder.glob(".partial-*.wav")):
            return
        time.sleep(0.02)
    pytest.fail("the recording does not begin")


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A melody under noise, 3 s."""
    rng = np.random.default_rng(0)
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    melody = 0.2 * np.sin(2 * np.pi * (300 + 100 * np.sin(3 * time_s)) * time_s) * (np.sin(2 * time_s) > 0)
    path = tmp_path / "noisy.wav"
    soundfile.write(path, melody + rng.normal(0, 0.03, time_s.size), RATE_HZ)
    return path


def lag(long: np.ndarray, short: np.ndarray) -> int:
    """Find where ``short`` begins in ``long``."""
    return int(np.argmax(correlate(long, short, "full", "fft"))) - len(short) + 1


def offline_difference(model: str, captured: np.ndarray, denoised: np.ndarray) -> float:
    """Compare a live result with the offline result of what was captured, on the same grid of windows."""
    denoiser = Denoiser(model, lookahead_samples=0)
    start = lag(denoiser.denoise(captured), denoised)
    before = np.zeros(max(0, -start))
    heard = np.concatenate((before, captured))[max(0, start) :][: len(denoised)]
    expected = denoiser.denoise(heard)
    return float(np.abs(expected - denoised[: len(heard)]).max())


@pytest.mark.parametrize("model", ["general-small", "general"])
def test_recording_equals_the_offline_result_of_what_was_captured(audio_server, tmp_path, noisy, model):
    file = tmp_path / "take.wav"
    with audio_server.recording("virtmic") as captured:
        process = start(audio_server, "--model", model, "--device", "virtmic", "--output", file, "--duration", 5)
        wait_for_recording(tmp_path)
        audio_server.play(noisy)
        process.communicate(timeout=120)
        assert process.returncode == 0
    recorded, rate = soundfile.read(file)
    assert rate == RATE_HZ
    assert len(recorded) >= 5 * RATE_HZ
    assert recorded.std() > 0.01
    assert offline_difference(model, captured[0], recorded) < 1e-4


@pytest.mark.slow
@pytest.mark.alone  # on a machine that is busy with other tests, no half a second is without a dropout
def test_loudspeaker_plays_the_offline_result_of_what_was_captured(audio_server, tmp_path, noisy):
    report = tmp_path / "report.json"
    with audio_server.recording("virtmic") as captured, audio_server.recording("virtspk") as played:
        options = ["--device", "virtmic", "--output-device", "virtspk", "--duration", 5, "--report", report]
        process = start(audio_server, *SMALL, *options)
        wait_for_microphone(process)
        audio_server.play(noisy)
        process.communicate(timeout=120)
        assert process.returncode == 0
    facts = json.loads(report.read_text())
    assert facts["latency_ms"] == pytest.approx(3.125)
    assert facts["samples_in"] >= 5 * RATE_HZ
    assert facts["rtf"] < 1
    assert "input overflow" not in facts["events"]
    assert difference_on_best_grid(captured[0], played[0]) < 1e-4, facts["losses"]


def difference_on_best_grid(captured: np.ndarray, played: np.ndarray) -> float:
    """Compare half a second of sound with the offline result of what was captured.

    Where the program's first window began is not known, so all grids of windows are tried; only the right one can
    agree. A dropout would show as a difference, but elsewhere the two stay comparable.
    """
    sums = np.cumsum(np.abs(played))
    first = int(np.argmax(sums[RATE_HZ // 2 :] - sums[: -RATE_HZ // 2]))
    part = slice(first, first + RATE_HZ // 2)
    offset = lag(Denoiser("general-small").denoise(captured), played[part])
    differences = []
    for grid in range(75):
        before = offset - 3000 + grid
        expected = Denoiser("general-small").denoise(captured[before : offset + RATE_HZ // 2 + 3000])
        differences.append(np.abs(expected[offset - before :][: RATE_HZ // 2] - played[part]).max())
    return float(min(differences))


def test_pipe_carries_the_denoised_microphone(audio_server):
    process = start(audio_server, "--output", "-", "--format", "s16le", "--duration", 2, text=False)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(out) >= 2 * 2 * RATE_HZ


def test_facts_are_printed_at_the_start_and_a_summary_at_the_end(audio_server):
    done = run(audio_server, *SMALL, "--output", "null", "--duration", 1, "--max-attenuation", 12)
    assert done.returncode == 0
    assert done.stdout == ""
    for pattern in (
        r"^microphone   \d+ default \(ALSA\), 48000 Hz, 1 channel$",
        r"^model        general-small, window 150, hop 75$",
        r"^limit        at most 12 dB taken away$",
        r"^latency      3\.1 ms model \+ \d+\.\d ms devices = \d+\.\d ms$",
        r"^budget       1\.56 ms to compute each hop$",
        r"^1\.\d s at 48000 Hz, model general-small, .* ms per hop of 1\.56 ms, ",
    ):
        assert re.search(pattern, done.stderr, re.MULTILINE), (pattern, done.stderr)


def recorded_in_words(file: Path) -> str:
    """Return the expected last line about a recording."""
    recorded, rate = soundfile.read(file)
    peak = np.abs(recorded).max()
    level = f"peak {20 * np.log10(peak):.1f} dBFS".replace("-", "\N{MINUS SIGN}") if peak else "silence"
    return f"wrote {file}, {len(recorded) / rate:.1f} s, {level}"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_ending_by_signal_completes_the_file(audio_server, tmp_path, noisy, number, status):
    file, report = tmp_path / "take.wav", tmp_path / "report.json"
    process = start(audio_server, "--output", file, "--report", report)
    wait_for_recording(tmp_path)
    audio_server.play(noisy)
    process.send_signal(number)
    _, message = process.communicate(timeout=120)
    assert process.returncode == status
    assert "Traceback" not in message
    facts = json.loads(report.read_text())
    assert soundfile.info(file).frames == facts["recorded_samples"] == facts["samples_in"] > 0
    assert message.splitlines()[-1] == recorded_in_words(file)


@pytest.mark.parametrize("end", ["stop", pytest.param("freeze", marks=[pytest.mark.slow, pytest.mark.alone])])
def test_run_ends_and_keeps_the_recording_when_the_sound_server_does_not_answer(audio_server, tmp_path, end):
    file = tmp_path / "take.wav"
    process = start(audio_server, "--device", "virtmic", "--no-reconnect", "--output", file)
    wait_for_recording(tmp_path)
    getattr(audio_server, end)()
    try:
        _, message = process.communicate(timeout=120)
    finally:
        audio_server.stop()
        audio_server.start()
    assert process.returncode == 1
    assert message.endswith("denoise-stream: the audio device 'virtmic' is gone; everything up to here is kept\n")
    assert soundfile.info(file).frames > 20_000


@pytest.mark.slow
@pytest.mark.alone
def test_recording_of_a_named_device_continues_in_the_same_file_when_it_is_back(audio_server, tmp_path):
    file, report = tmp_path / "take.wav", tmp_path / "report.json"
    process = start(audio_server, "--device", "virtmic", "--duration", 4, "--output", file, "--report", report)
    wait_for_recording(tmp_path)
    audio_server.stop()
    time.sleep(1)
    audio_server.start()
    _, message = process.communicate(timeout=120)
    assert process.returncode == 0, message
    assert "the audio device 'virtmic' is gone; waiting up to 60 s for it" in message
    assert "the audio device 'virtmic' is back" in message
    facts = json.loads(report.read_text())
    assert facts["reconnects"] == 1
    assert facts["away_s"] > 1
    assert message.endswith(f"; the {facts['away_s']:.1f} s without the device are not in it\n")
    assert soundfile.info(file).frames == facts["samples_in"] >= 4 * RATE_HZ


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_full_disk_keeps_what_fitted(audio_server, tmp_path):
    file = tmp_path / "take.wav"
    process = start(audio_server, "--output", file, preexec_fn=limit_file_size)
    _, message = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(r"is the disk full\? .*; the \d\.\d s until then are kept$", message.strip())
    assert 150_000 < file.stat().st_size <= 200_000
    assert soundfile.info(file).frames > 70_000


def test_devices_are_listed_and_found_by_name(audio_server):
    listing = subprocess.run(
        [*PROGRAM, "--list-devices"], env=audio_server.environment, capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"^>< +\d+ default +ALSA", listing, re.MULTILINE)
    assert re.search(r"^ +\d+ virtmic +ALSA", listing, re.MULTILINE)
    for wanted, words in (
        ("virt", "input device 'virt' matches more than one device; choose one of: "),
        ("nope", "input device 'nope' matches no device"),
        ("99", "input device '99' matches no device"),
    ):
        done = run(audio_server, "--device", wanted, "--output", "null", "--duration", 1)
        assert done.returncode == 1
        assert words in done.stderr
        assert "virtmic (ALSA)" in done.stderr
    assert run(audio_server, "--device", "VirtM", "--output", "null", "--duration", 0.2).returncode == 0


def test_question_mark_without_a_terminal_is_an_error_that_lists_the_devices(audio_server):
    for option in ("--device", "--output-device"):
        done = run(audio_server, option, "?")
        assert done.returncode == 2
        assert re.search(r"^ +\d+ virtmic +ALSA", done.stderr, re.MULTILINE)
        assert f"{option} ? needs a terminal to ask on; name one of the devices above" in done.stderr


def test_device_is_chosen_on_a_terminal(audio_server):
    terminal = terminal_with(audio_server, *SMALL, "--device", "?")
    choices = terminal.read_until(r"microphone \[\d+\]: ")
    number = re.search(r"(\d+) virtmic", choices)[1]
    terminal.press(f"{number}\n")
    terminal.read_until(rf"microphone +{number} virtmic")
    terminal.press("q")
    assert terminal.process.wait(20) == 0


def test_headphones_are_recommended_at_the_first_run_only(audio_server, tmp_path, monkeypatch):
    monkeypatch.setitem(audio_server.environment, "XDG_CONFIG_HOME", str(tmp_path))
    said = ["use headphones" in run(audio_server, *SMALL, "--duration", 0.2).stderr for _ in range(2)]
    assert said == [True, False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--latency", "soon"], "--latency soon is neither low, high nor a number of seconds"),
        (["--duration", "0"], "--duration 0 is too short"),
        (["--rate", "-1", "--output", "null"], "--rate -1 is not a valid sample rate"),
        (["--plot", "a.png"], "--plot draws files and pipes"),
        (["--output", "a.wav", "--output-device", "virtspk"], "--output-device plays, but --output is a.wav"),
        (["--output", "a.csv"], "audio stays audio"),
    ],
)
def test_mistakes_in_live_options_are_named(audio_server, arguments, words):
    done = run(audio_server, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_live_options_are_refused_for_files(audio_server, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(100), RATE_HZ)
    done = subprocess.run(
        [*PROGRAM, "--input", tmp_path / "a.wav", "--duration", "3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--duration applies to a live run; use it with --input mic" in done.stderr


def test_missing_portaudio_says_what_to_install(tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*PROGRAM, "--input", "mic"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the PortAudio library is missing; install it with: apt install libportaudio2" in done.stderr
    assert done.stderr.count("\n") == 1


def terminal_with(server: AudioServer, *arguments: str) -> Terminal:
    return Terminal([*PROGRAM, "--input", "mic", "--output", "null", *arguments], server.environment)


def test_keys_switch_mix_and_quit(audio_server):
    terminal = terminal_with(audio_server, *SMALL)
    screen = terminal.read_until(r"denoiser +100 %")
    assert "\x1b[?1049h" in screen  # a screen of its own: nothing scrolls away
    for words in ("microphone", "latency", "budget", "dBFS", "compute", "dropouts", "elapsed"):
        assert words in screen
    terminal.press("?")
    terminal.read_until("denoiser on or off")
    for key, expected in ((" ", r"denoiser +off"), (" ", r"denoiser +100 %"), ("-", r"denoiser +90 %")):
        terminal.press(key)
        terminal.read_until(expected)
    terminal.press("-")
    terminal.read_until(r"denoiser +80 %")
    terminal.press("+")
    terminal.read_until(r"denoiser +90 %")
    terminal.press("q")
    end = terminal.read_until(r"model general-small, .* ms per hop of")
    assert "\x1b[?1049l" in end
    assert terminal.process.wait(10) == 0


def test_control_c_leaves_the_screen_in_order(audio_server):
    terminal = terminal_with(audio_server)
    terminal.read_until(r"denoiser +100 %")
    terminal.press("\x03")
    end = terminal.read_until("interrupted")
    assert "\x1b[?1049l" in end
    assert "\x1b[?25h" in end  # the cursor is visible again
    assert terminal.process.wait(10) == 130
