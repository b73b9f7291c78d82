"""Rows of block means of a window and its context, the noise in them, and curves through them.

Networks with a context share these: a row of each scale, the window's own blocks in the middle, goes through one small
autoencoder that estimates its noise.
"""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from denoise_stream.contract import Contract
from denoise_train.arrays import Windows
from denoise_train.networks.spectra import fixed_layers
from denoise_train.networks.strided import Levels, autoencoder
from denoise_train.recipe import RecipeError

FARTHEST_MEAN = 50.0
"""Means are clipped to this many ranges of the window; further away they would drown the rest of their row."""

LEAST_SPAN = 1e-3
"""Least range that a row of means is scaled by, in ranges of the window."""


class BlockRows(NamedTuple):
    """Rows of block means ``(batch, scales, row)`` in the window's units, their known shares and estimated noise.

    Scaled are the means by the minimum and range of their row, ``lowest`` and ``span``, ``(batch, scales, 1)``; noise
    has the unit of what is scaled.
    """

    means: Any
    shares: Any
    scaled: Any
    noise: Any
    lowest: Any
    span: Any


def block_rows(noisy: Any, context: Any, contract: Contract, row: int, coarse: Levels) -> BlockRows:
    """Estimate the noise of block means.

    Parameters
    ----------
    noisy, context
        The network's inputs, ``(batch, window)`` and ``(batch, context_size)``.
    contract
        The window and the scales of its context, the same before and after it.
    row
        Blocks in a row: those of the window in its middle, around them those of the context.
    coarse
        The autoencoder of the rows.

    Raises
    ------
    RecipeError
        If the scales do not make rows.
    """
    _check(contract, row)
    scales = contract.context_past
    means, shares = _rows(noisy, context, contract, row)
    near = ops.clip(means, -FARTHEST_MEAN, 1 + FARTHEST_MEAN)
    lowest = ops.min(near, axis=2, keepdims=True)
    span = ops.maximum(ops.max(near, axis=2, keepdims=True) - lowest, LEAST_SPAN)
    scaled = (near - lowest) / span
    expected = ops.tile(ops.clip(_white_level(noisy, contract) / span, 0, 1), (1, 1, row))
    rows = ops.reshape(ops.stack([scaled, shares, expected], axis=3), (-1, row, 3))
    noise = ops.reshape(autoencoder(rows, row, coarse, 1), (-1, len(scales), row))
    return BlockRows(means, shares, scaled, noise, lowest, span)


def interpolation(contract: Contract, row: int) -> Windows:
    """Return weights ``(scales row, window scales)`` from rows to samples: each scale by itself, along cubics.

    They go through the blocks' centres: E. Catmull, R. Rom, A class of local interpolating splines, in: Computer Aided
    Geometric Design, 1974.
    """
    scales, window = contract.context_past, contract.window
    weights = np.zeros((len(scales), row, window, len(scales)), np.float32)
    for number, blocks in enumerate(scales):
        places = (np.arange(window) + 0.5) / blocks.size - 0.5 + blocks_before(window, blocks.size, row)
        left = np.floor(places).astype(np.intp)
        away = places - left
        for offset, cubic in (
            (-1, -away + 2 * away**2 - away**3),
            (0, 2 - 5 * away**2 + 3 * away**3),
            (1, away + 4 * away**2 - 3 * away**3),
            (2, away**3 - away**2),
        ):
            weights[number, left + offset, np.arange(window), number] = cubic / 2
    return weights.reshape(len(scales) * row, -1)


def _check(contract: Contract, row: int) -> None:
    """Refuse scales that do not make rows.

    Raises
    ------
    RecipeError
        If there are none, those before and after differ, the window is not whole blocks of each, or a row is too short
        or too long.
    """
    scales, window = contract.context_past, contract.window
    if not scales or scales != contract.context_ahead:
        raise RecipeError(
            "a network with a context needs the same scales before and after the window; set context_past and "
            'context_ahead, such as "5x30,25x30,150x30"'
        )
    for blocks in scales:
        if window % blocks.size:
            raise RecipeError(f"blocks of {blocks.size} samples do not divide window={window} exactly")
        around = row - window // blocks.size
        if around < 4:
            raise RecipeError(f"row={row} is too short for blocks of {blocks.size}; use {row - around + 4} or more")
        if (around + 1) // 2 > blocks.number:
            raise RecipeError(
                f"row={row} needs {(around + 1) // 2} blocks of {blocks.size} samples on each side of the "
                f"{window // blocks.size} in the window; given: {blocks.number}"
            )


def _rows(noisy: Any, context: Any, contract: Contract, row: int) -> tuple[Any, Any]:
    """Put together the rows ``(batch, scales, row)`` of block means, and the known share of each block."""
    scales, window = contract.context_past, contract.window
    inside = [window // blocks.size for blocks in scales]
    parts = fixed_layers({"block_means": _block_means(contract)})
    own = parts["block_means"](noisy)
    total, first, at = sum(blocks.number for blocks in scales), 0, 0
    means: list[Any] = []
    shares: list[Any] = []
    for blocks, count in zip(scales, inside, strict=True):
        last, before = first + blocks.number, blocks_before(window, blocks.size, row)
        for pieces, side in ((means, 0), (shares, 2 * total)):
            past = context[:, side + last - before : side + last]
            ahead = context[:, side + total + first : side + total + first + row - before - count]
            if pieces is means:
                pieces += [past, own[:, at : at + count], ahead]
            else:  # of the window all is known
                pieces += [ops.pad(past, ((0, 0), (0, count)), constant_values=1.0), ahead]
        first, at = last, at + count
    shape = (-1, len(scales), row)
    return tuple(ops.reshape(ops.concatenate(pieces, axis=1), shape) for pieces in (means, shares))


def _white_level(noisy: Any, contract: Contract) -> Any:
    """Estimate the level of each row's noise ``(batch, scales, 1)``, if it is white, by the window's differences.

    J. von Neumann and others: The mean square successive difference, Annals of Mathematical Statistics 12, 1941.
    """
    steps = ops.square(noisy[:, 1:] - noisy[:, :-1])
    level = ops.sqrt(ops.mean(steps, axis=1, keepdims=True) / 2)
    shrinking = np.array([blocks.size**-0.5 for blocks in contract.context_past], np.float32)
    return ops.reshape(level * shrinking, (-1, len(shrinking), 1))


def blocks_before(window: int, size: int, row: int) -> int:
    """Count the blocks in a row before those of the window."""
    return (row - window // size + 1) // 2


def _block_means(contract: Contract) -> Windows:
    """Return weights ``(window, blocks)`` from a window's samples to its block means, scale after scale."""
    scales, window = contract.context_past, contract.window
    means = [np.kron(np.eye(window // blocks.size), np.full((blocks.size, 1), 1 / blocks.size)) for blocks in scales]
    return np.concatenate(means, axis=1).astype(np.float32)
