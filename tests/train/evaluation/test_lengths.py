"""A model with a memory is judged on pieces that are long enough for it."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tests.helpers.onnx_models import save, tensor

from denoise_stream import Denoiser
from denoise_train.cli import evaluate as evaluate_cli
from denoise_train.evaluation.compare import engine_method
from denoise_train.evaluation.one_file.run import judge_file

RATE_HZ = 2000
WINDOWS_TO_FILL = 20


@pytest.fixture
def slow_starter(tmp_path: Path) -> Path:
    """Make a model that lets through more of a signal with every window, all of it after twenty."""
    constants = {"step": np.array(1 / WINDOWS_TO_FILL, np.float32), "all": np.array(1.0, np.float32)}
    nodes = [
        helper.make_node("Add", ["state", "step"], ["more"]),
        helper.make_node("Min", ["more", "all"], ["state_out"]),
        helper.make_node("Mul", ["noisy", "state"], ["clean"]),
    ]
    inputs, outputs = [tensor("noisy", 150), tensor("state", 1)], [tensor("clean", 150), tensor("state_out", 1)]
    facts = {"name": "slow", "state_size": "1", "normalization": "none", "sample_rate_hz": str(RATE_HZ)}
    return save(tmp_path / "slow.onnx", nodes, inputs, outputs, constants, **facts)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    clean, noise = np.random.default_rng(0).normal(size=(2, 30_000))
    paths = tmp_path / "clean.npy", tmp_path / "noisy.npy"
    for path, signal in zip(paths, (clean, clean + noise / 2), strict=True):
        np.save(path, signal)
    return paths


def improvement_db(capsys: pytest.CaptureFixture[str], report: Path, *arguments: object) -> tuple[float, str]:
    with pytest.raises(SystemExit) as ended:
        evaluate_cli.command.main([*map(str, arguments), "--json", str(report), "--force"])
    assert ended.value.code == 0
    method = json.loads(report.read_text())["methods"][1]
    return method["improvement_db"]["all"], " ".join(capsys.readouterr().out.split())


def test_the_start_of_a_memory_hardly_counts_in_the_default_pieces(slow_starter, pair, tmp_path, capsys):
    few = (slow_starter, "--pairs", *pair, "--signals", 3)
    gain, text = improvement_db(capsys, tmp_path / "long.json", *few)
    assert gain > -1
    assert "Each piece has 12,000 samples (6 s), as slow has a memory" in text
    assert json.loads((tmp_path / "long.json").read_text())["length_samples"] == 6 * RATE_HZ
    cold, text = improvement_db(capsys, tmp_path / "short.json", *few, "--length", 1500)
    assert cold < -2
    assert "starts each piece of 1,500 samples (0.75 s) without it" in text


def test_a_recording_shorter_than_a_piece_is_judged_whole(slow_starter, pair, tmp_path, capsys):
    for path in pair:
        np.save(path, np.load(path)[:5000])
    report = tmp_path / "r.json"
    improvement_db(capsys, report, slow_starter, "--pairs", *pair, "--signals", 3)
    assert json.loads(report.read_text())["length_samples"] == 5000


def test_a_verdict_on_a_file_takes_long_pieces_for_a_memory_too(slow_starter, tmp_path):
    np.save(tmp_path / "long.npy", np.random.default_rng(0).normal(size=100_000))
    denoiser = Denoiser(slow_starter)
    method = engine_method(denoiser, 8000.0)
    (judged,) = judge_file(method, tmp_path / "long.npy", 8000.0, None, contract=denoiser.contract)
    assert judged.pieces.shape == (2, 48_000)
