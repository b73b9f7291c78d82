"""Faults of recordings are reported before a training: shifts, clipping, constants, missing values, rates."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import SourceError
from denoise_train.recordings.checks import clipped_share, find_shift, refuse_constant, refuse_short, warnings_about
from denoise_train.recordings.pairs import load_pairs
from denoise_train.recordings.recordings import load_recordings


def wandering(seed: int, length: int = 4000) -> np.ndarray:
    """A smooth signal, like a sensor's: noise through a moving mean."""
    return np.convolve(np.random.default_rng(seed).normal(size=length + 20), np.ones(21) / 21, mode="valid")


@pytest.mark.parametrize("shift", [-250, -3, 0, 1, 40, 700])
@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_shift_of_a_pair_is_estimated(shift, noise):
    whole = wandering(1, 6000)
    clean, noisy = whole[1000:5000], whole[1000 - shift : 5000 - shift]
    noisy = noisy + noise * whole.std() * np.random.default_rng(2).normal(size=len(noisy))
    found, _ = find_shift(clean, noisy)
    if noise and abs(shift) == 1:
        assert found in (0, shift)  # under noise a smooth signal tells little of one sample
    else:
        assert found == shift


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("snr_db", [-10, 0, 20])
def test_aligned_pairs_are_not_moved(seed, snr_db):
    time = np.arange(4000)
    for clean in (wandering(seed), np.sin(time / 5), np.repeat(np.random.default_rng(seed).normal(size=40), 100)):
        noise = np.random.default_rng(seed + 100).normal(size=4000)
        noisy = clean + 10 ** (-snr_db / 20) * clean.std() * noise
        assert find_shift(clean, noisy)[0] == 0


def test_shifted_pair_is_refused_with_what_to_cut(tmp_path):
    whole = wandering(3, 5000)
    np.save(tmp_path / "clean.npy", whole[100:4100])
    np.save(tmp_path / "noisy.npy", whole[63:4063])
    with pytest.raises(
        SourceError, match=r"noisy\.npy is about 37 samples behind .*clean\.npy .*cut the first 37 off .*y"
    ):
        load_pairs(tmp_path / "clean.npy", tmp_path / "noisy.npy")


def test_pair_at_two_rates_is_explained(tmp_path):
    soundfile.write(tmp_path / "clean.wav", wandering(1, 4800), 48_000)
    soundfile.write(tmp_path / "noisy.wav", wandering(1, 1600), 16_000)
    with pytest.raises(
        SourceError, match=r"4800 samples and its partner .* 1600 \(48000 and 16000 Hz\); .* resample one"
    ):
        load_pairs(tmp_path / "clean.wav", tmp_path / "noisy.wav")


def test_clipped_signals_are_distinguished_from_coarse_ones():
    wave = np.sin(np.arange(2000) / 9)
    assert clipped_share(wave) == 0
    assert clipped_share(np.round(wave, 1)) == 0  # coarse, as a counter is
    assert clipped_share(np.clip(1.5 * wave, -1, 1)) > 0.4
    (sentence,) = warnings_about([wave, np.clip(1.5 * wave, -1, 1)], 50)
    assert sentence.startswith("1 of 2 signals look clipped (up to 5")
    assert sentence.endswith("record with less gain")


def test_constant_and_short_signals_are_reported():
    still, wave = np.full(3000, 7.0), np.sin(np.arange(3000) / 9)
    with pytest.raises(SourceError, match=r"every signal in the clean recordings is constant.*; give recordings that"):
        refuse_constant([still, still], "the clean recordings")
    refuse_constant([still, wave], "the clean recordings")
    assert list(warnings_about([still, wave], 150)) == ["1 of 2 signals are constant and teach nothing"]
    (sentence,) = warnings_about([wave[:800]], 150)
    assert sentence.startswith("800 samples make 5.3 windows of 150; a network learns little from fewer than 20")


def test_signals_of_missing_values_are_left_out_and_reported(tmp_path):
    rows = np.random.default_rng(0).normal(size=(400, 2))
    rows[100:390, 1] = np.nan
    np.save(tmp_path / "two.npy", rows)
    recordings = load_recordings([tmp_path / "two.npy"])
    assert len(recordings.signals) == 1
    assert recordings.notes == ["1 are left out, as most of their values are missing (NaN)"]
    np.save(tmp_path / "none.npy", np.full(400, np.nan))
    with pytest.raises(SourceError, match=r"no signal found in .*none\.npy: of 1 columns or channels most values are"):
        load_recordings([tmp_path / "none.npy"])


def test_mismatching_rates_are_reported(tmp_path: Path):
    np.save(tmp_path / "a.npy", wandering(0))
    soundfile.write(tmp_path / "b.wav", 0.1 * wandering(1, 4000), 8_000)
    assert load_recordings([tmp_path], 16_000).notes == [
        "1 files state no sample rate and are taken to have 16000 Hz",
        "1 files have a lower rate than 16000 Hz (down to 8000 Hz); a network learns that nothing is above 4000 Hz",
    ]
    assert load_recordings([tmp_path]).notes == []


def test_recordings_that_fill_no_window_are_refused_with_what_is_needed():
    with pytest.raises(SourceError, match=r"has 59 samples, which do not fill one window of 150; give 3000 samples"):
        refuse_short([wandering(0, 59), wandering(0, 20)], 150, "the clean recordings")
    refuse_short([wandering(0, 59), wandering(0, 150)], 150, "the clean recordings")
