"""A small network of the kind that denoises speech, with random weights, in a run folder and exported."""

from pathlib import Path

import keras
import numpy as np

from denoise_train.recipe import Recipe, Schedule
from denoise_train.recurrent import spectral_mask

RATE_HZ = 16_000


def speech_network(mask: str = "real", width: int = 24) -> keras.Model:
    """Build the network with biases other than 0, which would hide mistakes."""
    keras.utils.set_random_seed(0)
    network = spectral_mask(window=150, hop=75, analysis=512, width=width, depth=2, mask=mask)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        if variable.path.endswith("bias"):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return network


def save_speech_run(folder: Path, mask: str = "real") -> Path:
    """Make a run folder."""
    folder.mkdir()
    speech_network(mask).save(folder / "model.keras")
    architecture = {"kind": "spectral_mask", "analysis": 512, "width": 24, "depth": 2, "mask": mask}
    recipe = Recipe(
        "speech",
        data={"kind": "speech"},
        architecture=architecture,
        loss={"kind": "speech"},
        schedule=Schedule(epochs=1, batch_size=1),
        normalization="none",
        sample_rate_hz=float(RATE_HZ),
    )
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder
