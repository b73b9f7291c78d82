"""Networks with a memory: of one window, and over whole signals."""

import keras
import numpy as np
import pytest

from denoise_stream import Contract
from denoise_stream.engine.denoiser import DenoiseStream
from denoise_train.networks import shared_mask
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.registry import build_architecture, build_network
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.training.network_engine import NetworkModel
from denoise_train.training.start import copy_weights
from speech_scenes import voice


def test_gated_recurrence_over_sequences_gives_what_keras_does_and_learns_alike():
    rng = np.random.default_rng(0)
    inputs, wanted = (rng.normal(size=(3, 20, size)).astype(np.float32) for size in (8, 12))
    weights = [rng.normal(0, 0.5, shape) for shape in ((8, 36), (12, 36), (2, 36))]

    def learn(recurrence: str) -> tuple[np.ndarray, list[np.ndarray]]:
        cell = keras.layers.GRUCell(12)
        layer = OverSequences(cell) if recurrence == "ours" else keras.layers.GRU(12, return_sequences=True)
        if recurrence == "Keras":
            layer.cell = cell
        time_first = keras.layers.Lambda(lambda rows: keras.ops.transpose(rows, (1, 0, 2)))
        around = [time_first, layer, time_first] if recurrence == "ours" else [layer]
        network = keras.Sequential([keras.Input((20, 8)), keras.layers.Dense(8, "tanh", name="before"), *around])
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
    architecture = build_architecture(150, 75, {**load_recipe("speech").architecture, "channels": 8})
    network = architecture.network
    rng = np.random.default_rng(3)
    for variable in network.trainable_variables:  # weights that begin at 0 would hide mistakes
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
    contract = Contract("speech", 150, 75, "none", 16_000.0, state_size=network.input_shape[1][1])
    signal = voice(np.random.default_rng(1), 1.5) + np.random.default_rng(2).normal(0, 0.02, 24_000)
    signal[9000:13_000] = 0
    stream = DenoiseStream(NetworkModel(network, contract), 75, 1.0, 1, None)
    streamed = np.concatenate((stream.process(signal), stream.flush()))
    both = np.stack((signal[::-1], signal)).astype(np.float32)  # each has its own silence
    trained = np.asarray(architecture.over_rows(24_000).predict(both, verbose=0))[1]
    assert np.abs(streamed - signal).max() > 0.01
    # At the end the engine adds a window of the reflected signal; the level's count of frames was full by then.
    assert streamed == pytest.approx(trained, abs=1e-5)


@pytest.mark.parametrize(("bias", "left_db"), [(-60.0, (-0.01, 0.01)), (60.0, (-200.0, -25.0))])
def test_network_that_takes_nothing_away_gives_the_signal_back_and_one_that_takes_all_hardly_anything(bias, left_db):
    """The bin at half the sample rate passes."""
    architecture = build_architecture(150, 75, {**load_recipe("speech").architecture, "channels": 8})
    network = architecture.network
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 7500)).astype(np.float32)
    kernel, biases = network.get_layer("mask").get_weights()
    network.get_layer("mask").set_weights([0 * kernel, np.full_like(biases, bias)])
    denoised = np.asarray(architecture.over_rows(7500).predict(signal, verbose=0))
    assert left_db[0] < 10 * np.log10(np.mean(denoised**2) / np.mean(signal**2)) < left_db[1]
    if bias < 0:
        assert denoised == pytest.approx(signal, abs=1e-6)


def test_hop_that_does_not_divide_the_window_is_refused():
    architecture = build_architecture(150, 40, {**load_recipe("speech").architecture, "channels": 8})
    with pytest.raises(RecipeError, match="hop=40 must divide window=150"):
        architecture.over_rows(8000)


def test_more_bands_than_bins_are_refused():
    with pytest.raises(RecipeError, match="bands=128 above 16 single bins exceed the number of bins; use fewer"):
        build_network(150, 75, {**load_recipe("speech").architecture, "single_bins": 16, "bands": 128})


def test_networks_that_differ_only_in_mid_signal_are_not_taken_for_each_other(monkeypatch):
    section = {**load_recipe("speech").architecture, "channels": 8}
    trained = build_network(150, 75, section)
    monkeypatch.setattr(shared_mask, "SLOW_FRAMES", 40.0)
    with pytest.raises(RecipeError, match="another network"):
        copy_weights(build_network(150, 75, section), trained, "run")
