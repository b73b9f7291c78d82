"""Installs: the wheel alone brings the runtime and the models, and nothing of the extras is imported."""

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel without extras into a fresh environment; return its folder of programs."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", "--no-compile", wheel], check=True, timeout=600)
    return programs


def run(*command: object, **options) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, **options)


def test_wheel_holds_models_reports_recipes_and_types(wheel):
    listing = run(sys.executable, "-m", "zipfile", "-l", wheel).stdout
    for name in ("general", "general-small", "speech", "x2"):
        assert f"denoise_stream/models/{name}.onnx" in listing
        assert f"denoise_stream/models/{name}.json" in listing
        assert f"denoise_train/recipes/{name}.toml" in listing
    assert "denoise_train/weights/general.keras" in listing
    for package in ("denoise_stream", "denoise_train", "denoise_export"):
        assert f"{package}/py.typed" in listing
    assert not re.search(r"\btests/|\bsamples/|^train/|^stream/", listing, re.MULTILINE)


def test_wheel_without_extras_denoises_and_brings_no_extra_package(installed, tmp_path):
    packages = run(installed / "pip", "list", "--format", "freeze").stdout.lower()
    for name in ("tensorflow", "keras", "matplotlib", "tf2onnx", "onnx==", "pywavelets", "ray==", "fsspec", "pyarrow"):
        assert f"\n{name}" not in packages
    table = tmp_path / "a.csv"
    table.write_text("v\n" + "".join(f"{value % 7}.5\n" for value in range(400)))
    done = run(installed / "denoise-stream", "--input", table, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.denoised.csv").read_text().count("\n") == 401


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["denoise-train", "x2", "--output", "run"], "train"),
        (["denoise-export", "run"], "export"),
        (["denoise-evaluate", "general"], "evaluate"),
        (["denoise-evaluate", "general", "--speech", "--clean", "a.csv", "--noise", "a.csv"], "speech-metrics"),
        (["denoise-stream", "--input", "a.csv", "--plot", "a.png", "--force"], "plot"),
        (["denoise-stream", "--input", "a.parquet"], "parquet"),
        (["denoise-stream", "--input", ".", "--output", "out", "--engine", "ray"], "ray"),
        (["denoise-stream", "--input", "s3://bucket/in", "--output", "out"], "cloud"),
    ],
)
def test_missing_extra_names_itself_in_one_line(installed, tmp_path, command, extra):
    (tmp_path / "a.csv").write_text("v\n1\n5\n2\n")
    done = run(installed / command[0], *command[1:], cwd=tmp_path)
    assert done.returncode == 1
    assert f'run: pip install "denoise-stream[{extra}]"' in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("program", ["denoise-stream", "denoise-train", "denoise-evaluate", "denoise-export"])
def test_every_program_explains_itself_without_extras(installed, program):
    done = run(installed / program, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: {program} ")
    assert "Examples:" in done.stdout
    assert run(installed / program, "--version").stdout == f"{program} 0.1.0\n"
