"""Losses: a recipe's loss section comes in, a function of target and prediction goes out."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from denoise_stream.overlap_add import taper
from denoise_train.recipe import RecipeError

Loss = Callable[[Any, Any], Any]


def build_loss(section: Mapping[str, Any], window: int, windows_per_signal: int) -> str | Loss:
    """Make the loss of a recipe's ``[loss]``.

    Raises
    ------
    RecipeError
        If its kind or one of its keys is not known.
    """
    settings = dict(section)
    kind = settings.pop("kind")
    try:
        if kind == "binary_crossentropy" and not settings:
            return "binary_crossentropy"
        if kind == "snr_db":
            return snr_db(window, windows_per_signal, **settings)
    except TypeError as error:
        raise RecipeError(f"loss {kind!r}: {error}") from error
    raise RecipeError(f"loss kind {kind!r} with {settings} is not known; use 'binary_crossentropy' or 'snr_db'")


def snr_db(window: int, windows_per_signal: int, floor_db: float, centre_weight: float) -> Loss:
    """Measure the error in dB below the noise, signal by signal, and average over signals.

    A signal counts as much at 25 dB as at -5 dB, and its windows count as they do in the whole signal's
    SNR. Errors more than ``-floor_db`` dB below the noise do not matter any more.

    Parameters
    ----------
    window
        Samples per window.
    windows_per_signal
        Consecutive rows of a batch that belong to one signal.
    floor_db
        Error in dB relative to the noise below which nothing is gained, negative.
    centre_weight
        0: all samples of a window count alike; 1: they count as overlap-add weights them.

    Returns
    -------
    Function of a target ``(batch, window + 1)``, the scaled clean windows and behind each the window's span over
    the signal's noise level, and a prediction ``(batch, window)``; it returns a scalar in dB.
    """
    weights = 1 - centre_weight + centre_weight * taper(window) / taper(window).mean()
    sample_weights = weights.astype(np.float32)
    floor = 10 ** (floor_db / 10)

    def loss(target: Any, prediction: Any) -> Any:
        squares = ops.square(target[:, :window] - prediction) * sample_weights
        relative = ops.mean(squares, axis=1) * ops.square(target[:, window])
        by_signal = ops.mean(ops.reshape(relative, (-1, windows_per_signal)), axis=1)
        return ops.mean(ops.log(by_signal + floor)) * (10 / math.log(10))

    return loss
