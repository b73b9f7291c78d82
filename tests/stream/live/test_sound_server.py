"""Virtual devices that other programs use, made by a real sound server."""

import configparser
import re
import shlex
import signal
import subprocess
import time

import numpy as np
import pytest
import soundfile

from audio_server import RATE_HZ, AudioServer
from programs import PROGRAM, noise

PREFIX = "denoise_stream_"


def start(server: AudioServer, *words: object) -> subprocess.Popen[str]:
    command = [*PROGRAM, "--model", "general", *(str(word) for word in words)]
    return subprocess.Popen(command, env=server.environment, stderr=subprocess.PIPE, text=True)


def listed(server: AudioServer, kind: str) -> str:
    return server.call("pactl", "list", *(["short", kind] if kind == "modules" else [kind]), check=True).stdout.decode()


def wait_for(condition, process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.fixture
def other_loudspeaker(audio_server):
    yield "virtmic"
    audio_server.call("pactl", "set-default-sink", "virtspk", check=True)


@pytest.fixture
def hiss(tmp_path):
    path = tmp_path / "hiss.wav"
    soundfile.write(path, 0.1 * noise(3 * RATE_HZ), RATE_HZ)
    return path


def test_other_programs_record_the_denoised_microphone(audio_server, hiss):
    default = audio_server.call("pactl", "get-default-source").stdout
    process = start(audio_server, "--virtual-mic", "Clean mic")
    wait_for(lambda: f"{PREFIX}{process.pid}_mic" in listed(audio_server, "sources"), process)
    assert 'device.description = "Clean mic"' in listed(audio_server, "sources")
    wait_for(lambda: "Playback" in listed(audio_server, "sink-inputs"), process)
    with audio_server.recording(f"{PREFIX}{process.pid}") as clean, audio_server.recording("virtspk") as heard:
        audio_server.play(hiss)
    assert audio_server.call("pactl", "get-default-source").stdout == default
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=120)
    assert "Traceback" not in message
    assert "headphones" not in message
    assert 0 < np.std(clean[0]) < 0.7 * np.std(0.1 * noise(3 * RATE_HZ))
    assert np.abs(heard[0]).max() == 0
    assert PREFIX not in listed(audio_server, "modules")


def test_what_a_killed_run_left_is_removed_by_the_next(audio_server):
    process = start(audio_server, "--virtual-mic")
    wait_for(lambda: f"{PREFIX}{process.pid}_mic" in listed(audio_server, "sources"), process)
    process.kill()
    process.wait()
    process.stderr.close()
    assert f"{PREFIX}{process.pid}" in listed(audio_server, "modules")
    following = start(audio_server, "--virtual-mic", "--duration", 1)
    _, message = following.communicate(timeout=120)
    assert following.returncode == 0, message
    assert PREFIX not in listed(audio_server, "modules")


def test_second_virtual_microphone_needs_another_name(audio_server):
    first = start(audio_server, "--virtual-mic", "Clean mic")
    wait_for(lambda: f"{PREFIX}{first.pid}_mic" in listed(audio_server, "sources"), first)
    same, other = (start(audio_server, "--virtual-mic", name, "--duration", 1) for name in ("Clean mic", "Clean mic 2"))
    _, message = same.communicate(timeout=120)
    assert (same.returncode, message) == (
        1,
        f"denoise-stream: the virtual microphone 'Clean mic' is there already, made by process {first.pid}; end that "
        "process, or give this one another name: --virtual-mic NAME\n",
    )
    _, message = other.communicate(timeout=120)
    assert other.returncode == 0, message
    assert f"{PREFIX}{first.pid}_mic" in listed(audio_server, "sources")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=120)


def test_virtual_microphone_whose_sound_server_goes_away_does_not_speak_of_a_recording(audio_server):
    process = start(audio_server, "--virtual-mic", "--no-reconnect")
    wait_for(lambda: "Playback" in listed(audio_server, "sink-inputs"), process)
    audio_server.stop()
    try:
        _, message = process.communicate(timeout=120)
    finally:
        audio_server.start()
    assert process.returncode == 1
    assert message.splitlines()[-1] == "denoise-stream: the audio device 'pulse' is gone"


