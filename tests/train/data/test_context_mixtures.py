"""Windows of long records at every time scale, and the network that sees their context."""

import numpy as np
import pytest

from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.windows import normalize
from denoise_train.data import context_mixtures
from denoise_train.data.context_mixtures import ContextMixtureData, Setting
from denoise_train.data.registry import build_data
from denoise_train.recipe import RecipeError, load_recipe, with_values
from denoise_train.splits import TRAINING, seeded
from denoise_train.synthetic.stretching import INTERPOLATIONS, rows_needed, stretch

RECIPE = load_recipe("general")


def build(**changes) -> ContextMixtureData:
    recipe = with_values(RECIPE, changes)
    return build_data(recipe.data, recipe.noise, recipe.window, recipe.seed, None, recipe.contract)


@pytest.fixture(scope="module")
def block():
    return build().block(0)


def test_a_block_holds_finite_windows_with_their_contexts(block):
    rows = 32 * 16 * 16
    assert block.noisy.shape == (rows, 150)
    assert block.context.shape == (rows, 288)
    assert block.target.shape == (rows, 152)
    assert all(np.isfinite(part).all() for part in (block.noisy, block.context, block.target))
    shares = block.context[:, 144:]
    assert shares.min() == 0
    assert shares.max() == 1
    live = (shares[:, 72:] == 0).all(axis=1).mean()  # those without a look-ahead, and the last of each record
    assert 0.3 < live < 0.75
    assert (shares[:, :72] == 0).all(axis=1).mean() >= 1 / 16  # the first window of each record has no past


def test_a_block_is_the_same_again_and_another_one_is_not(monkeypatch):
    monkeypatch.setattr(context_mixtures, "GROUPS_PER_BLOCK", 4)
    short = {"data.record_samples": [150, 400], "data.validation_signals": 16, "data.test_signals": 4}
    first, again, other = build(**short).block(0), build(**short).block(0), build(**short).block(1)
    np.testing.assert_array_equal(first.context, again.context)
    assert not np.array_equal(first.noisy, other.noisy)


@pytest.mark.parametrize("lookahead", [0, 700, 4500])
def test_the_contexts_are_those_that_the_engine_computes(lookahead):
    data = build(**{"data.drifting": 1.0})
    setting = Setting(10.0, 6000, lookahead)
    clean, noisy, deviation = data._records(seeded(1, TRAINING), TRAINING, 3, setting, np.full(3, 10.0))
    pairs = data._windows(clean, noisy, deviation, setting)
    hop = (6000 - 150) // 15
    for record in range(3):
        for number in (0, 7, 15):
            start = number * hop
            scaled, minimum, span = normalize(noisy[record : record + 1, start : start + 150])
            expected = Surroundings(RECIPE.contract, lookahead).contexts(
                noisy[record : record + 1], Starts(start, 1, 75), scaled, minimum, span
            )
            np.testing.assert_array_equal(pairs.context[record * 16 + number], expected[0])
            np.testing.assert_array_equal(pairs.noisy[record * 16 + number], scaled[0])


def test_without_scales_the_windows_come_alone():
    assert build(context_past="", context_ahead="", **{"data.validation_signals": 16}).validation().context is None


@pytest.mark.parametrize("kind", INTERPOLATIONS)
def test_stretching_joins_the_samples_it_was_given(kind):
    rows = np.random.default_rng(0).normal(size=(2, 40))
    stretched = stretch(rows, 5.0, 150, kind)
    assert stretched.shape == (2, 150)
    if kind != "b-spline":  # which smooths
        np.testing.assert_allclose(stretched[:, ::5], rows[:, :30], atol=1e-12)
    assert np.abs(stretched).max() < 1.5 * np.abs(rows).max()


def test_stretching_a_row_needs_no_more_than_it_says():
    for factor, length in ((1.0, 150), (1.5, 151), (200.0, 9600), (37.3, 1000)):
        rows = np.random.default_rng(0).normal(size=(1, rows_needed(factor, length)))
        for kind in INTERPOLATIONS:
            assert np.isfinite(stretch(rows, factor, length, kind)).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data.live": 0.7, "data.foreseen": 0.4}, "live=0.7 and foreseen=0.4 are more than 1"),
        ({"data.stretches": [0.5, 10.0]}, "stretches, from=0.5; it must be a number from 1"),
        ({"data.record_samples": [100, 9600]}, "record_samples, from=100"),
        ({"context_past": "5x"}, "context_past='5x'; it must be SIZExCOUNT"),
    ],
)
def test_impossible_values_are_refused(changes, words):
    with pytest.raises(RecipeError, match=words):
        build(**changes)
