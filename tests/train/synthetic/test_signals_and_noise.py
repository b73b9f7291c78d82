"""Clean families, noise and mixing: pure, seeded, finite, with the power they promise."""

import numpy as np
import pytest

from denoise_stream import SourceError
from denoise_stream.engine.windows import normalize
from denoise_train.arrays import standardize
from denoise_train.data.registry import build_data
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import EVALUATION, TEST, TRAINING, VALIDATION, seeded
from denoise_train.synthetic.alterations import ALTERATIONS, alter_some
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.families import FAMILIES
from denoise_train.synthetic.mixing import add_noise, mix_at_snr, scale_by_noisy
from denoise_train.synthetic.noise import ADDITIVE, NOISE_KINDS


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("count", "length"), [(1, 150), (40, 601)])
def test_family_gives_finite_signals_of_the_size_asked_for(name, count, length):
    signals = FAMILIES[name](np.random.default_rng(0), count, length)
    assert signals.shape == (count, length)
    assert signals.dtype == np.float64
    assert np.isfinite(signals).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_seeded_and_varied(name):
    first, again, other = (FAMILIES[name](np.random.default_rng(seed), 20, 600) for seed in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()
    moving = first[first.std(axis=1) > 0]
    assert len(moving) > 10
    assert len(np.unique(np.round(standardize(moving), 6), axis=0)) == len(moving)


def test_drawn_signals_are_standardized_and_from_all_families():
    signals = draw_signals(np.random.default_rng(0), 500, 600)
    moving = signals.std(axis=1) > 0
    assert moving.mean() > 0.98
    np.testing.assert_allclose(signals[moving].std(axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(signals.mean(axis=1), 0, atol=1e-9)
    assert draw_signals(np.random.default_rng(0), 0, 600).shape == (0, 600)
    with pytest.raises(ValueError, match="family='nope' is not known; use one of sines, "):
        draw_signals(np.random.default_rng(0), 1, 10, ("nope",))


@pytest.mark.parametrize("name", ALTERATIONS)
def test_alteration_keeps_signals_finite_and_changes_them(name):
    rows = draw_signals(np.random.default_rng(0), 60, 600, altered=0.0)
    altered = ALTERATIONS[name](np.random.default_rng(1), rows)
    assert altered.shape == rows.shape
    assert np.isfinite(altered).all()
    assert (ALTERATIONS[name](np.random.default_rng(1), rows) == altered).all()
    moving = rows.std(axis=1) > 0
    assert (standardize(altered[moving]) != rows[moving]).any(axis=1).all()


def test_only_the_share_asked_for_is_altered():
    rows = draw_signals(np.random.default_rng(0), 2000, 100, altered=0.0)
    changed = (alter_some(np.random.default_rng(1), rows, 0.3) != rows).any(axis=1)
    assert changed.mean() == pytest.approx(0.3, abs=0.05)
    assert (alter_some(np.random.default_rng(1), rows, 0.0) == rows).all()


@pytest.mark.parametrize("kind", ADDITIVE)
def test_noise_has_unit_power_and_no_mean(kind):
    noise = ADDITIVE[kind](np.random.default_rng(0), 400, 2000)
    assert np.mean(noise**2) == pytest.approx(1, rel=0.05)
    assert np.mean(noise) == pytest.approx(0, abs=0.02)


def spectrum_slope(noise: np.ndarray) -> float:
    power = np.mean(np.abs(np.fft.rfft(noise, axis=1)) ** 2, axis=0)[2:-1]
    return float(np.polyfit(np.log(np.arange(len(power)) + 2), np.log(power), 1)[0])


def test_noise_kinds_are_what_their_names_say():
    drawn = {kind: make(np.random.default_rng(0), 200, 2000) for kind, make in ADDITIVE.items()}
    for kind in ("white", "uniform", "laplacian", "impulsive", "gusty"):
        assert spectrum_slope(drawn[kind]) == pytest.approx(0, abs=0.05)
    assert spectrum_slope(drawn["pink"]) == pytest.approx(-1, abs=0.05)
    assert spectrum_slope(drawn["brown"]) == pytest.approx(-2, abs=0.05)
    kurtosis = {kind: float(np.mean(noise**4)) for kind, noise in drawn.items()}
    assert kurtosis["uniform"] == pytest.approx(1.8, rel=0.05)
    assert kurtosis["white"] == pytest.approx(3, rel=0.05)
    assert kurtosis["laplacian"] == pytest.approx(6, rel=0.1)
    hit = (drawn["impulsive"] != 0).mean(axis=1)
    assert hit.min() > 0.002
    assert hit.max() < 0.12
    assert 0.03 < hit.mean() < 0.05


def test_level_of_gusty_noise_varies_within_a_signal():
    noise = ADDITIVE["gusty"](np.random.default_rng(0), 200, 2000)
    levels = noise.reshape(200, 20, 100).std(axis=2)
    assert np.median(levels.max(axis=1) / levels.min(axis=1)) > 2


def test_hum_is_periodic_with_most_power_in_odd_harmonics():
    hum = ADDITIVE["hum"](np.random.default_rng(0), 50, 4096)
    power = np.abs(np.fft.rfft(hum * np.hanning(4096), axis=1)) ** 2
    # Lines, not a continuous spectrum: forty bins of 2049 hold nearly everything.
    assert (np.sort(power, axis=1)[:, -40:].sum(axis=1) / power.sum(axis=1) > 0.99).all()


def test_what_electrodes_pick_up_is_slow_or_fast_as_its_source_is():
    drawn = {kind: ADDITIVE[kind](np.random.default_rng(0), 100, 7200) for kind in ("wander", "muscle", "motion")}
    frequency = np.fft.rfftfreq(7200) * 360
    power = {kind: np.mean(np.abs(np.fft.rfft(noise * np.hanning(7200))) ** 2, axis=0) for kind, noise in drawn.items()}

    def share(kind, below_hz):
        return power[kind][frequency < below_hz].sum() / power[kind].sum()

    assert share("wander", 1.5) > 0.99
    assert share("wander", 0.03) < 0.1
    assert share("muscle", 10) < 0.1
    assert share("muscle", 100) > 0.5
    assert 0.5 < share("motion", 1.5) < 0.95
    assert share("motion", 40) > 0.99
    levels = drawn["muscle"].reshape(100, 36, 200).std(axis=2)
    assert np.median(levels.max(axis=1) / levels.min(axis=1)) > 3


@pytest.fixture(scope="module")
def many_signals():
    clean = draw_signals(np.random.default_rng(0), 2000, 600)
    return clean[clean.std(axis=1) > 0]


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_every_kind_of_noise_keeps_the_snr_asked_for(many_signals, kind, snr_db):
    clean = many_signals
    noisy = add_noise(np.random.default_rng(1), clean, snr_db, {kind: 1.0})
    found = 10 * np.log10(clean.var(axis=1).sum() / ((noisy - clean) ** 2).mean(axis=1).sum())
    # Rounding errors of very coarse steps are not spread evenly, so quantization only comes near.
    assert found == pytest.approx(snr_db, abs=1.5 if kind == "quantization" else 0.3)


def test_salt_and_pepper_replaces_samples_by_the_extremes_and_quantization_leaves_a_grid():
    rng = np.random.default_rng(0)
    clean = draw_signals(rng, 50, 600, ("sines",))
    peppered = add_noise(rng, clean, 5.0, {"salt_and_pepper": 1.0})
    hit = peppered != clean
    extremes = (peppered == clean.min(axis=1, keepdims=True)) | (peppered == clean.max(axis=1, keepdims=True))
    assert extremes[hit].all()
    assert 0.01 < hit.mean() < 0.2
    rounded = add_noise(rng, clean, 10.0, {"quantization": 1.0})
    assert max(len(np.unique(row.round(9))) for row in rounded) < 20


def test_blends_are_sums_of_two_kinds():
    clean = np.zeros((400, 500))
    shares = {"impulsive": 1.0, "white": 1.0}
    noisy = add_noise(np.random.default_rng(0), clean, 0.0, shares, blends=0.5)
    sparse = (noisy == 0).mean(axis=1) > 0.5
    # Half of the rows are blends, and of those half are of both kinds: a quarter more is not sparse.
    assert sparse.mean() == pytest.approx(0.25 + 0.125, abs=0.06)
    np.testing.assert_allclose(np.mean(noisy**2, axis=1), 1)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_constant_signals_take_noise_without_warning(kind):
    noisy = add_noise(np.random.default_rng(0), np.full((3, 100), 7.0), 10.0, {kind: 1.0})
    assert np.isfinite(noisy).all()


def test_mistaken_shares_of_noise_are_named():
    for shares, words in (({"nope": 1.0}, "'nope' is not known"), ({"white": -1.0}, "is -1.0"), ({}, "no kind")):
        with pytest.raises(ValueError, match=words):
            add_noise(np.random.default_rng(0), np.zeros((1, 10)), 0.0, shares)


def test_mixture_has_the_snr_asked_for():
    rng = np.random.default_rng(0)
    clean, noise = draw_signals(rng, 50, 600), rng.normal(size=(50, 600))
    clean = clean[clean.std(axis=1) > 0]
    noise = noise[: len(clean)]
    for snr_db in (-5.0, 0.0, 30.0):
        noisy = mix_at_snr(clean, noise, snr_db)
        found = 10 * np.log10(clean.var(axis=1) / np.mean((noisy - clean) ** 2, axis=1))
        np.testing.assert_allclose(found, snr_db, atol=1e-9)
    assert (mix_at_snr(clean, np.zeros_like(clean), 0.0) == clean).all()


def test_target_is_scaled_by_the_noisy_window_so_that_the_amplitude_is_kept():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(30, 150)).cumsum(axis=1)
    noisy = clean + rng.normal(size=clean.shape)
    scaled_noisy, scaled_clean, span = scale_by_noisy(noisy, clean)
    assert scaled_noisy.min() == 0
    assert scaled_noisy.max() == 1
    minimum = noisy.min(axis=1, keepdims=True)
    np.testing.assert_allclose(scaled_clean * span + minimum, clean, atol=1e-12)
    assert (scaled_noisy == normalize(noisy)[0]).all()
    constant = np.full((1, 150), 7.0)
    assert (scale_by_noisy(constant, constant)[0] == 0).all()


@pytest.mark.parametrize(
    ("name", "samples"),
    [("general-small", [0.47753, 0.34517, 0.47641, 0.02302]), ("x2", [0.17785, 0.1556, 0.12364, 0.19775])],
)
def test_recipes_of_a_window_alone_draw_the_data_that_the_shipped_models_saw(name, samples):
    recipe = load_recipe(name)
    pairs = build_data(recipe.data, recipe.noise, recipe.window, recipe.seed).block(0)
    np.testing.assert_allclose(pairs.noisy[:4000:1000, 75], samples, atol=1e-4)


def test_same_seed_gives_the_same_data_and_splits_never_meet():
    recipe = load_recipe("general-small")
    data = [build_data(recipe.data, recipe.noise, 150, seed) for seed in (1, 1, 2)]
    blocks = [part.block(3).noisy for part in data]
    assert (blocks[0] == blocks[1]).all()
    assert not (blocks[0] == blocks[2]).any(axis=1).all()
    draws = [seeded(1, split).random(1000) for split in (TRAINING, VALIDATION, TEST, EVALUATION)]
    assert len(np.unique(np.concatenate(draws))) == 4000


def test_training_begins_with_low_snr_and_without_clean_signals():
    recipe = load_recipe("general-small")
    section = {**recipe.data, "gentle_blocks": 10, "clean_share": 0.2}
    data = build_data(section, {"white": 1.0}, 150, 1)
    levels = [20 * np.log10(np.maximum(data.block(number).target[::4, 151], 1e-9)) for number in (0, 5, 10)]
    least, most = recipe.data["snr_db"]
    assert [level.max() for level in levels] == pytest.approx(
        [(least + most) / 2, least + 0.75 * (most - least), 40.0], abs=0.5
    )
    assert [round(float((level > 39.9).mean()), 1) for level in levels] == [0, 0, 0.2]


def test_x2_is_the_tutorials_data():
    recipe = load_recipe("x2")
    data = build_data({**recipe.data, "samples": 1000}, {}, 150, 1)
    training, validation, test = data.training(), data.validation(), data.test()
    assert [len(part.noisy) for part in (training, validation, test)] == [560, 140, 300]
    x = np.arange(-50, 100) / 100
    np.testing.assert_allclose(training.target[0], x**2 / 0.99**2, atol=1e-6)
    assert (training.target == training.target[0]).all()
    assert training.noisy.min() == 0
    assert training.noisy.max() == 1


@pytest.mark.parametrize(
    ("section", "noise", "words"),
    [
        ({"kind": "nope"}, {}, "data kind 'nope' is not known"),
        ({"kind": "x2", "nope": 1}, {}, "data 'x2': "),
        ({**load_recipe("x2").data, "nope": 1}, {}, "data 'x2': got an unexpected keyword argument 'nope'"),
        ({**load_recipe("general-small").data, "snr_db": 5.0}, {"white": 1.0}, "data 'mixtures': "),
        ({**load_recipe("general-small").data, "families": ["nope"]}, {"white": 1.0}, "family='nope' is not known"),
        (load_recipe("general-small").data, {"nope": 1.0}, "noise kind 'nope' is not known"),
    ],
)
def test_mistakes_in_data_sections_are_named(section, noise, words):
    with pytest.raises(RecipeError, match=words):
        build_data(section, noise, 150, 0)


SPLITS = (TRAINING, VALIDATION, TEST)


def test_ten_recordings_and_more_are_split_by_file():
    files = [index // 2 for index in range(44)]  # two channels each
    recordings = Recordings([np.full(100, float(file)) for file in files], files)
    held = [{int(signal[0]) for signal in recordings.part(split).signals} for split in SPLITS]
    assert held == [set(range(22)) - {8, 9, 18, 19}, {8, 18}, {9, 19}]


def test_few_recordings_are_split_in_time_and_empty_parts_left_out():
    recordings = Recordings([np.arange(1000.0), np.arange(5000.0, 5005.0)])
    parts = [recordings.part(split).signals for split in SPLITS]
    assert [(part[0][0], part[0][-1]) for part in parts] == [(0, 799), (800, 899), (900, 999)]
    assert [len(part) for part in parts] == [2, 1, 2]
    samples = np.concatenate([signal for part in parts for signal in part])
    assert len(np.unique(samples)) == len(samples) == 1005
    with pytest.raises(SourceError, match="too short to be split"):
        Recordings([np.arange(5.0)]).part(VALIDATION)


@pytest.mark.parametrize("kind", ["clean", "noise"])
def test_no_split_draws_a_crop_of_what_another_draws_from(kind, monkeypatch):
    """A ramp of one recording: the crops' own values say where in it they were taken."""
    taken: list[tuple[float, float]] = []
    draw = Recordings.draw

    def noting(self: Recordings, rng: np.random.Generator, count: int, length: int) -> np.ndarray:
        if count:
            taken.append((min(map(np.min, self.signals)), max(map(np.max, self.signals))))
        return draw(self, rng, count, length)

    monkeypatch.setattr(Recordings, "draw", noting)
    section = {**load_recipe("general-small").data, "validation_signals": 20, "test_signals": 20}
    ramp = Recordings([np.arange(10_000.0)])
    data = build_data(section, {"white": 1.0}, 150, 0, OwnData(**{kind: ramp}))
    data.block(0), data.validation(), data.test(5.0)
    assert taken == [(0, 7999), (8000, 8999), (9000, 9999)]


@pytest.mark.parametrize(
    ("recipe", "change", "words"),
    [
        ("x2", {"samples": "many"}, "samples='many'; it must be a whole number from 1"),
        ("x2", {"samples": 0}, "samples=0; it must be a whole number from 1"),
        ("x2", {"samples": 3}, "leave training, validation or test without a window"),
        ("x2", {"validation_share": 0.0}, "leave training, validation or test without a window"),
        ("x2", {"noise_deviation": -1}, "noise_deviation=-1; it must be a number from 0"),
        ("general", {"validation_signals": 0}, "validation_signals=0; it must be a whole number from 1"),
        ("general", {"test_signals": 0}, "test_signals=0; it must be a whole number from 1"),
        ("general", {"windows_per_signal": 0}, "windows_per_signal=0; it must be a whole number from 1"),
        ("general", {"clean_share": 2}, "clean_share=2; it must be a number from 0 to 1"),
        ("general", {"snr_db": [10.0, 0.0]}, "snr_db, to=0.0; it must be a number from 10 to 200"),
    ],
)
def test_values_out_of_range_in_data_sections_are_named(recipe, change, words):
    loaded = load_recipe(recipe)
    with pytest.raises(RecipeError, match=words):
        build_data({**loaded.data, **change}, loaded.noise, 150, 0)
