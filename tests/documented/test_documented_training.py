"""The commands of the guides that train, and those that use what was trained, run as printed on less of everything."""

import re
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_train.evaluation import verdict
from documented import commands

pytestmark = pytest.mark.slow

COMMANDS = commands("a training")
OWN = re.compile(r"--output runs/mine$")
AFTER = re.compile(r"\bruns/mine (?!$)|\bruns/mnist|mnist-dense\.onnx")

FEWER = "--set schedule.batches_per_epoch=2 --set schedule.batch_size=16 --set data.validation_signals=20"
LESS = {
    r"general": f"--epochs 1 {FEWER} --set data.test_signals=20",
    r"mnist": "--epochs 1",
}
"""What is added to a training, by a pattern of its recipe, so that it ends soon."""

PROGRAMS = {
    "denoise-train": "denoise_train.cli.train",
    "denoise-export": "denoise_export.cli",
    "denoise-stream": "denoise_stream.cli.main",
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Run a command in this process, where TensorFlow is loaded once; return what it prints."""

    def run(line: str) -> str:
        words = shlex.split(line)
        recipe = words[1] if words[0] == "denoise-train" else ""
        less = next((less for pattern, less in LESS.items() if re.search(pattern, recipe)), "")
        words += shlex.split(less)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            import_module(PROGRAMS[words[0]]).main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        return printed.out

    return run


@pytest.fixture(autouse=True)
def few_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SIGNALS", 25)


@pytest.fixture
def pictures(folder: Path) -> Path:
    """A small set of digits in the layouts that the guides name, and an image to denoise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    images = np.zeros((300, 28, 28), np.uint8)
    for image, label, place in zip(images, labels, rng.integers(4, 20, 300), strict=True):
        (image.T if label else image)[place : place + 4, 4:24] = 250
    np.savez("mnist.npz", x_train=images[:200], y_train=labels[:200], x_test=images[200:], y_test=labels[200:])
    Image.fromarray(images[0]).save("noisy.png")
    header = np.array([0x803, 5, 28, 28], ">u4").tobytes()
    Path("t10k-images-idx3-ubyte").write_bytes(header + images[:5].tobytes())
    return folder


def of(pattern: str | re.Pattern[str]) -> list[str]:
    return [command for command in COMMANDS if re.search(pattern, command)]


RECIPES = [command for command in of("^denoise-train") if not OWN.search(command)]


def test_every_command_is_in_one_of_the_tests():
    assert sorted(COMMANDS) == sorted([*of(OWN), *RECIPES, *of(AFTER)])


@pytest.mark.parametrize("command", of(OWN))
def test_training_on_own_recordings_ends_in_a_verdict_as_printed(command, examples, run):
    printed = " ".join(run(command).split())
    assert re.search(r"mine (gains|loses) \d+\.\d dB", printed)
    assert "denoise-export runs/mine --output mine.onnx" in printed
    assert {path.name for path in Path("runs/mine").iterdir()} >= {"model.keras", "report.json", "recipe.toml"}
    if "--clean recordings/" in command:
        for use in of(r"runs/mine (?!$)"):
            Path("mine.onnx").unlink(missing_ok=True)
            run(use)
            assert Path(shlex.split(use)[-1]).exists()


@pytest.mark.parametrize("command", RECIPES)
def test_recipe_is_trained_and_used_as_printed(command, pictures, run):
    recipe = shlex.split(command)[1]
    assert run(command).strip()
    assert (Path("runs") / recipe / "model.keras").exists()
    for use in sorted(of(rf"{recipe}\.onnx"), key=lambda use: use.startswith("denoise-stream")):
        run(use)
    with Image.open("clean.png") as image:
        assert image.size == (28, 28)
    assert Path("clean-ubyte").stat().st_size == Path("t10k-images-idx3-ubyte").stat().st_size
