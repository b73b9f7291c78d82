"""Synthetic noises, altered recordings, and speech in gated silence."""

import numpy as np
import pytest

from denoise_train.data.speech import scenes, sounds
from denoise_train.dsp.speech_level import RATE_HZ, active_level, level

LENGTH = 24_000


@pytest.mark.parametrize("draw", sounds.SOUNDS)
def test_every_kind_is_heard_and_never_the_same_twice(draw):
    rng = np.random.default_rng(0)
    drawn = [draw(rng, LENGTH) for _ in range(20)]
    for sound in drawn:
        assert sound.shape == (LENGTH,)
        assert np.isfinite(sound).all()
        assert level(sound) > 1e-4
    correlations = np.corrcoef(drawn) - np.eye(20)
    assert np.abs(correlations).max() < 0.9


def test_calls_that_last_a_sample_are_drawn_too():
    for seed in range(300):
        assert sounds.draw_calls(np.random.default_rng(seed), 700).shape == (700,)


def test_wind_is_low_and_insects_are_high():
    def centroid_hz(draw) -> float:
        powers = [np.abs(np.fft.rfft(draw(np.random.default_rng(seed), LENGTH))) ** 2 for seed in range(21)]
        return float(np.median(powers @ np.fft.rfftfreq(LENGTH, 1 / RATE_HZ) / np.sum(powers, axis=1)))

    assert centroid_hz(sounds.draw_wind) < 1000 < 2500 < centroid_hz(sounds.draw_insects)


def test_altered_recordings_have_their_length_and_differ():
    rng = np.random.default_rng(0)
    recording = rng.normal(size=LENGTH)
    for _ in range(20):
        altered = sounds.altered(rng, recording)
        assert altered.shape == (LENGTH,)
        assert np.isfinite(altered).all()
        assert not np.allclose(altered, recording)


def test_crowd_holds_every_voice():
    voices = [np.sin(2 * np.pi * tone_hz * np.arange(8000) / RATE_HZ) for tone_hz in (500, 900, 1500)]
    crowd = sounds.crowd_of(np.random.default_rng(1), voices, LENGTH)
    powers = np.abs(np.fft.rfft(crowd)) ** 2
    for tone_hz in (500, 900, 1500):
        assert powers[int(tone_hz * LENGTH / RATE_HZ) - 3 :][:7].max() > 100 * np.median(powers)


def words(pause_level: float) -> np.ndarray:
    """Half a second of tone and half a second of pause, three times, with noise in the pauses."""
    times = np.arange(3 * 16_000) / RATE_HZ
    speech = np.sin(2 * np.pi * 300 * times) * (times % 1 < 0.5)
    return speech + pause_level * np.random.default_rng(0).normal(size=len(speech))


def test_room_tone_goes_under_gated_speech_only():
    room = words(10 ** (-45 / 20))
    for seed in range(10):
        assert scenes.with_room_tone(np.random.default_rng(seed), room) is room
    gated = words(0.0)
    toned = [scenes.with_room_tone(np.random.default_rng(seed), gated) for seed in range(20)]
    added = [level(found - gated) / active_level(gated) for found in toned if found is not gated]
    assert 8 <= len(added) < 20
    assert 10 ** (-71 / 20) < min(added) < max(added) < 10 ** (-44 / 20)
