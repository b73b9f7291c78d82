"""Stretched signals, and the table that the command prints."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import onnx_models
from denoise_train.cli.evaluate import command
from denoise_train.evaluation.stretches import draw_stretched


def test_stretched_signals_are_slower_by_their_factor():
    differences = [
        np.abs(np.diff(draw_stretched(0, 6, 3000, (10.0,), factor).clean, axis=1)).mean() for factor in (1.0, 10.0)
    ]
    assert differences[1] < differences[0] / 3


def test_each_way_to_use_a_model_has_a_row(tmp_path):
    model = onnx_models.in_context(tmp_path / "in_context.onnx", name="mine")
    options = [
        "--stretch",
        "1,10",
        "--signals",
        "2",
        "--length",
        "600",
        "--snr",
        "10",
        "--json",
        str(tmp_path / "f.json"),
    ]
    for name, rows in (("general-small", {"general-small"}), (str(model), {"mine, live", "mine, files"})):
        result = CliRunner().invoke(command, [name, *options, "--force"], catch_exceptions=False)
        assert result.exit_code == 0
        figures = json.loads((tmp_path / "f.json").read_text())["stretches"]
        assert list(figures) == ["1", "10"]
        for gains in figures.values():
            assert set(gains) == rows | {"BayesShrink", "Butterworth, oracle"}
        assert "x10" in result.output


@pytest.mark.parametrize("stretch", ["0.5", "1,x", "2000"])
def test_an_impossible_stretch_is_refused(stretch):
    result = CliRunner().invoke(command, ["general", "--stretch", stretch])
    assert result.exit_code == 2
    assert "use numbers from 1 to 1000 with commas" in result.output
