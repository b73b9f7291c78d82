"""Shared by the tests of all embeddings: tools required in CI, test vectors, the error of a port."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from denoise_stream import bundled_models

HAND_MADE = ("in_context", "leaky_mean", "leaky_mean_raw", "recurrent", "smoother")
KINDS = [*bundled_models(), *HAND_MADE]
"""What every port must compute: the keys of the fixture ``vectors``."""

LOOKAHEADS = [(kind, 0) for kind in KINDS] + [("in_context", 61)]
"""The same with the look-aheads of their vectors."""

EMBED = Path(__file__).parents[2] / "export" / "embed"

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
SIZES = """#include "denoise.h"
const size_t latency = DENOISE_LATENCY, state_bytes = sizeof(denoise_state);
"""
SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def need(*tools: str) -> None:
    """Skip the test if a program is not installed; fail it in CI, where all are required."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        no_tool(f"{', '.join(missing)} must be installed")


def need_packages(folder: Path) -> None:
    """Likewise for npm packages."""
    need("node")
    if not (folder / "node_modules").is_dir():
        no_tool(f"run `npm ci` in {folder.name}/, or make test-embed")


def no_tool(sentence: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def compile_c(folder: Path, compiler: str, *flags: str) -> Path:
    """Compile a folder's ``denoise.c``: a library, or with the example program if the flags are not ``-shared``."""
    need(compiler)
    made = folder / f"made-{compiler}"
    (folder / "sizes.c").write_text(SIZES)
    sources = [folder / "denoise.c", folder / "sizes.c" if "-shared" in flags else EMBED / "c" / "filter.c"]
    command = [compiler, *STRICT, *flags, f"-I{folder}", *sources, "-lm", "-o", made]
    subprocess.run(command, check=True, timeout=300)
    return made


def load_module(path: Path) -> ModuleType:
    """Import an example by its path, as it belongs to no package."""
    specification = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def worst_error(
    vectors: Path, denoise: Callable[[np.ndarray, int], tuple[np.ndarray, int]], lookahead: int = 0
) -> float:
    """Return a port's largest error over all test vectors of a look-ahead, relative to full scale.

    ``denoise(noisy, chunk)`` returns the clean signal and how much of it came before the flush.
    """
    content: dict[str, Any] = json.loads((vectors / "vectors.json").read_text())
    assert content["chunk_sizes"] == [1, 75, 128, 480]
    worst = 0.0
    cases = [case for case in content["cases"] if case.get("lookahead_samples", 0) == lookahead]
    assert len(cases) >= 10
    for case in cases:
        noisy, expected = (np.fromfile(vectors / case[kind], "<f4") for kind in ("noisy", "expected"))
        for chunk in content["chunk_sizes"]:
            clean, before_flush = denoise(noisy, chunk)
            assert (len(clean), before_flush) == (case["samples"], case["samples_before_flush"]), case["name"]
            worst = np.maximum(worst, np.abs(clean - expected).max() / case["full_scale"])  # lets NaN through
    return float(worst)
