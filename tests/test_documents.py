"""What the documents show is what the program does."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import denoise_stream
from denoise_export.cli import command as export_command
from denoise_stream.cli.main import command as stream_command
from denoise_train.cli.evaluate import command as evaluate_command
from denoise_train.cli.train import command as train_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_names_of_the_package_are_pinned():
    assert denoise_stream.__all__ == [
        "Contract",
        "ContractError",
        "DenoiseError",
        "DenoiseStream",
        "Denoiser",
        "DeviceError",
        "MissingExtra",
        "PooledStream",
        "SinkError",
        "SourceError",
        "StreamFull",
        "StreamPool",
        "bundled_models",
    ]


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == denoise_stream.__version__


def test_python_example_of_the_readme_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    noisy = np.random.default_rng(0).normal(size=1000)
    played: list[np.ndarray] = []
    names = {"noisy": noisy, "chunks": [noisy[:300], noisy[300:]], "play": played.append}
    exec(example, names)  # noqa: S102
    np.testing.assert_allclose(np.concatenate(played), names["clean"], atol=1e-6)


@pytest.mark.parametrize("line", re.findall(r"^.*\bdenoise-(?:stream|train|evaluate|export) .*$", README, re.MULTILINE))
def test_options_in_the_readme_exist(line):
    programs = {
        "denoise-stream": stream_command,
        "denoise-train": train_command,
        "denoise-evaluate": evaluate_command,
        "denoise-export": export_command,
    }
    for name, command in programs.items():
        for part in re.findall(rf"{name} ([^|#\n]*)", line):
            known = {option for parameter in command.params for option in parameter.opts}
            assert set(re.findall(r"--[a-z0-9-]+", part)) <= known


def test_demo_gains_on_both_samples():
    done = subprocess.run(
        [sys.executable, ROOT / "samples" / "demo.py"], capture_output=True, text=True, check=True, timeout=120
    )
    gains = [float(gain) for gain in re.findall(r"([+-]\d+\.\d) dB", done.stdout)]
    assert len(gains) == 2
    assert min(gains) > 3
    assert max(gains) > 5
    for name in ("speech", "ecg"):
        assert (ROOT / "demo" / f"{name}_denoised.png").read_bytes().startswith(b"\x89PNG")
