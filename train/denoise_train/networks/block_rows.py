"""Rows of block means of a window and its context, the noise in them, and curves through them.

Networks with a context share these: a row of each scale, the window's own blocks in the middle, goes through one small
autoencoder that estimates its noise.
"""

from typing import Any, NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

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

    ``scaled`` are the means scaled by the minimum and range of their row, ``lowest`` and ``span``,
    ``(batch, scales, 1)``; ``noise`` has the unit of what is scaled.
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
    expected = ops.minimum(_white_level(noisy, contract, row) / span, 1)
    rows = ops.reshape(ops.concatenate([scaled, shares, expected], axis=2), (-1, 3, row))
    noise = autoencoder(ops.transpose(rows, (0, 2, 1)), row, coarse, 1)
    noise = ops.reshape(noise, (-1, len(scales), row))
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
    """Put together the rows ``(batch, scales, row)`` of block means, and the known share of each block.

    Each is taken by its place, all in one operation: of a single window, slices and concatenations take longer.
    """
    scales, window = contract.context_past, contract.window
    total = sum(blocks.number for blocks in scales)  # before the window, and after it
    own_means = fixed_layers({"block_means": _block_means(contract)})["block_means"](noisy)
    places: list[NDArray[np.intp]] = []
    first, first_own = 0, contract.context_size
    for blocks in scales:
        before, count = blocks_before(window, blocks.size, row), window // blocks.size
        past = first + np.arange(blocks.number - before, blocks.number)
        ahead = first + total + np.arange(row - before - count)
        places.append(np.concatenate((past, first_own + np.arange(count), ahead)))
        first, first_own = first + blocks.number, first_own + count
    of_means = np.stack(places)
    around = of_means < contract.context_size
    means = ops.take(ops.concatenate([context, own_means], axis=1), of_means, axis=1)
    shares = ops.take(context, np.where(around, of_means + 2 * total, 0), axis=1)
    return means, ops.where(around, shares, 1.0)  # of the window all is known


def _white_level(noisy: Any, contract: Contract, row: int) -> Any:
    """Estimate the level of the noise of block means ``(batch, scales, row)``, if it is white.

    By the window's differences: J. von Neumann and others, The mean square successive difference, Annals of
    Mathematical Statistics 12, 1941.
    """
    samples = ops.reshape(noisy, (-1, 1, contract.window))
    steps = samples[:, :, 1:] - samples[:, :, :-1]
    sizes = np.array([blocks.size for blocks in contract.context_past], np.float32)
    shrinking = np.repeat((2 * sizes[:, None]) ** -0.5, row, axis=1)
    return ops.sqrt(ops.mean(ops.square(steps), axis=2, keepdims=True)) * shrinking


def blocks_before(window: int, size: int, row: int) -> int:
    """Count the blocks in a row before those of the window."""
    return (row - window // size + 1) // 2


def _block_means(contract: Contract) -> Windows:
    """Return weights ``(window, blocks)`` from a window's samples to its block means, scale after scale."""
    scales, window = contract.context_past, contract.window
    means = [np.kron(np.eye(window // blocks.size), np.full((blocks.size, 1), 1 / blocks.size)) for blocks in scales]
    return np.concatenate(means, axis=1).astype(np.float32)
