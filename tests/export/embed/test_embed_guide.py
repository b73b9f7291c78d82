"""What the guide shows is what the files do."""

import re
import subprocess

import numpy as np
import pytest

from denoise_export.streaming import write_streaming
from denoise_export.to_c.source import write_c
from denoise_stream import Denoiser, bundled_models
from denoise_stream.engine.overlap_add import OverlapAdd
from embed import EMBED, STRICT, need, need_packages

GUIDE = (EMBED / "README.md").read_text()
EXAMPLES = {kind: re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL) for kind in ("c", "js")}
UNTESTED = re.findall(r"```(csharp|java|kotlin|swift)\n(.*?)```", GUIDE.partition("**untested**")[2], re.DOTALL)

GIVEN = """
import { readFileSync, writeFileSync } from "node:fs";
const noisy = new Float32Array(new Uint8Array(readFileSync("noisy.f32")).buffer);
globalThis.chunks = Array.from({ length: noisy.length / 75 }, (_, n) => noisy.slice(75 * n, 75 * n + 75));
globalThis.play = (samples) => writeFileSync("clean.f32", samples, { flag: "a" });
"""
PROGRAM = """
#include <stdio.h>
#include "denoise.h"

int main(void) {
    static float noisy[1000], clean[DENOISE_MOST(1000)];
    size_t n = 1000, count;
    %s
    return 0;
}
"""


def test_worked_example_of_three_windows_is_what_the_engine_computes():
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in GUIDE.splitlines()]
    table = [row for row in rows if len(row) == 7 and row[0].isdigit()]
    windows = [re.search(rf"d{letter} = ((?:\d )*\d)", GUIDE)[1].split() for letter in "₀₁₂"]
    overlap_add = OverlapAdd(window=4, hop=2, channels=1)
    finished = overlap_add.process(np.array(windows, float)[:, None])
    expected = np.concatenate((finished, overlap_add.flush(2)), axis=1)[0]
    assert [float(row[6]) for row in table] == pytest.approx(expected, abs=6e-5)
    for row in table:
        products = [np.prod([float(factor) for factor in cell.split("·")]) for cell in row[1:4] if cell]
        assert sum(products) == pytest.approx(float(row[4]), abs=5e-4)
        assert float(row[4]) / float(row[5]) == pytest.approx(float(row[6]), abs=3e-3)


def test_example_of_a_streaming_graph_in_node_gives_the_samples_of_the_engine(tmp_path):
    need_packages(EMBED / "node")
    write_streaming(bundled_models()["speech"], tmp_path / "speech-streaming.onnx")
    noisy = np.random.default_rng(0).normal(0, 0.1, 750).astype("<f4")
    noisy.tofile(tmp_path / "noisy.f32")
    (tmp_path / "given.mjs").write_text(GIVEN)
    (tmp_path / "node_modules").symlink_to(EMBED / "node" / "node_modules")
    (example,) = (text for text in EXAMPLES["js"] if "onnxruntime-node" in text)
    words = ["node", "--import", "./given.mjs", "--input-type=module", "-e", example]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=120)
    expected = Denoiser("speech").denoise(noisy, sample_rate_hz=16_000)
    np.testing.assert_allclose(np.fromfile(tmp_path / "clean.f32", "<f4")[75:], expected[:675], atol=1e-6)


@pytest.mark.parametrize(("language", "example"), UNTESTED)
def test_example_that_is_not_run_has_at_least_the_names_and_sizes_of_the_graph(tmp_path, language, example):
    sizes = write_streaming(bundled_models()["speech"], tmp_path / "speech-streaming.onnx")
    assert set(re.findall(r'"(chunk|state|clean|state_out)"', example)) >= {"chunk", "state", "clean", "state_out"}
    assert str(sizes["state_size"]) in example
    assert str(sizes["chunk_samples"]) in example


def test_every_language_that_onnxruntime_has_has_an_example():
    assert [language for language, _ in UNTESTED] == ["csharp", "java", "kotlin", "swift"]


def test_example_in_c_gives_all_samples(models, tmp_path):
    need("gcc")
    write_c(models["smoother"], tmp_path)
    example = re.sub(r"^(count = .*)$", r'\1 printf("%zu ", count);', EXAMPLES["c"][0], flags=re.MULTILINE)
    (tmp_path / "main.c").write_text(PROGRAM % example)
    words = ["gcc", *STRICT, "main.c", "denoise.c", "-lm", "-o", "program"]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=120)
    done = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["900", "100"]


def test_no_file_of_the_embeddings_names_a_machine_or_a_registry():
    files = [path for path in EMBED.rglob("*") if path.is_file() and not {"node_modules", "dist"} & set(path.parts)]
    assert len(files) > 20
    for path in files:
        text = path.read_bytes()
        assert b"resolved" not in text or path.name != "package-lock.json"
        assert not re.search(rb"/home/|/tmp/|https?://[^\s\"]*(?:npmjs|npmmirror|pypi)", text), path
