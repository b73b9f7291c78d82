"""The plain Python example gives the engine's samples, in a page of code and without our packages."""

import subprocess
import sys

import numpy as np
import pytest

from denoise_stream import Denoiser
from embed import EMBED, LOOKAHEADS, load_module, worst_error

SOURCE = EMBED / "python" / "denoise.py"
example = load_module(SOURCE)


@pytest.mark.parametrize(("kind", "lookahead"), LOOKAHEADS)
def test_python_example_reproduces_the_test_vectors(vectors, kind, lookahead):
    stream = example.DenoiseStream(vectors[kind] / "model.onnx", lookahead)

    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        parts = [stream.process(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        return np.concatenate((*parts, stream.flush())), sum(map(len, parts))

    assert worst_error(vectors[kind], denoise, lookahead) < 1e-5


@pytest.mark.parametrize("missing", [[0], [200], [399], range(100, 390), range(400)])
@pytest.mark.parametrize("kind", ["general", "in_context"])
def test_python_example_bridges_missing_values_as_the_engine_does(vectors, kind, missing):
    noisy = 101325 + np.sin(np.arange(400) / 9)
    noisy[missing] = np.nan
    stream = example.DenoiseStream(vectors[kind] / "model.onnx", lookahead=None)
    clean = np.concatenate((stream.process(noisy), stream.flush()))
    np.testing.assert_allclose(clean, Denoiser(vectors[kind] / "model.onnx").denoise(noisy), atol=1e-5)


def test_nan_from_a_port_is_an_error(vectors):
    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        before = max(0, (len(noisy) - 150) // 75 + 1) * 75
        return np.full(len(noisy), np.nan), before

    assert not worst_error(vectors["smoother"], denoise) < 1


def test_python_example_is_short_and_imports_nothing_of_ours():
    text = SOURCE.read_text()
    assert text.count("\n") < 100
    assert "import denoise" not in text
    assert "from denoise" not in text


@pytest.mark.parametrize("kind", ["general", "in_context"])
def test_python_example_denoises_a_file_as_the_engine_does(vectors, tmp_path, kind):
    folder = vectors[kind]
    command = [sys.executable, SOURCE, folder / "model.onnx", folder / "odd_end.noisy.f32", tmp_path / "clean.f32"]
    subprocess.run(command, check=True, timeout=60)
    expected = Denoiser(folder / "model.onnx").denoise(np.fromfile(folder / "odd_end.noisy.f32", "<f4"))
    np.testing.assert_allclose(np.fromfile(tmp_path / "clean.f32", "<f4"), expected, atol=1e-6)
