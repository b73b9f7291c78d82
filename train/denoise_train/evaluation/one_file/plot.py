"""Draw the verdict on a file: the stretches where the signal moves most and where the methods differ most."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from denoise_stream.files.paths import picture_format
from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR, readable
from denoise_train.arrays import Array
from denoise_train.evaluation.one_file.estimates import Comparison
from denoise_train.evaluation.one_file.run import Judged
from denoise_train.evaluation.one_file.text import title
from denoise_train.evaluation.plots import SMALL, add_legend, time_axis

FILTER_COLOUR = "#d07000"
ZOOM = 400
"""Samples that a panel shows."""

MOST_ROWS = 4


def draw_verdict(judged: Sequence[Judged], name: str, path: Path) -> None:
    """Draw up to four signals, a row each: two stretches with what was removed from them, and the estimated gains."""
    shown = [one for one in judged if one.found is not None][:MOST_ROWS]
    figure = Figure(figsize=(15, 5.2 * max(1, len(shown))), layout="constrained")
    rows: Any = figure.subfigures(max(1, len(shown)), 1, squeeze=False)[:, 0]
    for row, one in zip(rows, shown, strict=False):
        assert one.found is not None
        row.suptitle(readable(title(one, name)))
        grid: Any = row.subplots(
            2, 3, width_ratios=(3, 3, 2 if one.conclusion.noise_is_white else 0.01), height_ratios=(3, 1)
        )
        for column, (words, piece, first) in enumerate(_stretches(one, one.found)):
            _draw_stretch(grid[:, column], one, one.found, (piece, first), name)
            grid[0][column].set_title(words, fontsize=SMALL, loc="left")
        add_legend(row, grid[:, 0], "outside lower left")
        for axes in grid[:, 2]:
            axes.remove()
        if one.conclusion.noise_is_white:
            _draw_gains(row.add_subplot(grid[0][2].get_gridspec()[:, 2]), one.found)
    if not shown:
        rows[0].suptitle("no noise was found")
    figure.savefig(path, format=picture_format(path), dpi=100)


def _stretches(one: Judged, found: Comparison) -> list[tuple[str, int, int]]:
    """Find where the signal moves most, and where model and filter differ most: title, piece and first sample."""
    moves = np.abs(np.diff(found.denoised, axis=1, prepend=found.denoised[:, :1]))
    differs = (found.denoised - found.filtered) ** 2
    return [
        ("where the signal moves most", *_largest(moves)),
        ("where model and filter differ most", *_largest(differs)),
    ]


def _largest(amounts: Array) -> tuple[int, int]:
    """Return the piece and the first sample of the stretch with the largest sum."""
    length = min(ZOOM, amounts.shape[1])
    sums = np.cumsum(np.pad(amounts, ((0, 0), (1, 0))), axis=1)
    totals = sums[:, length:] - sums[:, :-length]
    piece, first = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(piece), int(first)


def _draw_stretch(column: Any, one: Judged, found: Comparison, place: tuple[int, int], name: str) -> None:
    piece, first = place
    part = slice(first, first + ZOOM)
    noisy, denoised, filtered = (rows[piece, part] for rows in (one.pieces, found.denoised, found.filtered))
    times, label = time_axis(one.origin.after(one.starts[piece] + first), len(noisy))
    above, below = column
    above.plot(times, noisy, color=NOISY_COLOUR, linewidth=0.9, label="as recorded")
    above.plot(times, filtered, color=FILTER_COLOUR, linewidth=1.1, label=found.filters[0].method.label)
    above.plot(times, denoised, color=DENOISED_COLOUR, linewidth=1.4, label=name)
    below.plot(times, noisy - filtered, color=FILTER_COLOUR, linewidth=0.7)
    below.plot(times, noisy - denoised, color=DENOISED_COLOUR, linewidth=0.7)
    if one.conclusion.noise_is_white:
        limits = -2 * found.level, 2 * found.level
        below.axhspan(*limits, color=NOISY_COLOUR, alpha=0.3, linewidth=0, label="twice the noise level")
    unit = readable(one.origin.unit)
    above.set_ylabel(unit, fontsize=SMALL)
    below.set_ylabel(f"removed, {unit}" if unit else "removed", fontsize=SMALL)
    below.set_xlabel(label, fontsize=SMALL)
    above.tick_params(labelbottom=False)
    below.sharex(above)
    for axes in column:
        axes.margins(x=0)
        axes.tick_params(labelsize=SMALL - 1)


def _draw_gains(axes: Any, found: Comparison) -> None:
    gains = [found.model, *found.filters][::-1]
    colours = ["#c0c0c0"] * (len(gains) - 2) + [FILTER_COLOUR, DENOISED_COLOUR]
    labels = [one.method.filter.name for one in gains]
    bars = axes.barh(labels, [one.gain_db for one in gains], color=colours)
    axes.bar_label(bars, fmt="%.1f", fontsize=SMALL, padding=3)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.set_title("estimated SNR improvement in dB", fontsize=SMALL, loc="left")
    axes.tick_params(labelsize=SMALL)
