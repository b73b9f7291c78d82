"""The plain Python example gives the engine's samples, in a page of code and without our packages."""

import subprocess
import sys

import numpy as np
import pytest

import onnx_models
from denoise_stream import Denoiser
from embed import EMBED, KINDS, load_module, worst_error

SOURCE = EMBED / "python" / "denoise.py"
example = load_module(SOURCE)


@pytest.mark.parametrize("kind", KINDS)
def test_python_example_reproduces_the_test_vectors(vectors, kind):
    stream = example.DenoiseStream(vectors[kind] / "model.onnx")

    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        parts = [stream.process(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        return np.concatenate((*parts, stream.flush())), sum(map(len, parts))

    assert worst_error(vectors[kind], denoise) < 1e-5


@pytest.mark.parametrize("missing", [[0], [200], [399], range(100, 390), range(400)])
def test_python_example_bridges_missing_values_as_the_engine_does(vectors, missing):
    noisy = np.sin(np.arange(400) / 9)
    noisy[missing] = np.nan
    stream = example.DenoiseStream(vectors["general"] / "model.onnx")
    clean = np.concatenate((stream.process(noisy), stream.flush()))
    np.testing.assert_allclose(clean, Denoiser("general").denoise(noisy), atol=1e-5)


def test_nan_from_a_port_is_an_error(vectors):
    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        before = max(0, (len(noisy) - 150) // 75 + 1) * 75
        return np.full(len(noisy), np.nan), before

    assert not worst_error(vectors["smoother"], denoise) < 1


def test_python_example_is_short_and_imports_nothing_of_ours():
    text = SOURCE.read_text()
    assert text.count("\n") < 60
    assert "import denoise" not in text
    assert "from denoise" not in text


def test_python_example_runs_as_a_program(vectors, tmp_path):
    folder = vectors["general"]
    command = [sys.executable, SOURCE, folder / "model.onnx", folder / "odd_end.noisy.f32", tmp_path / "clean.f32"]
    subprocess.run(command, check=True, timeout=60)
    clean, expected = (np.fromfile(path, "<f4") for path in (tmp_path / "clean.f32", folder / "odd_end.expected.f32"))
    np.testing.assert_allclose(clean, expected, atol=1e-6)


def test_python_example_refuses_a_model_with_a_context(tmp_path):
    path = onnx_models.in_context(tmp_path / "in_context.onnx")
    with pytest.raises(ValueError, match=r"Required inputs \(\['context'\]\) are missing"):
        example.DenoiseStream(path).process(np.ones(150))
