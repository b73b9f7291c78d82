"""The guide to one's own models works as printed: train, export, stream, evaluate."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoise_export import export
from denoise_train.networks.registry import build_network

PAGE = (Path(__file__).parents[1] / "docs" / "your-own-model.md").read_text()
SCRIPT, STATEFUL, MODULE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS, TRAINING = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def run(*command: str, folder: Path) -> str:
    """Run a program of this environment in a folder; return what it prints."""
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_table(path: Path, values: np.ndarray) -> None:
    path.write_text("time,pressure\n" + "".join(f"{n},{value:.6f}\n" for n, value in enumerate(values)))


def snr_db(clean: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.mean((clean - clean.mean()) ** 2) / np.mean((other - clean) ** 2)))


def sensor(seed: int, length: int) -> np.ndarray:
    """Slow waves of changing length round 1013 hPa."""
    time = np.cumsum(1 + 0.5 * np.sin(np.arange(length) / 300 + seed))
    return 1013 + 4 * np.sin(time / 35) + 2 * np.sin(time / 13 + seed)


@pytest.mark.slow
def test_fifteen_lines_of_keras_become_a_stream_that_denoises(tmp_path):
    clean = sensor(1, 1500)
    noisy = clean + 0.3 * clean.std() * np.random.default_rng(3).normal(size=len(clean))
    write_table(tmp_path / "sensor.csv", sensor(0, 4000))
    write_table(tmp_path / "noisy.csv", noisy)
    (tmp_path / "train.py").write_text(SCRIPT)
    run("python", "train.py", folder=tmp_path)
    printed = [run(*shlex.split(line), folder=tmp_path) for line in COMMANDS.splitlines()]
    assert "the network takes windows of shape (150, 1); the file takes (150,)" in printed[0]
    assert "Savitzky-Golay" in printed[2]
    denoised = np.loadtxt(tmp_path / "noisy.denoised.csv", delimiter=",", skiprows=1, usecols=1)
    assert snr_db(clean, denoised) > snr_db(clean, noisy) + 3


@pytest.mark.parametrize("window", [10, pytest.param(150, marks=pytest.mark.slow)])  # of which 150 is printed
def test_network_with_a_memory_is_exported_as_printed(tmp_path, monkeypatch, window):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(STATEFUL.replace("(150, 1)", f"({window}, 1)"), names)  # noqa: S102
    export(names["model"], "memory.onnx")
    facts = Path("memory.json").read_text()
    assert '"state_size": 8' in facts
    assert '"name": "memory"' in facts
    assert f'"window": {window}' in facts


def test_module_with_a_network_is_built_as_printed(tmp_path, monkeypatch):
    (tmp_path / "my_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_module", raising=False)
    assert "--architecture my_module:build" in TRAINING
    assert build_network(150, 75, {"kind": "my_module:build"}).output_shape == (None, 150)


@pytest.mark.slow
def test_network_of_ones_own_is_trained_by_the_recipe_of_a_network_with_a_context(tmp_path):
    (tmp_path / "my_module.py").write_text(MODULE)
    np.save(tmp_path / "clean.npy", np.sin(np.arange(20_000) / 9))
    few = "batches_per_epoch=2 batch_size=64 warm_up_batches=0".split()
    less = [option for change in few for option in ("--set", f"schedule.{change}")]
    command = ["denoise-train", "general", "--clean", "clean.npy", "--architecture", "my_module:build", *less]
    printed = run(*command, "--epochs", "1", "--output", "mine", folder=tmp_path)
    assert "On your held-out recordings" in " ".join(printed.split())
    run("denoise-export", "mine", "--output", "mine.onnx", folder=tmp_path)
    assert json.loads((tmp_path / "mine.json").read_text())["inputs"] == ["noisy"]


TUTORIAL = """
import numpy as np
from tensorflow.keras.constraints import max_norm
from tensorflow.keras.layers import Conv1D, Conv1DTranspose
from tensorflow.keras.models import Sequential, save_model

data_noisy = np.load("./signal_waves_noisy_medium.npy")
data_pure = np.load("./signal_waves_medium.npy")
noisy_input, pure_input = [], []
for noisy_sample, pure_sample in zip(data_noisy[:, 1], data_pure[:, 1]):
    noisy_input.append((noisy_sample - np.min(noisy_sample)) / (np.max(noisy_sample) - np.min(noisy_sample)))
    pure_input.append((pure_sample - np.min(pure_sample)) / (np.max(pure_sample) - np.min(pure_sample)))
noisy_input = np.array(noisy_input).reshape(-1, 150, 1)
pure_input = np.array(pure_input).reshape(-1, 150, 1)

limit = dict(kernel_constraint=max_norm(2.0), kernel_initializer="he_uniform")
model = Sequential()
model.add(Conv1D(128, kernel_size=3, activation="relu", input_shape=(150, 1), **limit))
model.add(Conv1D(32, kernel_size=3, activation="relu", **limit))
model.add(Conv1DTranspose(32, kernel_size=3, activation="relu", **limit))
model.add(Conv1DTranspose(128, kernel_size=3, activation="relu", **limit))
model.add(Conv1D(1, kernel_size=3, kernel_constraint=max_norm(2.0), activation="sigmoid", padding="same"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(noisy_input, pure_input, epochs=5, batch_size=150, validation_split=0.2)
save_model(model, "./autoencoder.h5")
"""


@pytest.mark.slow
def test_script_of_the_tutorial_ends_in_a_cleaner_table(tmp_path):
    """Its windows are scaled each by itself, so that the output has to be fitted to get its amplitude back."""
    rng = np.random.default_rng(0)
    x = 0.01 * np.arange(-50, 100)
    pure = np.tile(np.stack((x, x**2)), (6000, 1, 1))
    noisy = pure.copy()
    noisy[:, 1] += rng.normal(0, 0.05, (6000, 150))
    np.save(tmp_path / "signal_waves_medium.npy", pure)
    np.save(tmp_path / "signal_waves_noisy_medium.npy", noisy)
    (tmp_path / "tutorial.py").write_text(TUTORIAL)
    run("python", "tutorial.py", folder=tmp_path)
    run("denoise-export", "autoencoder.h5", "--fit-output", "--output", "autoencoder.onnx", folder=tmp_path)
    wave = x**2 + rng.normal(0, 0.05, 150)
    write_table(tmp_path / "wave.csv", wave)
    run("denoise-stream", "--input", "wave.csv", "--model", "autoencoder.onnx", folder=tmp_path)
    denoised = np.loadtxt(tmp_path / "wave.denoised.csv", delimiter=",", skiprows=1, usecols=1)
    assert snr_db(x**2, denoised) > snr_db(x**2, wave) + 3
