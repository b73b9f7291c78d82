"""What denoising changed: how much was removed, where the most, and isolated peaks."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoise_stream import Denoiser
from denoise_stream.runs.changes import ChangeMeter
from denoise_stream.runs.noise_level import HumMeter
from denoise_stream.runs.peaks import BLOCK, PeakKeeper, isolated_peaks
from denoise_stream.runs.report.words import effect_in_words
from denoise_train.synthetic.noise import pink

RNG = np.random.default_rng(0)
CLEAN = np.sin(np.arange(3000) / 40)[:, None]
NOISY = CLEAN + RNG.normal(0, 0.1, CLEAN.shape)
SPIKES = [200, 777, 1500, 2999]


def spiky() -> tuple[np.ndarray, np.ndarray]:
    """A noisy signal with four spikes, and the clean one without."""
    noisy = NOISY.copy()
    noisy[SPIKES] += 3.0
    return noisy, CLEAN


def measured(
    noisy: np.ndarray, denoised: np.ndarray, ends: list[int], sample_rate_hz: float | None = None
) -> list[dict]:
    meter = ChangeMeter(noisy.shape[1], peaks=True, noise=True, sample_rate_hz=sample_rate_hz)
    for start, end in zip([0, *ends], [*ends, len(noisy)], strict=True):
        meter.observe(noisy[start:end], denoised[start:end])
    return meter.facts()


def test_removed_noise_is_measured_in_the_signals_unit_and_as_a_share():
    (facts,) = measured(NOISY + 1e6, CLEAN + 1e6, [])
    assert facts["removed_rms"] == pytest.approx(np.std(NOISY - CLEAN), rel=0.01)
    assert facts["removed_share"] == pytest.approx(np.std(NOISY - CLEAN) / np.std(NOISY), rel=0.01)
    assert facts["estimated_snr_db"] == pytest.approx(20 * np.log10(np.std(CLEAN) / 0.1), abs=0.5)


@pytest.mark.parametrize("kind", ["pink", "hum", "impulses"])
def test_no_snr_is_told_where_the_noise_is_not_white(kind: str):
    index = np.arange(len(CLEAN))[:, None]
    noise = {
        "pink": 0.3 * pink(np.random.default_rng(0), 1, len(CLEAN)).T,
        "hum": 0.2 * np.sin(index / 3),
        "impulses": np.where(RNG.random(CLEAN.shape) < 0.05, 2.0, 0.0),
    }[kind]
    noisy = CLEAN + noise
    (facts,) = measured(noisy, Denoiser("general").denoise(noisy), [])
    assert facts["estimated_snr_db"] is None
    assert facts["removed_rms"] > 0


@pytest.mark.parametrize(("rate_hz", "mains_hz"), [(150, 50), (180, 60), (360, 60), (1000, 50), (8000, 50)])
def test_no_snr_is_told_where_strong_mains_hum_would_count_as_signal(rate_hz: int, mains_hz: int):
    time_s = np.arange(4 * rate_hz)[:, None] / rate_hz
    white = np.random.default_rng(0).normal(0, 0.2, time_s.shape)
    clean, hum = np.sin(2 * np.pi * 1.3 * time_s), np.sin(2 * np.pi * mains_hz * time_s)
    found = {}
    for name, noise in {"white": white, "hum": hum, "both": white + hum}.items():
        meter = ChangeMeter(1, peaks=False, noise=True, sample_rate_hz=rate_hz)
        meter.observe(clean + noise, Denoiser("general").denoise(clean + noise))
        (found[name],) = meter.facts()
    assert found["white"]["estimated_snr_db"] == pytest.approx(20 * np.log10(np.sqrt(0.5) / 0.2), abs=1.5)
    assert found["white"]["hum"] is None
    for name in ("hum", "both"):
        assert found[name]["estimated_snr_db"] is None
        assert found[name]["hum"] == {"mains_hz": mains_hz, "tone_hz": mains_hz}


@pytest.mark.parametrize("tone_hz", [40, 47, 75, 130])
def test_a_steady_tone_that_is_no_harmonic_of_the_mains_is_not_taken_for_hum(tone_hz: int):
    meter = HumMeter(1, 500.0)
    meter.observe(np.sin(2 * np.pi * tone_hz * np.arange(3000) / 500)[:, None])
    assert meter.strongest(0)[2] == 0


@pytest.mark.parametrize("rate_hz", [1 / 300, 1.0, 100.0])
def test_at_slow_rates_no_hum_is_found(rate_hz: float):
    (facts,) = measured(NOISY, CLEAN, [], rate_hz)
    assert facts["hum"] is None
    assert facts["estimated_snr_db"] is not None


@pytest.mark.parametrize("rate_hz", [1e9, 1e18, 1e300])
def test_at_fast_rates_no_hum_is_found_and_memory_stays_flat(rate_hz: float):
    meter = HumMeter(1, rate_hz)
    for _ in range(50):
        meter.observe(np.ones((10_000, 1)))
    assert meter.strongest(0)[2] == 0
    assert len(pickle.dumps(meter)) < len(pickle.dumps(HumMeter(1, rate_hz))) + 1000


@pytest.mark.parametrize("rate_hz", [360.0, 5000.0])
def test_hum_is_measured_alike_in_any_chunks_and_beside_gaps_and_offsets(rate_hz: float):
    time_s = np.arange(int(5 * rate_hz)) / rate_hz
    signal = 1e6 + np.column_stack([np.sin(2 * np.pi * 50 * time_s), np.sin(2 * np.pi * 120 * time_s)])
    signal[100, 0] = np.nan
    whole, parts = HumMeter(2, rate_hz), HumMeter(2, rate_hz)
    whole.observe(signal)
    for part in np.array_split(signal, 23):
        parts.observe(part)
    for channel, found in enumerate([(50, 50), (60, 120)]):
        assert whole.strongest(channel)[:2] == found
        assert whole.strongest(channel)[2] == pytest.approx(0.5, rel=0.2)
        assert parts.strongest(channel) == pytest.approx(whole.strongest(channel))


def test_largest_change_and_lowered_peaks_are_named():
    noisy, clean = spiky()
    noisy[777] += 2.0
    meter = ChangeMeter(1, peaks=True, stamp_at=lambda row: f"{row} s")
    meter.observe(noisy, clean)
    (facts,) = meter.facts()
    change = {"sample": 777, "before": noisy[777, 0], "after": clean[777, 0], "time": "777 s"}
    assert facts["largest_change"] == change
    assert facts["largest_lowered_peak"] == facts["largest_change"]
    assert facts["lowered_peaks"] == len(SPIKES)


def test_noise_alone_has_no_peaks_and_a_lasting_change_is_none():
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 1, (3000, 2))
        assert not isolated_peaks(noise, np.zeros_like(noise)).any()
    step = np.zeros((600, 1))
    step[200:250] = 5.0
    assert not isolated_peaks(step, np.zeros_like(step)).any()


def test_peak_that_keeps_most_of_its_height_was_not_lowered():
    noisy, clean = spiky()
    kept = clean.copy()
    kept[SPIKES] += 2.5
    assert not isolated_peaks(noisy, kept).any()


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=8).map(sorted))
def test_chunks_do_not_matter_to_what_is_measured(ends):
    noisy, clean = spiky()
    noisy[1000:1010] = np.nan
    whole, parts = measured(noisy, clean, [])[0], measured(noisy, clean, ends)[0]
    for key, value in whole.items():
        assert parts[key] == (pytest.approx(value) if isinstance(value, float) else value)


def test_missing_and_constant_channels_have_no_figures():
    nothing, constant = measured(np.column_stack([np.full(400, np.nan), np.ones(400)]), np.ones((400, 2)), [])
    assert (nothing["removed_share"], nothing["largest_change"], nothing["lowered_peaks"]) == (None, None, 0)
    assert (constant["removed_rms"], constant["removed_share"], constant["largest_change"]) == (0.0, None, None)


def kept(signal: np.ndarray, size: int) -> tuple[np.ndarray, PeakKeeper]:
    stream = PeakKeeper(Denoiser("general").stream(signal.shape[1]))
    parts = [stream.process(signal[start : start + size]) for start in range(0, len(signal), size)]
    return np.concatenate([*parts, stream.flush()]), stream


def test_kept_peaks_come_back_as_they_were_and_nothing_else_does():
    noisy, _ = spiky()
    plain = Denoiser("general", lookahead_samples=0).denoise(noisy)
    lowered = isolated_peaks(noisy, plain)
    assert lowered[SPIKES[:-1]].all()  # the last sample is seen from one side only
    found, stream = kept(noisy, len(noisy))
    assert np.array_equal(found[lowered], noisy[lowered])
    assert found[~lowered] == pytest.approx(plain[~lowered], abs=1e-6)
    assert stream.kept_peaks == lowered.sum()


@pytest.mark.parametrize("size", [1, 17, 149, 150, 151, 4096])
def test_kept_peaks_are_the_same_in_any_chunks(size):
    noisy, _ = spiky()
    whole, _ = kept(noisy, len(noisy))
    found, stream = kept(noisy, size)
    assert found == pytest.approx(whole, abs=1e-6)
    assert (stream.samples_in, stream.samples_out) == (3000, 3000)


def test_answers_come_within_the_stated_latency():
    stream = PeakKeeper(Denoiser("general").stream(1))
    for count in range(1, 4 * BLOCK):
        stream.process(np.zeros((1, 1)))
        assert stream.samples_out >= count + 1 - stream.latency_samples


@pytest.mark.parametrize(
    ("shares", "effect"),
    [
        ([0.5, 0.02], "2.0 % to 50 % of the variation removed, by column"),
        ([0.5, 0.0005], "up to 50 % of the variation removed, by column"),
        ([0.051, 0.051], "5.1 % of the variation removed from each column"),
        ([0.0008, 0.0006], "less than 0.1 % of the variation removed from each column"),
        ([0.5], "50 % of the variation removed from 1 of 2 columns"),
        ([], "hardly anything removed"),
    ],
)
def test_effect_on_several_columns_is_told_from_the_least_to_the_most(shares, effect):
    changed = [("", {"removed_share": share}) for share in shares]
    assert effect_in_words(changed, 2, "column", "the variation") == effect


@pytest.mark.parametrize(
    ("height", "lost", "length", "is_peak"),
    [
        (9.2, 1.0, 1, True),
        (8.6, 1.0, 1, False),
        (50.0, 0.31, 1, True),
        (50.0, 0.29, 1, False),
        (50.0, 1.0, 5, True),
        (50.0, 1.0, 6, False),
    ],
)
def test_peak_stands_out_by_6_deviations_loses_30_percent_and_lasts_5_samples_at_most(height, lost, length, is_peak):
    noisy = (-1.0) ** np.arange(150)[:, None]  # of which all is removed: 6 robust deviations are 8.9
    denoised = np.zeros((150, 1))
    noisy[70 : 70 + length], denoised[70 : 70 + length] = height, (1 - lost) * height
    assert isolated_peaks(noisy, denoised).any() == is_peak


def test_rounding_of_an_unchanged_signal_is_no_peak():
    noisy = np.full((150, 1), 1e6)
    denoised = noisy.copy()
    denoised[70] -= 1e-4
    assert not isolated_peaks(noisy, denoised).any()


def test_missing_values_do_not_count_in_the_figures():
    noisy = NOISY.copy()
    noisy[::3] = np.nan
    meter = ChangeMeter(1, peaks=False)
    meter.observe(noisy, np.where(np.isnan(noisy), np.nan, CLEAN))
    facts = meter.facts()[0]
    assert facts["input_deviation"] == pytest.approx(np.nanstd(noisy))
    assert facts["removed_rms"] == pytest.approx(np.sqrt(np.nanmean((noisy - CLEAN) ** 2)))


def test_numbers_whose_squares_overflow_have_no_figures_and_warn_of_nothing():
    (facts,) = measured(1e250 * NOISY, 1e250 * CLEAN, [700])
    assert (facts["removed_rms"], facts["removed_share"], facts["estimated_snr_db"]) == (None, None, None)
    assert facts["largest_change"]["sample"] == int(np.abs(NOISY - CLEAN).argmax())


def test_noise_of_a_channel_is_estimated_whatever_the_others_hold():
    rng = np.random.default_rng(2)
    clean = np.sin(np.arange(600) / 40)[:, None] * np.linspace(1, 3, 70)
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    noisy[100, 1::3] = np.nan
    together = [facts["estimated_snr_db"] for facts in measured(noisy, clean, [170, 171, 400])]
    alone = [measured(noisy[:, [channel]], clean[:, [channel]], [])[0]["estimated_snr_db"] for channel in range(70)]
    assert sum(snr_db is not None for snr_db in alone) > 50
    assert together == [snr_db if snr_db is None else pytest.approx(snr_db) for snr_db in alone]
