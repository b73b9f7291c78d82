"""Training on one's own signals: pairs, noisy recordings, a trained network to start from, and what is refused."""

import dataclasses
import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise_stream import Denoiser, SinkError, SourceError
from denoise_stream.contract import Contract
from denoise_stream.model import Model
from denoise_train.cli import train as cli
from denoise_train.cli.train_options import with_recordings
from denoise_train.data.registry import build_data
from denoise_train.dsp.metrics import snr_improvement_db
from denoise_train.evaluation import verdict
from denoise_train.evaluation.compare import engine_method
from denoise_train.networks.registry import build_network
from denoise_train.recipe import Recipe, RecipeError, load_recipe
from denoise_train.recordings.noisy_recordings import NoisyRecordings
from denoise_train.recordings.pairs import OwnData, PairedRecordings
from denoise_train.recordings.recordings import Recordings
from denoise_train.training.fit import train
from denoise_train.training.network_engine import network_method
from denoise_train.training.start import bundled_weights, copy_weights, load_start, starting_from
from own_signals import SMALL_NETWORK, beats, pairs, small


@pytest.fixture(autouse=True)
def few_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SIGNALS", 25)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    clean, noisy = tmp_path_factory.mktemp("own") / "clean", tmp_path_factory.mktemp("own") / "noisy"
    for folder, signals in zip((clean, noisy), beats(3, 6000, 5.0), strict=True):
        folder.mkdir()
        for number, signal in enumerate(signals):
            np.save(folder / f"{number}.npy", signal)
    return clean, noisy


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the small network, for others to start from; its weights are as good as trained ones."""
    keras.utils.set_random_seed(7)
    folder = tmp_path_factory.mktemp("start") / "run"
    folder.mkdir()
    recipe = small()
    build_network(recipe.window, recipe.hop, recipe.architecture).save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(small(batches_per_epoch=5).to_toml())
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["denoise-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


# ------------------------------------------------------------------------------- starting from a network


def test_the_bundled_network_is_the_bundled_model_and_fits_its_recipe():
    assert list(bundled_weights()) == ["general", "speech"]
    recipe, trained = load_recipe("general"), load_start("general")
    network = build_network(recipe.window, recipe.hop, recipe.architecture, recipe.contract)
    copy_weights(network, trained, "general")
    rng = np.random.default_rng(0)
    windows = rng.random((8, 150), dtype=np.float32)
    context = rng.random((8, recipe.contract.context_size), dtype=np.float32)
    expected = Model("general").run(windows, context)
    np.testing.assert_allclose(network.predict_on_batch([windows, context]), expected, atol=2e-5)


@pytest.mark.slow
def test_a_training_begins_where_the_other_one_ended(start, tmp_path):
    still = dataclasses.replace(
        small(), start=str(start), optimizer=dataclasses.replace(small().optimizer, learning_rate=1e-12)
    )
    train(still, tmp_path / "run", say=lambda line: None)
    windows = np.random.default_rng(0).random((8, 150), dtype=np.float32)
    before, after = (load_start(str(folder)).predict_on_batch(windows) for folder in (start, tmp_path / "run"))
    np.testing.assert_allclose(before, after, atol=1e-5)
    assert load_recipe(tmp_path / "run" / "recipe.toml").start == str(start)


def test_a_network_of_another_architecture_is_refused_with_what_to_do(start, tmp_path):
    other = dataclasses.replace(small(), architecture={**SMALL_NETWORK, "filters": [8, 16, 24]}, start=str(start))
    with pytest.raises(RecipeError, match=r"is another network than the recipe's \[architecture\].*recipe.toml"):
        train(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "is neither a file nor bundled; name a bundled network .general, speech., a run folder"),
        (lambda path: path.mkdir(), "holds no model.keras; name a bundled network"),
        (lambda path: path.write_bytes(b"no"), "cannot be trained further; name the .keras file or the run folder"),
        (lambda path: path.with_suffix(".keras").write_bytes(b"no"), "is not a Keras model"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path, make, words):
    path = tmp_path / "start.onnx"
    make(path)
    keras_file = path.with_suffix(".keras")
    with pytest.raises(SourceError, match=words):
        load_start(str(keras_file if keras_file.exists() else path))


def test_a_start_takes_smaller_steps_once():
    general = load_recipe("general")
    gentle = starting_from(general, "general")
    assert gentle.optimizer.learning_rate < general.optimizer.learning_rate
    assert gentle.start == "general"
    assert starting_from(gentle, "runs/mine") == dataclasses.replace(gentle, start="runs/mine")


def test_recordings_are_noted_once_and_noise_too(tmp_path):
    paths = (tmp_path / "clean", tmp_path / "hall.wav")
    once = with_recordings(small(), paths, 0.5)
    assert once.trained_on.endswith("; recordings in clean, hall.wav")
    assert with_recordings(once, paths, 0.5) == once


def test_a_network_with_the_same_weights_but_other_activations_is_refused():
    one, other = (
        keras.Sequential([keras.Input((150,)), keras.layers.Dense(150, activation=kind)]) for kind in ("relu", "tanh")
    )
    copy_weights(keras.models.clone_model(one), one, "one")
    with pytest.raises(RecipeError, match="one has as many weights as the recipe's .* but is another network"):
        copy_weights(other, one, "one")


@pytest.mark.slow
def test_minutes_end_a_training_and_more_minutes_resume_it(tmp_path):
    lines: list[str] = []
    recipe = small(minutes=0.05, batches_per_epoch=10)
    first = train(recipe, tmp_path / "run", say=lines.append)
    assert not first["interrupted"]
    assert 2.5 < first["training_seconds"] < 60
    assert re.match(r"epoch 1: loss \S+ val_loss \S+ \d+ s, 0 min to go", lines[0])
    longer = dataclasses.replace(
        recipe, schedule=dataclasses.replace(recipe.schedule, minutes=first["training_seconds"] / 60 + 0.05)
    )
    second = train(longer, tmp_path / "run", resume=True, say=lines.append)
    assert second["training_seconds"] > max(5.5, first["training_seconds"])
    assert second["epochs"] >= first["epochs"]
    assert train(longer, tmp_path / "run", resume=True, say=lines.append)["epochs"] == second["epochs"]
    by_epochs = dataclasses.replace(longer, schedule=dataclasses.replace(longer.schedule, minutes=0.0, epochs=9))
    with pytest.raises(SinkError, match=r"began with minutes=0\.\d+; resume it with a number of minutes"):
        train(by_epochs, tmp_path / "run", resume=True)
    with pytest.raises(SinkError, match=r"began with data.recordings_share=\S+ not 0.7"):
        train(dataclasses.replace(longer, data={**longer.data, "recordings_share": 0.7}), tmp_path / "run", resume=True)


def test_signals_that_salt_and_pepper_spared_do_not_spoil_the_report():
    recipe = small()
    data = build_data({**recipe.data, "test_signals": 40}, {"salt_and_pepper": 1.0}, 150, 1)
    figures = data.figures(lambda noisy: 0.999 * noisy, None)
    assert figures["snr_improvement_db_by_input_snr"]["20"] == pytest.approx(0, abs=1)


def test_a_network_runs_in_the_engine_as_its_exported_file_does():
    method = network_method(load_start("general"), "general", Denoiser("general").contract)
    noisy = np.random.default_rng(0).normal(size=(3, 400))
    np.testing.assert_allclose(
        method.apply(noisy, None), engine_method(Denoiser("general")).apply(noisy, None), atol=1e-4
    )
    assert method.apply(noisy[:1], None).shape == (1, 400)


# ----------------------------------------------------------------------------------------------- learning


@pytest.mark.slow
def test_noisy_recordings_alone_teach_a_network_to_denoise(tmp_path):
    clean, noisy = beats(6, 20_000, 5.0)
    recipe = small(epochs=2, batches_per_epoch=60)
    recipe = dataclasses.replace(
        recipe,
        data={**recipe.data, "recordings_share": 1.0},
        optimizer=dataclasses.replace(recipe.optimizer, learning_rate=0.01),
    )
    report = train(recipe, tmp_path / "run", OwnData(pairs=NoisyRecordings(Recordings(noisy))), say=lambda line: None)
    network = keras.models.load_model(tmp_path / "run" / "model.keras", compile=False)
    method = network_method(network, "it", Contract("it", 150, 75))
    held_out = slice(18_000, 19_500)
    true = snr_improvement_db(
        *(np.stack(rows)[:, held_out] for rows in (clean, noisy, method.apply(np.stack(noisy), None)))
    )
    assert true.mean() > 3
    own = report["own_recordings"]
    assert own["gain_db"] == pytest.approx(true.mean(), abs=1.5)
    assert not own["warnings"]


@pytest.mark.slow
def test_a_program_trained_on_pairs_ends_in_a_sentence_about_the_held_out_part(
    recipe_file, start, folders, tmp_path, monkeypatch, capsys
):
    arguments = (recipe_file, "--from", start, "--pairs", *folders, "--epochs", 1, "--share", 0.7)
    assert run(monkeypatch, *arguments, "--output", tmp_path / "run") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"On your held-out recordings, at \d\.\d dB SNR, run (gains|loses) \d+\.\d dB; "
        r"the best filter, [-\w]+ \(\S+ \S+\), gains \d+\.\d dB; run, where it started, (gains|loses) \d+\.\d dB\.",
        printed,
    )
    recipe = load_recipe(tmp_path / "run" / "recipe.toml")
    assert recipe.data["recordings_share"] == 0.7
    assert recipe.trained_on.endswith("recordings in clean, noisy")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["own_recordings"]["verdict"] in printed
    assert report["name"] == "run"
    assert (tmp_path / "run" / "own.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_program_trained_on_hum_without_clean_signals_warns(recipe_file, tmp_path, monkeypatch, capsys):
    hum = np.sin(2 * np.pi * np.arange(30_000) / 6) + np.random.default_rng(0).normal(0, 0.1, 30_000)
    (clean,), _ = beats(1, 30_000, 0.0)
    np.save(tmp_path / "hum.npy", clean + hum)
    arguments = (recipe_file, "--noisy", tmp_path / "hum.npy", "--epochs", 1, "--output", tmp_path / "run")
    assert run(monkeypatch, *arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Warning: the noise is not independent from sample to sample" in printed
    assert "by estimate" in printed
    assert load_recipe(tmp_path / "run" / "recipe.toml").data["recordings_share"] == 0.9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--pairs", "a", "b", "--clean", "c"), "--pairs brings clean signals and their noise"),
        (("--noisy", "a", "--noise", "b"), "--noisy is for recordings without clean ones"),
        (("--share", "0.5"), "--share applies to your recordings; give --clean, --pairs or --noisy with it"),
        (("--epochs", "3", "--minutes", "4"), "--epochs and --minutes are two ways to say how long"),
    ],
)
def test_contradictions_are_named(arguments, sentence, monkeypatch, capsys):
    assert run(monkeypatch, "general", *arguments) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert message.count("\n") == 1


def test_x2_takes_no_recordings(folders, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "x2", "--noisy", folders[1], "--output", tmp_path / "run") == 1
    assert "data kind 'x2' has its own signal" in capsys.readouterr().err


# ---------------------------------------------------------------------------------- refused before the training


def test_what_cannot_be_judged_or_learned_is_refused_before_the_training(tmp_path):
    (clean,), (noisy,) = beats(1, 30_000, 5.0)
    ends_constant = clean.copy()
    ends_constant[27_000:] = 1.0
    coarse = np.round(noisy / 4) * 4
    for own, words in (
        (OwnData(clean=Recordings([ends_constant])), "silent or constant almost everywhere"),
        (OwnData(clean=Recordings([clean]), noise=Recordings([np.zeros(9000)])), "noise recordings is constant"),
        (OwnData(pairs=PairedRecordings(Recordings([clean[:10]]), Recordings([noisy[:10]]))), "do not fill one window"),
        (OwnData(pairs=NoisyRecordings(Recordings([coarse]))), "0.4 steps of a coarse quantization.*teach nothing"),
    ):
        with pytest.raises(SourceError, match=words):
            train(small(), tmp_path / "run", own)
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_verdict_that_fails_leaves_the_report_of_the_training(tmp_path, monkeypatch):
    def broken(*arguments: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("denoise_train.training.fit.judge", broken)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        train(small(batches_per_epoch=2), tmp_path / "run", pairs(), say=lambda line: None)
    assert json.loads((tmp_path / "run" / "report.json").read_text())["epochs"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sample_rate_hz": None}, "clean_above_hz needs the recipe's sample_rate_hz"),
        ({"data.clean_above_hz": 200.0}, "clean_above_hz=200.0; it must be a number from 0 to 90"),
        ({"data.clean_above_hz": "slow"}, "clean_above_hz='slow'; it must be a number"),
    ],
)
def test_a_high_pass_of_clean_recordings_that_cannot_be_is_refused(tmp_path, changes, words):
    recipe = load_recipe("ecg")
    recipe = dataclasses.replace(
        recipe,
        sample_rate_hz=changes.get("sample_rate_hz", recipe.sample_rate_hz),
        data={**recipe.data, "clean_above_hz": changes.get("data.clean_above_hz", 0.5)},
    )
    clean, _ = beats(2, 7200, 10.0)
    with pytest.raises(RecipeError, match=re.escape(words)):
        train(recipe, tmp_path / "run", OwnData(clean=Recordings(clean)), say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_clean_recordings_lose_their_wander_before_anything_is_drawn_from_them(tmp_path, monkeypatch):
    seen = []

    def look(recipe: Recipe, own: OwnData) -> None:
        seen.append(own)
        raise KeyboardInterrupt

    monkeypatch.setattr("denoise_train.training.fit.hold_out", look)
    clean, _ = beats(2, 7200, 10.0)
    wander = 3 * np.sin(2 * np.pi * 0.1 * np.arange(7200) / 360)
    with pytest.raises(KeyboardInterrupt):
        train(
            load_recipe("ecg"),
            tmp_path / "run",
            OwnData(clean=Recordings([one + wander for one in clean])),
            say=lambda line: None,
        )
    for one in seen[0].clean.signals:
        slow = np.abs(np.fft.rfft(one * np.hanning(7200)))
        assert slow[:4].max() < 0.05 * np.abs(np.fft.rfft(wander * np.hanning(7200))).max()
