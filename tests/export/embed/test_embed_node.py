"""The Node package gives the engine's samples from ONNX files, from a stream and from WAV files."""

import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

import onnx_models
from denoise_stream import Denoiser, bundled_models
from embed import EMBED, need_packages

NODE = EMBED / "node"


@pytest.fixture(autouse=True)
def packages() -> None:
    need_packages(NODE)


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(word) for word in words]
    return subprocess.run(
        command, cwd=NODE, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_node_package_reproduces_the_test_vectors_and_passes_its_own_tests(vectors):
    done = run(
        "node",
        "--test",
        "test/parts.test.js",
        "test/vectors.test.js",
        VECTORS=":".join(map(str, vectors.values())),
    )
    assert done.returncode == 0, done.stdout
    for kind in vectors:
        assert f"{kind} gives the samples of the test vectors" in done.stdout


@pytest.mark.parametrize(("subtype", "kind"), [("PCM_16", "general"), ("PCM_24", "general"), ("FLOAT", "in_context")])
def test_node_program_denoises_a_wav_file_as_the_engine_does(models, tmp_path, subtype, kind):
    noisy = 0.3 * np.random.default_rng(0).normal(size=(1000, 2)).clip(-3, 3)
    soundfile.write(tmp_path / "noisy.wav", noisy, 22050, subtype)
    model = bundled_models().get(kind) or models[kind]
    done = run("node", "bin/denoise.js", model, tmp_path / "noisy.wav", tmp_path / "clean.wav")
    assert (done.returncode, done.stderr) == (0, "")
    info = soundfile.info(tmp_path / "clean.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (22050, 2, subtype, 1000)
    expected = Denoiser(model).denoise(soundfile.read(tmp_path / "noisy.wav")[0])
    np.testing.assert_allclose(soundfile.read(tmp_path / "clean.wav")[0], expected, atol=2e-5)


def test_node_package_refuses_a_model_of_one_row_when_it_is_loaded(tmp_path):
    tensors = [[onnx_models.tensor(name, 150, 1)] for name in ("noisy", "clean")]
    onnx_models.save(tmp_path / "m.onnx", [onnx.helper.make_node("Relu", ["noisy"], ["clean"])], *tensors)
    done = run("node", "-e", "import('./onnx.js').then(({ load }) => load(process.argv[1]))", tmp_path / "m.onnx")
    assert done.returncode != 0
    assert "m.onnx fails on a batch of 2 windows" in done.stderr


def test_node_program_says_in_one_sentence_what_is_wrong(models, tmp_path):
    wav, text = tmp_path / "a.wav", tmp_path / "a.txt"
    soundfile.write(wav, np.zeros(10), 8000)
    text.write_text("no wav file")
    for model, source, words in (
        (text, wav, "is not an ONNX model that onnxruntime can run"),
        (models["identity_16k"], wav, "needs 16000 Hz: resample the file"),
        (models["identity"], text, "this is no WAV file"),
    ):
        done = run("node", "bin/denoise.js", model, source, tmp_path / "out.wav")
        assert done.returncode == 1
        assert words in done.stderr
        assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["a.txt", "a.wav"]
    assert run("node", "bin/denoise.js").returncode == 2
