"""PipeWire's filter chain runs a plug-in with the configuration that is printed."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from denoise_export.plugin.installing import pipewire_configuration
from denoise_stream import Denoiser
from embed import need
from pipewire_server import PipeWire

RATE_HZ = 48_000
PHASES = 225
"""Samples of the host in a hop of the model: where the signal falls among the hops is not known."""


@pytest.fixture
def short_folder():
    folder = Path(tempfile.mkdtemp(prefix="pw"))  # the path of a socket has about 100 characters
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.alone
def test_microphone_of_the_printed_configuration_is_denoised(built, models, short_folder):
    need("pipewire", "wireplumber", "dbus-run-session", "pw-link", "pw-play", "pw-record")
    plugin = built("recurrent_16k")
    signal = np.random.default_rng(0).uniform(-0.3, 0.3, 4 * RATE_HZ)
    soundfile.write(short_folder / "in.wav", signal, RATE_HZ, subtype="FLOAT")
    server = PipeWire(short_folder, {f"{plugin.name}.conf": pipewire_configuration(plugin)})
    try:
        server.wait_for("-i", f"{plugin.name}-input:input")
        options = ["--format", "f32", "--rate", str(RATE_HZ), "--channels", "1"]
        recorder = server.start("pw-record", "--target", plugin.name, *options, str(short_folder / "out.wav"))
        server.wait_for("-i", "pw-record:input")
        player = server.start("pw-play", "--target", "0", str(short_folder / "in.wav"))
        server.link(server.wait_for("-o", "pw-play:output"), "microphone:input_MONO")
        player.wait(timeout=120)
        recorder.terminate()
        recorder.wait(timeout=60)
    finally:
        server.stop()
    recorded = soundfile.read(short_folder / "out.wav", dtype="float32")[0]
    assert matching_share(recorded, signal, models["recurrent_16k"]) > 0.5


def matching_share(recorded: np.ndarray, noisy: np.ndarray, model: Path) -> float:
    """Return the share of blocks of 10 ms that are the engine's, in the best of some stretches of a recording.

    PipeWire may drop blocks on a busy machine, so a recording has gaps.
    """
    length, history, block, share = RATE_HZ // 10, RATE_HZ // 10, RATE_HZ // 100, 0.0
    denoiser = Denoiser(model)
    for first in range(RATE_HZ, 3 * RATE_HZ, RATE_HZ // 4):
        part = noisy[first - history : first + length]  # the network has forgotten what came before
        stretches = [
            denoiser.denoise(np.concatenate((np.zeros(phase), part)), sample_rate_hz=RATE_HZ)[-length:]
            for phase in range(PHASES)
        ]
        at = int(np.argmax(scipy.signal.correlate(recorded, stretches[0], "valid", method="fft")))
        differences = np.abs(recorded[at : at + length] - stretches).reshape(PHASES, -1, block).max(axis=2)
        share = max(share, float((differences < 1e-3 * np.abs(stretches[0]).max()).mean(axis=1).max()))
        if share > 0.5:
            break
    return share
