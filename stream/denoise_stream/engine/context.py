"""Compute the context of windows: block means of the signal around each.

A window holds 150 samples; what lies round it is summarized at coarser scales. Each scale is a row of blocks that
starts where the window begins and leads back, or starts where it ends and leads ahead:

      past 5x30 ... ┆▭▭▭▭▭▭┃ window ┃▭▭▭▭▭▭┆ ... ahead 5x30
     past 25x30 ┆▬▬▬▬▬▬▬▬▬▬┃        ┃▬▬▬▬▬▬▬▬▬▬┆ ahead 25x30

A context depends on the samples alone, never on what a network made of them: windows still go through it in batches.
Every mean is computed from its own samples, not from running sums, so nothing cancels, and how a signal is cut into
chunks changes no bit. Training and engine use the same function.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import Samples
from denoise_stream.contract import Blocks, Contract

LARGEST = 1e6
"""Means are clipped to this many ranges of the window on either side."""


class Starts(NamedTuple):
    """Where windows start in a signal: at ``first`` and then every ``hop`` samples, ``number`` of them."""

    first: int
    number: int
    hop: int


class Surroundings:
    """Compute the contexts of windows for one contract and one look-ahead; nothing is kept between calls.

    Parameters
    ----------
    contract
        Of a model with a context.
    lookahead_samples
        Samples after the end of each window that are used, from 0.
    """

    def __init__(self, contract: Contract, lookahead_samples: int) -> None:
        self._window = contract.window
        self._past = contract.context_past
        self._ahead = contract.context_ahead
        self._past_samples = contract.past_samples
        self._ahead_samples = min(lookahead_samples, contract.most_lookahead_samples)

    def contexts(
        self, signal: Samples, starts: Starts, scaled: NDArray[np.float32], minimum: Samples, span: Samples
    ) -> NDArray[np.float32]:
        """Compute the context of each window.

        A block's mean is that of its known samples, minus the window's minimum, over the window's range. Known is what
        the signal holds and is not NaN, after the window as far as the look-ahead. A block with no known sample takes
        the mean of the next block towards the window that has one, or else that of the window's edge.

        Parameters
        ----------
        signal
            float64 ``(channels, n)``; NaN is missing. Nothing is known before its first and after its last sample.
        starts
            Where the windows start in it; the last one may reach beyond the end.
        scaled
            The windows as the network gets them, float32 ``(number * channels, window)``, channels innermost.
        minimum, span
            What they were scaled by, float64 ``(number * channels, 1)``; a range of 0 counts as 1.

        Returns
        -------
        float32 ``(number * channels, context_size)``: the means, then the known share of each block, 0 to 1. The scales
        come in the contract's order, those of the past first, and the blocks in the order of time.
        """
        divisor = np.where(span > 0, span, 1.0)
        means: list[Samples] = []
        shares: list[Samples] = []
        for scales, before in ((self._past, True), (self._ahead, False)):
            if not scales:
                continue
            reach = self._past_samples if before else self._ahead_samples
            values, known = _surrounding(signal, starts, -reach if before else self._window, reach)
            sums = np.zeros((len(scaled), sum(blocks.number for blocks in scales)))
            counts = np.zeros_like(sums)
            places = _places(scales)
            for blocks, place in zip(scales, places, strict=True):
                _sum_blocks(values, blocks, before, sums[:, place])
                if known is None:
                    _count_blocks(reach, blocks, counts[:, place])
                else:
                    _sum_blocks(known, blocks, before, counts[:, place])
            if reach:
                sums /= np.maximum(counts, 1.0)
                sums -= minimum
                with np.errstate(over="ignore"):  # a tiny range
                    sums /= divisor
                np.clip(sums, -LARGEST, LARGEST, out=sums)
            whole = bool(counts.all())
            for blocks, place in zip(scales, places, strict=True):
                mean, share = sums[:, place], counts[:, place] / blocks.size
                if not whole:
                    mean = _fill(mean, share, scaled, blocks.size, before)
                means.append(mean[:, ::-1] if before else mean)
                shares.append(share[:, ::-1] if before else share)
        return np.concatenate((*means, *shares), axis=1, dtype=np.float32)


def _places(scales: Sequence[Blocks]) -> list[slice]:
    """Return where each scale's blocks lie in a row that holds those of all scales."""
    ends = list(itertools.accumulate(blocks.number for blocks in scales))
    return [slice(end - blocks.number, end) for blocks, end in zip(scales, ends, strict=True)]


def _surrounding(signal: Samples, starts: Starts, offset: int, reach: int) -> tuple[Samples, Samples | None]:
    """Cut out ``reach`` samples at an offset from each window's start.

    Returns
    -------
    values, known
        float64 ``(number, channels, reach)``, 0 where nothing is known; and 1 where something is, None if everywhere.
    """
    channels, length = signal.shape
    first = starts.first + offset
    last = first + (starts.number - 1) * starts.hop + reach
    inside = signal[:, max(0, first) : max(0, min(last, length))]
    missing = np.isnan(inside)
    known: Samples | None = None
    if first < 0 or last > length or missing.any():
        left = min(max(0, -first), last - first)
        margins = ((0, 0), (left, last - first - left - inside.shape[1]))
        known = np.pad(np.where(missing, 0.0, 1.0), margins)
        inside = np.pad(np.where(missing, 0.0, inside), margins)

    def view(samples: Samples) -> Samples:
        if starts.number == 1:
            return samples[None]
        return np.lib.stride_tricks.as_strided(
            samples,
            shape=(starts.number, channels, reach),
            strides=(starts.hop * samples.strides[1], *samples.strides),
            writeable=False,
        )

    return view(inside), None if known is None else view(known)


def _sum_blocks(values: Samples, blocks: Blocks, before: bool, sums: Samples) -> None:
    """Sum the samples of each block into ``sums (rows, number)``, the block next to the window first."""
    rows = len(sums)
    reach = min(values.shape[2], blocks.samples)
    whole, rest = divmod(reach, blocks.size)
    if before:  # the past reaches as far as any scale
        nearest = values[:, :, values.shape[2] - reach :]
        by_block = np.add.reduce(nearest.reshape(*nearest.shape[:2], whole, blocks.size), axis=3)
        sums[:] = by_block.reshape(rows, whole)[:, ::-1]
        return
    nearest = values[:, :, : whole * blocks.size]
    by_block = np.add.reduce(nearest.reshape(*nearest.shape[:2], whole, blocks.size), axis=3)
    sums[:, :whole] = by_block.reshape(rows, whole)
    if rest:
        sums[:, whole] = np.add.reduce(values[:, :, reach - rest : reach], axis=2).reshape(rows)


def _count_blocks(reach: int, blocks: Blocks, counts: Samples) -> None:
    """Count the samples of each block, all of which are known up to ``reach`` from the window."""
    counts[:] = np.clip(reach - blocks.size * np.arange(blocks.number), 0, blocks.size)


def _fill(mean: Samples, share: Samples, scaled: NDArray[np.float32], size: int, before: bool) -> Samples:
    """Fill blocks without a known sample with the mean of the next one towards the window, or of the window's edge."""
    edge = (scaled[:, :size] if before else scaled[:, -size:]).mean(axis=1, keepdims=True, dtype=np.float64)
    known = share > 0
    if not known.any():
        return np.broadcast_to(edge, mean.shape)
    nearest = np.where(known, np.arange(1, 1 + mean.shape[1]), 0)
    with_edge = np.concatenate((edge, mean), axis=1)
    filled: Samples = np.take_along_axis(with_edge, np.maximum.accumulate(nearest, axis=1), axis=1)
    return filled
