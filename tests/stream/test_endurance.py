"""A stream of any length survives: a network's failure does not last, and no sound breaks a stream."""

from pathlib import Path

import numpy as np
import pytest

import onnx_models
from denoise_stream import Denoiser, StreamPool
from denoise_stream.files.formats import open_file
from denoise_stream.files.protocols import Reading
from denoise_stream.runs.series import SeriesStream

RATE_HZ = 48_000


@pytest.fixture
def fragile(tmp_path: Path) -> Path:
    return onnx_models.fragile(tmp_path / "fragile.onnx")


def one_loud_sample(length: int, position: int) -> np.ndarray:
    signal = np.random.default_rng(0).uniform(-0.5, 0.5, length)
    signal[position] = 2.0
    return signal


def abuse(seconds: int) -> np.ndarray:
    """Silence, digital zero, clipping, offsets, gaps and jumps of 60 dB, each for a second, in turns."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (seconds, RATE_HZ))
    factors = [1e-5, 0.0, 30.0, 0.1, 0.1, 1e-3, 1.0, 1e-3]
    for second, samples in enumerate(noise):
        kind = second % len(factors)
        samples *= factors[kind]
        if kind == 2:
            np.clip(samples, -1, 1, out=samples)
        elif kind == 3:
            samples += 0.9
        elif kind == 4:
            samples[5_000:5_700] = np.nan
            samples[9_000:40_000] = np.nan
    return noise.reshape(-1)


def test_window_that_breaks_the_network_passes_unchanged_and_the_state_restarts(fragile):
    signal = one_loud_sample(1500, 700)  # in the windows that start at 600 and 675
    stream = Denoiser(fragile).stream()
    denoised = np.concatenate([stream.process(signal), stream.flush()])
    assert stream.failed_windows == 2
    np.testing.assert_allclose(denoised[675:750], signal[675:750])
    np.testing.assert_allclose(denoised[:600], Denoiser(fragile).denoise(signal[:675])[:600], atol=1e-6)
    np.testing.assert_allclose(denoised[825:], Denoiser(fragile).denoise(signal[750:])[75:], atol=1e-6)


def test_only_the_channel_that_breaks_restarts(fragile):
    quiet = one_loud_sample(1500, 700).clip(-0.5, 0.5)
    both = np.stack((one_loud_sample(1500, 700), quiet), axis=1)
    stream = Denoiser(fragile).stream(2)
    denoised = np.concatenate([stream.process(both), stream.flush()])
    assert stream.failed_windows == 2
    np.testing.assert_allclose(denoised[:, 1], Denoiser(fragile).denoise(quiet), atol=1e-6)


@pytest.mark.parametrize("rate", [None, RATE_HZ])
def test_next_signal_of_a_stream_counts_from_zero(fragile, rate):
    model = fragile if rate is None else onnx_models.with_facts(fragile, sample_rate_hz="16000")
    stream = Denoiser(model).stream(1, rate)
    stream.process(np.full(5000, 2.0))
    stream.flush()
    assert stream.failed_windows > 0
    assert len(stream.process(np.zeros(5000))) + len(stream.flush()) == 5000
    assert stream.failed_windows == 0


def test_numbers_beyond_the_networks_pass_unchanged(models):
    signal = np.random.default_rng(0).normal(size=1000)
    signal[500] = 1e200
    stream = Denoiser(models["identity_raw"]).stream()
    denoised = np.concatenate([stream.process(signal), stream.flush()])
    assert np.isfinite(denoised).all()
    np.testing.assert_allclose(denoised, signal, rtol=1e-6)
    assert stream.failed_windows == 2


def test_pools_and_tables_of_series_count_failed_windows(fragile, tmp_path):
    signal = one_loud_sample(1500, 700)
    with StreamPool(fragile) as pool:
        stream = pool.open()
        stream.push(signal)
        stream.end()
        found = np.concatenate([*stream])
    np.testing.assert_allclose(found, Denoiser(fragile).denoise(signal), atol=1e-6)
    assert stream.failed_windows == 2
    table = tmp_path / "a.csv"
    table.write_text("id,v\n" + "".join(f"{name},{value}\n" for name in "ab" for value in signal))
    source = open_file(table, Reading(columns=("v",), series_column="id"))
    series = SeriesStream(Denoiser(fragile), source)
    for chunk in source:
        series.process(chunk)
    series.flush()
    source.close()
    assert series.failed_windows == 4


@pytest.mark.parametrize("kind", ["recurrent", "leaky_mean", "recurrent_raw"])
def test_no_sound_breaks_a_stream(models, kind):
    stream = Denoiser(onnx_models.with_facts(models[kind], sample_rate_hz="16000")).stream(1, RATE_HZ)
    signal = abuse(16)
    denoised = np.concatenate([stream.process(block) for block in signal.reshape(-1, 960)] + [stream.flush()])
    assert (np.isnan(denoised) == np.isnan(signal)).all()
    assert np.nanmax(np.abs(denoised)) < 10
    assert stream.failed_windows == 0
    assert np.isfinite(stream._stage._inner._memory._state).all()
