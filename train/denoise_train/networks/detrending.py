"""A network for signals whose baseline wanders: take the slow noise off first, then the fast noise.

                      block means, one row per scale
    noisy, context ─▶ ▭▭▭▭▭▭ ▬▬▬▬▬▬ ██████ ─┬▶ linear filter ────────────┐
                                            └▶ coarse autoencoder ─────(+)▶ curve of the slow noise
                                                                          │
    noisy ───────────────────────────────────────────────────────────────(-)─▶ fine autoencoder ─▶ clean

Slow noise moves a window by many times its range, and only what surrounds the window shows by how much. A linear filter
over the rows, at first a low-pass, finds most of it; the coarse autoencoder, which knows beats, the rest. What stays is
the mean level of the whole context. What the fine autoencoder sees is free of the curve, and centred.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise_stream.contract import Contract
from denoise_train.arrays import Windows
from denoise_train.networks.block_rows import block_rows, blocks_before, interpolation
from denoise_train.networks.strided import Levels, autoencoder

FARTHEST_BASELINE = 1000.0
"""Means are clipped to this many ranges of the window; a baseline wanders less, however still the window is."""

LOW_PASS_SAMPLES = 90.0
"""Deviation of the Gaussian that the linear filter starts as: with blocks of 150, -6 dB at 0.67 Hz of 360 Hz."""


def detrending(
    contract: Contract,
    strides: list[int],
    filters: list[int],
    coarse_filters: list[int],
    kernels: list[int],
    up_kernels: list[int],
    refine_kernels: list[int],
    bottleneck_kernel: int,
    row: int,
) -> keras.Model:
    """Build a network that takes off slow noise by what it sees of the context, and fast noise window by window.

    The parameters are those of :func:`~denoise_train.networks.context.multiscale`.
    """
    scales, window = contract.context_past, contract.window
    noisy = keras.Input((window,), name="noisy")
    context = keras.Input((contract.context_size,), name="context")
    coarse = Levels(strides, coarse_filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    rows = block_rows(noisy, context, contract, row, coarse)
    size = len(scales) * row
    above = _near(rows.means) - _level(noisy, context, contract)
    # Known means alone, beside all of them: a filter for files and one for streams.
    features = [ops.reshape(each, (-1, size)) for each in (rows.noise * rows.span, above, above * rows.shares)]
    curve = layers.Dense(window, use_bias=False, name="curve")
    flat = noisy - curve(ops.concatenate(features, axis=1))
    through_noise = interpolation(contract, row).reshape(size, window, len(scales)).mean(axis=2)
    curve.set_weights([np.concatenate((through_noise, _low_pass(contract, row), np.zeros((size, window))))])

    fine = Levels(strides, filters, kernels, up_kernels, refine_kernels, bottleneck_kernel)
    centred = flat - ops.mean(flat, axis=1, keepdims=True) + 0.5
    noise = autoencoder(layers.Reshape((window, 1))(centred), window, fine, 1)
    return keras.Model([noisy, context], flat - layers.Reshape((window,))(noise), name="detrending")


def _near(means: Any) -> Any:
    return ops.clip(means, -FARTHEST_BASELINE, 1 + FARTHEST_BASELINE)


def _level(noisy: Any, context: Any, contract: Contract) -> Any:
    """Average the window and all known blocks of the largest size, ``(batch, 1, 1)``: the level that stays."""
    count, total = contract.context_past[-1].number, contract.context_size // 4
    means, shares = (
        ops.concatenate([context[:, side + total - count : side + total] for side in (first, first + total)], axis=1)
        for first in (0, 2 * total)
    )
    known = ops.sum(_near(means) * shares, axis=1) + ops.mean(noisy, axis=1)
    return ops.reshape(known / (ops.sum(shares, axis=1) + 1), (-1, 1, 1))


def _low_pass(contract: Contract, row: int) -> Windows:
    """Return weights ``(scales row, window)`` from block means to samples: a Gaussian, over the coarsest row alone."""
    size, window = contract.context_past[-1].size, contract.window
    centres = (np.arange(row) + 0.5 - blocks_before(window, size, row)) * size - 0.5
    gaussian = np.exp(-0.5 * ((centres[:, None] - np.arange(window)) / LOW_PASS_SAMPLES) ** 2)
    weights = np.zeros((len(contract.context_past), row, window), np.float32)
    weights[-1] = gaussian / gaussian.sum(axis=0)
    return weights.reshape(-1, window)
