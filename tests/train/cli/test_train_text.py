"""The text before and after a training: what was found, how it is split, and one number for each question."""

import dataclasses
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from denoise_train.cli.train_text import ending, opening
from denoise_train.recipe import load_recipe, model_name, with_values
from denoise_train.recordings.origins import Origin
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings, load_recordings

NOON = datetime(2026, 1, 1, 12)


def recordings(files: int, rate_hz: float | None) -> Recordings:
    signals = [np.arange(1000.0)] * files
    return Recordings(signals, range(files), origins=[Origin(rate_hz=rate_hz)] * files)


def test_it_opens_with_what_was_found_and_what_comes_next() -> None:
    recipe = with_values(dataclasses.replace(load_recipe("general"), start="general"), {"schedule.minutes": 10.0})
    own = OwnData(clean=recordings(12, 10.0), noise=recordings(1, None))
    clean, noise, split, lasts, then = opening(recipe, "mine", Path("runs/mine"), own, NOON)
    assert clean == "found    clean: 12 files, 12 signals, 12,000 samples; 20 minutes at 10 Hz"
    assert noise == "found    noise: 1 file, 1 signal, 1,000 samples; no file states its sample rate"
    assert split == "split    by file: 10 to train, 1 to choose the best epoch, 1 to test"
    assert lasts.startswith("train    mine from general: 10 minutes, until about 12:10, and then some time to measure")
    assert then == "then     denoise-export runs/mine --output mine.onnx"


def test_a_training_of_one_epoch_is_told_in_the_singular() -> None:
    recipe = with_values(load_recipe("general"), {"schedule.minutes": 0.0, "schedule.epochs": 1})
    lines = list(opening(recipe, "general", Path("mine"), OwnData(), NOON))
    assert any(line.startswith("train    general: 1 epoch; ") for line in lines)


def test_few_files_are_split_in_time() -> None:
    lines = list(opening(load_recipe("general"), "mine", Path("mine"), OwnData(clean=recordings(2, 1.0)), NOON))
    assert lines[1].startswith("split    in time: the first 80 % of each signal to train")


def test_it_ends_with_one_number_for_each_question() -> None:
    report = {"epochs": 3, "interrupted": False, "training_seconds": 600.0, "snr_improvement_db": 4.25, "val_loss": -2}
    assert "On synthetic test signals mine gains 4.2 dB." in ending(Path("mine"), "mine", report)
    own = ending(Path("mine"), "mine", {**report, "own_recordings": {"verdict": "mine gains 1.5 dB."}})
    assert "mine gains 1.5 dB." in own
    assert "4.2" not in own
    assert "own.png" in own


@pytest.mark.parametrize("recipe", ["general", "speech", "mnist-dense"])
def test_an_unchanged_recipe_makes_the_model_of_its_name(recipe: str) -> None:
    assert model_name(load_recipe(recipe), "mine") == recipe


def test_a_model_from_a_changed_recipe_is_named_after_its_run() -> None:
    own = dataclasses.replace(load_recipe("general"), start="general")
    assert model_name(own, "pump") == "pump"
    assert model_name(own, "speech") == "speech-own"
    assert model_name(dataclasses.replace(own, name="pump2"), "runs") == "pump2"


def test_columns_are_chosen_and_their_units_known(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("t,temp (°C),p (kPa)\n" + "".join(f"{i},{i * i % 7}.5,{i**3 % 11}.25\n" for i in range(300)))
    (origin,) = load_recordings([table], columns=["p (kPa)"]).origins
    assert (origin.name, origin.unit) == ("a.csv, p", "kPa")
    both = load_recordings([table])
    assert [origin.unit for origin in both.origins] == ["°C", "kPa"]
    later = both.part(2).origins[0]
    np.testing.assert_allclose(later.times(2), np.array([270, 271]) / (later.rate_hz or 1))
