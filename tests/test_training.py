"""Training: run folders hold what was promised, runs resume, interruptions keep the best network."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import SourceError
from denoise_train.recipe import RecipeError, bundled_recipes, load_recipe
from denoise_train.recordings import load_recordings

SMALL = """
name = "small"
seed = 3
trained_on = "a test"
[data]
kind = "mixtures"
families = ["polynomials", "steps"]
overlays = 0.25
windows_per_signal = 4
snr_db = [0.0, 10.0]
clean_share = 0.02
recordings_share = 0.5
noise_recordings_share = 0.5
validation_signals = 50
test_signals = 50
[noise]
white = 1.0
[architecture]
kind = "strided"
strides = [3, 2, 5]
filters = [8, 16, 32]
kernels = [9, 5, 5]
refine_kernels = [3, 3, 3]
bottleneck_kernel = 3
[loss]
kind = "snr_db"
floor_db = -30.0
centre_weight = 0.5
[optimizer]
learning_rate = 0.01
[schedule]
epochs = 2
batches_per_epoch = 120
batch_size = 128
warm_up_batches = 5
decay = "cosine"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from denoise_train.cli import main; main()"
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_run_folder_holds_everything_and_improves_the_signal(tmp_path, recipe):
    run = tmp_path / "run"
    done = train(recipe, "--output", run)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "epoch 2/2: loss" in done.stdout
    present = {path.name for path in run.iterdir()}
    assert {"model.keras", "recipe.toml", "history.csv", "history.png", "samples.png", "report.json"} <= present
    assert load_recipe(run / "recipe.toml") == load_recipe(recipe)
    rows = history(run)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
    report = json.loads((run / "report.json").read_text())
    assert report["seed"] == 3
    assert report["mean_snr_improvement_db"] > 1
    assert set(report["snr_improvement_db"]) == {"-5", "0", "5", "10", "15", "20", "25", "30"}


def test_resumed_run_goes_on_where_it_stopped(tmp_path, recipe):
    run = tmp_path / "run"
    assert train(recipe, "--output", run, "--epochs", 1).returncode == 0
    first = history(run)
    again = train(recipe, "--output", run)
    assert again.returncode == 1
    assert "is not empty; choose another --output, or --resume" in again.stderr
    resumed = train(recipe, "--output", run, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1/2" not in resumed.stdout
    rows = history(run)
    assert rows[0] == first[0]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    nothing = train(recipe, "--output", tmp_path / "other", "--resume")
    assert nothing.returncode == 1
    assert "holds no interrupted run to resume" in nothing.stderr


def test_interrupted_run_keeps_the_best_network_and_can_be_resumed(tmp_path, recipe):
    run = tmp_path / "run"
    code = "from denoise_train.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(recipe), "--output", str(run), "--epochs", "500"],
        stdout=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 120
    while not (run / "history.csv").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in output
    report = json.loads((run / "report.json").read_text())
    assert report["interrupted"]
    assert 1 <= report["epochs"] < 500
    assert train(recipe, "--output", run, "--resume", "--epochs", report["epochs"] + 1).returncode == 0
    assert len(history(run)) == report["epochs"] + 1


def test_same_seed_gives_the_same_network(tmp_path, recipe):
    losses = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert train(recipe, "--output", tmp_path / name, "--epochs", 1, "--seed", seed).returncode == 0
        losses.append(float(history(tmp_path / name)[0]["val_loss"]))
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    assert abs(losses[0] - losses[2]) > 1e-3


def test_recordings_are_drawn_from_files_and_folders(tmp_path, recipe):
    import soundfile

    folder = tmp_path / "clean"
    folder.mkdir()
    tone = np.sin(np.arange(5000) / 7)
    soundfile.write(folder / "a.flac", tone, 16000)
    (folder / "b.csv").write_text("t,v\n" + "".join(f"{i},{np.cos(i / 9):.5f}\n" for i in range(300)))
    np.savez(folder / "c.npz", signal=tone[:200].astype(np.float32), rate=16000)
    (folder / "notes.txt").write_text("not a recording")
    recordings = load_recordings([folder])
    assert [len(signal) for signal in recordings.signals] == [5000, 300, 200]
    crops = recordings.draw(np.random.default_rng(0), 50, 600)
    assert crops.shape == (50, 600)
    np.testing.assert_allclose(crops.std(axis=1), 1, rtol=1e-9)
    run = tmp_path / "run"
    done = train(recipe, "--output", run, "--clean", folder, "--noise", folder / "a.flac", "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert "recordings in clean" in (run / "recipe.toml").read_text()


@pytest.mark.parametrize("make", ["missing", "empty folder", "no array", "infinite"])
def test_recordings_that_cannot_be_used_are_refused(tmp_path, make):
    path = tmp_path / "x.npz"
    if make == "empty folder":
        path = tmp_path
    elif make == "no array":
        path.write_bytes(b"nothing")
    elif make == "infinite":
        np.savez(path, signal=np.array([0.0, np.inf, 1.0]))
    with pytest.raises(SourceError, match=r"cannot read|holds no recording|is no array file|holds an infinity"):
        load_recordings([path])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("epochs = 2", "epochs = 0"), "epochs=0; it must be a number above 0"),
        (("seed = 3", "sead = 3"), "key 'sead' is not known"),
        (('kind = "mixtures"', "#"), "section [data]: the key 'kind' is missing"),
        (('name = "small"', ""), "needed and not there: 'name'"),
        (("name =", "name"), "is no TOML"),
        (("strides = [3, 2, 5]", "strides = [2, 2, 5]"), "do not divide window=150 exactly"),
        (('kind = "strided"', 'kind = "magic"'), "architecture kind 'magic' is not known"),
        (('kind = "snr_db"', 'kind = "magic"'), "loss kind 'magic'"),
        (('decay = "cosine"', 'decay = "magic"'), "decay='magic' is not known"),
        (("batch_size = 128", "batch_size = 63"), "a multiple of windows_per_signal=4"),
    ],
)
def test_mistakes_in_recipes_are_named_in_one_line(tmp_path, change, words, capfd, monkeypatch):
    from denoise_train.cli import main

    path = tmp_path / "bad.toml"
    path.write_text(SMALL.replace(*change, 1))
    monkeypatch.setattr(sys, "argv", ["denoise-train", str(path), "--output", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        main()
    message = capfd.readouterr().err
    assert ended.value.code == 1
    assert words in message
    assert message.count("\n") == 1


def test_unknown_recipe_is_refused_with_the_bundled_names():
    with pytest.raises(RecipeError, match=r"'nope' is neither a readable file nor bundled \(general, x2\)"):
        load_recipe("nope")


def test_bundled_recipes_survive_being_written(tmp_path):
    for name in bundled_recipes():
        path = tmp_path / f"{name}.toml"
        path.write_text(load_recipe(name).to_toml())
        assert load_recipe(path) == load_recipe(name)


def test_x2_has_the_tutorials_network():
    from denoise_train.architectures import build_network

    network = build_network(150, load_recipe("x2").architecture)
    assert network.count_params() == 28_737
    assert network.output_shape == (None, 150)


def test_training_code_names_no_backend():
    """The same recipe runs on TensorFlow and on JAX only if layers and losses use Keras operations alone."""
    import denoise_train

    for path in Path(denoise_train.__file__).parent.glob("*.py"):
        imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        assert not {"tensorflow", "jax", "torch"} & set(imported), path.name
