"""Frames of whole signals, time first, as the engine cuts and recombines them."""

import math
from typing import Any

import numpy as np
from keras import ops

from denoise_stream.engine.overlap_add import taper
from denoise_train.recipe import RecipeError

PIECE = 64
"""Frames that are averaged at once."""


def cut(signal: Any, hop: int, past: int, window: int) -> Any:
    """Cut signals ``(batch, samples)`` into frames ``(count, batch, past + window)``, zeros before their start.

    Raises
    ------
    RecipeError
        If the hop does not divide the window and the samples.
    """
    samples = signal.shape[1]
    if window % hop or samples % hop:
        raise RecipeError(f"hop={hop} must divide window={window} and the {samples} samples of a sequence")
    count = samples // hop - window // hop + 1
    before = math.ceil(past / hop)
    pieces = ops.reshape(ops.pad(signal, ((0, 0), (before * hop, 0))), (-1, before + samples // hop, hop))
    pieces = ops.transpose(pieces, (1, 0, 2))
    parts = [pieces[first : first + count, :, :] for first in range(before + window // hop)]
    return ops.concatenate(parts, axis=-1)[:, :, before * hop - past :]


def running_mean(values: Any, heard: Any, most_frames: float) -> Any:
    """Average frames ``(count, batch)`` from the first on, as the state does window by window.

    m_t = m_(t-1) + w_t (x_t - m_(t-1)) / f_t, where f_t = min(f_(t-1) + w_t, most_frames), and w_t, ``heard``, is 1 for
    a frame that counts and 0 for another. The first frame counts.
    """
    mean = frames = ops.zeros_like(values[:1, ...])
    means = []
    for first in range(0, values.shape[0], PIECE):
        piece = slice(first, first + PIECE)
        found, numbers = continued_mean(values[piece, ...], heard[piece, ...], mean, frames, most_frames)
        mean, frames = found[-1:, ...], numbers[-1:, ...]
        means.append(found)
    return ops.concatenate(means, axis=0)


def continued_mean(values: Any, heard: Any, mean: Any, frames: Any, most_frames: float) -> tuple[Any, Any]:
    """Continue :func:`running_mean` for several frames at once.

    With A that grows as f does, and beyond most_frames by 1 / (1 - 1 / most_frames) a frame that counts:
    A_t m_t = A_0 m_0 + the sum of A_s w_s x_s / f_s up to s = t. For at most some hundred frames: A overflows later.

    Parameters
    ----------
    values, heard
        ``(count, batch)``.
    mean, frames
        The average before, and the frames that it is over, ``(1, batch)``.
    most_frames
        More frames count as so many.

    Returns
    -------
    The average after each frame, and the frames that it is over, ``(count, batch)``.
    """
    before = ops.minimum(frames, most_frames)
    numbers = before + ops.cumsum(heard, axis=0)
    within = ops.minimum(numbers, most_frames)
    growth = ops.exp((numbers - within) * -math.log1p(-1 / most_frames))
    sums = ops.cumsum(growth * heard * values, axis=0)
    return (before * mean + sums) / (within * growth), within


def overlap_add(frames: Any, hop: int) -> Any:
    """Recombine frames ``(count, batch, window)`` by the engine's equation to ``(batch, samples)``."""
    count, _, window = frames.shape
    overlap = window // hop
    weights = taper(window).astype(np.float32)
    weighted = frames * weights
    total = np.zeros((count + overlap - 1, 1, hop), np.float32)
    pieces = []
    for part in range(overlap):
        place = slice(part * hop, (part + 1) * hop)
        total[part : part + count] += weights[place]
        pieces.append(ops.pad(weighted[:, :, place], ((part, overlap - 1 - part), (0, 0), (0, 0))))
    samples = ops.transpose(sum(pieces[1:], pieces[0]) / total, (1, 0, 2))
    return ops.reshape(samples, (-1, (count + overlap - 1) * hop))
