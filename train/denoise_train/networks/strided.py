"""Strided autoencoders: rows of samples and channels, narrowed by strides and widened again."""

from typing import Any, NamedTuple

from keras import layers

from denoise_train.recipe import RecipeError


class Levels(NamedTuple):
    """The levels of a strided autoencoder; the lists have one entry per level, outermost first.

    ``up_kernels`` are those of the transposed convolutions; one that equals its stride runs faster, because the
    exporter makes it a plain convolution. ``refine_kernels`` are those of the convolutions that follow each strided
    one, down and up, ``bottleneck_kernel`` that of the last convolution on the narrowest level.
    """

    strides: list[int]
    filters: list[int]
    kernels: list[int]
    up_kernels: list[int]
    refine_kernels: list[int]
    bottleneck_kernel: int


def autoencoder(signal: Any, window: int, levels: Levels, channels: int) -> Any:
    """Narrow rows ``(batch, window, any)`` by strides, see all of them, and return ``(batch, window, channels)``.

    Raises
    ------
    RecipeError
        As of :func:`features`.
    """
    return to_samples(features(signal, window, levels), levels, channels)


def to_samples(features: Any, levels: Levels, channels: int) -> Any:
    """Widen features of the outermost level to samples, ``(batch, window, channels)``."""
    kernel, stride = levels.up_kernels[0], levels.strides[0]
    return layers.Conv1DTranspose(channels, kernel, strides=stride, padding="same")(features)


def features(signal: Any, window: int, levels: Levels) -> Any:
    """Narrow rows ``(batch, window, any)`` by strides, see all of them, and widen them to the outermost level.

    Returns
    -------
    ``(batch, window / strides[0], filters[0])``.

    Raises
    ------
    RecipeError
        If the levels are not all described, or the strides do not divide the window.
    """
    strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel = levels
    if len({len(strides), len(filters), len(kernels), len(up_kernels), len(refine_kernels)}) > 1:
        raise RecipeError("strides, filters, kernels, up_kernels and refine_kernels need one entry per level each")
    length = window
    for stride in strides:
        if stride < 1 or length % stride:
            raise RecipeError(f"strides={strides} do not divide window={window} exactly")
        length //= stride

    def convolve(signal: Any, count: int, kernel: int, stride: int = 1) -> Any:
        return layers.Conv1D(count, kernel, strides=stride, padding="same", activation="relu")(signal)

    skips: list[Any] = []
    for stride, count, kernel, refine_kernel in zip(strides, filters, kernels, refine_kernels, strict=True):
        signal = convolve(signal, count, kernel, stride)
        skips.append(signal)
        signal = convolve(signal, count, refine_kernel)
    signal = layers.Add()([signal, skips.pop()])
    signal = convolve(signal, filters[-1], bottleneck_kernel)
    for index in range(len(strides) - 1, 0, -1):
        count, refine_kernel = filters[index - 1], refine_kernels[index - 1]
        signal = layers.Conv1DTranspose(
            count, up_kernels[index], strides=strides[index], padding="same", activation="relu"
        )(signal)
        signal = layers.Add()([signal, skips.pop()])
        signal = convolve(signal, count, refine_kernel)
    return signal
