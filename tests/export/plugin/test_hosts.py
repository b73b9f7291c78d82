"""Plug-ins in the programs that they are made for: ffmpeg, LV2's tools, PipeWire; and under sanitizers."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_export.plugin.plugin import CHANNELS, MODULES
from denoise_stream import Denoiser, bundled_models
from embed import SANITIZED, STRICT, need
from ladspa_host import talk

HOST = Path(__file__).parents[2] / "helpers" / "plugin_host.c"
COUNTED = [f"-Wl,--wrap={name}" for name in ("malloc", "calloc", "realloc", "free")]
SETTINGS = {"mix": 0.9, "max_attenuation_db": 30.0, "gate_db": 20.0}


def run(*command, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=300, **options
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("model", "compiler"),
    [
        ("recurrent_16k", "gcc"),
        pytest.param("recurrent_16k", "clang", marks=pytest.mark.slow),
        pytest.param("smoother", "gcc", marks=pytest.mark.slow),
    ],
)
def test_plugin_is_clean_under_sanitizers_and_allocates_nothing_while_it_runs(built, tmp_path, model, compiler):
    need(compiler)
    plugin = built(model)
    sources = [HOST, *(plugin.folder / f"{module}.c" for module in MODULES)]
    flags = [*STRICT, *SANITIZED, *COUNTED, *plugin.definitions, f"-I{plugin.folder}"]
    run(compiler, *flags, *sources, "-lm", "-o", tmp_path / "host")
    done = run(tmp_path / "host")
    assert (done.stdout, done.stderr) == ("all blocks ran\n", "")


def through_ffmpeg(plugin, signal, rate_hz, settings):
    need("ffmpeg")
    kind = list(CHANNELS)[signal.shape[1] - 1]
    soundfile.write("in.wav", signal, rate_hz, subtype="FLOAT")
    values = list(settings.values())
    if plugin.interface == "ladspa":
        controls = "|".join(f"c{number}={value}" for number, value in enumerate(values))
        effect = f"ladspa=file={plugin.library}:plugin={plugin.identifier(kind)}"
    else:
        controls = "|".join(
            f"{control.symbol}={value}" for control, value in zip(plugin.controls, values, strict=False)
        )
        effect = f"lv2=plugin={plugin.identifier(kind).replace(':', chr(92) * 2 + ':')}"
    effect += f":controls={controls}" if controls else ""
    environment = {**os.environ, "LV2_PATH": str(plugin.folder)}
    run("ffmpeg", "-v", "error", "-y", "-i", "in.wav", "-af", effect, "-c:a", "pcm_f32le", "out.wav", env=environment)
    return soundfile.read("out.wav", always_2d=True)[0]


def check_against_the_engine(model, path, plugin, rate_hz, channels, settings):
    signal = talk(rate_hz, 1.5, channels)
    given = through_ffmpeg(plugin, signal, rate_hz, settings)
    expected = Denoiser(path, **settings).denoise(signal.astype(np.float64), sample_rate_hz=rate_hz)
    delay = round(plugin.latency_ms(rate_hz) * rate_hz / 1000)
    np.testing.assert_allclose(
        given[delay:],
        expected.reshape(signal.shape)[: len(signal) - delay],
        rtol=0,
        atol=1e-5 * np.abs(signal).max(),
        err_msg=model,
    )


@pytest.mark.parametrize("interface", ["ladspa", "lv2"])
def test_ffmpeg_gives_the_samples_of_the_engine(built, models, folder, interface):
    plugin = built("recurrent_16k", interface)
    check_against_the_engine("recurrent_16k", models["recurrent_16k"], plugin, 44_100, 2, SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("interface", ["ladspa", "lv2"])
def test_ffmpeg_gives_the_samples_of_the_engine_for_speech_at_every_rate(built, folder, interface):
    plugin = built("speech", interface)
    for rate_hz in (48_000, 44_100, 16_000, 8_000):
        for channels in CHANNELS.values():
            check_against_the_engine("speech", bundled_models()["speech"], plugin, rate_hz, channels, {})
    check_against_the_engine("speech", bundled_models()["speech"], plugin, 48_000, 1, SETTINGS)


def test_ffmpeg_compensates_the_stated_latency(built, models, folder):
    need("ffmpeg")
    plugin = built("recurrent_16k")
    signal = talk(48_000, 1.0, channels=1)
    soundfile.write("in.wav", signal, 48_000, subtype="FLOAT")
    effect = f"ladspa=file={plugin.library}:plugin={plugin.identifier('mono')}:latency=1"
    run("ffmpeg", "-v", "error", "-i", "in.wav", "-af", effect, "-c:a", "pcm_f32le", "out.wav")
    given = soundfile.read("out.wav", always_2d=True)[0]
    whole = Denoiser(models["recurrent_16k"]).denoise(signal.astype(np.float64), sample_rate_hz=48_000)
    assert len(given) == len(signal)
    known = len(signal) - round(plugin.latency_ms(48_000) * 48)  # later ones depend on what follows the end
    np.testing.assert_allclose(given[:known], whole[:known], atol=1e-5)


@pytest.mark.slow
def test_commands_of_the_documents_run_as_printed(built, folder):
    need("ffmpeg")
    page = (Path(__file__).parents[3] / "docs" / "plugin.md").read_text()
    commands = [line for line in page.splitlines() if line.startswith("ffmpeg -i ")]
    (folder / "plugin").symlink_to(built("speech").folder)
    soundfile.write("noisy.wav", talk(48_000, 1.0, channels=1), 48_000)
    environment = {**os.environ, "LV2_PATH": str(built("speech", "lv2").folder)}
    for command in commands:
        run("bash", "-c", command, env=environment)
    assert [soundfile.info(name).frames for name in ("clean.wav", "gated.wav")] == [48_000, 48_000]


def test_tools_of_lv2_read_its_description_and_run_it(built, models, folder):
    need("lv2info", "lv2apply")
    plugin = built("recurrent_16k", "lv2")
    environment = {**os.environ, "LV2_PATH": str(plugin.folder), "LANG": "C"}
    told = run("lv2info", plugin.identifier("stereo"), env=environment).stdout
    for words in ("Denoiser: test (stereo)", "Has latency:       yes, reported by port 7", "hardRTCapable"):
        assert words in told
    signal = talk(48_000, 0.5)
    soundfile.write("in.wav", signal, 48_000, subtype="FLOAT")
    run("lv2apply", "-i", "in.wav", "-o", "out.wav", "-c", "mix", "0.5", plugin.identifier("stereo"), env=environment)
    given = soundfile.read("out.wav")[0]
    expected = Denoiser(models["recurrent_16k"], mix=0.5).denoise(signal.astype(np.float64), sample_rate_hz=48_000)
    delay = round(plugin.latency_ms(48_000) * 48)
    np.testing.assert_allclose(given[delay:], expected[: len(given) - delay], atol=1e-5)
