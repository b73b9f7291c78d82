"""A small network that is trained on one's own signals in seconds, and such signals."""

import dataclasses

import numpy as np

from denoise_train.recipe import Recipe, load_recipe
from denoise_train.recordings.pairs import OwnData, PairedRecordings
from denoise_train.recordings.recordings import Recordings
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.mixing import mix_at_snr

SMALL_NETWORK = {
    "kind": "strided",
    "strides": [3, 2, 5],
    "filters": [8, 16, 32],
    "kernels": [9, 5, 5],
    "refine_kernels": [3, 3, 3],
    "up_kernels": [9, 5, 5],
    "bottleneck_kernel": 3,
}


def small(**schedule: float) -> Recipe:
    """Return the recipe general-small with a smaller network and little to do."""
    recipe = load_recipe("general-small")
    return dataclasses.replace(
        recipe,
        architecture=SMALL_NETWORK,
        optimizer=dataclasses.replace(recipe.optimizer, kind="adam"),  # traced in less time than Muon
        data={
            **recipe.data,
            "families": ["polynomials"],
            "altered": 0.0,
            "validation_signals": 60,
            "test_signals": 20,
        },
        schedule=dataclasses.replace(
            recipe.schedule,
            **{"epochs": 1, "batches_per_epoch": 20, "batch_size": 256, "warm_up_batches": 2} | schedule,
        ),
    )


def beats(count: int, length: int, snr_db: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return heart beats, and the same with white noise."""
    clean = draw_signals(np.random.default_rng(5), count, length, ("heart_beats",), 0.0, 0.0)
    noisy = mix_at_snr(clean, np.random.default_rng(6).normal(size=clean.shape), snr_db)
    return list(clean), list(noisy)


def pairs() -> OwnData:
    """Return recordings of heart beats, clean and noisy."""
    clean, noisy = (Recordings(signals) for signals in beats(3, 15_000, 5.0))
    return OwnData(pairs=PairedRecordings(clean, noisy))
