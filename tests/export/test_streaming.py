"""Streaming graphs: an ONNX file that cuts windows and adds them up by itself gives the engine's samples."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from denoise_export.cli import command
from denoise_export.streaming import write_streaming
from denoise_stream import ContractError, Denoiser, bundled_models
from embed import EMBED
from onnx_models import in_context, looped, smoother

MODELS = ["general-small", "speech", "smoother", "leaky_mean", "recurrent", "recurrent_raw", "identity", "in_context"]


def stream(path: Path, signals: np.ndarray) -> np.ndarray:
    """Run a streaming graph over signals ``(batch, n)``, hop by hop, as its users do."""
    session = onnxruntime.InferenceSession(path)
    chunk, state = session.get_inputs()
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[chunk.type]
    hop, memory = chunk.shape[1], np.zeros((len(signals), state.shape[1]), dtype)
    outputs = []
    for start in range(0, signals.shape[1] - hop + 1, hop):
        piece = signals[:, start : start + hop].astype(dtype)
        clean, memory = session.run(None, {"chunk": piece, "state": memory})
        outputs.append(clean)
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_streaming_graph_gives_what_the_engine_does_from_the_first_sample_on(tmp_path, models, name):
    model = bundled_models().get(name) or models[name]
    output = tmp_path / "s.onnx"
    sizes = write_streaming(model, output)
    rng = np.random.default_rng(0)
    signals = np.sin(np.arange(3000) / 11) + rng.normal(0, 0.3, (3, 3000))  # every row is an independent stream
    signals[1, 700:1300] = 0.25
    signals = (0.3 * signals).astype(np.float32).astype(np.float64)
    delay = sizes["delay_samples"]
    streamed = stream(output, signals)[:, delay:]
    engine = Denoiser(model, lookahead_samples=0)
    expected = engine.denoise(signals.T, sample_rate_hz=16_000).T[:, : streamed.shape[1]]
    metadata = {prop.key: prop.value for prop in onnx.load(output).metadata_props}
    assert (metadata["delay_samples"], metadata["name"]) == (str(delay), engine.contract.name)
    assert metadata.get("lookahead_samples") == ("0" if name == "in_context" else None)
    assert np.abs(streamed - expected).max() <= 1e-6 * np.ptp(signals)


def test_network_with_a_loop_streams(tmp_path):
    model = looped(tmp_path / "m.onnx")
    sizes = write_streaming(model, tmp_path / "s.onnx")
    signal = np.random.default_rng(0).normal(size=1500)
    streamed = stream(tmp_path / "s.onnx", signal[None])[0, sizes["delay_samples"] :]
    np.testing.assert_allclose(streamed, Denoiser(model).denoise(signal)[: len(streamed)], atol=1e-5)


@pytest.mark.parametrize("name", ["general-small", "in_context"])
def test_64_bit_samples_keep_changes_on_a_large_offset(tmp_path, models, name):
    model = bundled_models().get(name) or models[name]
    signal = 101325 + 0.05 * (np.sin(np.arange(3000) / 30) + np.random.default_rng(0).normal(0, 0.3, 3000))
    expected = Denoiser(model, lookahead_samples=0).denoise(signal)
    errors = []
    for float64 in (True, False):
        sizes = write_streaming(model, tmp_path / "s.onnx", float64=float64, force=True)
        streamed = stream(tmp_path / "s.onnx", signal[None])[0, sizes["delay_samples"] :]
        errors.append(np.abs(streamed - expected[: len(streamed)]).max() / np.ptp(signal))
    assert errors[0] < 1e-6 < 1e-3 < errors[1]


@pytest.mark.parametrize(
    ("past", "ahead", "hop", "size"),
    [("5x6,25x4,7x11", "", 75, 42), ("", "200x3,1x25", 50, 56), ("300x3,1x25", "1x1", 150, 58)],
)
def test_context_of_a_streaming_graph_is_that_of_the_engine_for_any_scales(tmp_path, past, ahead, hop, size):
    scales = {"context_past": past, "context_ahead": ahead, "hop": str(hop)}
    model = in_context(tmp_path / "m.onnx", size=size, **scales)
    sizes = write_streaming(model, tmp_path / "s.onnx", float64=True)
    signal = np.random.default_rng(0).normal(size=2250).cumsum()
    signal[700:800] = signal[700]
    signal[1000] = 1e9  # which clips the means of quiet windows
    streamed = stream(tmp_path / "s.onnx", signal[None])[0, sizes["delay_samples"] :]
    expected = Denoiser(model, lookahead_samples=0).denoise(signal)[: len(streamed)]
    quiet = np.abs(np.arange(len(streamed)) - 1000) >= 150
    assert np.abs(streamed - expected)[quiet].max() <= 1e-6 * np.ptp(signal[:1000])
    assert np.abs(streamed - expected).max() <= 1e-6 * 1e9


@pytest.mark.parametrize("name", ["general-small", "speech", "in_context"])
def test_sample_that_is_not_finite_counts_as_the_last_one_of_the_chunk_before(tmp_path, models, name):
    write_streaming(bundled_models().get(name) or models[name], tmp_path / "s.onnx")
    broken = np.random.default_rng(0).normal(0, 0.1, (2, 6000))  # the second row stays as it is
    held = broken.copy()
    for start, end, value in ((0, 40, np.nan), (1000, 1001, np.nan), (2000, 2300, np.inf), (4000, 4010, -np.inf)):
        broken[0, start:end] = value
        for place in range(start, end):
            before = place // 75 * 75 - 1
            held[0, place] = held[0, before] if before >= 0 else 0.0
    np.testing.assert_array_equal(stream(tmp_path / "s.onnx", broken), stream(tmp_path / "s.onnx", held))


@pytest.mark.parametrize("name", ["speech", "recurrent_raw"])
def test_window_of_huge_samples_is_denoised_or_passes_unchanged_as_in_the_engine(tmp_path, models, name):
    model = bundled_models().get(name) or models[name]
    write_streaming(model, tmp_path / "s.onnx")
    signals = 0.1 * np.random.default_rng(0).normal(size=(2, 3000)).astype(np.float32).astype(float)
    signals[0, 1000:1010] = np.float32(3e38)  # of which speech cannot compute the square
    streamed = stream(tmp_path / "s.onnx", signals)[:, 75:]
    expected = Denoiser(model).denoise(signals.T, sample_rate_hz=16_000).T[:, : streamed.shape[1]]
    quiet = np.abs(np.arange(streamed.shape[1]) - 1005) > 155
    assert np.abs(streamed - expected)[:, quiet].max() <= 1e-6
    np.testing.assert_allclose(streamed[0], expected[0], rtol=1e-5, atol=1e32)


def test_hop_that_does_not_divide_the_window_is_refused_in_one_sentence(tmp_path):
    model = smoother(tmp_path / "m.onnx", hop="40")
    with pytest.raises(ContractError, match="has hop=40, which does not divide its window=150"):
        write_streaming(model, tmp_path / "s.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_streaming_graph_is_no_model_of_the_engine_and_says_so(tmp_path, models):
    write_streaming(models["smoother"], tmp_path / "s.onnx")
    with pytest.raises(ContractError, match="noisy"):
        Denoiser(tmp_path / "s.onnx")


def test_example_of_the_guide_streams(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, ["speech", "--streaming", "speech-streaming.onnx"])
    assert done.output == "speech-streaming.onnx: chunks of 75 samples, a state of 1796 numbers, 75 samples of delay\n"
    example = re.search(r"## A file that streams.*?```python\n(.*?)```", (EMBED / "README.md").read_text(), re.DOTALL)[
        1
    ]
    noisy = np.random.default_rng(0).normal(0, 0.1, 750)
    played: list[np.ndarray] = []
    exec(example, {"chunks": noisy.astype(np.float32).reshape(10, 1, 75), "play": played.append})
    expected = Denoiser("speech").denoise(noisy, sample_rate_hz=16_000)
    np.testing.assert_allclose(np.concatenate(played, axis=1)[0, 75:675], expected[:600], atol=1e-6)
