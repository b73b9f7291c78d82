"""Plot an evaluation: improvement against SNR, and signals before and after in their own units."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from denoise_stream.files.paths import picture_format
from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR, readable
from denoise_train.arrays import Array
from denoise_train.recordings.origins import Crop, Origin

if TYPE_CHECKING:
    from denoise_train.evaluation.compare import Evaluation, Panels

CLEAN_COLOUR = "#208020"
SMALL = 9
"""Font size of the text in a panel."""

SECONDS = (("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0))
FEWEST_UNITS = 5
"""Times are shown in the largest unit that the stretch has at least this many of."""


def draw_improvements(evaluation: "Evaluation", path: Path, title: str) -> None:
    """Draw each method's mean improvement against the input SNR: the model bold, oracles dashed."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes: Any = figure.subplots()
    colours = {result.name: f"C{index}" for index, result in enumerate(evaluation.filters, start=1)}
    for result in evaluation.results:
        style: dict[str, Any] = {"color": colours.get(result.name, NOISY_COLOUR), "linewidth": 1.5}
        if result is evaluation.model:
            style = {"color": DENOISED_COLOUR, "linewidth": 3.5, "zorder": 3}
        dashes = "--" if result.choice == "oracle" else "-"
        means = result.improvement_db.mean(axis=1)
        axes.plot(evaluation.snr_db, means, dashes, marker="o", markersize=4, label=result.label, **style)
    axes.set(xlabel="SNR of the input in dB", ylabel="mean SNR improvement in dB", title=readable(title))
    axes.set_xticks(evaluation.snr_db)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, format=picture_format(path), dpi=110)


def draw_panels(panels: "Panels", path: Path, title: str) -> None:
    """Draw signals before and after, one row each, in the units of their files where these are known."""
    figure = Figure(figsize=(13, 1.9 * len(panels.noisy) + 0.9), layout="constrained")
    grid: Any = figure.subplots(len(panels.noisy), 2, squeeze=False, sharex="row", sharey="row")
    for row, (before, after) in enumerate(zip(panels.noisy, panels.denoised, strict=True)):
        crop = panels.crops[row] if panels.crops else Crop(Origin())
        times, label = time_axis(crop.origin, len(before))
        left, right = grid[row]
        left.plot(times, crop.in_units(before), color=NOISY_COLOUR, linewidth=0.8, label="noisy")
        if panels.clean is not None:
            clean = crop.in_units(panels.clean[row])
            right.plot(times, clean, color=CLEAN_COLOUR, linewidth=2.5, alpha=0.5, label="clean")
        right.plot(times, crop.in_units(after), color=DENOISED_COLOUR, linewidth=0.9, label="denoised")
        left.margins(x=0)
        left.set_ylabel(readable(crop.origin.unit) if panels.crops else "deviations", fontsize=SMALL)
        left.set_title(readable(crop.origin.name), fontsize=SMALL, loc="left")
        for axes in (left, right):
            axes.set_xlabel(label, fontsize=SMALL, labelpad=1)
            axes.tick_params(labelsize=SMALL - 1)
    add_legend(figure, grid[0], "outside lower center")
    snr = "" if panels.snr_db is None else f", at {panels.snr_db:.3g} dB SNR"
    figure.suptitle(readable(f"{title}{snr}"))
    figure.savefig(path, format=picture_format(path), dpi=100)


def add_legend(figure: Any, panels: Iterable[Any], place: str) -> None:
    """Put one legend of several panels beside them, in a line."""
    entries: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    figure.legend(entries.values(), entries.keys(), loc=place, ncols=len(entries), fontsize="small")


def time_axis(origin: Origin, length: int) -> tuple[Array, str]:
    """Return the time of each sample of a crop in its file, and the label of the time axis.

    >>> time_axis(Origin(rate_hz=1 / 3600), 49)[0][-1], time_axis(Origin(rate_hz=1 / 3600), 49)[1]
    (np.float64(48.0), 'time in h')
    >>> time_axis(Origin(first=7), 2)[1]
    'sample'
    """
    times = origin.times(length)
    if not origin.rate_hz:
        return times, "sample"
    spans = [one for one in SECONDS if np.ptp(times) >= FEWEST_UNITS * one[1]]
    name, seconds = spans[-1] if spans else ("s", 1.0)
    return times / seconds, f"time in {name}"
