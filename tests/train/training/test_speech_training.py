"""Training on speech."""

import dataclasses

import keras
import numpy as np
import pytest

from denoise_train.networks.registry import build_network
from denoise_train.recipe import RecipeError, load_recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.training.fit import train
from denoise_train.training.start import copy_weights, load_start
from speech import SMALL
from speech_scenes import made_up_recordings, short_scenes


@pytest.fixture(scope="module")
def own() -> OwnData:
    return made_up_recordings()


@pytest.fixture(scope="module")
def section() -> dict:
    return short_scenes()


@pytest.mark.slow
def test_training_on_speech_learns_and_keeps_the_network_of_windows(own, section, tmp_path):
    recipe = load_recipe("speech")
    recipe = dataclasses.replace(
        recipe,
        data=section,
        architecture={**recipe.architecture, **SMALL},
        schedule=dataclasses.replace(
            recipe.schedule, epochs=2, minutes=0.0, batches_per_epoch=20, batch_size=16, warm_up_batches=0
        ),
    )
    report = train(recipe, tmp_path / "run", own, say=lambda line: None)
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()[1:]
    assert float(rows[1].split(",")[2]) < float(rows[0].split(",")[2])
    assert report["snr_improvement_db_by_input_snr"]["0"] > 2
    network = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert [tuple(tensor.shape) for tensor in network.inputs] == [(None, 150), (None, 362 + 3 + 2 * 64 + 8 * 16)]
    assert (tmp_path / "run" / "samples.png").is_file()
    again = build_network(150, 75, recipe.architecture)
    copy_weights(again, load_start(str(tmp_path / "run")), "run")
    assert all(np.array_equal(*pair) for pair in zip(again.get_weights(), network.get_weights(), strict=True))
    other = build_network(150, 75, {**recipe.architecture, "bands": 24})
    with pytest.raises(RecipeError, match="another network"):
        copy_weights(other, network, "run")
