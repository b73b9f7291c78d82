"""The options --look-ahead and --notch: files look ahead, pipes do not, and impossible values get one line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import onnx_models
from denoise_stream import Denoiser
from denoise_stream.cli.main import command


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("value\n" + "".join(f"{value}\n" for value in np.sin(np.arange(900) / 9)))
    return path


def run(*options: object):
    return CliRunner().invoke(command, [str(option) for option in options])


@pytest.mark.parametrize(
    ("stated", "lookahead"), [([], 120), (["--look-ahead", "auto"], 120), (["--look-ahead", 30], 30)]
)
def test_a_file_is_denoised_with_the_stated_look_ahead_or_the_longest(tmp_path, source, stated, lookahead):
    model = onnx_models.in_context(tmp_path / "in_context.onnx")
    report, output = tmp_path / "r.json", tmp_path / "c.csv"
    result = run("--input", source, "--output", output, "--model", model, "--report", report, *stated)
    assert result.exit_code == 0, result.output
    facts = json.loads(report.read_text())
    assert (facts["lookahead_samples"], facts["latency_samples"]) == (lookahead, 150 + lookahead)
    noisy = np.loadtxt(source, skiprows=1)
    expected = Denoiser(model, lookahead_samples=lookahead).denoise(noisy)
    np.testing.assert_allclose(np.loadtxt(output, skiprows=1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--look-ahead", "30", "--model", "general-small"], "the model general-small does not look ahead; use 0"),
        (["--look-ahead", "far"], "--look-ahead 'far' is not a whole number of samples"),
        (["--notch", "50"], "--notch 50 needs the sample rate of the signal; state it with --rate"),
        (["--notch", "300", "--rate", "500"], "use a frequency from 0.0005 up, below 245"),
    ],
)
def test_impossible_options_are_refused(source, tmp_path, options, words):
    result = run("--input", source, "--output", tmp_path / "c.csv", *options)
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "c.csv").exists()
