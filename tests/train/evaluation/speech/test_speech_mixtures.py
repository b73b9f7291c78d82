"""Mixtures of speech and noise: the SNR is that of the words, noise is never silence, everything given is used."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import SourceError
from denoise_train.dsp.high_pass import LOWEST_HZ, high_pass
from denoise_train.dsp.speech_level import active_level
from denoise_train.evaluation.speech.mixtures import draw_speech_mixtures
from denoise_train.evaluation.speech.pieces import Pieces
from denoise_train.recordings.recordings import Recordings, load_folders

RATE = 16_000
SNR_DB = (-5.0, 0.0, 10.0)


def hiss(number: int, length: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(number).normal(0, level, length)


def words(number: int, seconds: float = 3.0) -> np.ndarray:
    """Return hiss that comes and goes, half of the time a pause."""
    return hiss(number, int(seconds * RATE)) * np.repeat(np.arange(int(10 * seconds)) % 2, RATE // 10)


def rms(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def pieces(*signals: np.ndarray) -> Pieces:
    return Pieces(np.random.default_rng(0), signals, "noise")


def test_pauses_do_not_lower_the_level_of_speech() -> None:
    signal = words(0)
    spoken = signal[signal != 0]
    assert active_level(signal) == pytest.approx(rms(spoken))
    murmur = np.where(signal == 0, hiss(1, len(signal), 0.1 * 10 ** (-40 / 20)), signal)
    assert active_level(murmur) == pytest.approx(rms(spoken))
    assert active_level(np.zeros(RATE)) == 0
    assert active_level(np.ones(100)) == 0


def test_short_recordings_are_joined_in_turns_without_their_silent_ends() -> None:
    marks = [np.concatenate((np.zeros(900), hiss(number, 400), np.zeros(500))) for number in range(5)]
    drawn = pieces(*marks).draw(2000).reshape(5, 400)
    heard = {int(np.argmax([np.corrcoef(part, mark[900:1300])[0, 1] for mark in marks])) for part in drawn}
    assert heard == set(range(5))
    assert (np.abs(drawn) > 1e-9).all(axis=1).all()


def test_recordings_of_different_loudness_are_brought_to_one_level() -> None:
    source = pieces(hiss(0, 4000, 0.001), hiss(1, 4000, 0.3))
    assert [round(rms(high_pass(source.draw(4000), LOWEST_HZ)), 2) for _ in range(4)] == [1.0] * 4


def test_a_stretch_of_a_long_recording_is_never_its_silence() -> None:
    rare = np.zeros(50 * RATE)
    rare[::RATE] = 2.0**-10  # a tick a second keeps the ends
    rare[30 * RATE : 30 * RATE + 800] = hiss(0, 800)
    source = pieces(rare)
    assert min(rms(source.draw(RATE)) for _ in range(20)) > 0.5


def with_below(below: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Mix a room with something below it, and the same room alone."""
    noise = {"hiss": Recordings([hiss(3, 50_000)])}
    room = words(1) + hiss(2, 3 * RATE, 1e-3)
    mixed = [draw_speech_mixtures(0, 2, RATE, SNR_DB, Recordings([room + one]), noise) for one in (0.0, below)]
    return mixed[0].clean, mixed[1].clean


def tone(frequency_hz: float, amplitude: float) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(3 * RATE) / RATE)


def test_offsets_and_drifts_are_filtered_out() -> None:
    plain, drifting = with_below(0.5 + tone(2, 0.3))
    np.testing.assert_allclose(drifting, plain, atol=0.01)


def test_rumble_stays_but_counts_in_no_level() -> None:
    plain, rumbling = with_below(tone(25, 0.1))
    np.testing.assert_allclose(high_pass(rumbling, 100.0), high_pass(plain, 100.0), atol=0.01)
    np.testing.assert_allclose(
        (rumbling - plain).std(axis=1), 0.1 / np.sqrt(2) * plain.std() / words(1).std(), rtol=0.2
    )