def test_what_other_programs_play_is_heard_denoised(audio_server, hiss):
    process = start(audio_server, "--input", "monitor")
    wait_for(
        lambda: f"{PREFIX}{process.pid}" in audio_server.call("pactl", "get-default-sink").stdout.decode(), process
    )
    wait_for(lambda: "Playback" in listed(audio_server, "sink-inputs"), process)
    with audio_server.recording("virtspk") as heard:
        audio_server.call("paplay", "--latency-msec=20", str(hiss), check=True)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=120)
    assert "Traceback" not in message
    assert "headphones" not in message
    assert 0 < np.std(heard[0]) < 0.7 * np.std(0.1 * noise(3 * RATE_HZ))
    assert audio_server.call("pactl", "get-default-sink").stdout == b"virtspk\n"
    assert PREFIX not in listed(audio_server, "modules")


@pytest.mark.parametrize("output", ["speaker", "null"])
def test_default_loudspeaker_is_back_after_a_killed_run(audio_server, output):
    process = start(audio_server, "--input", "monitor")
    wait_for(
        lambda: f"{PREFIX}{process.pid}" in audio_server.call("pactl", "get-default-sink").stdout.decode(), process
    )
    process.kill()
    process.wait()
    process.stderr.close()
    following = start(audio_server, "--input", "monitor", "--output", output, "--duration", 1)
    _, message = following.communicate(timeout=120)
    assert following.returncode == 0, message
    assert audio_server.call("pactl", "get-default-sink").stdout == b"virtspk\n"
    assert PREFIX not in listed(audio_server, "modules")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_loudspeaker_that_was_chosen_meanwhile_stays_the_default(audio_server, other_loudspeaker, end):
    process = start(audio_server, "--input", "monitor")
    wait_for(
        lambda: f"{PREFIX}{process.pid}" in audio_server.call("pactl", "get-default-sink").stdout.decode(), process
    )
    wait_for(lambda: "Playback" in listed(audio_server, "sink-inputs"), process)
    audio_server.call("pactl", "set-default-sink", other_loudspeaker, check=True)
    process.send_signal(end)
    process.communicate(timeout=120)
    following = start(audio_server, "--input", "monitor", "--output", "null", "--duration", 0.1)
    _, message = following.communicate(timeout=120)
    assert following.returncode == 0, message
    assert audio_server.call("pactl", "get-default-sink").stdout.decode() == f"{other_loudspeaker}\n"
    assert PREFIX not in listed(audio_server, "modules")


def test_what_the_loudspeaker_plays_is_recorded(audio_server, hiss, tmp_path):
    file = tmp_path / "played.wav"
    process = start(audio_server, "--input", "monitor", "--output", file)
    wait_for(lambda: any(path.stat().st_size > 50_000 for path in tmp_path.glob(".partial-*.wav")), process)
    audio_server.call("paplay", "--device=virtspk", "--latency-msec=20", str(hiss), check=True)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=120)
    assert process.returncode == 0, message
    played, _ = soundfile.read(file)
    assert 0 < np.std(played) < 0.7 * np.std(0.1 * noise(3 * RATE_HZ))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav", "--virtual-mic"], "--virtual-mic denoises a microphone"),
        (["mic", "--virtual-mic", "x", "--output", "b.wav"], "leave out --output b.wav"),
        (["mic", "--virtual-mic", "x", "--output-device", "2"], "leave out --output-device 2"),
        (["--virtual-mic", 'a"b'], "cannot be a name"),
        (["monitor", "--device", "2"], "hears the default loudspeaker; leave out --device"),
        (["mic", "--service"], "use it with --virtual-mic"),
        (["--virtual-mic", "a\nb", "--service"], "cannot be a name"),
    ],
)
def test_options_that_do_not_go_with_a_virtual_microphone_are_refused(folder, call, arguments, words):
    status, message = call(*arguments)
    assert status == 2
    assert words in message


def test_missing_sound_server_is_told_in_a_sentence(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    words = [*PROGRAM, "--virtual-mic"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "pactl" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_service_runs_the_same_command_in_the_same_folder(tmp_path):
    words = ["--virtual-mic", "Clean at 100 %", "--device", 'Tom\'s $1 "microphone"', "--gate", "20"]
    command = [*PROGRAM, *words, "--service"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    unit = configparser.RawConfigParser()
    unit.optionxform = str
    unit.read_string(done.stdout)
    command = shlex.split(unit["Service"]["ExecStart"].replace("%%", "%").replace("$$", "$"))
    assert command[1:] == words
    assert command[0].startswith("/")
    assert unit["Service"]["WorkingDirectory"] == f"-{tmp_path}"
    assert unit["Install"]["WantedBy"] == "default.target"
    assert re.search(r"systemctl --user enable", done.stderr)
