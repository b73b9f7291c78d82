"""Notches against hum: the filters of SciPy, chunk-exact, without harm to offsets and to missing values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as scipy_signal

from denoise_stream import Denoiser
from denoise_stream.engine.notch import HARMONICS, WIDTH, NotchBank
from signals import draw, stream_in_chunks


@pytest.mark.parametrize(("frequency", "rate"), [(50.0, 360.0), (60.0, 8000.0), (50.0, 1000.0)])
def test_the_bank_is_that_of_scipy(frequency, rate):
    noisy = draw(0, 1000) + 100
    expected = noisy
    for order in range(1, HARMONICS + 1):
        if order * frequency < 0.98 * rate / 2:
            b, a = scipy_signal.iirnotch(order * frequency, order / WIDTH, fs=rate)
            expected, _ = scipy_signal.lfilter(b, a, expected, zi=scipy_signal.lfilter_zi(b, a) * expected[0])
    np.testing.assert_allclose(NotchBank(frequency, rate, 1).process(noisy[None])[0], expected, atol=1e-9)


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=12), missing=st.sampled_from([0.0, 0.3]))
@settings(max_examples=40, deadline=None)
def test_chunks_make_no_difference(sizes, missing):
    rng = np.random.default_rng(sum(sizes))
    noisy = 101325 + rng.normal(size=(2, sum(sizes)))
    noisy[rng.random(noisy.shape) < missing] = np.nan
    noisy[:, 0] = 101325
    whole = NotchBank(50.0, 1000.0, 2).process(noisy)
    bank = NotchBank(50.0, 1000.0, 2)
    parts = [bank.process(part) for part in np.split(noisy, np.cumsum(sizes)[:-1], axis=1)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-8)
    np.testing.assert_array_equal(np.isnan(whole), np.isnan(noisy))


def test_hum_and_its_harmonics_go_and_an_offset_stays():
    time = np.arange(4000) / 1000
    hum = sum(np.sin(2 * np.pi * 50 * order * time + order) / order for order in (1, 2, 3, 5))
    left = NotchBank(50.0, 1000.0, 1).process((hum + 7.0)[None])[0] - 7.0
    assert 10 * np.log10(np.mean(left[2000:] ** 2) / np.mean(hum**2)) < -40
    np.testing.assert_allclose(NotchBank(50.0, 1000.0, 1).process(np.full((1, 500), 7.0)), 7.0, atol=1e-9)


def test_values_missing_at_the_start_count_as_the_first_known_one():
    noisy = np.full((1, 300), 101325.0)
    noisy[0, :3] = np.nan
    np.testing.assert_allclose(NotchBank(50.0, 1000.0, 1).process(noisy)[0, 3:], 101325.0, atol=1e-6)


def test_the_engine_filters_before_the_model_in_any_chunks():
    time = np.arange(6000) / 1000
    clean = np.sin(2 * np.pi * 3 * time)
    noisy = clean + np.sin(2 * np.pi * 50 * time)
    denoiser = Denoiser("general", notch_hz=50, lookahead_samples=0)
    whole = denoiser.denoise(noisy, 1000)
    np.testing.assert_allclose(stream_in_chunks(denoiser, noisy, [1, 17, 300], 1000), whole, atol=1e-6)
    left = [np.mean((found - clean)[2000:] ** 2) for found in (whole, Denoiser("general").denoise(noisy, 1000))]
    assert left[0] < left[1] / 10


@pytest.mark.parametrize(
    ("frequency", "rate", "words"),
    [
        (
            500.0,
            1000.0,
            "notch_hz=500 is out of range .* at 1000 Hz; use a frequency from 0.001 up, below 490",
        ),
        (50.0, 1e12, "notch_hz=50 is out of range for a signal at 1e.12 Hz; use a frequency from 1e.06 up"),
        (50.0, None, "notch_hz=50 needs the sample rate of the signal; state it with sample_rate_hz"),
    ],
)
def test_an_impossible_notch_is_refused(frequency, rate, words):
    with pytest.raises(ValueError, match=words):
        Denoiser("general", notch_hz=frequency).stream(1, rate)


@pytest.mark.parametrize("frequency", [0.0, -50.0, float("nan"), float("inf")])
def test_a_frequency_must_be_above_0(frequency):
    with pytest.raises(ValueError, match="notch_hz=.* is not a frequency"):
        Denoiser("general", notch_hz=frequency)
