"""The registry of architectures: build the network of a recipe's ``[architecture]``.

Every architecture is one function ``(window, settings) -> keras.Model`` from ``noisy (batch, window)`` to the denoised
``(batch, window)``, made of Keras' own layers only, so that a saved model loads anywhere. To add one, write the
function and list it in ``ARCHITECTURES``; its parameters are the keys of a recipe's ``[architecture]``. Networks with
a memory are classes, listed in ``RECURRENT``; those that take a context are listed in ``IN_CONTEXT``.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import keras
from keras import layers

from denoise_stream.contract import Contract
from denoise_train.networks.context import multiscale
from denoise_train.networks.detrending import detrending
from denoise_train.networks.images import ablated, conv_code, dense, pooled
from denoise_train.networks.own import is_own, own_architecture
from denoise_train.networks.sequences import autoregressions, lstm_code, lstm_forecast
from denoise_train.networks.shared_mask import RunCell, SharedMask
from denoise_train.networks.strided import Levels, autoencoder
from denoise_train.recipe import build_section


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
    strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel
        See :class:`~denoise_train.networks.strided.Levels`.
    """
    levels = Levels(strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    noisy = keras.Input((window,), name="noisy")
    noise = autoencoder(layers.Reshape((window, 1))(noisy), window, levels, 1)
    noise = layers.Reshape((window,))(noise)
    return keras.Model(noisy, layers.Subtract()([noisy, noise]), name="strided")


ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    build.__name__: build
    for build in (tutorial, strided, dense, pooled, ablated, conv_code, lstm_code, lstm_forecast, autoregressions)
}
"""The architectures by name."""


class Recurrent(Protocol):
    """A network with a memory."""

    step: keras.Model
    """The network of one window: ``[noisy (batch, window), state (batch, state_size)]`` to ``[clean, state_out]``."""

    def unrolled(self, samples: int) -> keras.Model:
        """Build a network of the same layers over whole signals, with the engine's overlap-add, for training."""
        ...


RECURRENT: dict[str, Callable[..., Recurrent]] = {"shared_mask": SharedMask}
"""Architectures with a memory, classes that take ``(window, hop, settings)``."""


@dataclass(frozen=True)
class Architecture:
    """A new network, and how it is trained."""

    network: keras.Model
    """The network to save and export."""

    over_rows: Callable[[int], keras.Model]
    """Builds the network to train, for rows of this many samples: the network itself if it has no memory."""

    over_block: Callable[[RunCell], keras.Model] | None = None
    """Builds the network of many windows at once, where there is one: see :meth:`SharedMask.over_block`."""


IN_CONTEXT: dict[str, Callable[..., keras.Model]] = {build.__name__: build for build in (multiscale, detrending)}
"""Architectures with a context, functions ``(contract, settings)``; see :mod:`denoise_train.networks.context`."""


def build_architecture(
    window: int, hop: int, section: Mapping[str, Any], contract: Contract | None = None
) -> Architecture:
    """Build what a recipe's ``[architecture]`` describes; the contract states the context of one that takes it.

    A kind ``module:function`` is imported: see :mod:`denoise_train.networks.own`.

    Raises
    ------
    RecipeError
        If its kind or a key is not known.
    """
    contract = contract or Contract("", window, hop)
    kinds: dict[str, Callable[..., Any]] = {
        name: functools.partial(build, window) for name, build in ARCHITECTURES.items()
    }
    kinds |= {name: functools.partial(build, window, hop) for name, build in RECURRENT.items()}
    kinds |= {name: functools.partial(build, contract) for name, build in IN_CONTEXT.items()}
    if is_own(section["kind"]):
        kinds[section["kind"]] = functools.partial(own_architecture(section["kind"]), window)
    built = build_section("architecture", section, kinds)
    if isinstance(built, keras.Model):
        return Architecture(built, lambda samples: built)
    return Architecture(built.step, built.unrolled, getattr(built, "over_block", None))


def build_network(window: int, hop: int, section: Mapping[str, Any], contract: Contract | None = None) -> keras.Model:
    """Build the network of a recipe's ``[architecture]`` alone; see :func:`build_architecture`."""
    return build_architecture(window, hop, section, contract).network
