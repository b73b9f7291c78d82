"""The tutorials' recipes: small runs hold the figures of the table, and their models export."""

import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from tools.tutorials.runs import read_run
from tools.tutorials.table import table

from denoise_export.keras_to_onnx.export import export
from denoise_stream import ContractError, Denoiser, SourceError
from denoise_stream.model import Model
from denoise_train.cli import train as cli
from denoise_train.data import image_files
from denoise_train.data.code_figures import measure_codes
from denoise_train.data.image_figures import measure_images, measure_mouth
from denoise_train.data.image_files import Images, load_images
from denoise_train.data.image_noise import disturb_pixels
from denoise_train.data.registry import build_data
from denoise_train.networks.encoders import encoder_of
from denoise_train.networks.registry import build_network
from denoise_train.recipe import Recipe, RecipeError, load_recipe, with_values
from denoise_train.splits import TEST, TRAINING, VALIDATION
from denoise_train.training.fit import train

TUTORIALS = (
    "faces-conv",
    "faces-dense",
    "lstm-predict",
    "lstm-reduce",
    "mnist-conv-reduce",
    "mnist-denoise-conv",
    "mnist-dense",
    "mnist-reduce",
    "predict-change",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make digits of two kinds, upright and lying bars, faces that are like them, and two series."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    images = np.zeros((300, 28, 28), np.uint8)
    for image, label, place in zip(images, labels, rng.integers(4, 20, 300), strict=True):
        (image.T if label else image)[place : place + 4, 4:24] = 250
    np.savez(
        folder / "digits.npz", x_train=images[:200], y_train=labels[:200], x_test=images[200:], y_test=labels[200:]
    )
    np.savez(folder / "faces.npz", images=images[:120], subject=labels[:120])
    time = np.arange(3000)
    series = folder / "series"
    series.mkdir()
    np.save(series / "slow.npy", np.sin(time / 9) + 0.02 * rng.normal(size=3000))
    np.save(series / "fast.npy", np.sin(time / 3) ** 3 + 0.02 * rng.normal(size=3000))
    return {"mnist": folder / "digits.npz", "faces": folder / "faces.npz", "lstm": series, "predict": series}


def small(name: str, data: dict[str, Path], **values: object):
    changes = {"data.path": str(data[name.partition("-")[0]]), "schedule.epochs": 1, **values}
    return with_values(load_recipe(name), {key.replace("__", "."): value for key, value in changes.items()})


@pytest.fixture(scope="module")
def trained(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the run folder of a recipe of each kind, trained for a moment when it is asked for first."""
    folder = tmp_path_factory.mktemp("runs")
    recipes = {
        "mnist-dense": small(
            "mnist-dense", data, schedule__epochs=5, schedule__batch_size=16, optimizer__learning_rate=0.004
        ),
        "mnist-reduce": small("mnist-reduce", data, architecture__code=4),
        "lstm-predict": small("lstm-predict", data, data__held_out_windows=100, schedule__batches_per_epoch=4),
    }

    @functools.cache
    def run(name: str) -> Path:
        train(recipes[name], folder / name, say=lambda line: None)
        return folder / name

    return run


def report(run: Path) -> dict:
    return json.loads((run / "report.json").read_text())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "mnist-dense",
            784 * 128 + 128 * 64 + 64 * 32 + 32 * 64 + 64 * 128 + 128 * 784 + 128 + 64 + 32 + 64 + 128 + 784,
        ),
        ("mnist-denoise-conv", (9 + 1) * 10 + (90 + 1) * 10 + 91),
        ("mnist-conv-reduce", 26 * 10 + 4001 * 196 + (16 + 1) * 10 - 0 + 91),
    ],
)
def test_tutorials_networks_are_the_documents(name, parameters):
    recipe = load_recipe(name)
    network = build_network(recipe.window, recipe.hop, recipe.architecture)
    assert network.count_params() == parameters
    assert network.output_shape == (None, 784)


@pytest.mark.parametrize("name", TUTORIALS)
def test_every_network_takes_its_recipes_rows_and_its_code_is_narrower(name):
    recipe = load_recipe(name)
    network = build_network(recipe.window, recipe.hop, recipe.architecture)
    assert network.input_shape == (None, recipe.window)
    forecast = name in ("lstm-predict", "predict-change")
    assert network.output_shape == (None, 1 if forecast else recipe.window)
    if name in ("lstm-reduce", "mnist-conv-reduce", "mnist-reduce"):
        size = {"lstm-reduce": 45, "mnist-conv-reduce": 196, "mnist-reduce": 32}[name]
        assert encoder_of(network).output_shape == (None, size)
        assert size < recipe.window
    else:
        assert bool(recipe.reported) == (name != "predict-change")


def test_layers_are_left_out_down_to_a_single_convolution():
    recipe = load_recipe("mnist-denoise-conv")
    single = with_values(recipe, {"architecture.layers_used": []})
    network = build_network(784, 784, single.architecture)
    assert [layer.name for layer in network.layers if "conv" in layer.name] == [network.layers[2].name]
    with pytest.raises(RecipeError, match="'dense' is not known; use convolution, pooling, transposed"):
        build_network(784, 784, with_values(recipe, {"architecture.layers_used": ["dense"]}).architecture)


def test_noise_of_images_is_what_its_numbers_say_and_stays_in_range():
    grey = np.full((400, 100), 0.5, np.float32)
    noisy = disturb_pixels(np.random.default_rng(0), grey, {"white": 1.0}, 0.1, 0.0)
    assert (noisy - grey).std() == pytest.approx(0.1, rel=0.02)
    noisy = disturb_pixels(np.random.default_rng(0), grey, {"salt_and_pepper": 1.0}, 0.0, 0.3)
    assert set(np.unique(noisy)) == {0.0, 0.5, 1.0}
    assert (noisy != 0.5).mean() == pytest.approx(0.3, abs=0.02)
    both = disturb_pixels(np.random.default_rng(0), grey, {"white": 1.0, "salt_and_pepper": 1.0}, 5.0, 0.3)
    assert (both.min(), both.max()) == (0, 1)
    assert ((both == 0.5).any(axis=1)).mean() == pytest.approx(0.5, abs=0.1)


def test_images_of_a_set_belong_to_one_split_each(data):
    digits = load_images("mnist", data["mnist"], (28, 28), 0)
    assert [len(digits[split].rows) for split in (TRAINING, VALIDATION, TEST)] == [200, 50, 50]
    faces = load_images("faces", data["faces"], (50, 37), 0)
    assert [faces[split].rows.shape for split in (TRAINING, VALIDATION, TEST)] == [(84, 1850), (12, 1850), (24, 1850)]
    assert 0 <= faces[TEST].rows.min() < faces[TEST].rows.max() <= 1


def test_images_that_cannot_be_had_are_refused_in_one_sentence(tmp_path, monkeypatch):
    def offline(_: int) -> None:
        raise OSError("no network\nat all")

    monkeypatch.setitem(image_files.FETCHED, "mnist", offline)
    with pytest.raises(SourceError, match=r"^mnist cannot be fetched \(no network\); bring it .* --data PATH$"):
        load_images("mnist", None, (28, 28), 0)
    np.savez(tmp_path / "a.npz", pictures=np.zeros((2, 28, 28)))
    with pytest.raises(SourceError, match=r"a.npz holds pictures; needed: x_train and x_test .* or images"):
        load_images("mnist", tmp_path / "a.npz", (28, 28), 0)
    np.save(tmp_path / "b.npy", np.zeros((2, 28, 28)))
    with pytest.raises(SourceError, match=r"cannot read images from \S+b.npy"):
        load_images("mnist", tmp_path / "b.npy", (28, 28), 0)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:500])
    with pytest.raises(SourceError, match=r"cannot read images from \S+cut.npz"):
        load_images("mnist", tmp_path / "cut.npz", (28, 28), 0)
    np.savez(tmp_path / "c.npz", images=np.zeros((2, 28, 28, 3)))
    with pytest.raises(SourceError, match=r"shape \(2, 28, 28, 3\); needed: \(count, height, width\), grey"):
        load_images("faces", tmp_path / "c.npz", (50, 37), 0)


def test_changed_mouth_is_told_from_the_rest_of_the_face(data):
    splits = load_images("faces", data["faces"], (50, 37), 0)
    clean, known = splits[TEST], splits[TRAINING]
    mean = np.broadcast_to(known.rows.mean(axis=0), clean.rows.shape)
    found = measure_mouth(clean, clean.rows, mean, known, (50, 37))
    assert found["mouth"] == pytest.approx([0, 1])
    assert found["rest"] == pytest.approx([0, 1])
    changed = clean.rows.reshape(-1, 50, 37).copy()
    changed[:, 32:44, 7:30] = 0.5
    found = measure_mouth(clean, clean.rows, changed.reshape(-1, 1850), known, (50, 37))
    assert found["mouth"][1] > 0.3
    assert found["rest"][1] == 0


def test_figures_tell_a_perfect_denoiser_from_a_blurred_and_a_mistaken_one(data):
    splits = load_images("mnist", data["mnist"], (28, 28), 0)
    clean, known = splits[TEST], splits[TRAINING]
    noisy = disturb_pixels(np.random.default_rng(0), clean.rows, {"white": 1.0}, 0.3, 0.0)
    perfect = measure_images(clean, noisy, clean.rows, known, (28, 28))
    assert perfect["ssim"][0] < 0.9
    assert perfect["ssim"][1] == pytest.approx(1)
    assert perfect["sharpness"][0] > 1.5
    assert perfect["sharpness"][1] == pytest.approx(1)
    assert perfect["recognised"][0] == perfect["recognised"][2] > 0.95
    images = clean.rows.reshape(-1, 28, 28)
    smooth = np.mean([np.roll(images, (row, column), (1, 2)) for row in range(3) for column in range(3)], axis=0)
    assert measure_images(clean, noisy, smooth.reshape(-1, 784), known, (28, 28))["sharpness"][1] < 0.7
    others = Images(images.transpose(0, 2, 1).reshape(-1, 784), clean.labels)
    assert measure_images(clean, noisy, others.rows, known, (28, 28))["recognised"][2] < 0.05


def test_code_that_is_the_principal_components_is_as_good_as_they_are():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    rows = (rng.normal(size=(200, 12)) + 3 * labels[:, None] * np.arange(12)).astype(np.float32)
    components = PCA(3, random_state=0).fit(rows[:100])
    found = measure_codes(
        (rows[:100], labels[:100]),
        (rows[100:], labels[100:]),
        components.transform,
        lambda rows: components.inverse_transform(components.transform(rows)),
    )
    assert found["code_size"] == 3
    assert found["reconstruction_mse"][0] == pytest.approx(found["reconstruction_mse"][1])
    assert found["label_accuracy"] == [1.0, 1.0]


def test_forecasts_are_of_what_follows_and_series_are_split_by_time(data):
    recipe = small("lstm-predict", data)
    series = build_data(recipe.data, {}, recipe.window, 1)
    crops, numbers = series.crops(TEST, 0, 20, 49)
    pairs, same = series.pairs(TEST, 0, 20)
    assert (numbers == same).all()
    assert set(numbers) == {0, 1}
    low, high = crops[:, :-1].min(axis=1), crops[:, :-1].max(axis=1)
    np.testing.assert_allclose(pairs.target[:, 0], (crops[:, -1] - low) / (high - low), rtol=1e-4, atol=1e-6)
    assert min(np.flatnonzero(series.series.signals[numbers[0]] == crops[0, 0])) >= 2700
    perfect = iter([pairs.target])
    short = build_data({**recipe.data, "held_out_windows": 20}, {}, recipe.window, 1)
    figures = short.figures(lambda rows: next(perfect), None)
    assert figures["forecast_rmse"][0] < 1e-4 < 0.1 < figures["forecast_rmse"][1]
    assert len(figures["forecast_rmse_by_series"]) == 2


def test_untrained_mixture_of_autoregressions_forecasts_no_change():
    recipe = load_recipe("predict-change")
    rows = np.random.default_rng(0).random((5, 48)).astype(np.float32)
    forecast = np.asarray(build_network(recipe.window, recipe.hop, recipe.architecture)(rows))
    np.testing.assert_allclose(forecast[:, 0], rows[:, -1], atol=1e-6)


@pytest.mark.slow
def test_mixture_of_autoregressions_foretells_two_series_better_than_the_last_value(data, tmp_path):
    recipe = small("predict-change", data, data__held_out_windows=200, schedule__epochs=6)
    train(recipe, tmp_path / "run", say=lambda line: None)
    for forecast, persistence in report(tmp_path / "run")["forecast_rmse_by_series"]:
        assert forecast < 0.8 * persistence


def test_runs_of_images_are_measured_on_every_noise_and_drawn(trained):
    found = report(trained("mnist-dense"))
    assert list(found["tests"]) == [
        "white 0.1",
        "white 0.25",
        "white 0.5",
        "white 1",
        "salt_and_pepper 0.2",
        "salt_and_pepper 0.5",
    ]
    noisy, denoised = found["tests"]["white 0.5"]["psnr_db"]
    assert denoised > noisy + 2
    assert found["psnr_db"] == found["tests"]["white 0.5"]["psnr_db"]
    assert (trained("mnist-dense") / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_image_model_is_exported_with_its_shape_and_cleans_images(trained, tmp_path, data):
    path, facts = export(trained("mnist-dense"), tmp_path / "digits.onnx")
    assert facts["parity_with_keras"] <= 1e-5
    assert (facts["kind"], facts["shape"], facts["normalization"]) == ("image", (28, 28), "none")
    with pytest.raises(ContractError, match="is a model of kind 'image'"):
        Denoiser(path)
    np.save(tmp_path / "noisy.npy", np.load(data["mnist"])["x_test"][:3])
    command = ["--input", tmp_path / "noisy.npy", "--output", tmp_path / "clean.npy", "--model", path]
    code = "from denoise_stream.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = keras.models.load_model(trained("mnist-dense") / "model.keras", compile=False)
    rows = np.load(tmp_path / "noisy.npy").reshape(3, 784) / 255
    wanted = np.asarray(network(rows.astype(np.float32))).reshape(3, 28, 28) * 255
    assert np.abs(np.load(tmp_path / "clean.npy") - wanted).max() < 0.51


def save_untrained(recipe: Recipe, folder: Path) -> Path:
    folder.mkdir()
    build_network(recipe.window, recipe.hop, recipe.architecture).save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder


def test_encoder_is_exported_by_itself(data, tmp_path, monkeypatch, capsys):
    from denoise_export.cli import main

    run = save_untrained(small("mnist-reduce", data, architecture__code=4), tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["denoise-export", str(run), "--encoder"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "largest difference from Keras: " in capsys.readouterr().out
    path = run / "encoder.onnx"
    contract = Model(path, "code").contract
    assert (contract.output_size, contract.shape, contract.normalization) == (4, (28, 28), "standard")
    rows = np.random.default_rng(0).normal(size=(5, 784)).astype(np.float32)
    (codes,) = onnxruntime.InferenceSession(path).run(["code"], {"noisy": rows})
    network = keras.models.load_model(run / "model.keras", compile=False)
    np.testing.assert_allclose(codes, np.asarray(encoder_of(network)(rows)), atol=1e-5)


def test_network_without_a_code_has_no_encoder(tmp_path):
    noisy = keras.Input((30,))
    keras.Model(noisy, keras.layers.Dense(30)(noisy)).save(tmp_path / "mine.keras")
    with pytest.raises(SourceError, match="has no layer called 'code'"):
        export(tmp_path / "mine.keras", encoder=True)


def test_forecast_is_exported_as_what_it_is(tmp_path):
    path, facts = export(save_untrained(load_recipe("lstm-predict"), tmp_path / "run"))
    assert facts["parity_with_keras"] <= 1e-5
    assert (facts["kind"], facts["output_size"], facts["outputs"]) == ("forecast", 1, ["forecast"])
    assert Model(path, "forecast").contract.hop == 1


@pytest.mark.parametrize(
    "name",
    [
        *("lstm-reduce", "mnist-conv-reduce"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("faces-conv", "mnist-denoise-conv", "predict-change")
        ),
    ],
)
def test_convolutions_and_recurrent_layers_keep_parity(name, tmp_path):
    assert export(save_untrained(load_recipe(name), tmp_path / "run"))[1]["parity_with_keras"] <= 1e-5


@pytest.mark.slow
def test_table_says_what_was_reported_and_what_was_measured(trained, tmp_path):
    folders = []
    for name, changes in (
        ("mnist-dense", {}),
        ("mnist-dense", {"noise.salt_and_pepper": 1.0}),
        ("mnist-reduce", {"architecture.code": 4}),
        ("lstm-predict", {}),
    ):
        recipe = with_values(load_recipe(name), changes)
        folders.append(tmp_path / f"{name}-{len(folders)}")
        folders[-1].mkdir()
        (folders[-1] / "recipe.toml").write_text(recipe.to_toml())
        shutil.copy(trained(name) / "report.json", folders[-1])
    text = table([read_run(folder) for folder in folders])
    assert "| `mnist-dense` | loss 0.1094, val_loss 0.1126" in text
    assert f"| 5 of 100 | {round(report(trained('mnist-dense'))['training_seconds'])} |" in text
    assert "| `mnist-dense`, salt_and_pepper = 1.0 | (a variant) |" in text
    assert "trained on Gaussian noise it fails on salt and pepper | on salt_and_pepper 0.2 PSNR " in text
    assert "| `mnist-reduce`, code = 4 | 784 | 4 |" in text
    assert "| `lstm-predict` | all |" in text
    assert (
        "Not run: `faces-conv`, `faces-dense`, `lstm-reduce`, `mnist-conv-reduce`, `mnist-denoise-conv`, `x2`." in text
    )
    assert re.search(r"\| `lstm-predict` \| 48 \| 64 \| no decoder \| no decoder \| \d+\.\d % \| \d+\.\d % \|", text)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["mnist-dense", "--set", "noise.white"], 2, "--set noise.white: no KEY=VALUE"),
        (["mnist-dense", "--set", "noise.white=a"], 2, "write it as in a recipe, texts in quotes"),
        (["mnist-dense", "--set", "noise.hiss=1"], 1, "noise kind 'hiss' is not known"),
        (["mnist-dense", "--set", "noise.quantization=1"], 1, "noise kind 'quantization' is for signals"),
        (["mnist-dense", "--set", "data.shape=[28]"], 1, "shape=[28]; it must be a height and a width"),
        (["mnist-dense", "--set", "data.shape=[27, 28]"], 1, "has 756 pixels; it must have window=784"),
        (["mnist-dense", "--set", "data.replaced=2"], 1, "replaced=2; it must be a number from 0 to 1"),
        (["mnist-dense", "--set", "name.of=2"], 1, "'name' is not a section"),
        (["general", "--data", "a.npz"], 2, "--data is for images and series"),
        (["lstm-reduce"], 1, "series come with --data PATH"),
        (["mnist-dense", "--data", "nowhere.npz"], 1, "cannot read images from nowhere.npz"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path, monkeypatch, capfd, arguments, status, words):
    monkeypatch.setattr(sys, "argv", ["denoise-train", *arguments, "--output", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    message = capfd.readouterr().err
    assert ended.value.code == status
    assert words in message
    assert message.count("\n") == 1
