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
from denoise_stream.engine.windows import divisor_of, smallest

LARGEST = 1e6
"""Means are clipped to this many ranges of the window on either side."""


class Starts(NamedTuple):
    """Where windows start in a signal: at ``first`` and then every ``hop`` samples, ``number`` of them."""

    first: int
    number: int
    hop: int


class _Run(NamedTuple):
    """Blocks that are summed in one call, and the columns of their sums.

    Attributes
    ----------
    bounds
        Where blocks start in what the context of a window covers. Each ends where the next one starts; a bound that is
        not before the next one only ends a block.
    end
        Where the last one ends.
    columns
        Where the sums go.
    """

    bounds: NDArray[np.intp]
    end: int
    columns: slice


class _Facts(NamedTuple):
    """What follows from the number of known samples in each block; arrays of one axis hold for all windows.

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

    While it computes, each scale has a column for the window's edge and then one for each block, from the window
    outwards: what fills a block without a known sample is the nearest column with one to its left. The scales of the
    past come in reverse, so that all their columns from right to left are in the order of time.

    Parameters
    ----------
    contract
        Of a model with a context.
    lookahead_samples
        Samples after the end of each window that are used, from 0.
    """

    def __init__(self, contract: Contract, lookahead_samples: int) -> None:
        past, window = contract.past_samples, contract.window
        ahead = min(lookahead_samples, contract.most_lookahead_samples)
        self._past, self._window, self._ahead = past, window, ahead
        self._runs: list[_Run] = []
        edges: list[int] = []
        edge_bounds: list[int] = []
        sizes: list[int] = []
        counts: list[int] = []
        for size, number in reversed(contract.context_past):
            edges.append(len(sizes))
            edge_bounds += [0, min(size, window)]
            sizes += [1, *[size] * number]
            counts += [0, *[size] * number]
        width_of_past = len(sizes)
        if width_of_past:
            # The last bound of each scale is the window's start: it ends a block, and its column is the edge's.
            bounds = [
                at for size, number in contract.context_past for at in range(past - size * number, past + 1, size)
            ]
            self._runs.append(_Run(np.array(bounds), past + 1, slice(width_of_past - 1, None, -1)))
        for size, number in contract.context_ahead:
            reach = min(size * number, ahead)
            if reach:
                starts = range(past + window, past + window + reach, size)
                columns = slice(len(sizes) + 1, len(sizes) + 1 + len(starts))
                self._runs.append(_Run(np.array(starts), past + window + reach, columns))
            edges.append(len(sizes))
            edge_bounds += [window - min(size, window), window]
            sizes += [1, *[size] * number]
            counts += [0, *np.clip(reach - size * np.arange(number), 0, size)]
        in_time = np.array([*reversed(range(width_of_past)), *range(width_of_past, len(sizes))])
        self._order = in_time[~np.isin(in_time, edges)]
        self._edges, self._edge_bounds = np.array(edges), np.array(edge_bounds)
        self._edge_sizes = np.diff(self._edge_bounds)[::2].astype(np.float64)
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
            What they were scaled by, float64 ``(number * channels, 1)``, of a single one without axes; 0 counts as 1.

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
        means -= minimum
        divisor = divisor_of(span)
        most = LARGEST * divisor  # before the division, which overflows where the range is tiny
        np.minimum(means, most, out=means)
        np.maximum(means, -most, out=means)
        means /= divisor
        means[:, self._edges] = self._edge_means(scaled)
        blocks = len(self._order)
        found = np.empty((len(means), 2 * blocks), dtype=np.float32)
        if facts.sources.ndim == 1:  # nothing is missing
            found[:, :blocks] = means.take(facts.sources, axis=1)
        else:
            found[:, :blocks] = np.take_along_axis(means, facts.sources, axis=1)
        found[:, blocks:] = facts.shares
        return found

    def _around(self, signal: Samples, starts: Starts) -> Samples:
        """Cut out what all contexts cover, ``(channels, n)``; NaN where the signal holds nothing."""
        first = starts.first - self._past
        length = (starts.number - 1) * starts.hop + self._past + self._window + self._ahead
        inside = signal[:, max(0, first) : first + length]
        if inside.shape[1] == length:
            return inside
        around = np.full((len(signal), length), np.nan)
        begin = max(0, -first)
        around[:, begin : begin + inside.shape[1]] = inside
        return around

    def _sums(self, around: Samples, starts: Starts) -> Samples:
        """Sum each block, ``(number * channels, columns)``; 0 beyond the look-ahead, and any number for an edge."""
        channels, length = around.shape
        row, sample = around.strides
        each = around[None]
        if starts.number > 1:
            shape = (starts.number, channels, length - (starts.number - 1) * starts.hop)
            each = as_strided(around, shape, (starts.hop * sample, row, sample), writeable=False)
        sums = np.zeros((starts.number, channels, len(self._sizes)))
        for bounds, end, columns in self._runs:
            sums[:, :, columns] = np.add.reduceat(each[:, :, :end], bounds, axis=2)
        return sums.reshape(starts.number * channels, -1)

    def _facts(self, counts: Samples) -> _Facts:
        """Return what follows from the known samples in each column, those of edges aside."""
        known = counts > 0
        known[..., self._edges] = True
        sources = np.maximum.accumulate(np.where(known, np.arange(len(self._sizes)), 0), axis=-1)
        shares = counts / self._sizes
        return _Facts(np.maximum(counts, 1.0), sources[..., self._order], shares[..., self._order])

    def _edge_means(self, scaled: NDArray[np.float32]) -> Samples:
        """Compute the mean of the window's samples next to each scale, as many as its blocks have."""
        padded = np.zeros((len(scaled), self._window + 1))  # as a bound must be before the end
        padded[:, :-1] = scaled
        sums = np.add.reduceat(padded, self._edge_bounds, axis=1)[:, ::2]
        means: Samples = sums / self._edge_sizes
        return means
