"""Failing trainings say what to do next, and keep existing files."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from denoise_stream import SourceError
from denoise_train.recipe import Recipe, load_recipe, with_values
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings
from denoise_train.training import fit
from denoise_train.training.failures import TrainingFailed, explaining_lack_of_memory
from denoise_train.training.fit import train


@pytest.fixture
def recipe() -> Recipe:
    changes = {"data.samples": 400, "schedule.epochs": 2, "schedule.batch_size": 50}
    return with_values(load_recipe("x2"), changes)


def test_loss_of_nan_ends_the_training_with_advice(recipe, tmp_path, monkeypatch):
    def broken(window: int, *_: object) -> object:
        noisy = keras.Input((window,))
        clean = keras.ops.log(keras.layers.Dense(window, activation="relu")(noisy) - 1)
        return fit_architecture(keras.Model(noisy, clean))

    def fit_architecture(network: keras.Model) -> object:
        from denoise_train.networks.registry import Architecture

        return Architecture(network, lambda samples: network)

    monkeypatch.setattr(fit, "build_architecture", broken)
    with pytest.raises(TrainingFailed, match=r"loss became nan after 1 batches .* optimizer.learning_rate=0\.0001 "):
        train(recipe, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run" / "model.keras").exists()


class ResourceExhaustedError(Exception):
    """Stands for TensorFlow's error of this name."""


@pytest.mark.parametrize(
    "error", [MemoryError(), ResourceExhaustedError("OOM"), RuntimeError("RESOURCE_EXHAUSTED: Out of memory")]
)
def test_lack_of_memory_advises_a_smaller_batch(recipe, error):
    with (
        pytest.raises(TrainingFailed, match=r"batches of 50 windows of 150 samples; .*schedule.batch_size=12"),
        explaining_lack_of_memory(recipe),
    ):
        raise error


def test_other_errors_stay_what_they_are(recipe):
    with pytest.raises(KeyError), explaining_lack_of_memory(recipe):
        raise KeyError("memory")


def test_recordings_are_looked_at_before_a_training(tmp_path: Path):
    general = load_recipe("general")
    still = OwnData(clean=Recordings([np.full(5000, 3.0)]))
    with pytest.raises(SourceError, match="every signal in the clean recordings is constant"):
        train(general, tmp_path / "run", still, say=lambda line: None)
    assert not (tmp_path / "run").exists()
    said: list[str] = []
    wave = np.clip(2 * np.sin(np.arange(5000) / 9), -1, 1)
    impossible = dataclasses.replace(general, architecture={"kind": "none:such"})
    with pytest.raises(Exception, match="none:such"):
        train(impossible, tmp_path / "run", OwnData(clean=Recordings([wave])), say=said.append)
    assert [line.split(" (")[0] for line in said] == ["warning: of the clean recordings, 1 of 1 signals look clipped"]
