"""What the documents show is what the program does."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from tools import figures

import denoise_stream
import documented
from denoise_export.cli import command as export_command
from denoise_stream import Denoiser
from denoise_stream.cli.main import command as stream_command
from denoise_train.cli.evaluate import command as evaluate_command
from denoise_train.cli.train import command as train_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [*documented.PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
COMMAND = r"^.*\bdenoise-(?:stream|train|evaluate|export) .*$"


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


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_example_runs(page):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    noisy = np.random.default_rng(0).normal(size=1000)
    played: list[np.ndarray] = []
    names = {"noisy": noisy, "chunks": [noisy[:300], noisy[300:]], "play": played.append}
    exec(example, names)  # noqa: S102
    np.testing.assert_array_equal(names["clean"], Denoiser("general", lookahead_samples="auto").denoise(noisy))
    live = Denoiser("general", lookahead_samples=0).denoise(noisy)
    np.testing.assert_allclose(np.concatenate(played), live, atol=1e-6)


@pytest.mark.parametrize(
    "line", sorted({line for page in PAGES for line in re.findall(COMMAND, page.read_text(), re.MULTILINE)})
)
def test_options_in_the_documents_exist(line):
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert ":" in target or (page.parent / target).exists(), target


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", page.read_text(), re.MULTILINE)
        assert {one or other for one, other in named} <= targets | {"bench-"}, page.name


def test_places_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for place in re.findall(r"`((?:stream|train|export|tests|benchmarks|tools)/[\w./]*)`", text):
        assert (ROOT / place).exists(), place
    code = "".join(path.read_text() for root in ("stream", "train", "tests") for path in (ROOT / root).rglob("*.py"))
    for name in re.findall(r"`([A-Z]{4,}\w*)`", text):
        assert re.search(rf"^{name}\b", code, re.MULTILINE), name


def test_readme_can_be_read_in_three_minutes():
    assert len(README.split()) < 800


def test_tables_of_figures_are_those_of_the_stored_results(capsys):
    assert figures.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.slow
def test_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Denoiser" in (tmp_path / "api" / "index.html").read_text()


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
