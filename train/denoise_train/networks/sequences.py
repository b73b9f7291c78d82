"""Networks for series: reduce windows ``(batch, window)``, or forecast what follows.

A window is read in steps of ``features`` samples. Each network is one function ``(window, settings)`` like those of
:mod:`denoise_train.networks.registry`.
"""

from typing import Any

import keras
from keras import layers, ops

from denoise_train.networks.encoders import CODE
from denoise_train.recipe import RecipeError


def lstm_code(window: int, features: int, code: int, units: int) -> keras.Model:
    """Build an autoencoder of two bidirectional layers, forward and backward summed: ``code`` numbers per step.

    Parameters
    ----------
    window
        Samples per window; ``features`` must divide it.
    features
        Samples per step.
    code
        Numbers per step that the encoder keeps.
    units
        Outputs of the decoder's recurrent layer, which a dense layer turns into the step's samples.
    """
    noisy, steps = _steps(window, features)
    signal = layers.Bidirectional(layers.LSTM(code, return_sequences=True), merge_mode="sum", name=CODE)(steps)
    signal = layers.Bidirectional(layers.LSTM(units, return_sequences=True), merge_mode="sum")(signal)
    signal = layers.TimeDistributed(layers.Dense(features))(signal)
    return keras.Model(noisy, layers.Reshape((window,))(signal), name="lstm_code")


def lstm_forecast(window: int, features: int, code: int, units: int, dropout: float) -> keras.Model:
    """Build a network that reduces a window to ``2 * code`` numbers, both directions', and forecasts the next value."""
    noisy, steps = _steps(window, features)
    signal = layers.Bidirectional(layers.LSTM(code), merge_mode="concat", name=CODE)(steps)
    signal = layers.Dropout(dropout)(signal)
    signal = layers.Dense(units, activation="relu")(signal)
    signal = layers.Dropout(dropout)(signal)
    return keras.Model(noisy, layers.Dense(1)(signal), name="lstm_forecast")


def autoregressions(window: int, count: int, code: int) -> keras.Model:
    """Build a forecast of the change after the last value: linear autoregressions, mixed as suits the window.

    An untrained network forecasts no change. A mixture of linear experts, as in R. A. Jacobs and others: Adaptive
    mixtures of local experts, 1991.

    Parameters
    ----------
    window
        Samples per window.
    count
        Autoregressions.
    code
        Numbers to which a hidden layer reduces the window and the sizes of its steps, to choose their weights.
    """
    noisy = keras.Input((window,), name="noisy")
    last = noisy[:, -1:]
    seen = layers.Concatenate()([noisy, ops.abs(noisy[:, 1:] - noisy[:, :-1])])
    weights = layers.Dense(count, activation="softmax")(layers.Dense(code, activation="gelu", name=CODE)(seen))
    changes = layers.Dense(count, kernel_initializer="zeros")(noisy - last)
    change = ops.sum(weights * changes, axis=-1, keepdims=True)
    return keras.Model(noisy, last + change, name="autoregressions")


def _steps(window: int, features: int) -> tuple[Any, Any]:
    """Return the input and its steps ``(window / features, features)``."""
    if features < 1 or window % features:
        raise RecipeError(f"features={features} do not divide window={window} exactly")
    noisy = keras.Input((window,), name="noisy")
    return noisy, layers.Reshape((window // features, features))(noisy)
