"""Networks with a context: denoise a window given block means of what surrounds it.

                    ┌─▶ smoothers ─▶ candidates ──────┬──────────────┐
    noisy, context ─┤                                 ▼              ▼
                    │    noisy ──────────────▶ strided autoencoder ─▶ mix ─▶ clean
                    └─▶ dense layers ─▶ features ──▶ bottleneck

A linear smoother is exact to the last bit where a signal is slow, and its error falls with every sample that it sees,
which a network of rectifiers learns only slowly. So a bank of them, each a matrix over the window and its context,
offers candidates; the autoencoder gets them as further channels, and weights them and its own estimate sample by
sample.
"""

import keras
import numpy as np
from keras import layers, ops

from denoise_stream.contract import Contract
from denoise_train.arrays import Array
from denoise_train.networks.strided import Levels, autoencoder
from denoise_train.recipe import RecipeError

NEAREST_WIDTH, FARTHEST_WIDTH = 4.0, 2000.0
"""Standard deviations in samples of the narrowest and the widest smoother before training."""

FARTHEST_MEAN = 8.0
"""Smoothers see means clipped to this many ranges of the window; further away a mean is not informative."""

LARGEST_CANDIDATE = 0.5
"""Candidates are clipped to the noisy window's range, extended by this many ranges on either side."""

OWN_LOGIT = 4.0
"""Weight of the network's own estimate before training."""


def strided_in_context(
    contract: Contract,
    strides: list[int],
    filters: list[int],
    kernels: list[int],
    up_kernels: list[int],
    refine_kernels: list[int],
    bottleneck_kernel: int,
    smoothers: int,
    points: int,
    features: list[int],
) -> keras.Model:
    """Build a strided autoencoder that also sees the past at coarser scales, and what lies ahead where it is known.

    Parameters
    ----------
    contract
        The window and the scales of its context.
    strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel
        As for :func:`~denoise_train.networks.registry.strided`.
    smoothers
        Number of linear smoothers; an even one. One half sees the window and the past, the other half all, at first.
    points
        Points per window at which a smoother is computed, at least 2; straight lines join them, at first.
    features
        Widths of the dense layers that read the context for the bottleneck.
    """
    window, blocks = contract.window, contract.context_size // 2
    if not blocks:
        raise RecipeError("architecture 'strided_in_context' needs scales; set context_past, such as \"5x30,25x30\"")
    if smoothers < 2 or smoothers % 2 or points < 2:
        raise RecipeError(f"smoothers={smoothers}, points={points}; use an even number, and 2 points or more")
    noisy = keras.Input((window,), name="noisy")
    context = keras.Input((2 * blocks,), name="context")
    means = ops.clip(context[:, :blocks], -FARTHEST_MEAN, 1 + FARTHEST_MEAN)
    seen = layers.Concatenate()([noisy, means])
    bank = layers.Dense(smoothers * points, use_bias=False, name="smoothers")
    between = layers.Dense(window, use_bias=False, name="interpolation")
    candidates = between(layers.Reshape((smoothers, points))(bank(seen)))
    candidates = layers.Permute((2, 1))(ops.clip(candidates, -LARGEST_CANDIDATE, 1 + LARGEST_CANDIDATE))
    bank.set_weights([_smoothers(contract, smoothers, points)])
    between.set_weights([_interpolation(window, points)])

    read = layers.Concatenate()([seen, context[:, blocks:]])
    for width in features:
        read = layers.Dense(width, activation="relu")(read)
    levels = Levels(strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    channels = layers.Concatenate()([layers.Reshape((window, 1))(noisy), candidates])
    narrowest = (window // int(np.prod(strides)), filters[-1])
    injected = layers.Reshape(narrowest)(layers.Dense(narrowest[0] * narrowest[1], name="into_bottleneck")(read))
    decoded = autoencoder(channels, window, levels, 2 + smoothers, injected)

    own = layers.Reshape((window, 1))(noisy) - decoded[:, :, :1]
    preference = np.zeros((1, 1, 1 + smoothers), np.float32)
    preference[..., 0] = OWN_LOGIT
    weights = ops.softmax(decoded[:, :, 1:] + preference, axis=-1)
    mixed = ops.sum(weights * layers.Concatenate()([own, candidates]), axis=-1)
    return keras.Model([noisy, context], mixed, name="strided_in_context")


def _smoothers(contract: Contract, count: int, points: int) -> Array:
    """Return weights ``(window + blocks, count * points)`` of local straight lines, weighted by Gaussians.

    W. S. Cleveland: Robust locally weighted regression and smoothing scatterplots, Journal of the American Statistical
    Association 74, 1979, without the robust part.
    """
    centres, sizes = _places(contract)
    wanted = (np.arange(points) + 0.5) * contract.window / points - 0.5
    widths = np.geomspace(NEAREST_WIDTH, FARTHEST_WIDTH, count // 2)
    known = centres < contract.window
    weights = np.empty((count, points, len(centres)))
    for number, width in enumerate(np.concatenate((widths, widths))):
        sides = known if number < count // 2 else np.ones_like(known)
        for point, place in enumerate(wanted):
            away = centres - place
            kernel = sizes * sides * np.exp(-0.5 * (away / width) ** 2) + 1e-9 * (sizes > 0) * known
            zeroth, first, second = (float(np.sum(kernel * away**power)) for power in (0, 1, 2))
            weights[number, point] = kernel * (second - first * away) / (zeroth * second - first**2)
    return weights.reshape(count * points, -1).T


def _places(contract: Contract) -> tuple[Array, Array]:
    """Return centres and sizes of samples and blocks, in samples from the window's start; size 0 where others see more.

    Scales overlap: of each, only what the finer ones do not reach is used.
    """
    centres: list[Array] = [np.arange(contract.window, dtype=np.float64)]
    sizes: list[Array] = [np.ones(contract.window)]
    for scales, sign, edge in ((contract.context_past, -1, 0), (contract.context_ahead, 1, contract.window)):
        for scale in scales:
            away: Array = scale.size * (np.arange(scale.number, dtype=np.float64) + 0.5)
            finer = max((other.samples for other in scales if other.size < scale.size), default=0)
            order = slice(None, None, sign)  # blocks come in the order of time
            centres.append((edge + sign * away - 0.5)[order])
            sizes.append(np.where(away > finer, float(scale.size), 0.0)[order])
    return np.concatenate(centres), np.concatenate(sizes)


def _interpolation(window: int, points: int) -> Array:
    """Return weights ``(points, window)`` of straight lines between points, and beyond the outermost ones."""
    places = (np.arange(window) + 0.5) * points / window - 0.5
    left = np.clip(np.floor(places), 0, points - 2).astype(np.intp)
    weights = np.zeros((points, window))
    weights[left, np.arange(window)] = 1 - (places - left)
    weights[left + 1, np.arange(window)] = places - left
    return weights
