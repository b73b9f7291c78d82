"""The plain Python example gives the engine's samples, in a page of code and without our packages."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from denoise_stream import bundled_models
from embed import EMBED, worst_error

SOURCE = EMBED / "python" / "denoise.py"
SPECIFICATION = importlib.util.spec_from_file_location("denoise_example", SOURCE)
example = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(example)


@pytest.mark.parametrize("kind", [*bundled_models(), "leaky_mean", "leaky_mean_raw", "recurrent", "smoother"])
def test_python_example_reproduces_the_test_vectors(vectors, kind):
    stream = example.DenoiseStream(vectors[kind] / "model.onnx")

    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        parts = [stream.process(noisy[start : start + chunk]) for start in range(0, len(noisy), chunk)]
        return np.concatenate((*parts, stream.flush())), sum(map(len, parts))

    assert worst_error(vectors[kind], denoise) < 1e-5


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
