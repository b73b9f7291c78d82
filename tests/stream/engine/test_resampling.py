"""Another rate than the model's: aligned, flat, free of aliases, a millisecond late, and nothing above it is lost."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import onnx_models
from denoise_stream import Denoiser
from denoise_stream.engine.rates.high_band import HighBandGain
from denoise_stream.engine.rates.polyphase import REACH, polyphase
from denoise_stream.engine.rates.resampling import Resampler

PAIRS = [(48_000, 16_000), (44_100, 16_000), (22_050, 16_000), (8_000, 16_000), (11_025, 16_000), (96_000, 16_000)]
ODD = [(44_099, 16_000), (44_100.5, 16_000), (360, 16_000), (192_000, 11_025)]
BOTH_WAYS = [*PAIRS, *ODD, *((to_hz, from_hz) for from_hz, to_hz in (*PAIRS, *ODD))]


def resample(signal: np.ndarray, from_hz: float, to_hz: float, sizes: tuple[int, ...] = (1 << 20,)) -> np.ndarray:
    resampler = Resampler(from_hz, to_hz, len(signal))
    parts, start, turn = [], 0, 0
    while start < signal.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(resampler.process(signal[:, start : start + size]))
        start, turn = start + size, turn + 1
    return np.concatenate([*parts, resampler.flush()], axis=1)


def scale(path: Path, factor: float) -> Path:
    """Make a 16 kHz model that multiplies what it gets."""
    nodes = [helper.make_node("Mul", ["noisy", "factor"], ["clean"])]
    constants = {"factor": np.array(factor, np.float32)}
    facts = {"normalization": "none", "sample_rate_hz": "16000"}
    return onnx_models.save(
        path, nodes, [onnx_models.tensor("noisy", 150)], [onnx_models.tensor("clean", 150)], constants, **facts
    )


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples)


def level_db(after: np.ndarray, before: np.ndarray) -> float:
    return float(20 * np.log10(after.std() / before.std()))


@pytest.mark.parametrize(("from_hz", "to_hz"), BOTH_WAYS)
def test_resampler_in_chunks_equals_whole_signal(from_hz, to_hz):
    signal = np.random.default_rng(0).normal(size=(2, 3000)).cumsum(axis=1) + 100
    whole = resample(signal, from_hz, to_hz)
    assert whole.shape == (2, int(np.ceil(3000 * to_hz / from_hz)))
    np.testing.assert_allclose(resample(signal, from_hz, to_hz, (1, 17, 0, 480, 75)), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("from_hz", "to_hz"), BOTH_WAYS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_tones_in_the_pass_band_come_out_aligned(from_hz, to_hz, share):
    frequency_hz = share * min(from_hz, to_hz) / 2
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(4000) / from_hz)[None]
    resampled = resample(tone, from_hz, to_hz)[0]
    expected = np.sin(2 * np.pi * frequency_hz * np.arange(len(resampled)) / to_hz)
    middle = slice(len(resampled) // 4, -len(resampled) // 4)
    assert np.abs(resampled - expected)[middle].max() < 0.003


@pytest.mark.parametrize(
    ("high_hz", "low_hz", "share"),
    [
        (max(pair), min(pair), share)
        for pair in PAIRS
        for share in (1.13, 1.3, 1.9, 2.1)
        if share < max(pair) / min(pair)  # the higher rate can hold the tone
    ],
)
def test_tones_the_model_cannot_hear_are_60_db_down(high_hz, low_hz, share):
    tone = np.sin(2 * np.pi * share * low_hz / 2 * np.arange(6000) / high_hz)[None]
    assert np.abs(resample(tone, high_hz, low_hz)[0, 100:-100]).max() < 1e-3


@pytest.mark.parametrize(
    ("rate", "added_ms"), [(48_000, 2.0), (44_100, 2.0), (22_050, 2.1), (8_000, 4.0), (44_099, 2.0)]
)
def test_way_there_and_back_costs_milliseconds(models, rate, added_ms):
    stream = Denoiser(models["identity_16k"]).stream(1, rate)
    assert 1000 * stream.latency_samples / rate - 1000 * 150 / 16_000 <= added_ms


def test_filter_between_two_rates_is_made_once():
    assert polyphase(48_000.0, 16_000.0) is polyphase(48_000.0, 16_000.0)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_099, 44_100, 48_000, 96_000])
def test_model_that_changes_nothing_gives_the_whole_band_back(models, rate):
    for kind in ("identity_16k", "identity_raw"):
        model = onnx_models.with_facts(models[kind], sample_rate_hz="16000")
        signal = noise(20_000)
        assert np.abs(Denoiser(model).denoise(signal, rate) - signal).max() < 1e-6


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.7])
def test_band_above_the_model_follows_its_gain(tmp_path, rate, factor):
    signal = noise(20_000)
    denoised = Denoiser(scale(tmp_path / "scale.onnx", factor)).denoise(signal, rate)
    np.testing.assert_allclose(denoised, factor * signal, atol=1e-6)


def test_band_above_the_model_is_never_made_louder(tmp_path):
    high = np.sin(2 * np.pi * 15_000 * np.arange(20_000) / 48_000)
    low = 0.3 * np.sin(2 * np.pi * 5_000 * np.arange(20_000) / 48_000)
    denoised = Denoiser(scale(tmp_path / "scale.onnx", 4.0)).denoise(high + low, 48_000)
    np.testing.assert_allclose(denoised[500:-500], (high + 4 * low)[500:-500], atol=0.01)


def test_gain_moves_in_straight_lines_from_hop_to_hop():
    rng = np.random.default_rng(0)
    noisy = rng.normal(size=(1, 7500))
    clean = noisy * np.repeat(rng.uniform(0, 1, 100), 75)
    gain = HighBandGain(75, 1, 16_000, 48_000)
    gain.process(np.concatenate((noisy, clean)), last=True)
    gains = gain.take(22_500)[0]
    steps = np.diff(gains)
    assert np.abs(steps).max() <= 1 / 225 + 1e-12
    assert np.count_nonzero(np.abs(np.diff(steps)) > 1e-9) <= 100


def test_gain_of_a_hop_is_reached_at_its_end_less_the_delay_of_the_filter():
    noisy = np.random.default_rng(0).normal(size=(1, 180))
    gain = HighBandGain(75, 1, 16_000, 48_000)
    gain.process(np.concatenate((noisy, noisy * np.repeat([1.0, 0.5, 0.25], 75)[:180])), last=True)
    gains = gain.take(540)[0]
    reached = 3 * (75 - REACH)
    assert (gains[: reached + 1] == 1).all()
    assert gains[reached + 1] < 1
    assert gains[-1] < 0.45  # on the way to the gain of the last hop, of which 30 samples came


def test_gain_is_that_of_the_top_of_what_the_model_heard():
    seconds = np.arange(16_000) / 16_000
    low, high = (np.sin(2 * np.pi * hz * seconds) for hz in (5_000, 7_000))
    gain = HighBandGain(1_600, 1, 16_000, 48_000)
    gain.process(np.stack((3 * low + high, 0.2 * 3 * low + 0.8 * high)), last=True)
    # Each of the two differences multiplies a tone by 2 sin(pi f / 16 kHz).
    powers = np.array([3, 1]) ** 2 * (2 * np.sin(np.pi * np.array([5, 7]) / 16)) ** 4
    expected = np.sqrt(np.sum(powers * np.array([0.2, 0.8]) ** 2) / powers.sum())
    np.testing.assert_allclose(gain.take(48_000)[0, 6_000:40_000], expected, atol=0.003)


def test_gaps_stay_where_they_are_and_spoil_nothing_beside_them(models):
    signal = noise(20_000) + 101_325.0
    for first, last in ((0, 500), (7_000, 7_001), (7_100, 7_900), (19_500, 20_000)):
        signal[first:last] = np.nan
    for rate in (8_000, 44_100, 48_000):
        denoised = Denoiser(models["identity_16k"]).denoise(signal, rate)
        assert (np.isnan(denoised) == np.isnan(signal)).all()
        assert np.nanmax(np.abs(denoised - signal)) < 0.02


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_lone_value_before_a_long_gap_is_kept_in_any_chunks(models, rate, position):
    signal = np.full(6_000, np.nan)
    signal[position] = 5.0
    signal[4_000:] = 5.0 + noise(2_000)
    whole = Denoiser(models["smoother_16k"]).denoise(signal, rate)
    assert whole[position] == pytest.approx(5.0, abs=1e-6)
    stream = Denoiser(models["smoother_16k"]).stream(1, rate)
    parts = [stream.process(signal[start : start + 50]) for start in range(0, len(signal), 50)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.flush()]), whole, atol=1e-9)


@pytest.mark.parametrize("rate", [48_000.02, 32_000.01, 7_999.997, 8_000.004, 12_345.6, 44_099.9])
def test_way_back_is_the_inverse_to_the_last_sample(rate):
    there, back = polyphase(rate, 16_000), polyphase(16_000, rate)
    assert (there.step, there.parts) == (back.parts, back.step)
    assert there.step / there.parts == pytest.approx(rate / 16_000, rel=5e-7)


def test_model_without_normalization_hears_the_signal_where_it_is(models):
    model = onnx_models.with_facts(models["leaky_mean_raw"], sample_rate_hz="16000")
    low_rate, high_rate = (Denoiser(model).denoise(np.full(rate // 10, 0.5), rate) for rate in (16_000, 48_000))
    np.testing.assert_allclose(high_rate[-1], low_rate[-1], atol=1e-6)
    assert low_rate[-1] < 0.0 < low_rate[0]


def test_numbers_near_the_largest_do_not_overflow(models):
    signal = 1e299 * noise(5_000)
    denoised = Denoiser(models["identity_16k"]).denoise(signal, 48_000)
    assert np.abs(denoised - signal).max() < 1e-6 * np.abs(signal).max()


def test_memory_stays_bounded_by_the_chunk_at_another_rate(models):
    stream = Denoiser(models["identity_16k"]).stream(1, 48_000)
    for _ in range(200):
        stream.process(noise(1000))
        stage = stream._stage
        arrays = (stage._into._kept, stage._out_of._kept, stage._gain._gains)
        held = (stage._waiting.joined(), stage._heard.joined(), *arrays)
        assert sum(array.size for array in held) < 4 * stream.latency_samples
