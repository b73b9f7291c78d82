"""Networks for images, from rows of pixels ``(batch, height * width)`` to rows of pixels.

Each is one function ``(window, settings)`` like those of :mod:`denoise_train.networks.registry`. A layer called
``code`` is the end of the encoder: see :mod:`denoise_train.networks.encoders`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from denoise_train.networks.encoders import CODE
from denoise_train.recipe import RecipeError


def dense(window: int, units: list[int], code: int, code_activation: str, output_activation: str) -> keras.Model:
    """Build an autoencoder of dense layers: ``units`` one after the other, a code, and the units back.

    Parameters
    ----------
    window
        Pixels of an image.
    units
        Sizes of the hidden layers before the code, outermost first; they have rectifiers.
    code
        Size of the code.
    code_activation, output_activation
        Keras' names, such as ``"relu"``, ``"linear"``, ``"sigmoid"``.
    """
    noisy = keras.Input((window,), name="noisy")
    signal = noisy
    for count in units:
        signal = layers.Dense(count, activation="relu")(signal)
    signal = layers.Dense(code, activation=code_activation, name=CODE)(signal)
    for count in reversed(units):
        signal = layers.Dense(count, activation="relu")(signal)
    return keras.Model(noisy, layers.Dense(window, activation=output_activation)(signal), name="dense")


def pooled(window: int, shape: list[int], filters: list[int], kernel: int) -> keras.Model:
    """Build an autoencoder that halves an image by pooling once per entry of ``filters``, and doubles it back.

    Where a side is odd the way back is a pixel too long, and is cut.
    """
    noisy, signal = _image(window, shape)
    for count in filters:
        signal = layers.Conv2D(count, kernel, padding="same", activation="relu")(signal)
        signal = layers.MaxPooling2D(2, padding="same")(signal)
    for count in reversed(filters):
        signal = layers.Conv2D(count, kernel, padding="same", activation="relu")(signal)
        signal = layers.UpSampling2D(2)(signal)
    signal = layers.Conv2D(1, kernel, padding="same", activation="sigmoid")(signal)
    beyond = [found - wanted for found, wanted in zip(signal.shape[1:3], shape, strict=True)]
    if any(beyond):
        signal = layers.Cropping2D(((0, beyond[0]), (0, beyond[1])))(signal)
    return keras.Model(noisy, layers.Reshape((window,))(signal), name="pooled")


def ablated(window: int, shape: list[int], filters: int, kernel: int, layers_used: list[str]) -> keras.Model:
    """Build a small network whose layers can be left out, down to a convolution with a sigmoid.

    ``layers_used`` names those before it, in order: ``convolution``, ``pooling`` (2 x 2, stride 1), ``transposed``.
    """
    makers = {
        "convolution": lambda: layers.Conv2D(filters, kernel, padding="same", activation="relu"),
        "pooling": lambda: layers.MaxPooling2D(2, strides=1, padding="same"),
        "transposed": lambda: layers.Conv2DTranspose(filters, kernel, padding="same", activation="relu"),
    }
    noisy, signal = _image(window, shape)
    for name in layers_used:
        if name not in makers:
            raise RecipeError(f"layers_used: {name!r} is not known; use {', '.join(makers)}")
        signal = makers[name]()(signal)
    signal = layers.Conv2D(1, kernel, padding="same", activation="sigmoid")(signal)
    return keras.Model(noisy, layers.Reshape((window,))(signal), name="ablated")


def conv_code(
    window: int, shape: list[int], filters: int, kernel: int, pool: int, code_shape: list[int], up_kernel: int
) -> keras.Model:
    """Build an autoencoder whose code is a small linear image, which a transposed convolution of stride 2 enlarges."""
    if [2 * side for side in code_shape] != list(shape):
        raise RecipeError(f"code_shape={code_shape} must be half of shape={shape}")
    noisy, signal = _image(window, shape)
    signal = layers.Conv2D(filters, kernel, activation="relu")(signal)
    signal = layers.MaxPooling2D(pool, strides=1)(signal)
    signal = layers.Dense(code_shape[0] * code_shape[1], name=CODE)(layers.Flatten()(signal))
    signal = layers.Reshape((*code_shape, 1))(signal)
    signal = layers.Conv2DTranspose(filters, up_kernel, strides=2, padding="same", activation="relu")(signal)
    signal = layers.Conv2D(1, 3, padding="same")(signal)
    return keras.Model(noisy, layers.Reshape((window,))(signal), name="conv_code")


def _image(window: int, shape: Sequence[int]) -> tuple[Any, Any]:
    """Return the input, a row of pixels, and the image ``(height, width, 1)`` that it is."""
    noisy = keras.Input((window,), name="noisy")
    return noisy, layers.Reshape((*shape, 1))(noisy)
