"""Draw a signal before and after, and what was removed."""

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.files.paths import picture_format
from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.places import Place
from denoise_stream.runs.plots import DENOISED_COLOUR, NOISY_COLOUR, BeforeAfterPlot
from denoise_stream.runs.report.quantities import before_to_after, percent
from denoise_stream.runs.sample_times import DAY_S

BEFORE, AFTER, REMOVED = NOISY_COLOUR, DENOISED_COLOUR, "#b8480e"
TYPICAL, LARGEST = "#2c8f5f", "#7d3c98"
"""Colours of signals, and of the places that are shown closely."""

WIDTH_INCHES = 12.5
HEAD_INCHES = 0.62
SPECTRUM_DB = 80.0
"""Range of the colours of spectrograms, below the loudest point before."""

LONG_S = 120.0
TICKS_S = (
    *(20, 30, 60, 120, 300, 600, 900, 1800),
    *(3600 * hours for hours in (1, 2, 4, 6, 12)),
    *(86_400 * days for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
MOST_TICKS = 8

LEAST_CLOSE = 100
"""A closer look shows a quarter of a short signal, but at least this many samples."""

GAP = 20.0
"""Steps of time that are this many times the usual one are gaps; no line crosses them."""

CONNECTED = 2 / 3
"""Signals with a smaller share of known values are drawn from one known value to the next."""

Figure = Any
Axes = Any


def save_picture(found: BeforeAfterPlot, changes: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the picture of what was found and write it in the format of the path's ending; else as :func:`draw`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a sign that the font lacks is drawn as a box
        draw(found, changes).savefig(path, format=picture_format(path), dpi=110)


def draw(found: BeforeAfterPlot, changes: Sequence[dict[str, Any]]) -> Figure:
    """Draw a page: a few channels closely, many as small panels.

    Parameters
    ----------
    found
        What was collected of the signal.
    changes
        What is known of each channel: :meth:`~denoise_stream.runs.changes.ChangeMeter.facts`.

    Returns
    -------
    The matplotlib figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e8eb",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.frameon": False,
    }
    with rc_context(style):
        figure: Any = Figure(layout="constrained")
        page = _DetailedPage if found.detailed else _OverviewPage
        page(found, changes, figure).draw()
        _head(figure, found)
        return figure


def _head(figure: Figure, found: BeforeAfterPlot) -> None:
    """Write the title and the legend, above all panels."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown, height = len(found.labels), figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - HEAD_INCHES / height))
    kind = "channels" if found.sound else "columns"
    cap = f"; the first {shown} of {found.all_channels} {kind}, {found.all_channels - shown} are not shown"
    note = found.subtitle + (cap if found.all_channels > shown else "")
    figure.text(0.008, 1 - 0.12 / height, found.title, fontsize=13, fontweight="bold", va="top")
    figure.text(0.008, 1 - 0.38 / height, note, fontsize=9, color="#555555", va="top")
    names = (("before", BEFORE), ("after", AFTER), ("removed", REMOVED))
    marks: list[Any] = [Patch(color=colour, label=name) for name, colour in names]
    if not found.detailed:
        marks.append(Line2D([], [], color=LARGEST, label="largest change"))
    figure.legend(handles=marks, loc="upper right", ncols=len(marks), fontsize=9)


class _Page:
    """What both pages have in common."""

    def __init__(self, found: BeforeAfterPlot, changes: Sequence[dict[str, Any]], figure: Figure) -> None:
        self.found = found
        self.changes = changes
        self.figure = figure
        times = found.times.moments(found.envelope.centres)
        self.overview_times = times
        self.gaps = _gaps(times)

    def overview(self, axes: Axes, channel: int, signals: Sequence[tuple[int, str]]) -> None:
        """Draw signals of a channel from end to end."""
        envelope, times = self.found.envelope, self.overview_times
        for signal, colour in signals:
            low, high = envelope.low[:, signal, channel], envelope.high[:, signal, channel]
            if envelope.bin_size == 1:
                _line(axes, times, low, colour, self.gaps)
            else:
                where = np.insert(times, self.gaps, times[self.gaps]) if len(self.gaps) else times
                spans = [np.insert(values, self.gaps, np.nan) for values in (low, high)]
                axes.fill_between(where, *spans, color=colour, linewidth=0.5)
        axes.margins(x=0)
        self.label_time(axes)

    def label_time(self, axes: Axes, *, named: bool = False) -> None:
        """Format a time axis, and say what it shows if it is to be ``named``."""
        from matplotlib import dates
        from matplotlib.ticker import FuncFormatter

        unit = self.found.times.unit
        axes.ticklabel_format(axis="y", useOffset=False, style="plain" if self.found.sound else "")
        label = {"time": "", "s": "time in s", "sample": "sample"}[unit]
        if unit == "time":
            formatter: Any = dates.ConciseDateFormatter  # which has no types
            axes.xaxis.set_major_formatter(formatter(axes.xaxis.get_major_locator()))
        elif unit == "s" and (longest := self._last_s()) > LONG_S:
            _tick_evenly(axes)
            label, write = _clock(longest)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: write(seconds)))
        else:
            axes.ticklabel_format(axis="x", useOffset=False)
        if named:
            axes.set_xlabel(label)

    def _last_s(self) -> float:
        return float(self.found.times.seconds(np.array([float(self.found.samples)]))[0])

    def amount(self, channel: int) -> str:
        """Describe how much was removed from a channel."""
        change = self.changes[channel]
        rms, share = change["removed_rms"], change["removed_share"]
        if not rms:
            return "nothing"
        level = f"{20 * math.log10(rms):.1f} dBFS" if self.found.sound else f"{rms:.3g}"
        return f"RMS {level}" + (f", {percent(share)} of the variation" if share else "")


class _DetailedPage(_Page):
    """For each channel the whole signal, what was removed and two places closely; for sound spectrograms below."""

    def draw(self) -> None:
        found, channels = self.found, len(self.found.labels)
        spectra = found.spectrograms if found.spectrograms and found.spectrograms.columns >= 4 else None
        heights = [2.1, 1.5] * channels + ([2.5] if spectra else [])
        self.figure.set_size_inches(WIDTH_INCHES, sum(heights) + 0.9)
        grid = self.figure.add_gridspec(len(heights), 1, height_ratios=heights)
        for channel in range(channels):
            most = max(LEAST_CLOSE, found.samples // 4)
            largest = found.largest[channel].place(most)
            close = 0 < 2 * len(largest) <= found.samples
            rows = grid[2 * channel : 2 * channel + 2].subgridspec(
                2, 2 if close else 1, height_ratios=heights[:2], width_ratios=(3, 2) if close else None
            )
            self._channel(rows, channel, largest if close else None, last=channel == channels - 1)
        if spectra:
            self._spectrograms(grid[-1].subgridspec(1, 2))

    def _channel(self, rows: Any, channel: int, largest: Place | None, *, last: bool) -> None:
        found = self.found
        whole = self.figure.add_subplot(rows[0, 0])
        removed = self.figure.add_subplot(rows[1, 0], sharex=whole)
        self.overview(whole, channel, ((0, BEFORE), (1, AFTER)))
        self.overview(removed, channel, ((2, REMOVED),))
        whole.tick_params(labelbottom=False)
        whole.set_title("the whole signal")
        whole.set_ylabel(self._label(channel))
        removed.set_ylabel("removed")
        removed.set_title(f"removed: {self.amount(channel)}")
        self.label_time(removed, named=True)
        rms = self.changes[channel]["removed_rms"]
        if rms:
            for level in (rms, -rms):
                removed.axhline(level, color="black", linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.6)
        if largest is None:
            return
        change = self.changes[channel]["largest_change"]
        text = f"the largest change: {before_to_after(change, 3)}" if change else "no change"
        typical = found.typical.place(channel, largest, len(largest))
        axes = self.figure.add_subplot(rows[:, 1] if typical is None else rows[0, 1])
        self._close(axes, channel, largest, text, LARGEST, (whole, removed))
        if typical is not None:
            axes = self.figure.add_subplot(rows[1, 1])
            self._close(axes, channel, typical, "a typical place", TYPICAL, (whole, removed))

    def _label(self, channel: int) -> str:
        label = self.found.labels[channel]
        return f"{label} (full scale 1)" if self.found.sound else label

    def _close(self, axes: Axes, channel: int, place: Place, text: str, colour: str, overviews: Sequence[Axes]) -> None:
        """Draw a place closely, and mark it in the overviews."""
        found = self.found
        times = found.times.moments(place.start + np.arange(len(place), dtype=np.float64))
        gaps = _gaps(times)
        before, after = place.before[:, 0], place.after[:, 0]
        _line(axes, times, before, BEFORE, gaps, 1.0 if found.sound else 1.6)  # still seen where little has changed
        _line(axes, times, after, AFTER, gaps)
        if colour == LARGEST and self.changes[channel]["largest_change"]:
            here = found.largest[channel].sample - place.start
            axes.plot(times[here], before[here], "o", color=colour, markersize=4, fillstyle="none")
            axes.plot(times[here], after[here], "o", color=colour, markersize=4)
        axes.margins(x=0)
        axes.set_title(text, color=colour)
        for spine in axes.spines.values():
            spine.set_color(colour)
        self.label_time(axes, named=True)
        for overview in overviews:
            overview.axvspan(times[0], times[-1], color=colour, alpha=0.14, linewidth=0)

    def _spectrograms(self, cells: Any) -> None:
        """Draw the spectrograms before and after in the same colours."""
        spectra = self.found.spectrograms
        assert spectra is not None
        levels = spectra.decibels()
        top = 5 * math.ceil(float(levels[0].max()) / 5)
        first: Axes = None
        for cell, level, text in zip((0, 1), levels, ("before", "after"), strict=True):
            axes = self.figure.add_subplot(cells[0, cell], sharex=first, sharey=first)
            first = first or axes
            image = axes.imshow(
                level,
                origin="lower",
                aspect="auto",
                extent=(*spectra.extent_s, 0, spectra.highest_hz / 1000),
                cmap="magma",
                vmin=top - SPECTRUM_DB,
                vmax=top,
                interpolation="bilinear",
            )
            axes.grid(visible=False)
            axes.set_title(f"spectrogram {text}")
            self.label_time(axes, named=True)
        first.set_ylabel("frequency in kHz")
        bar = self.figure.colorbar(image, ax=self.figure.axes[-2:], pad=0.01, aspect=18)
        bar.set_label("dB (a sine of full scale is 0)", fontsize=8)
        bar.outline.set_visible(False)


class _OverviewPage(_Page):
    """A small panel for each channel: the signal, and below it what was removed."""

    COLUMNS = 3

    def draw(self) -> None:
        found, count = self.found, len(self.found.labels)
        rows = math.ceil(count / self.COLUMNS)
        self.figure.set_size_inches(WIDTH_INCHES, 2.2 * rows + 0.9)
        grid = self.figure.add_gridspec(rows, self.COLUMNS)
        for channel, label in enumerate(found.labels):
            cell = grid[channel // self.COLUMNS, channel % self.COLUMNS].subgridspec(2, 1, height_ratios=(2, 1))
            whole = self.figure.add_subplot(cell[0])
            removed = self.figure.add_subplot(cell[1], sharex=whole)
            self.overview(whole, channel, ((0, BEFORE), (1, AFTER)))
            self.overview(removed, channel, ((2, REMOVED),))
            whole.tick_params(labelbottom=False)
            whole.set_title(_shortened(label))
            removed.set_title(f"removed: {self.amount(channel)}", fontsize=8, color=REMOVED)
            if self.changes[channel]["largest_change"]:
                moment = found.times.moments(np.array([float(found.largest[channel].sample)]))[0]
                for axes in (whole, removed):
                    axes.axvline(moment, color=LARGEST, linewidth=0.8, alpha=0.5)
            self.label_time(removed, named=channel + self.COLUMNS >= count)


def _line(axes: Axes, times: Any, values: Chunk, colour: str, gaps: Any, width: float = 1.0) -> None:
    """Draw a line that has no part where time or values have gaps, unless values are rare anyway."""
    known = ~np.isnan(values)
    if 0 < known.sum() < CONNECTED * len(known):
        axes.plot(times[known], values[known], color=colour, linewidth=width)
        return
    if len(gaps):
        times, values = np.insert(times, gaps, times[gaps]), np.insert(values, gaps, np.nan)
    axes.plot(times, values, color=colour, linewidth=width)


def _gaps(times: Any) -> Any:
    """Return the samples before which time has gaps."""
    steps = np.diff(times).astype(np.float64)
    passing = steps[steps > 0]  # a logger may write several rows a second with the same stamp
    usual = np.median(passing) if len(passing) else 0.0
    return np.flatnonzero(steps > GAP * usual) + 1


def _tick_evenly(axes: Axes) -> None:
    """Set the ticks of a long axis of seconds to whole minutes or hours."""
    from matplotlib.ticker import MultipleLocator

    first, last = axes.get_xlim()
    step = next((step for step in TICKS_S if (last - first) / step <= MOST_TICKS), None)
    if step is not None and last - first > LONG_S:
        axes.xaxis.set_major_locator(MultipleLocator(step))


def _clock(longest_s: float) -> tuple[str, Callable[[float], str]]:
    """Return the label of an axis that ends at this time, and the format of times on it.

    >>> [(label, write(3723.5)) for label, write in (_clock(4000), _clock(10_000), _clock(1e6))]
    [('time in min:s', '62:03.5'), ('time in h:min:s', '1:02:03.5'), ('time in d', '0.0431')]
    """

    def seconds_of(time_s: float) -> str:
        whole, part = divmod(round(time_s, 3), 60)
        return f"{int(whole)}:{part:06.3f}".rstrip("0").rstrip(".") if part % 1 else f"{int(whole)}:{int(part):02d}"

    def hours_of(time_s: float) -> str:
        hours, rest = divmod(round(time_s, 3), 3600)
        minutes, seconds = seconds_of(rest).split(":")
        return f"{int(hours)}:{minutes:0>2}:{seconds}"

    if longest_s > 3 * DAY_S:
        return "time in d", lambda time_s: f"{time_s / DAY_S:.3g}"
    return ("time in h:min:s", hours_of) if longest_s > 2 * 3600 else ("time in min:s", seconds_of)


def _shortened(label: str, most: int = 44) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
