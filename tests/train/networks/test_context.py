"""The network with a context."""

import dataclasses

import numpy as np
import pytest

from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.windows import normalize
from denoise_train.networks.registry import build_network
from denoise_train.recipe import RecipeError, load_recipe

RECIPE = load_recipe("general")
BLOCKS = {5: 15, 25: 27, 150: 30}
"""Blocks of each size before and after the window; of the largest ones a row holds one less after it."""


def test_interpolation_gives_back_straight_lines_at_every_scale():
    network = build_network(150, 75, RECIPE.architecture, RECIPE.contract)
    line = np.linspace(-3.0, 4.0, 9150)[None]
    scaled, minimum, span = normalize(line[:, 4500:4650])
    context = Surroundings(RECIPE.contract, 4500).contexts(line, Starts(4500, 1, 75), scaled, minimum, span)[0]
    rows, first = [], 0
    for size, count in BLOCKS.items():
        past, ahead = (context[side + first : side + first + count] for side in (0, 72))
        rows.append(np.concatenate((past, scaled.reshape(-1, size).mean(axis=1), ahead))[:60])
        first += count
    (weights,) = network.get_layer("interpolation").get_weights()
    candidates = (np.concatenate(rows) @ weights).reshape(150, 3)
    np.testing.assert_allclose(candidates, np.repeat(scaled.T, 3, axis=1), atol=1e-5)


@pytest.mark.parametrize("name", ["general", "ecg"])
def test_the_context_reaches_the_network_and_is_clipped(name):
    recipe = load_recipe(name)
    network = build_network(150, 75, recipe.architecture, recipe.contract)
    rng = np.random.default_rng(0)
    noisy = rng.random((1, 150), dtype=np.float32)
    context = rng.random((1, recipe.contract.context_size), dtype=np.float32)
    other = context.copy()
    other[0, 25] += 1.0
    far, farther = context.copy(), context.copy()
    far[0, 25], farther[0, 25] = 1e3, 1e6
    calm, changed, one, another = (network.predict_on_batch([noisy, each]) for each in (context, other, far, farther))
    assert not np.array_equal(calm, changed)
    np.testing.assert_array_equal(one, another)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"context_past": "", "context_ahead": ""}, "needs the same scales before and after .*; set context_past"),
        ({"context_ahead": "5x30"}, "needs the same scales before and after the window"),
        ({"context_past": "7x30", "context_ahead": "7x30"}, "blocks of 7 samples do not divide window=150 exactly"),
        (
            {"context_past": "5x10", "context_ahead": "5x10"},
            "row=60 needs 15 blocks of 5 samples on each side of the 30 in the window; given: 10",
        ),
    ],
)
def test_scales_that_make_no_rows_are_refused(changes, words):
    recipe = dataclasses.replace(RECIPE, **changes)
    with pytest.raises(RecipeError, match=words):
        build_network(150, 75, recipe.architecture, recipe.contract)


def test_detrending_is_at_first_a_low_pass_taken_off():
    recipe = load_recipe("ecg")
    network = build_network(150, 75, recipe.architecture, recipe.contract)
    for layer in network.layers:  # no noise is found but the low-passed signal
        if layer.name.startswith("conv1d"):
            layer.set_weights([np.zeros_like(each) for each in layer.get_weights()])
    time = np.arange(9150) / 360
    for frequency_hz, gain in ((0.12, 0.02), (0.67, 0.5), (5.0, 1.0)):  # of 25 s: three waves and more
        wave = np.cos(2 * np.pi * frequency_hz * (time - time[4575]))[None]
        scaled, minimum, span = normalize(wave[:, 4500:4650])
        context = Surroundings(recipe.contract, 4500).contexts(wave, Starts(4500, 1, 75), scaled, minimum, span)
        clean = network.predict_on_batch([scaled, context]) * span + minimum
        assert abs(clean[0, 75]) == pytest.approx(gain, abs=0.05)
