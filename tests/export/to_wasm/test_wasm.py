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

EVERYDAY = ("general-small", "in_context", "leaky_mean_raw", "recurrent", "speech")


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
    for kind in ("general-small", "recurrent", "in_context"):
        folder = tmp_path_factory.mktemp("gaps") / kind
        folder.mkdir()
        noisy = np.cumsum(np.random.default_rng(0).normal(size=1000)).astype("<f4")
        noisy[[0, 1, 77, 998, 999]] = np.nan
        noisy[300:620] = np.nan
        noisy.tofile(folder / "noisy.f32")
        ahead = 53 if kind == "in_context" else 0
        engine = Denoiser(vectors[kind] / "model.onnx", lookahead_samples=ahead)
        engine.denoise(noisy).astype("<f4").tofile(folder / "expected.f32")
        case = {"name": "gaps", "noisy": "noisy.f32", "expected": "expected.f32", "lookahead_samples": ahead}
        case |= {"full_scale": float(np.nanmax(np.abs(noisy))), "samples_before_flush": 825 if ahead else 900}
        (folder / "vectors.json").write_text(json.dumps({"cases": [case], "chunk_sizes": [1, 75, 480]}))
        made.append(folder)
    return made


def test_modules_reproduce_the_test_vectors_and_missing_values_in_node(vectors, wasm_modules, gaps):
    said = run_vectors([*(vectors[kind] for kind in EVERYDAY), *gaps], wasm_modules)
    for kind in EVERYDAY:
        assert f"{kind} gives the samples of the test vectors" in said


@pytest.mark.slow
def test_all_other_modules_reproduce_the_test_vectors_in_node(vectors, wasm_modules, tmp_path):
    for module in wasm_modules.glob("*.wasm"):  # which other tests of the file load
        shutil.copy(module, tmp_path)
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


@pytest.mark.parametrize("lookahead", [0, 120])
def test_signal_of_another_rate_is_denoised_with_the_look_ahead(models, wasm_modules, tmp_path, lookahead):
    need("node")
    noisy = np.sin(np.arange(9000) / 70) + np.random.default_rng(0).normal(0, 0.3, 9000)
    noisy.tofile(tmp_path / "noisy.f64")
    program = """
        import { readFileSync, writeFileSync } from "node:fs";
        const { load } = await import(`file://${process.argv[1]}/denoise.js`);
        const denoiser = await load(readFileSync(`${process.argv[1]}/in_context_16k.wasm`));
        const noisy = new Float64Array(new Uint8Array(readFileSync("noisy.f64")).buffer);
        const options = { sampleRateHz: 48000, lookaheadSamples: Number(process.argv[2]) };
        writeFileSync("clean.f64", new Uint8Array(denoiser.denoise(noisy, options).buffer));
    """
    command = ["node", "--input-type=module", "-e", program, wasm_modules, str(lookahead)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    engine = Denoiser(models["in_context_16k"], lookahead_samples=lookahead)
    expected = engine.denoise(noisy, sample_rate_hz=48_000)
    found = np.fromfile(tmp_path / "clean.f64")
    end = len(noisy) - 3 * (150 + lookahead) - 400  # which the engine reflects at its rate
    np.testing.assert_allclose(found[:end], expected[:end], atol=1e-5)
