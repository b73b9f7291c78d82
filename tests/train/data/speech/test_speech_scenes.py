"""Scenes of speech in noise, and how recordings are shared out for them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from denoise_train.data.registry import build_data
from denoise_train.data.speech import scenes
from denoise_train.dsp.speech_level import RATE_HZ, active_level
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings
from denoise_train.training.fit import train
from speech_scenes import data_of, made_up_recordings, short_scenes


@pytest.fixture(scope="module")
def own() -> OwnData:
    return made_up_recordings()


@pytest.fixture(scope="module")
def section() -> dict:
    return short_scenes()


def test_level_of_speech_does_not_count_its_pauses():
    tone = np.sin(np.arange(16_000) * 0.3)
    broken = np.concatenate((tone, np.zeros(32_000), 1e-4 * tone))
    assert active_level(broken) == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert active_level(np.zeros(16_000)) == 0


def test_equalizer_has_the_response_asked_for_and_no_delay():
    impulse = np.zeros(8000)
    impulse[4000] = 1.0
    response_db = np.array([0.0, 0.0, 0.0, 0.0, -6.0, -6.0, -6.0, -6.0])
    filtered = scenes.equalize(impulse, response_db)
    assert np.argmax(np.abs(filtered)) == 4000
    spectrum_db = 20 * np.log10(np.abs(np.fft.rfft(filtered)))
    hz = np.fft.rfftfreq(8000, 1 / RATE_HZ)
    assert spectrum_db[(hz > 100) & (hz < 300)] == pytest.approx(0, abs=0.2)
    assert spectrum_db[(hz > 3000) & (hz < 7000)] == pytest.approx(-6, abs=0.2)


def test_narrow_band_has_nothing_above_its_limit():
    white = np.random.default_rng(0).normal(size=16_000)
    power = np.abs(np.fft.rfft(scenes.limit_band(white, 4000))) ** 2
    assert power[4200:].mean() < 0.01 * power[:3800].mean()
    assert power[:3800].mean() == pytest.approx(np.mean(np.abs(np.fft.rfft(white))[:3800] ** 2), rel=0.05)


def test_jump_is_one_step_of_at_most_60_db():
    for seed in range(20):
        gain = scenes.draw_jump(np.random.default_rng(seed), 1000)
        assert np.count_nonzero(np.diff(gain)) == 1
        assert gain.max() == 1
        assert gain.min() <= 0.5
        assert gain.min() >= 0.001


def test_room_keeps_the_direct_sound_in_its_place():
    click = np.zeros(16_000)
    click[3000] = 1.0
    (heard,) = scenes.reverberate(np.random.default_rng(0), [click])
    assert not heard[:2990].any() or np.abs(heard[:2990]).max() < 1e-9
    assert np.argmax(np.abs(heard)) == 3000
    assert np.sum(heard[3001:] ** 2) > 0.005


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_scene_has_the_snr_asked_for_over_active_speech(own, section, snr_db):
    pairs = data_of(section, own, reverberant_share=0.0).test(snr_db)
    for noisy, target in zip(pairs.noisy, pairs.target, strict=True):
        speech = target[:-2].astype(np.float64)
        noise = noisy - speech
        found = 20 * np.log10(active_level(speech) / np.sqrt(np.mean(noise**2)))
        assert found == pytest.approx(snr_db, abs=0.2)
        assert target[-2] == pytest.approx(np.sqrt(np.mean(noise**2)), rel=1e-3)


def test_same_speech_at_every_snr(own, section):
    data = data_of(section, own)
    quiet, loud = data.test(-5.0).target[:, :-2], data.test(10.0).target[:, :-2]
    for one, other in zip(quiet, loud, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-4)


def test_scenes_come_without_noise_and_without_speech_as_often_as_asked(own, section):
    pairs = data_of(section, own, clean_share=0.3, noise_share=0.3).block(0)
    levels = pairs.target[:, -2:]
    assert 0.15 < np.mean(levels[:, 0] < 2e-5) < 0.45
    assert 0.15 < np.mean(levels[:, 1] == 0) < 0.45
    assert np.isfinite(pairs.noisy).all()


def test_a_seed_draws_the_same_scenes_again_and_another_seed_others(own, section):
    first, again = (data_of(section, own).block(3) for _ in range(2))
    other = build_data(section, {}, 150, 2, own).block(3)
    assert np.array_equal(first.noisy, again.noisy)
    assert not np.array_equal(first.noisy, other.noisy)


@pytest.mark.parametrize("missing", ["clean", "noise"])
def test_speech_needs_recordings(own, section, missing):
    with pytest.raises(RecipeError, match=r"give --clean \(speech\) and --noise"):
        build_data(section, {}, 150, 1, dataclasses.replace(own, **{missing: None}))


def test_scene_too_short_for_an_envelope_is_refused(own, section):
    with pytest.raises(RecipeError, match="samples=6000; it must be a whole number from 6400"):
        data_of(section, own, samples=6000)


def test_recordings_are_drawn_by_the_roots_of_their_lengths():
    recordings = Recordings([np.zeros(40_000), np.zeros(10_000), np.zeros(90_000)])
    rng = np.random.default_rng(0)
    drawn = [len(recordings.one(rng)) for _ in range(6000)]
    shares = [drawn.count(length) / len(drawn) for length in (40_000, 10_000, 90_000)]
    assert shares == pytest.approx([2 / 6, 1 / 6, 3 / 6], abs=0.02)


def test_pieces_of_noise_are_about_as_loud_as_each_other():
    rng = np.random.default_rng(0)
    recordings = Recordings([gain * rng.normal(size=4000) for gain in (1e-4, 1.0)])
    levels = []
    for _ in range(40):
        noise = scenes.draw_noise(rng, recordings, 12_000)
        levels += [np.sqrt(np.mean(part**2)) for part in noise.reshape(-1, 500)]
    heard = [found for found in levels if found > 1e-6]
    assert 0.3 < min(np.quantile(heard, 0.1), 1.0)
    assert np.quantile(heard, 0.95) < 3.0


def padded(rng: np.random.Generator) -> np.ndarray:
    """Return a second of sound that was padded to five by zeros, as short clips often are."""
    return np.concatenate((rng.normal(0, 0.1, 16_000), np.zeros(64_000)))


def test_silent_ends_of_recordings_make_no_scene_without_noise_or_speech(own, section):
    rng = np.random.default_rng(0)
    clips = Recordings([padded(rng) for _ in range(20)])
    for given in (dataclasses.replace(own, noise=clips), dataclasses.replace(own, clean=clips)):
        test = data_of(section, given, recorded_share=1.0, babble_share=0.0, crowd_share=0.0, test_signals=40).test(5.0)
        assert test.target[:, -2:].min() > 1e-4
        assert all(np.abs(row[-800:]).max() > 0 for row in test.noisy)


def test_noise_that_is_silent_throughout_does_not_spoil_the_figures(own, section):
    silent = Recordings([np.zeros(30_000), *own.noise.signals[1:]][::-1])  # the last file is one for testing
    given = dataclasses.replace(own, noise=silent)
    data = data_of(section, given, recorded_share=1.0, babble_share=0.0, crowd_share=0.0, test_signals=12)
    assert 0 < np.count_nonzero(data.test(5.0).target[:, -2] == 0) < 12
    gains = data.figures(lambda noisy: 0.5 * noisy, None)["snr_improvement_db_by_input_snr"]
    assert all(-20 < gain < 20 for gain in gains.values())


@pytest.mark.parametrize("most_change", [1.0, 1.2, 1.4])
def test_piece_of_a_long_recording_is_as_long_as_was_asked_for(most_change):
    rng = np.random.default_rng(0)
    recordings = Recordings([rng.normal(size=20_000)])
    assert {len(scenes.draw_piece(rng, recordings, 7500, most_change)) for _ in range(50)} == {7500}


def test_impacts_have_at_least_one_blow():
    assert all(scenes.draw_impacts(np.random.default_rng(seed), 1600).any() for seed in range(40))


def test_training_validation_and_test_share_no_recording(own, section, monkeypatch):
    heard: dict[str, set[int]] = {"training": set(), "validation": set(), "test": set()}
    part = ""
    one = Recordings.one

    def noting(recordings: Recordings, rng: np.random.Generator) -> np.ndarray:
        signal = one(recordings, rng)
        heard[part].add(id(signal))
        return signal

    monkeypatch.setattr(Recordings, "one", noting)
    data = data_of(
        section, own, recorded_share=1.0, babble_share=0.0, crowd_share=0.0, validation_signals=40, test_signals=40
    )
    part = "training"
    data.block(0)
    part = "validation"
    data.validation()
    part = "test"
    data.test(0.0)
    assert [len(found) for found in heard.values()] == [2 * 16, 2 * 2, 2 * 2]
    assert len(set.union(*heard.values())) == 2 * 20


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clean_share": 0.8, "noise_share": 0.8}, "clean_share [+] noise_share=1.6"),
        ({"recorded_share": 0.8, "babble_share": 0.8}, "recorded_share [+] babble_share [+] crowd_share=1.64"),
    ],
)
def test_shares_that_sum_to_more_than_1_are_refused(own, section, changes, words):
    with pytest.raises(RecipeError, match=words):
        data_of(section, own, **changes)


def test_section_that_would_have_no_effect_is_refused(own, section):
    with pytest.raises(RecipeError, match=r"has its noise from recordings and scenes; leave out the section \[noise\]"):
        build_data(section, {"pink": 1.0}, 150, 1, own)


def test_speech_at_another_rate_is_refused(tmp_path):
    for rate in (8000.0, None):
        recipe = dataclasses.replace(load_recipe("speech"), sample_rate_hz=rate)
        with pytest.raises(RecipeError, match="data kind 'speech' is at 16000 Hz; set sample_rate_hz = 16000"):
            train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def in_folders(recordings: Recordings, names: list[str]) -> Recordings:
    """Say that the recordings are in folders, dealt out in turn."""
    paths = [Path(names[index % len(names)]) / f"{index}.wav" for index in range(len(recordings.signals))]
    return Recordings(recordings.signals, range(len(paths)), paths)


def test_held_out_noise_and_speech_for_training_only_are_kept_apart(own, section, monkeypatch):
    clean, noise = in_folders(own.clean, ["good", "coarse"]), in_folders(own.noise, ["street", "office", "sea"])
    heard: dict[str, set[str]] = {}
    drawn = Recordings.one

    def note(recordings: Recordings, rng: np.random.Generator) -> np.ndarray:
        heard.setdefault(split, set()).update(path.parent.name for path in recordings.paths)
        return drawn(recordings, rng)

    monkeypatch.setattr(Recordings, "one", note)
    data = data_of(
        section,
        OwnData(clean, noise),
        training_only=["coarse"],
        held_out_noise=["sea"],
        altered_share=0.5,
        crowd_share=0.1,
    )
    split = "training"
    data.block(0)
    split = "validation"
    data.validation()
    assert heard == {"training": {"good", "coarse", "street", "office"}, "validation": {"good", "sea"}}


@pytest.mark.parametrize("key", ["training_only", "held_out_noise"])
def test_folders_that_hold_nothing_are_named(own, section, key):
    brought = OwnData(in_folders(own.clean, ["good"]), in_folders(own.noise, ["street"]))
    with pytest.raises(RecipeError, match=rf"{key}=\['attic'\] leaves 0 recordings in such folders and 20 elsewhere"):
        data_of(section, brought, **{key: ["attic"]}).validation()
