"""Speech: scenes, the network with a memory and its training."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from denoise_stream import Contract
from denoise_stream.engine.denoiser import DenoiseStream
from denoise_train.data import scenes
from denoise_train.data.registry import build_data
from denoise_train.data.speech import SpeechData
from denoise_train.dsp.speech_level import RATE_HZ, active_level
from denoise_train.evaluation.speech.metrics import stoi
from denoise_train.losses.intelligibility import lost_envelope
from denoise_train.losses.registry import build_loss
from denoise_train.networks import recurrent
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.recurrent import unrolled
from denoise_train.networks.registry import build_network
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings
from denoise_train.training.fit import train
from denoise_train.training.network_engine import NetworkModel
from denoise_train.training.start import copy_weights, load_start


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


def test_gated_recurrence_over_sequences_gives_what_keras_does_and_learns_alike():
    rng = np.random.default_rng(0)
    inputs, wanted = (rng.normal(size=(3, 20, size)).astype(np.float32) for size in (8, 12))
    weights = [rng.normal(0, 0.5, shape) for shape in ((8, 36), (12, 36), (2, 36))]

    def learn(recurrence: str) -> tuple[np.ndarray, list[np.ndarray]]:
        cell = keras.layers.GRUCell(12)
        layer = OverSequences(cell) if recurrence == "ours" else keras.layers.GRU(12, return_sequences=True)
        if recurrence == "Keras":
            layer.cell = cell
        network = keras.Sequential([keras.Input((20, 8)), keras.layers.Dense(8, "tanh", name="before"), layer])
        cell.set_weights(weights)
        network.get_layer("before").set_weights([np.eye(8), np.zeros(8)])
        network.compile(keras.optimizers.SGD(0.5), "mse")
        outputs = network.predict(inputs, verbose=0)
        assert np.asarray(network(inputs)) == pytest.approx(outputs, abs=1e-6)
        network.train_on_batch(inputs, wanted)
        return outputs, network.get_weights()

    (ours, our_weights), (theirs, their_weights) = learn("ours"), learn("Keras")
    assert ours == pytest.approx(theirs, abs=1e-6)
    for found, expected, before in zip(our_weights[-3:], their_weights[-3:], weights, strict=True):
        assert np.abs(expected - before).max() > 1e-3
        assert found == pytest.approx(expected, abs=1e-6)
    assert our_weights[0] == pytest.approx(their_weights[0], abs=1e-6)


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
    # At the end the engine adds a window of the reflected signal; the level's count of frames was full by then.
    assert streamed == pytest.approx(trained, abs=1e-5)


@pytest.mark.parametrize(("bias", "left_db"), [(-60.0, (-0.01, 0.01)), (60.0, (-200.0, -25.0))])
def test_network_that_takes_nothing_away_gives_the_signal_back_and_one_that_takes_all_hardly_anything(bias, left_db):
    """The bin at half the sample rate passes."""
    network = build_network(150, 75, {**load_recipe("speech").architecture, "width": 8})
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 7500)).astype(np.float32)
    kernel, biases = network.get_layer("mask").get_weights()
    network.get_layer("mask").set_weights([0 * kernel, np.full_like(biases, bias)])
    denoised = np.asarray(unrolled(network, 75, 7500).predict(signal, verbose=0))
    assert left_db[0] < 10 * np.log10(np.mean(denoised**2) / np.mean(signal**2)) < left_db[1]
    if bias < 0:
        assert denoised == pytest.approx(signal, abs=1e-6)


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
    """Give speech and noise ``(4, 8000)``, the noise at -20 dB."""
    return np.stack([voice(rng, 0.5) for _ in range(4)]), 0.01 * rng.normal(size=(4, 8000))


def test_loss_falls_with_the_error_and_wants_speech_kept():
    loss = build_loss(load_recipe("speech").loss, 150, 1)
    clean, noise = signals_with_noise(np.random.default_rng(0))
    levels = [np.sqrt(np.mean(part**2, axis=1, keepdims=True)) for part in (noise, clean)]
    target = np.concatenate((clean, *levels), axis=1).astype(np.float32)
    for worse_and_worse in ((0 * noise, 0.3 * noise, noise), (0 * clean, -0.3 * clean, -clean)):
        losses = [float(loss(target, (clean + error).astype(np.float32))) for error in worse_and_worse]
        assert losses == sorted(losses)
        assert losses[2] - losses[0] > 1


def test_loss_and_its_gradient_are_finite_for_silence():
    loss = build_loss(load_recipe("speech").loss, 150, 1)
    silence = tf.zeros((2, 8000))
    with tf.GradientTape() as tape:
        tape.watch(silence)
        found = loss(np.zeros((2, 8002), np.float32), silence)
    assert np.isfinite(float(found))
    assert np.isfinite(tape.gradient(found, silence).numpy()).all()


@pytest.fixture(scope="module")
def stoi_speech() -> np.ndarray:
    """Give real speech ``(1, n)`` of power 1."""
    signal, _ = soundfile.read(Path(__file__).parents[3] / "samples" / "speech_clean.wav")
    return (signal / signal.std())[None]


def test_envelope_is_lost_as_stoi_says(stoi_speech):
    lost, missed = [], []
    for snr_db in (-5, 5, 15):
        noisy = stoi_speech + np.random.default_rng(0).normal(size=stoi_speech.shape) * 10 ** (-snr_db / 20)
        lost.append(float(lost_envelope(stoi_speech.astype(np.float32), noisy.astype(np.float32))))
        missed.append(1 - float(stoi(stoi_speech, noisy).mean()))
    assert lost == pytest.approx(missed, abs=0.08)
    assert lost == sorted(lost, reverse=True)


def test_envelope_keeps_its_worth_at_another_level_and_counts_only_speech(stoi_speech):
    clean = stoi_speech.astype(np.float32)
    assert float(lost_envelope(clean, 0.5 * clean)) == pytest.approx(0, abs=0.01)
    assert float(lost_envelope(0 * clean, clean)) == 0
    pause = np.zeros((len(clean), 16_000), np.float32)
    noise = np.random.default_rng(0).normal(size=pause.shape).astype(np.float32)
    spoilt = clean + 0.5 * np.roll(clean, 5000, axis=1)
    alone = float(lost_envelope(clean, spoilt))
    before_noise = lost_envelope(np.concatenate((clean, pause), axis=1), np.concatenate((spoilt, noise), axis=1))
    assert 0.05 < alone == pytest.approx(float(before_noise), abs=0.03)


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
    """Give a second of sound that was padded to five by zeros, as short clips often are."""
    return np.concatenate((rng.normal(0, 0.1, 16_000), np.zeros(64_000)))


def test_silent_ends_of_recordings_make_no_scene_without_noise_or_speech(own, section):
    rng = np.random.default_rng(0)
    clips = Recordings([padded(rng) for _ in range(20)])
    for given in (dataclasses.replace(own, noise=clips), dataclasses.replace(own, clean=clips)):
        test = data_of(section, given, recorded_share=1.0, babble_share=0.0, test_signals=40).test(5.0)
        assert test.target[:, -2:].min() > 1e-4
        assert all(np.abs(row[-800:]).max() > 0 for row in test.noisy)


def test_noise_that_is_silent_throughout_does_not_spoil_the_figures(own, section):
    silent = Recordings([np.zeros(30_000), *own.noise.signals[1:]][::-1])  # the last file is one for testing
    given = dataclasses.replace(own, noise=silent)
    data = data_of(section, given, recorded_share=1.0, babble_share=0.0, test_signals=12)
    assert 0 < np.count_nonzero(data.test(5.0).target[:, -2] == 0) < 12
    gains = data.figures(lambda noisy: 0.5 * noisy, None)["snr_improvement_db_by_input_snr"]
    assert all(-20 < gain < 20 for gain in gains.values())


@pytest.mark.parametrize("most_change", [1.0, 1.2, 1.4])
def test_piece_of_a_long_recording_is_as_long_as_was_asked_for(most_change):
    rng = np.random.default_rng(0)
    recordings = Recordings([rng.normal(size=20_000)])
    assert {len(scenes.draw_piece(rng, recordings, 7500, most_change)) for _ in range(50)} == {7500}


def test_blows_are_never_none():
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
    data = data_of(section, own, recorded_share=1.0, babble_share=0.0, validation_signals=40, test_signals=40)
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
        ({"recorded_share": 0.8, "babble_share": 0.8}, "recorded_share [+] babble_share=1.6"),
    ],
)
def test_shares_that_are_more_than_the_whole_are_refused(own, section, changes, words):
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


def test_more_bands_than_bins_are_refused():
    with pytest.raises(RecipeError, match="bands=64 above 1 single bins are more than there are bins for; use fewer"):
        build_network(150, 75, {**load_recipe("speech").architecture, "single_bins": 1, "bands": 64})


def test_networks_that_differ_only_in_mid_signal_are_not_taken_for_each_other(monkeypatch):
    section = {**load_recipe("speech").architecture, "width": 8}
    trained = build_network(150, 75, section)
    monkeypatch.setattr(recurrent, "LEVEL_FRAMES", 40.0)
    with pytest.raises(RecipeError, match="another network"):
        copy_weights(build_network(150, 75, section), trained, "run")
