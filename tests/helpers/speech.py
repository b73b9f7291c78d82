"""A small network of the kind that denoises speech, with random weights, in a run folder."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from denoise_train.networks.registry import build_network
from denoise_train.recipe import load_recipe

SMALL = {"single_bins": 32, "bands": 32, "channels": 16, "mixing": 24, "depth": 1}
"""What makes the network of the recipe small."""


def save_speech_run(folder: Path) -> Path:
    """Make a run folder of the recipe; biases and the last layers are not 0, which would hide mistakes."""
    keras.utils.set_random_seed(0)
    recipe = load_recipe("speech")
    recipe = dataclasses.replace(recipe, architecture={**recipe.architecture, **SMALL})
    network = build_network(recipe.window, recipe.hop, recipe.architecture)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        if variable.path.endswith("bias") or not np.any(variable):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    folder.mkdir()
    network.save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder
