"""A network with a context: denoise a window given block means of what surrounds it.

                        block means, one row per scale
    noisy, context ─▶ ▭▭▭▭▭▭▭▭▭▭▭▭▭▭ ┐
                      ▬▬▬▬▬▬▬▬▬▬▬▬▬▬ ├▶ coarse autoencoder ─▶ candidates ─┐
                      ██████████████ ┘                                    ▼
    noisy ─▶ fine autoencoder ─▶ its own estimate ─────────────────────▶ mix ─▶ clean
                  └─────────────▶ what it saw of the window ─────────────▲

A signal with more samples than it needs has fewer of them in a row of block means, and each mean has less noise. So the
rows of all scales go through one small autoencoder of the kind that denoises windows. What it makes of the window's own
part, interpolated to samples, are candidates. A few convolutions weight them and the window's own estimate sample by
sample. The fine autoencoder is that of a network without a context: it has nothing else to learn.
"""

import keras
import numpy as np
from keras import layers, ops

from denoise_stream.contract import Contract
from denoise_train.networks.block_rows import block_rows, interpolation
from denoise_train.networks.strided import Levels, features, to_samples

LARGEST_CANDIDATE = 0.5
"""Candidates are clipped to the noisy window's range, extended by this many ranges on either side."""

MIXING_KERNEL = 5
"""Kernel of the convolutions that weight the estimates, on the outermost level."""

OWN_LOGIT = 1.5
"""Preference for the network's own estimate before training: with a larger one it never learns to use the others."""


def multiscale(
    contract: Contract,
    strides: list[int],
    filters: list[int],
    coarse_filters: list[int],
    kernels: list[int],
    up_kernels: list[int],
    refine_kernels: list[int],
    bottleneck_kernel: int,
    mixing_filters: list[int],
    row: int,
) -> keras.Model:
    """Build a strided autoencoder that also sees the past at coarser scales, and what lies ahead where it is known.

    Parameters
    ----------
    contract
        The window and the scales of its context, the same before and after it.
    strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel
        As for :func:`~denoise_train.networks.registry.strided`.
    coarse_filters
        Filters of the autoencoder of the rows of means, which is of the same shape otherwise.
    mixing_filters
        Filters of the convolutions that weight the estimates: the first sees those, the others also the window.
    row
        Blocks in a row: those of the window in its middle, around them those of the context.
    """
    scales, window = contract.context_past, contract.window
    noisy = keras.Input((window,), name="noisy")
    context = keras.Input((contract.context_size,), name="context")
    coarse = Levels(strides, coarse_filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    rows = block_rows(noisy, context, contract, row, coarse)
    smooth = ops.reshape(rows.scaled - rows.noise, (-1, len(scales) * row))
    interpolate = layers.Dense(window * len(scales), use_bias=False, name="interpolation")
    curves = layers.Permute((2, 1))(layers.Reshape((window, len(scales)))(interpolate(smooth)))
    interpolate.set_weights([interpolation(contract, row)])
    candidates = ops.clip(curves * rows.span + rows.lowest, -LARGEST_CANDIDATE, 1 + LARGEST_CANDIDATE)

    fine = Levels(strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    seen = features(layers.Reshape((window, 1))(noisy), window, fine)
    # What is mixed lies in rows of samples, (batch, any, window): there the exported graph needs no transposition.
    samples = layers.Reshape((1, window))(noisy)
    own = samples - layers.Reshape((1, window))(to_samples(seen, fine, 1))
    estimates = layers.Concatenate(axis=1)([own, candidates])
    first, *others = mixing_filters
    mixing = layers.Permute((2, 1))(layers.Concatenate(axis=1)([samples, estimates]))
    mixing = layers.Conv1D(first, kernels[0], strides=strides[0], padding="same", activation="relu")(mixing)
    mixing = layers.Concatenate()([seen, mixing])
    for count in others:
        mixing = layers.Conv1D(count, MIXING_KERNEL, padding="same", activation="relu")(mixing)
    logits = layers.Permute((2, 1))(to_samples(mixing, fine, 1 + len(scales)))
    preference = np.zeros((1 + len(scales), 1), np.float32)
    preference[0] = OWN_LOGIT
    mixed = ops.sum(ops.softmax(logits + preference, axis=1) * estimates, axis=1)
    return keras.Model([noisy, context], mixed, name="multiscale")
