"""The registry of losses: build the loss of a recipe's ``[loss]``.

Every loss is made by one function ``(window, windows_per_signal, settings)``. To add one, write the function and list
it in ``LOSSES``; its further parameters are the keys of a recipe's ``[loss]``.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from denoise_stream.engine.overlap_add import taper
from denoise_train.losses.speech import speech
from denoise_train.recipe import build_section, check_number
from denoise_train.targets import WindowTarget

Loss = Callable[[Any, Any], Any]


def binary_crossentropy(window: int, windows_per_signal: int) -> str:
    """Return the name of Keras' own loss: the tutorial's, for samples in [0, 1]."""
    return "binary_crossentropy"


def mean_squared_error(window: int, windows_per_signal: int) -> str:
    """Return the name of Keras' own loss."""
    return "mean_squared_error"


def huber(window: int, windows_per_signal: int, delta: float) -> Loss:
    """Return Keras' own loss: squares of errors below ``delta``, straight lines beyond."""
    check_number("loss 'huber': delta", delta, 0, above=True)
    loss: Loss = keras.losses.Huber(delta)
    return loss


def snr_db(
    window: int,
    windows_per_signal: int,
    floor_db: float,
    clean_floor_db: float,
    harm_weight: float,
    centre_weight: float,
) -> Loss:
    """Return the loss that measures the error in dB relative to the noise, signal by signal, and averages over signals.

    A signal counts as much at 25 dB as at -5 dB, and its windows count as they do in the whole signal's SNR. Errors far
    enough below the noise or the signal no longer matter; without the second limit, signals without noise would teach
    the network to do nothing at all.

    Parameters
    ----------
    window
        Samples per window.
    windows_per_signal
        Consecutive rows of a batch that belong to one signal.
    floor_db
        Error in dB relative to the noise below which a smaller error earns nothing, negative.
    clean_floor_db
        Error in dB relative to the signal below which a smaller error earns nothing, negative.
    harm_weight
        Extra weight of every dB by which a signal gets worse; 0 for none.
    centre_weight
        0: all samples of a window count alike; 1: they count as overlap-add weights them.

    Returns
    -------
    Function of a packed :class:`~denoise_train.targets.WindowTarget` and a prediction ``(batch, window)``; it returns a
    scalar in dB.
    """
    weights = 1 - centre_weight + centre_weight * taper(window) / taper(window).mean()
    sample_weights = weights.astype(np.float32)
    floor, clean_floor = 10 ** (floor_db / 10), 10 ** (clean_floor_db / 10)

    def loss(target: Any, prediction: Any) -> Any:
        wanted = WindowTarget.unpack(target)
        squares = ops.square(wanted.clean - prediction) * sample_weights
        relative = ops.mean(squares, axis=1) * ops.square(wanted.span)
        by_signal = ops.mean(ops.reshape(relative, (-1, windows_per_signal)), axis=1)
        signal_power = ops.square(wanted.level[::windows_per_signal])
        error_db = ops.log(by_signal + floor + clean_floor * signal_power) * (10 / math.log(10))
        return ops.mean(error_db + harm_weight * ops.relu(error_db))

    return loss


LOSSES: dict[str, Callable[..., str | Loss]] = {
    make.__name__: make for make in (binary_crossentropy, snr_db, speech, mean_squared_error, huber)
}
"""The losses by name."""


def build_loss(section: Mapping[str, Any], window: int, windows_per_signal: int) -> str | Loss:
    """Make the loss of a recipe's ``[loss]``; RecipeError if its kind or a key is not known."""
    return build_section("loss", section, LOSSES, window, windows_per_signal)
