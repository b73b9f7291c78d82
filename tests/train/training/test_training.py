"""Training: run folders are complete, runs resume, interruptions keep the best network."""

import csv
import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import SinkError, SourceError
from denoise_train.cli import train as cli
from denoise_train.networks.registry import build_network
from denoise_train.recipe import RecipeError, build_section, bundled_recipes, load_recipe
from denoise_train.recordings.recordings import load_recordings
from denoise_train.training.fit import train
from denoise_train.training.run_folder import Keeper

SMALL = """
name = "small"
seed = 3
trained_on = "a test"
[data]
kind = "mixtures"
families = ["polynomials", "steps"]
overlays = 0.25
altered = 0.3
blends = 0.15
gentle_blocks = 2
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
up_kernels = [9, 2, 5]
refine_kernels = [3, 3, 3]
bottleneck_kernel = 3
[loss]
kind = "snr_db"
floor_db = -30.0
clean_floor_db = -45.0
harm_weight = 1.0
centre_weight = 0.5
[optimizer]
kind = "muon"
learning_rate = 0.01
[schedule]
epochs = 2
batches_per_epoch = 50
batch_size = 128
warm_up_batches = 5
decay = "cosine"
"""
QUICK = ("--set", 'optimizer.kind="adam"')  # which is traced faster than Muon


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(SMALL)
    return path


def command(recipe: Path, run: Path, *more: object) -> list[str]:
    few = "from denoise_train.evaluation import verdict; verdict.SIGNALS = 25"
    code = f"{few}; from denoise_train.cli.train import main; main()"
    return [sys.executable, "-c", code, str(recipe), "--output", str(run), *QUICK, *map(str, more)]


