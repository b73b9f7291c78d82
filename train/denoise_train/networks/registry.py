"""The registry of architectures: build the network of a recipe's ``[architecture]``.

Every architecture is one function ``(window, settings) -> keras.Model`` from ``noisy (batch, window)`` to the denoised
``(batch, window)``, made of Keras' own layers only, so that a saved model loads anywhere. To add one, write the
function and list it in ``ARCHITECTURES``; its parameters are the keys of a recipe's ``[architecture]``. Networks with
a memory are classes, listed in ``RECURRENT``.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import keras
from keras import layers

from denoise_train.networks.images import ablated, conv_code, dense, pooled
from denoise_train.networks.own import is_own, own_architecture
from denoise_train.networks.recurrent import SpectralMask
from denoise_train.networks.sequences import lstm_code, lstm_forecast
from denoise_train.networks.shared_mask import SharedMask
from denoise_train.recipe import RecipeError, build_section


def tutorial(window: int, filters: list[int], kernel: int, max_norm: float) -> keras.Model:
    """Build the tutorial's autoencoder: convolutions without padding, their transposes, a sigmoid.

    With filters 128 and 32 and kernels of 3 it has 28,737 parameters and each output sees 11 samples.
    """

    def settings() -> dict[str, Any]:
        return {
            "kernel_size": kernel,
            "activation": "relu",
            "kernel_initializer": "he_uniform",
            "kernel_constraint": keras.constraints.MaxNorm(max_norm),
        }

    noisy = keras.Input((window,), name="noisy")
    signal = layers.Reshape((window, 1))(noisy)
    for count in filters:
        signal = layers.Conv1D(count, **settings())(signal)
    for count in reversed(filters):
        signal = layers.Conv1DTranspose(count, **settings())(signal)
    signal = layers.Conv1D(
        1, kernel, padding="same", activation="sigmoid", kernel_constraint=keras.constraints.MaxNorm(max_norm)
    )(signal)
    return keras.Model(noisy, layers.Reshape((window,))(signal), name="tutorial")


def strided(
    window: int,
    strides: list[int],
    filters: list[int],
    kernels: list[int],
    up_kernels: list[int],
    refine_kernels: list[int],
    bottleneck_kernel: int,
) -> keras.Model:
    """Build an autoencoder that narrows the window by strides, sees all of it, and predicts the noise.

    Parameters
    ----------
    window
        Samples per window; the product of the strides must divide it.
    strides, filters, kernels, up_kernels
        One entry per level, outermost first; ``up_kernels`` are those of the transposed convolutions. One that equals
        its stride runs faster, because the exporter makes it a plain convolution.
    refine_kernels
        Kernel of the convolution that follows each level's strided one, down and up.
    bottleneck_kernel
        Kernel of the last convolution on the narrowest level.
    """
    if len({len(strides), len(filters), len(kernels), len(up_kernels), len(refine_kernels)}) > 1:
        raise RecipeError("strides, filters, kernels, up_kernels and refine_kernels need one entry per level each")
    length = window
    for stride in strides:
        if stride < 1 or length % stride:
            raise RecipeError(f"strides={strides} do not divide window={window} exactly")
        length //= stride

    def convolve(signal: Any, count: int, kernel: int, stride: int = 1) -> Any:
        return layers.Conv1D(count, kernel, strides=stride, padding="same", activation="relu")(signal)

    noisy = keras.Input((window,), name="noisy")
    signal = layers.Reshape((window, 1))(noisy)
    skips: list[Any] = []
    levels = list(zip(strides, filters, kernels, refine_kernels, strict=True))
    for stride, count, kernel, refine_kernel in levels:
        signal = convolve(signal, count, kernel, stride)
        skips.append(signal)
        signal = convolve(signal, count, refine_kernel)
    signal = layers.Add()([signal, skips.pop()])
    signal = convolve(signal, filters[-1], bottleneck_kernel)
    for index in range(len(levels) - 1, 0, -1):
        _, count, _, refine_kernel = levels[index - 1]
        signal = layers.Conv1DTranspose(
            count, up_kernels[index], strides=strides[index], padding="same", activation="relu"
        )(signal)
        signal = layers.Add()([signal, skips.pop()])
        signal = convolve(signal, count, refine_kernel)
    noise = layers.Conv1DTranspose(1, up_kernels[0], strides=strides[0], padding="same")(signal)
    noise = layers.Reshape((window,))(noise)
    return keras.Model(noisy, layers.Subtract()([noisy, noise]), name="strided")


ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    build.__name__: build for build in (tutorial, strided, dense, pooled, ablated, conv_code, lstm_code, lstm_forecast)
}
"""The architectures by name."""


class Recurrent(Protocol):
    """A network with a memory."""

    step: keras.Model
    """The network of one window: ``[noisy (batch, window), state (batch, state_size)]`` to ``[clean, state_out]``."""

    def unrolled(self, samples: int) -> keras.Model:
        """Build a network of the same layers over whole signals: what the engine makes of them, for training."""
        ...


RECURRENT: dict[str, Callable[..., Recurrent]] = {"spectral_mask": SpectralMask, "shared_mask": SharedMask}
"""Those with a memory, classes that take ``(window, hop, settings)``."""


@dataclass(frozen=True)
class Architecture:
    """A new network, and what is trained of it."""

    network: keras.Model
    """What is saved and exported."""

    over_rows: Callable[[int], keras.Model]
    """Builds a network from rows of so many samples to rows, which shares the weights: the network itself if it has no
    memory."""


def build_architecture(window: int, hop: int, section: Mapping[str, Any]) -> Architecture:
    """Build what a recipe's ``[architecture]`` describes; RecipeError if its kind or a key is not known.

    A kind ``module:function`` is imported: see :mod:`denoise_train.networks.own`.
    """
    kinds = ARCHITECTURES | {name: functools.partial(build, hop=hop) for name, build in RECURRENT.items()}
    if is_own(section["kind"]):
        kinds[section["kind"]] = own_architecture(section["kind"])
    built = build_section("architecture", section, kinds, window)
    if isinstance(built, keras.Model):
        return Architecture(built, lambda samples: built)
    return Architecture(built.step, built.unrolled)


def build_network(window: int, hop: int, section: Mapping[str, Any]) -> keras.Model:
    """Build the network of a recipe's ``[architecture]`` alone; see :func:`build_architecture`."""
    return build_architecture(window, hop, section).network
