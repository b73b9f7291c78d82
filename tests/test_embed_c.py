"""The C sources compute what onnxruntime does: every operator, every test vector, without a warning or a leak."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from denoise_export.to_c.source import c_source, write_c
from denoise_stream import ContractError, Denoiser, bundled_models
from embed import EMBED, need, worst_error
from onnx_models import save, tensor

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def build(folder: Path, compiler: str, *flags: str, program: str = "filter") -> Path:
    """Compile a folder's ``denoise.c`` with one of the example programs."""
    need(compiler)
    made = folder / f"{program}-{compiler}-{len(flags)}"
    sources = [EMBED / "c" / f"{program}.c", folder / "denoise.c"]
    command = [compiler, *STRICT, *flags, f"-I{folder}", *sources, "-lm", "-o", made]
    subprocess.run(command, check=True, timeout=120)
    return made


def run(program: Sequence[object], noisy: np.ndarray, chunk: int) -> np.ndarray:
    words = [str(word) for word in (*program, chunk)]
    done = subprocess.run(words, input=noisy.tobytes(), capture_output=True, check=True, timeout=120)
    return np.frombuffer(done.stdout, noisy.dtype)


def kinds(vectors: dict[str, Path]) -> list[str]:
    return sorted(vectors)


@pytest.mark.parametrize("kind", [*bundled_models(), "leaky_mean", "leaky_mean_raw", "recurrent", "smoother"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_reproduces_the_test_vectors_under_sanitizers(vectors, tmp_path, kind, compiler):
    write_c(vectors[kind] / "model.onnx", tmp_path)
    program = build(tmp_path, compiler, *SANITIZED)

    def denoise(noisy: np.ndarray, chunk: int) -> tuple[np.ndarray, int]:
        hop = Denoiser(vectors[kind] / "model.onnx").hop
        return run([program], noisy, chunk), max(0, (len(noisy) - 150) // hop + 1) * hop

    assert worst_error(vectors[kind], denoise) < 1e-4
