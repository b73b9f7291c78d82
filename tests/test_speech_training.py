"""Speech: scenes, the network with a memory and its training."""

import dataclasses

import keras
import numpy as np
import pytest

from denoise_stream import Contract
from denoise_stream.engine import DenoiseStream
from denoise_train import scenes
from denoise_train.architectures import build_network
from denoise_train.datasets import build_data
from denoise_train.losses import build_loss
from denoise_train.network_engine import NetworkModel
from denoise_train.pairs import OwnData
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.recordings import Recordings
from denoise_train.recurrent import unrolled
from denoise_train.speech_data import SpeechData
from denoise_train.speech_level import RATE_HZ, active_level
from denoise_train.start import copy_weights, load_start
from denoise_train.training import train


def voice(rng: np.random.Generator, seconds: float = 3.0) -> np.ndarray:
    """Vowels with pauses between them: harmonics that come and go."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone_hz = rng.uniform(100, 250)
    vowel = sum(np.sin(2 * np.pi * tone_hz * number * times) / number for number in range(1, 20))
    return 0.1 * vowel * (np.sin(2 * np.pi * 1.5 * times) > 0)


@pytest.fixture(scope="module")
def own() -> OwnData:
    rng = np.random.default_rng(0)
    return OwnData(
        Recordings([voice(rng) for _ in range(20)]), Recordings([rng.normal(0, 0.05, 30_000) for _ in range(20)])
    )


@pytest.fixture(scope="module")
def section() -> dict:
    return {**load_recipe("speech").data, "samples": 7500, "validation_signals": 4, "test_signals": 4}


def data_of(section: dict, own: OwnData, **changes) -> SpeechData:
    data = build_data(section | changes, {}, 150, 1, own)
    assert isinstance(data, SpeechData)
    return data


def test_level_of_speech_does_not_count_its_pauses():
    tone = np.sin(np.arange(16_000) * 0.3)
    broken = np.concatenate((tone, np.zeros(32_000), 1e-4 * tone))
    assert active_level(broken, RATE_HZ) == pytest.approx(np.sqrt(0.5), rel=0.01)
    assert active_level(np.zeros(16_000), RATE_HZ) == 0


def test_equalizer_has_the_response_asked_for_and_no_delay():
    impulse = np.zeros(8000)
    impulse[4000] = 1.0
    response_db = np.array([0.0, 0.0, 0.0, 0.0, -6.0, -6.0, -6.0, -6.0])
    filtered = scenes.equalize(impulse, response_db, RATE_HZ)
    assert np.argmax(np.abs(filtered)) == 4000
    spectrum_db = 20 * np.log10(np.abs(np.fft.rfft(filtered)))
    hz = np.fft.rfftfreq(8000, 1 / RATE_HZ)
    assert spectrum_db[(hz > 100) & (hz < 300)] == pytest.approx(0, abs=0.2)
    assert spectrum_db[(hz > 3000) & (hz < 7000)] == pytest.approx(-6, abs=0.2)


def test_narrow_band_has_nothing_above_its_limit():
    white = np.random.default_rng(0).normal(size=16_000)
    power = np.abs(np.fft.rfft(scenes.limit_band(white, 4000, RATE_HZ))) ** 2
    assert power[4200:].mean() < 0.01 * power[:3800].mean()
    assert power[:3800].mean() == pytest.approx(np.mean(np.abs(np.fft.rfft(white))[:3800] ** 2), rel=0.05)


def test_jump_is_one_step_of_at_most_60_db():
    for seed in range(20):
        gain = scenes.draw_jump(np.random.default_rng(seed), 1000)
        assert np.count_nonzero(np.diff(gain)) <= 1
        assert gain.max() <= 1
        assert gain.min() >= 0.001


def test_room_keeps_the_direct_sound_in_its_place():
    click = np.zeros(16_000)
    click[3000] = 1.0
    (heard,) = scenes.reverberate(np.random.default_rng(0), [click], RATE_HZ)
    assert not heard[:2990].any() or np.abs(heard[:2990]).max() < 1e-9
    assert np.argmax(np.abs(heard)) == 3000
    assert np.sum(heard[3001:] ** 2) > 0.005


@pytest.mark.parametrize("snr_db", [-5.0, 10.0])
def test_scene_has_the_snr_asked_for_over_active_speech(own, section, snr_db):
    pairs = data_of(section, own, reverberant_share=0.0).test(snr_db)
    for noisy, target in zip(pairs.noisy, pairs.target, strict=True):
        speech = target[:-2].astype(np.float64)
        noise = noisy - speech
        found = 20 * np.log10(active_level(speech, RATE_HZ) / np.sqrt(np.mean(noise**2)))
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


def test_training_sees_what_the_engine_does():
    keras.utils.set_random_seed(3)
    recipe = load_recipe("speech")
    network = build_network(150, 75, {**recipe.architecture, "width": 16})
    contract = Contract("speech", 150, 75, "none", 16_000.0, state_size=network.input_shape[1][1])
    signal = voice(np.random.default_rng(1), 1.5) + np.random.default_rng(2).normal(0, 0.02, 24_000)
    stream = DenoiseStream(NetworkModel(network, contract), 75, 1.0, 1, None)
    streamed = np.concatenate((stream.process(signal), stream.flush()))
    trained = np.asarray(unrolled(network, 75, 24_000).predict(signal[None].astype(np.float32), verbose=0))[0]
    assert np.abs(streamed - signal).max() > 0.01
    # At the end the engine adds a window of the reflected signal; the level, averaged over a second, was full by then.
    assert streamed == pytest.approx(trained, abs=1e-5)


def test_network_that_takes_nothing_away_gives_the_signal_back_and_one_that_takes_all_nothing():
    recipe = load_recipe("speech")
    network = build_network(150, 75, {**recipe.architecture, "width": 8})
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 7500)).astype(np.float32)
    for bias, left_db in ((-60.0, 0.0), (60.0, None)):
        kernel, biases = network.get_layer("mask").get_weights()
        network.get_layer("mask").set_weights([0 * kernel, np.full_like(biases, bias)])
        denoised = np.asarray(unrolled(network, 75, 7500).predict(signal, verbose=0))
        if left_db is not None:
            assert denoised == pytest.approx(signal, abs=1e-6)
        else:  # the bin at half the sample rate passes
            assert 10 * np.log10(np.mean(denoised**2) / np.mean(signal**2)) < -25


def test_hop_that_does_not_divide_the_window_is_refused():
    network = build_network(150, 40, {**load_recipe("speech").architecture, "width": 8})
    with pytest.raises(RecipeError, match="hop=40 must divide window=150"):
        unrolled(network, 40, 8000)


@pytest.mark.slow
def test_training_on_speech_learns_and_keeps_the_network_of_windows(own, section, tmp_path):
    recipe = load_recipe("speech")
    recipe = dataclasses.replace(
        recipe,
        data=section,
        architecture={**recipe.architecture, "width": 24, "depth": 1},
        schedule=dataclasses.replace(
            recipe.schedule, epochs=2, minutes=0.0, batches_per_epoch=20, batch_size=16, warm_up_batches=0
        ),
    )
    report = train(recipe, tmp_path / "run", own, say=lambda line: None)
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:]
    assert float(rows[1].split(",")[2]) < float(rows[0].split(",")[2])
    assert report["snr_improvement_db_by_input_snr"]["0"] > 2
    network = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert [tuple(tensor.shape) for tensor in network.inputs] == [(None, 150), (None, 362 + 2 + 24)]
    assert (tmp_path / "run" / "samples.png").is_file()
    again = build_network(150, 75, recipe.architecture)
    copy_weights(again, load_start(str(tmp_path / "run")), "run")
    assert all(np.array_equal(*pair) for pair in zip(again.get_weights(), network.get_weights(), strict=True))
    other = build_network(150, 75, {**recipe.architecture, "bands": 20})
    with pytest.raises(RecipeError, match="another network"):
        copy_weights(other, network, "run")


def signals_with_noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give speech and noise ``(4, 4800)``, the noise at -20 dB."""
    return np.stack([voice(rng, 0.3) for _ in range(4)]), 0.01 * rng.normal(size=(4, 4800))


def test_loss_falls_with_the_error_and_wants_speech_kept():
    loss = build_loss(load_recipe("speech").loss, 150, 1)
    clean, noise = signals_with_noise(np.random.default_rng(0))
    levels = [np.sqrt(np.mean(part**2, axis=1, keepdims=True)) for part in (noise, clean)]
    target = np.concatenate((clean, *levels), axis=1).astype(np.float32)
    for worse_and_worse in ((0 * noise, 0.3 * noise, noise), (0 * clean, -0.3 * clean, -clean)):
        losses = [float(loss(target, (clean + error).astype(np.float32))) for error in worse_and_worse]
        assert losses == sorted(losses)
        assert losses[2] - losses[0] > 1


def test_loss_is_finite_for_silence():
    loss = build_loss(load_recipe("speech").loss, 150, 1)
    assert np.isfinite(float(loss(np.zeros((2, 4802), np.float32), np.zeros((2, 4800), np.float32))))
