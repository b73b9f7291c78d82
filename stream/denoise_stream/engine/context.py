"""Compute the context of windows: block means of the signal around each.

A window holds 150 samples; what lies round it is summarized at coarser scales. Each scale is a row of blocks that
starts where the window begins and leads back, or starts where it ends and leads ahead:

      past 5x30 ... ┆▭▭▭▭▭▭┃ window ┃▭▭▭▭▭▭┆ ... ahead 5x30
     past 25x30 ┆▬▬▬▬▬▬▬▬▬▬┃        ┃▬▬▬▬▬▬▬▬▬▬┆ ahead 25x30

A context depends on the samples alone, never on what a network made of them: windows still go through it in batches.
Every mean is computed from its own samples, not from running sums, so nothing cancels, and how a signal is cut into
chunks changes no bit. Training and engine use the same function.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from denoise_stream.arrays import Samples
from denoise_stream.contract import Contract
from denoise_stream.engine.windows import divisor_of, single, smallest

LARGEST = 1e6
"""Means are clipped to this many ranges of the window on either side."""


class Starts(NamedTuple):
    """Where windows start in a signal: at ``first`` and then every ``hop`` samples, ``number`` of them."""

    first: int
    number: int
    hop: int


class _Run(NamedTuple):
    """Blocks side by side that are summed together.

    ``number`` blocks of ``size`` samples, the first one from sample ``begin`` of what the context covers on; and the
    columns of their sums, in the order of time.
    """

    begin: int
    size: int
    number: int
    columns: slice


class _Facts(NamedTuple):
    """What the known samples of each block decide; one row for all windows where it has one axis only.

    Attributes
    ----------
    divisors
        Known samples of each column, at least 1.
    sources
        The column that the mean of each block comes from, in the contract's order.
    shares
        The known share of each block, in the contract's order.
    """

    divisors: Samples
    sources: NDArray[np.intp]
    shares: Samples


class Surroundings:
    """Compute the contexts of windows for one contract and one look-ahead; nothing is kept between calls.

    While it computes, each scale has a column for the window's edge and one for each block, from the window outwards.
    What fills a block without a known sample is thus the nearest column with one to its left.

    Parameters
    ----------
    contract
        Of a model with a context.
    lookahead_samples
        Samples after the end of each window that are used, from 0.
    """

    def __init__(self, contract: Contract, lookahead_samples: int) -> None:
        self._window = contract.window
        self._past = contract.past_samples
        self._ahead = min(lookahead_samples, contract.most_lookahead_samples)
        self._runs: list[_Run] = []
        sizes: list[int] = []
        counts: list[int] = []
        order: list[int] = []
        edges: list[int] = []
        edge_bounds: list[int] = []
        for before, scales in ((True, contract.context_past), (False, contract.context_ahead)):
            for size, number in scales:
                edge = len(sizes)
                first, end = edge + 1, edge + 1 + number
                edge_size = min(size, self._window)
                if before:
                    reach = size * number
                    self._runs.append(_Run(self._past - reach, size, number, slice(end - 1, edge, -1)))
                    order += reversed(range(first, end))
                    edge_bounds += [0, edge_size]
                else:
                    reach = min(size * number, self._ahead)
                    self._runs += _runs_ahead(self._past + self._window, reach, size, first)
                    order += range(first, end)
                    edge_bounds += [self._window - edge_size, self._window]
                edges.append(edge)
                sizes += [1, *[size] * number]
                counts += [0, *np.clip(reach - size * np.arange(number), 0, size)]
        self._edges = np.array(edges)
        self._edge_bounds = np.array(edge_bounds)
        self._order = np.array(order)
        self._sizes = np.array(sizes, dtype=np.float64)
        self._all_known = self._facts(np.array(counts, dtype=np.float64))

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
        around = self._around(signal, starts)
        means = self._sums(around, starts)
        facts = self._all_known
        if math.isnan(smallest(means)):
            known = ~np.isnan(around)
            means = self._sums(np.where(known, around, 0.0), starts)
            facts = self._facts(self._sums(known.astype(np.float64), starts))
        means /= facts.divisors
        means -= single(minimum)
        divisor = divisor_of(span)
        most = LARGEST * divisor  # first, as a quotient by a tiny range overflows
        np.minimum(means, most, out=means)
        np.maximum(means, -most, out=means)
        means /= divisor
        means[:, self._edges] = self._edge_means(scaled)
        blocks = len(self._order)
        found = np.empty((len(means), 2 * blocks), dtype=np.float32)
        if facts.sources.ndim == 1:
            found[:, :blocks] = means.take(facts.sources, axis=1)
        else:
            found[:, :blocks] = np.take_along_axis(means, facts.sources, axis=1)
        found[:, blocks:] = facts.shares
        return found

    def _around(self, signal: Samples, starts: Starts) -> Samples:
        """Cut out what the contexts cover, ``(channels, n)``; NaN where the signal holds nothing."""
        first = starts.first - self._past
        length = self._past + (starts.number - 1) * starts.hop + self._window + self._ahead
        inside = signal[:, max(0, first) : first + length]
        if inside.shape[1] == length:
            return np.ascontiguousarray(inside)  # the order of a sum, and so its last bit, depends on the layout
        around = np.full((len(signal), length), np.nan)
        begin = max(0, -first)
        around[:, begin : begin + inside.shape[1]] = inside
        return around

    def _sums(self, around: Samples, starts: Starts) -> Samples:
        """Sum the samples of each block; columns of edges, and of blocks beyond the look-ahead, are 0."""
        sums = np.zeros((starts.number, len(around), len(self._sizes)))
        for begin, size, number, columns in self._runs:
            sums[:, :, columns] = _sum_blocks(around[:, begin:], size, number, starts).swapaxes(0, 1)
        return sums.reshape(-1, len(self._sizes))

    def _facts(self, counts: Samples) -> _Facts:
        """Decide by the number of known samples in each column."""
        known = counts > 0
        known[..., self._edges] = True
        sources = np.maximum.accumulate(np.where(known, np.arange(len(self._sizes)), 0), axis=-1)
        shares = counts / self._sizes
        return _Facts(np.maximum(counts, 1.0), sources[..., self._order], shares[..., self._order])

    def _edge_means(self, scaled: NDArray[np.float32]) -> Samples:
        """Compute the mean of each edge, of as many samples as a block has."""
        padded = np.zeros((len(scaled), self._window + 1))  # as no bound of reduceat may be the end
        padded[:, :-1] = scaled
        sums = np.add.reduceat(padded, self._edge_bounds, axis=1)[:, ::2]
        means: Samples = sums / (self._edge_bounds[1::2] - self._edge_bounds[::2])
        return means


def _runs_ahead(begin: int, reach: int, size: int, column: int) -> list[_Run]:
    """Return the whole blocks within the look-ahead, and the part of one at its end; either may be missing."""
    whole, rest = divmod(reach, size)
    last = column + whole
    runs = [_Run(begin, size, whole, slice(column, last)), _Run(begin + whole * size, rest, 1, slice(last, last + 1))]
    return [run for run in runs if run.size and run.number]


def _sum_blocks(samples: Samples, size: int, blocks: int, starts: Starts) -> Samples:
    """Sum blocks side by side for each window, the first window's from the first sample on.

    Blocks that several windows share are summed once.

    Returns
    -------
    float64 ``(channels, windows, blocks)``.
    """
    number, hop = starts.number, starts.hop
    step = math.gcd(hop, size)
    different = ((number - 1) * hop + (blocks - 1) * size) // step + 1
    if number == 1:
        each = samples[:, : blocks * size].reshape(-1, 1, blocks, size)
    elif different >= number * blocks:
        each = _view(samples, (number, hop), (blocks, size), (size, 1))
    else:
        shared = np.add.reduce(_view(samples, (different, step), (size, 1)), axis=2)
        return _view(shared, (number, hop // step), (blocks, size // step))
    sums: Samples = np.add.reduce(each, axis=3)
    return sums


def _view(array: Samples, *axes: tuple[int, int]) -> Samples:
    """Return a view with several axes along the last one, each given by its length and its step."""
    row, sample = array.strides
    shape = (len(array), *(length for length, _ in axes))
    return as_strided(array, shape, (row, *(step * sample for _, step in axes)), writeable=False)