@pytest.mark.parametrize("silent", [np.zeros(5000), hiss(0, 5000, 1e-7), hiss(0, 300), np.ones(5000)])
def test_silent_recordings_are_refused(silent: np.ndarray) -> None:
    with pytest.raises(SourceError, match="noise: every recording is silent, or shorter than 320 samples"):
        pieces(silent, silent)
    assert pieces(silent, hiss(0, 5000)).draw(3000).all()


def test_the_snr_is_that_of_speech_without_its_pauses() -> None:
    speech, noise = Recordings([words(1), words(2)]), {"hiss": Recordings([hiss(3, 9000)])}
    mixtures = draw_speech_mixtures(0, 4, 2 * RATE, SNR_DB, speech, noise)
    assert mixtures.noisy.shape == (3, 4, 2 * RATE)
    for noisy, snr_db in zip(mixtures.noisy, SNR_DB, strict=True):
        for clean, added in zip(mixtures.clean, noisy - mixtures.clean, strict=True):
            loudness = [high_pass(one, LOWEST_HZ) for one in (clean, added)]
            assert 20 * np.log10(active_level(loudness[0]) / rms(loudness[1])) == pytest.approx(snr_db, abs=1e-6)
    # The same noise, louder or softer.
    added = mixtures.noisy - mixtures.clean
    np.testing.assert_allclose(added[0], added[1] * 10 ** (5 / 20), atol=1e-9)


def test_speech_is_as_loud_as_usual_unless_the_mixture_would_clip() -> None:
    clicks = np.zeros(RATE)
    clicks[::4000] = 0.5
    clicks[-1] = 0.5
    noise = {"clicks": Recordings([clicks]), "hiss": Recordings([hiss(3, 9000)])}
    mixtures = draw_speech_mixtures(0, 6, RATE, SNR_DB, Recordings([words(1)]), noise)
    levels = {"clicks": [], "hiss": []}
    for name, clean in zip(mixtures.noise, mixtures.clean, strict=True):
        levels[name].append(20 * np.log10(active_level(high_pass(clean, LOWEST_HZ))))
    np.testing.assert_allclose(levels["hiss"], -26)
    assert max(levels["clicks"]) < -27
    assert np.abs(mixtures.noisy).max() == pytest.approx(0.99)


def test_every_recording_of_speech_and_every_source_of_noise_is_used_equally_often() -> None:
    frequencies = np.arange(1, 8) * 500
    tones = [0.1 * np.sin(2 * np.pi * hz * np.arange(RATE * (2 + i)) / RATE) for i, hz in enumerate(frequencies)]
    noise = {"many": Recordings([hiss(i, 500) for i in range(50)]), "one": Recordings([hiss(60, 90_000)])}
    noise["another"] = Recordings([hiss(70, 7000)])
    mixtures = draw_speech_mixtures(3, 21, RATE, (40.0,), Recordings(tones), noise)
    assert Counter(mixtures.noise) == dict.fromkeys(noise, 7)
    heard = Counter((np.abs(np.fft.rfft(mixtures.clean)).argmax(axis=1)).tolist())
    assert heard == dict.fromkeys(frequencies.tolist(), 3)


def test_the_seed_decides_and_more_signals_begin_with_the_same_ones() -> None:
    speech, noise = Recordings([words(i) for i in range(3)]), {"hiss": Recordings([hiss(i, 900) for i in range(9)])}
    few, many, other = (
        draw_speech_mixtures(seed, count, RATE, (0.0,), speech, noise) for seed, count in ((5, 2), (5, 6), (6, 2))
    )
    np.testing.assert_array_equal(few.noisy, many.noisy[:, :2])
    assert not np.isclose(few.noisy, other.noisy).all(axis=2).any()


def test_noise_is_kept_apart_by_folder_and_comes_at_the_rate_that_is_wanted(tmp_path: Path) -> None:
    for name in ("rain/a", "rain/b", "street/deep/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", hiss(0, 44_100), 44_100)
    folders = load_folders([tmp_path / "rain", tmp_path, tmp_path / "rain" / "a.wav"], RATE)
    assert {name: [len(one) for one in found.signals] for name, found in folders.items()} == {
        str(tmp_path / "rain"): [RATE, RATE],
        str(tmp_path / "street" / "deep"): [RATE],
    }
