"""The WebAssembly modules compute what the engine does, and fail in a sentence where they cannot be made."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from denoise_export.to_wasm.module import SCRIPTS, wasm_module, write_wasm
from denoise_stream import DenoiseError, Denoiser, SinkError
from embed import EMBED, KINDS, need

EVERYDAY = ("general", "leaky_mean_raw", "recurrent", "speech")


def run_vectors(folders: list[Path], modules: Path) -> str:
    need("node")
    environment = {"MODULES": str(modules), "VECTORS": ":".join(map(str, folders))}
    words = ["node", "--test", "--test-reporter=tap", "test/wasm.test.js"]
    done = subprocess.run(
        words,
        cwd=EMBED / "node",
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def gaps(vectors, tmp_path_factory) -> list[Path]:
    """Signals with missing values, at their ends too, and what the engine makes of them."""
    made = []
    for kind in ("general", "recurrent"):
        folder = tmp_path_factory.mktemp("gaps") / kind
        folder.mkdir()
        noisy = np.cumsum(np.random.default_rng(0).normal(size=1000)).astype("<f4")
        noisy[[0, 1, 77, 998, 999]] = np.nan
        noisy[300:620] = np.nan
        noisy.tofile(folder / "noisy.f32")
        Denoiser(vectors[kind] / "model.onnx").denoise(noisy).astype("<f4").tofile(folder / "expected.f32")
        case = {"name": "gaps", "noisy": "noisy.f32", "expected": "expected.f32", "samples_before_flush": 900}
        case["full_scale"] = float(np.nanmax(np.abs(noisy)))
        (folder / "vectors.json").write_text(json.dumps({"cases": [case], "chunk_sizes": [1, 75, 480]}))
        made.append(folder)
    return made


def test_modules_reproduce_the_test_vectors_and_missing_values_in_node(vectors, wasm_modules, gaps):
    said = run_vectors([*(vectors[kind] for kind in EVERYDAY), *gaps], wasm_modules)
    for kind in EVERYDAY:
        assert f"{kind} gives the samples of the test vectors" in said


@pytest.mark.slow
def test_all_other_modules_reproduce_the_test_vectors_in_node(vectors, wasm_modules, tmp_path):
    shutil.copy(wasm_modules / "speech.wasm", tmp_path)  # whose rate is fixed
    others = [kind for kind in KINDS if kind not in EVERYDAY]
    for kind in others:
        write_wasm(named(vectors[kind] / "model.onnx", tmp_path / f"{kind}.onnx"), tmp_path)
    run_vectors([vectors[kind] for kind in others], tmp_path)


def named(model: Path, link: Path) -> Path:
    link.symlink_to(model)
    return link


def test_module_of_speech_is_no_larger_than_its_weights_in_16_bits_and_a_few_kilobytes(wasm_modules):
    assert (wasm_modules / "speech.wasm").stat().st_size < 1.5e6


def test_missing_compiler_is_named_with_its_package_and_nothing_is_written(models, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        DenoiseError, match=r"--wasm needs clang, lld and wasi-libc .*; clang and wasm-ld cannot be found"
    ):
        write_wasm(models["identity"], tmp_path / "web")
    assert not (tmp_path / "web").exists()


def test_missing_library_is_named_with_its_package(models, tmp_path, monkeypatch):
    for name in ("clang", "wasm-ld"):
        (tmp_path / name).write_text("#!/bin/sh\necho \"a.c:1: fatal error: 'math.h' file not found\" >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DenoiseError, match=r"needs clang, lld and wasi-libc .*; clang says: 'math\.h' file not found$"):
        wasm_module(models["identity"])


def test_modules_lie_beside_each_other_and_are_kept_without_force(models, tmp_path):
    need("clang", "wasm-ld")
    for kind in ("identity", "smoother"):
        write_wasm(models[kind], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*SCRIPTS, "identity.wasm", "smoother.wasm"])
    with pytest.raises(SinkError, match=r"identity\.wasm exists; use --force to replace it"):
        write_wasm(models["identity"], tmp_path)
    (tmp_path / "denoise.js").write_text("mine")
    with pytest.raises(SinkError, match=r"denoise\.js exists; use --force to replace it"):
        write_wasm(models["identity_16k"], tmp_path)