def history(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def interrupt(line: str) -> None:
    """Press Ctrl-C as soon as the training says something, that is after its first epoch."""
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    """Train the small recipe without an interruption."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(load_recipe(recipe), folder, say=lambda line: None)
    return folder


def test_run_folder_holds_everything_and_the_signal_improves(whole_run, recipe):
    present = {path.name for path in whole_run.iterdir()}
    assert {"model.keras", "recipe.toml", "history.csv", "history.png", "samples.png", "report.json"} <= present
    assert load_recipe(whole_run / "recipe.toml") == load_recipe(recipe)
    rows = history(whole_run)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["val_loss"] < rows[0]["val_loss"]
    report = json.loads((whole_run / "report.json").read_text())
    assert (report["seed"], report["epochs"], report["interrupted"]) == (3, 2, False)
    assert report["val_loss"] == rows[1]["val_loss"]
    assert report["snr_improvement_db"] > 1
    by_input_snr = report["snr_improvement_db_by_input_snr"]
    assert list(by_input_snr) == ["-5", "0", "5", "10", "15", "20", "25", "30"]
    assert report["snr_improvement_db"] == pytest.approx(np.mean(list(by_input_snr.values())[:-1]))


def test_report_of_x2_separates_what_was_learned_from_the_entropy_of_the_target(tmp_path):
    x2 = load_recipe("x2")
    small = dataclasses.replace(
        x2, data={**x2.data, "samples": 600}, schedule=dataclasses.replace(x2.schedule, epochs=1)
    )
    report = train(small, tmp_path / "run", say=lambda line: None)
    assert report["bce_floor"] == pytest.approx(0.35549, abs=1e-4)
    assert report["excess_bce"] == pytest.approx(report["val_loss"] - report["bce_floor"])
    assert report["snr_improvement_db"] == pytest.approx(20 * np.log10(report["rmse_noisy"] / report["rmse_denoised"]))


@pytest.mark.slow
def test_interrupted_and_resumed_run_ends_like_one_without_a_break(tmp_path, recipe, whole_run):
    run, settings, lines = tmp_path / "run", load_recipe(recipe), []
    first = train(settings, run, say=interrupt)
    assert (first["interrupted"], first["epochs"]) == (True, 1)
    with pytest.raises(SinkError, match="is not empty; choose another --output, or --resume"):
        train(settings, run)
    resumed = train(settings, run, resume=True, say=lines.append)
    assert (resumed["interrupted"], resumed["epochs"]) == (False, 2)
    assert [line.split(":")[0] for line in lines] == ["epoch 2/2"]
    for one, other in zip(history(whole_run), history(run), strict=True):
        for key in ("epoch", "loss", "val_loss", "learning_rate"):
            assert one[key] == pytest.approx(other[key], abs=1e-2)


def test_only_an_interrupted_run_can_be_resumed(tmp_path, recipe):
    with pytest.raises(SinkError, match="holds no interrupted run to resume"):
        train(load_recipe(recipe), tmp_path / "run", resume=True)


@pytest.mark.slow
def test_run_resumes_with_its_own_recipe_only(tmp_path, recipe):
    run, settings = tmp_path / "run", load_recipe(recipe)
    train(settings, run, say=interrupt)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    other = dataclasses.replace(settings, architecture={**settings.architecture, "filters": [8, 16, 24]})
    for wrong, words in (
        (other, r"began with architecture.filters=\[8, 16, 32\], not \[8, 16, 24\]"),
        (dataclasses.replace(settings, seed=4), r"began with seed=3, not 4"),
    ):
        with pytest.raises(SinkError, match=words):
            train(wrong, run, resume=True)
    (run / "last.weights.h5").write_bytes(b"broken")
    longer = dataclasses.replace(settings, schedule=dataclasses.replace(settings.schedule, epochs=3))
    with pytest.raises(SourceError, match="cannot resume the run"):
        train(longer, run, resume=True)
    (run / "last.weights.h5").write_bytes(before["last.weights.h5"])
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert train(longer, run, resume=True, say=lambda line: None)["epochs"] == 3
    assert load_recipe(run / "recipe.toml") == longer


@pytest.mark.slow
def test_interruption_in_the_first_epoch_keeps_nothing_and_the_folder_can_be_used_again(
    tmp_path, recipe, monkeypatch, capfd
):
    run = tmp_path / "run"
    arguments = ["denoise-train", str(recipe), "--output", str(run), "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "on_train_batch_end", lambda self, batch, logs=None: interrupt(""))
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 130
    printed = capfd.readouterr()
    assert (printed.out + printed.err).splitlines()[-1] == (
        "interrupted before the first epoch was complete: no network was kept; start again"
    )
    assert [path.name for path in run.iterdir()] == ["recipe.toml"]
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert (run / "model.keras").is_file()


@pytest.mark.parametrize("present", ["notes.txt", "model.keras"])
def test_training_refuses_a_folder_with_files_that_it_could_replace(tmp_path, recipe, present):
    (tmp_path / "recipe.toml").write_text(SMALL)
    (tmp_path / present).write_text("somebody's")
    with pytest.raises(SinkError, match="is not empty"):
        train(load_recipe(recipe), tmp_path)
    assert (tmp_path / present).read_text() == "somebody's"


def in_second_epoch(recipe: Path, run: Path) -> subprocess.Popen[str]:
    """Start a long training as a program and wait until its first epoch is complete."""
    process = subprocess.Popen(command(recipe, run, "--epochs", 500), stdout=subprocess.PIPE, text=True)
    limit = time.monotonic() + 120
    while not (run / "history.csv").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    return process


@pytest.mark.slow
def test_program_that_is_interrupted_keeps_the_best_network(tmp_path, recipe):
    run = tmp_path / "run"
    process = in_second_epoch(recipe, run)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in output
    report = json.loads((run / "report.json").read_text())
    assert report["interrupted"]
    assert 1 <= report["epochs"] == len(history(run)) < 500
    assert (run / "model.keras").is_file()


@pytest.mark.slow
def test_program_that_is_terminated_ends_and_can_be_resumed(tmp_path, recipe):
    run = tmp_path / "run"
    process = in_second_epoch(recipe, run)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    kept = len(history(run))
    again = command(recipe, run, "--epochs", kept + 1, "--resume")
    done = subprocess.run(again, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(history(run)) == kept + 1


@pytest.mark.slow
def test_program_says_its_progress_and_nothing_of_what_its_libraries_say(tmp_path, recipe):
    path, run, recording = tmp_path / "short.toml", tmp_path / "run", tmp_path / "tone.npy"
    short = load_recipe(recipe)
    short = dataclasses.replace(short, schedule=dataclasses.replace(short.schedule, batches_per_epoch=5))
    path.write_text(short.to_toml())
    np.save(recording, np.sin(np.arange(5000) / 7))
    arguments = command(path, run, "--epochs", 1, "--seed", 4, "--clean", recording, "--noise", recording)
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["found", "found", "split", "train", "then"]
    assert "drawing signals to choose the best epoch ..." in lines
    assert any(line.startswith("epoch 1/1: loss") for line in lines)
    ended = next(number for number, line in enumerate(lines) if line.startswith("done after 1 epoch in"))
    verdict = " ".join(lines[ended + 1 :])
    assert re.match(r"On your held-out recordings with your held-out noise, .*small (gains|loses)", verdict)
    # One number for each question: that of the test data is in the report alone.
    assert "test" not in " ".join(lines[ended:-2])
    assert lines[-1] == f"next     denoise-export {run} --output small.onnx"
    trained = load_recipe(run / "recipe.toml")
    assert (trained.seed, trained.schedule.epochs) == (4, 1)
    assert trained.trained_on == "a test; recordings in tone.npy"


def test_recordings_are_drawn_from_files_and_folders(tmp_path):
    import soundfile

    tone = np.sin(np.arange(5000) / 7)
    soundfile.write(tmp_path / "a.flac", tone, 16000)
    (tmp_path / "b.csv").write_text("t,v\n" + "".join(f"{i},{np.cos(i / 9):.5f}\n" for i in range(300)))
    np.savez(tmp_path / "c.npz", signal=tone[:200].astype(np.float32), rate=16000)
    (tmp_path / "notes.txt").write_text("not a recording")
    recordings = load_recordings([tmp_path, tmp_path / "a.flac"])
    assert [len(signal) for signal in recordings.signals] == [5000, 300, 200]
    assert recordings.files == [0, 1, 2]
    crops = recordings.draw(np.random.default_rng(0), 50, 600)
    assert crops.shape == (50, 600)
    np.testing.assert_allclose(crops.std(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, r"cannot read \S+x.npz: no such file or folder"),
        (lambda path: path.mkdir(), r"x.npz holds no recording"),
        (lambda path: path.write_bytes(b"nothing"), r"x.npz is not an array file"),
        (lambda path: path.write_bytes(b""), r"x.npz is not an array file"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), r"x.npz is not an array file"),
        (lambda path: np.savez(path, signal=np.array([0.0, np.inf, 1.0])), r"x.npz holds an infinity"),
        (lambda path: np.savez(path, rate=np.array(360)), r"no signal found in \S+x.npz"),
    ],
    ids=["missing", "empty folder", "no array", "empty file", "cut archive", "infinite", "no signal"],
)
def test_recordings_that_cannot_be_used_are_refused(tmp_path, make, words):
    path = tmp_path / "x.npz"
    make(path)
    with pytest.raises(SourceError, match=words):
        load_recordings([path])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("epochs = 2", "epochs = 0"), "epochs=0; it must be a whole number from 1"),
        (("epochs = 2", "epochs = 2.5"), "epochs=2.5; it must be a whole number from 1"),
        (("seed = 3", "seed = -1"), "seed=-1; it must be a whole number from 0 to 4294967295"),
        (("seed = 3", 'seed = "a"'), "seed='a'; it must be a whole number from 0"),
        (("seed = 3", "window = 150.5"), "window=150.5; it must be a whole number from 2"),
        (("seed = 3", "hop = 200"), "hop=200; it must be a whole number from 1 to 150"),
        (("seed = 3", 'sample_rate_hz = "abc"'), "sample_rate_hz='abc'; it must be a number above 0"),
        (("seed = 3", "sample_rate_hz = -1"), "sample_rate_hz=-1; it must be a number above 0"),
        (("seed = 3", 'normalization = "max"'), "normalization='max'; it must be 'minmax' or 'none'"),
        (("[optimizer]", "[[optimizer]]"), "it must be a section [optimizer]"),
        (('name = "small"', "name = 5"), "name=5; it must be a text"),
        (("learning_rate = 0.01", "learning_rate = nan"), "learning_rate=nan; it must be a number above 0"),
        (("warm_up_batches = 5", "warm_up_batches = -5"), "warm_up_batches=-5; it must be a whole number from 0"),
        (("filters = [8, 16, 32]", "filters = [0, 16, 32]"), "section [architecture] holds a value"),
        (("strides = [3, 2, 5]", "strides = [0, 2, 5]"), "do not divide window=150 exactly"),
        (("strides = [3, 2, 5]", "strides = 3"), "section [architecture] holds a value"),
        (("floor_db = -30.0", 'floor_db = "low"'), "section [loss] holds a value"),
        (("validation_signals = 50", "validation_signals = 0"), "validation_signals=0; it must be"),
        (("seed = 3", "sead = 3"), "key 'sead' is not known"),
        (('kind = "mixtures"', "#"), "section [data]: the key 'kind' is missing"),
        (('name = "small"', ""), "missing: 'name'"),
        (("name =", "name"), "is not TOML"),
        (("strides = [3, 2, 5]", "strides = [2, 2, 5]"), "do not divide window=150 exactly"),
        (('kind = "strided"', 'kind = "magic"'), "architecture kind 'magic' is not known"),
        (("strides = [3, 2, 5]", "strides = [3, 2]"), "need one entry per level each"),
        (("bottleneck_kernel = 3", "bottle = 3"), "architecture 'strided': missing a required argument"),
        (("bottleneck_kernel = 3", "bottleneck_kernel = 3\nnope = 3"), "unexpected keyword argument 'nope'"),
        (('kind = "muon"', 'kind = "magic"'), "optimizer kind='magic' is not known; use adam, muon"),
        (('kind = "snr_db"', 'kind = "magic"'), "loss kind 'magic' is not known; use binary_crossentropy, snr_db"),
        (('decay = "cosine"', 'decay = "magic"'), "decay='magic' is not known"),
        (("batch_size = 128", "batch_size = 63"), "a multiple of windows_per_signal=4"),
    ],
)
def test_mistakes_in_recipes_are_named_in_one_line(tmp_path, change, words, capfd, monkeypatch):
    path = tmp_path / "bad.toml"
    path.write_text(SMALL.replace(*change, 1))
    monkeypatch.setattr(sys, "argv", ["denoise-train", str(path), "--output", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    message = capfd.readouterr().err
    assert ended.value.code == 1
    assert words in message
    assert message.count("\n") == 1


def test_kernel_longer_than_the_window_is_named_before_the_training(tmp_path):
    x2 = load_recipe("x2")
    for change in ({"kernel": 200}, {"filters": [0]}):
        broken = dataclasses.replace(x2, architecture={**x2.architecture, **change})
        with pytest.raises(
            RecipeError, match=r"section \[architecture\] holds a value that cannot be used: \S"
        ) as caught:
            train(broken, tmp_path / "run")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_unknown_recipe_is_refused_with_the_bundled_names():
    names = r"\(ecg, faces-conv, .*general, general-small, "
    with pytest.raises(RecipeError, match=f"'nope' is neither a readable file nor bundled {names}"):
        load_recipe("nope")


def test_bundled_recipes_survive_being_written(tmp_path):
    for name in bundled_recipes():
        path = tmp_path / f"{name}.toml"
        path.write_text(load_recipe(name).to_toml())
        assert load_recipe(path) == load_recipe(name)


def test_mistake_inside_a_builder_is_not_taken_for_a_wrong_key():
    def broken(window: int, size: int) -> int:
        return len(size)

    with pytest.raises(RecipeError, match="thing 'broken': missing a required argument: 'size'"):
        build_section("thing", {"kind": "broken"}, {"broken": broken}, 150)
    with pytest.raises(TypeError, match="has no len"):
        build_section("thing", {"kind": "broken", "size": 3}, {"broken": broken}, 150)


def test_x2_has_the_tutorials_network():
    network = build_network(150, 75, load_recipe("x2").architecture)
    assert network.count_params() == 28_737
    assert network.output_shape == (None, 150)


def test_training_code_names_no_backend():
    """The same recipe runs on TensorFlow and on JAX only if layers and losses use Keras operations alone."""
    import denoise_train

    paths = [*Path(denoise_train.__file__).parent.rglob("*.py")]
    assert len(paths) > 70  # in the folders too
    for path in paths:
        imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        assert not {"tensorflow", "jax", "torch"} & set(imported), path.name
