"""Plot a signal before and after, in bounded memory."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk

OVERVIEW_BINS = 1000
DETAIL_SAMPLES = 450
MOST_CHANNELS = 4

NOISY_COLOUR = "#b0b0b0"
DENOISED_COLOUR = "#0060a8"


class BeforeAfterPlot:
    """Collect the envelope of a whole signal and its liveliest stretch, and draw both.

    Kept between calls: at most twice ``OVERVIEW_BINS`` extremes per channel and a few stretches of
    ``DETAIL_SAMPLES``.
    """

    def __init__(
        self, names: Sequence[str], sample_rate_hz: float | None, title: str, start: datetime | None = None
    ) -> None:
        self._title = title.encode("utf-8", "replace").decode().replace("$", r"\$")
        # Bytes that are not text, and what matplotlib would read as a formula, must not stop a picture.
        readable = [name.encode("utf-8", "replace").decode().replace("$", r"\$") for name in names]
        self._names = readable[:MOST_CHANNELS]
        self._channels = len(names)
        self._rate = sample_rate_hz
        self._start = start if sample_rate_hz else None
        self._bin_size = 1
        # Both signals side by side: (samples, 2, channels) and extremes (bins, 2, channels).
        self._open = np.empty((0, 2, len(self._names)))
        self._low = self._open
        self._high = self._open
        self._stretch = self._open
        self._seen = 0
        self._detail = self._open
        self._detail_start = 0

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples ``(n, channels)`` of input and output."""
        pairs = np.stack([noisy, denoised], axis=1)[:, :, : len(self._names)].astype(np.float64)
        for start in range(0, len(pairs), DETAIL_SAMPLES):
            part = pairs[start : start + DETAIL_SAMPLES]
            self._extend_overview(part)
            self._extend_detail(part)

    def _times(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return the times of samples: moments, seconds, or the samples themselves."""
        seconds = samples / self._rate if self._rate else samples
        if self._start is None:
            return seconds
        steps: NDArray[Any] = np.datetime64(self._start) + (seconds * 1e6).astype("timedelta64[us]")
        return steps

    def _extend_overview(self, part: Chunk) -> None:
        self._open = np.concatenate((self._open, part))
        bins = len(self._open) // self._bin_size
        full = self._open[: bins * self._bin_size].reshape(bins, self._bin_size, *part.shape[1:])
        self._open = self._open[bins * self._bin_size :]
        self._low = np.concatenate((self._low, np.fmin.reduce(full, axis=1)))
        self._high = np.concatenate((self._high, np.fmax.reduce(full, axis=1)))
        while len(self._low) >= 2 * OVERVIEW_BINS:
            even = len(self._low) // 2 * 2
            # An odd last bin stays as it is; half a bin of shift is invisible in an overview.
            self._low = np.concatenate((np.fmin(self._low[0:even:2], self._low[1:even:2]), self._low[even:]))
            self._high = np.concatenate((np.fmax(self._high[0:even:2], self._high[1:even:2]), self._high[even:]))
            self._bin_size *= 2

    def _extend_detail(self, part: Chunk) -> None:
        """Keep the liveliest stretch; the first one, even if it is short, until another is complete."""
        self._stretch = np.concatenate((self._stretch, part))
        self._seen += len(part)
        if self._seen <= DETAIL_SAMPLES:
            self._detail = self._stretch
        if len(self._stretch) >= DETAIL_SAMPLES:
            complete, rest = np.split(self._stretch, [DETAIL_SAMPLES])
            if _liveliness(complete) > _liveliness(self._detail):
                self._detail = complete
                self._detail_start = self._seen - len(self._stretch)
            self._stretch = rest

    def save(self, path: Path) -> None:
        """Draw the picture and write it as PNG."""
        from matplotlib import dates
        from matplotlib.figure import Figure

        rows = len(self._names)
        figure = Figure(figsize=(11, 0.8 + 2.3 * rows), layout="constrained")
        axes: Any = figure.subplots(rows, 2, squeeze=False, width_ratios=(3, 2))
        note = f"; the first {rows} of {self._channels} channels" if self._channels > rows else ""
        figure.suptitle(self._title + note)
        unit = "time" if self._start else "time in s" if self._rate else "sample"
        for channel, name in enumerate(self._names):
            overview, detail = axes[channel]
            time = self._times((np.arange(len(self._low), dtype=np.float64) + 0.5) * self._bin_size)
            detail_time = self._times(np.arange(len(self._detail), dtype=np.float64) + self._detail_start)
            for signal, label, colour in ((0, "noisy", NOISY_COLOUR), (1, "denoised", DENOISED_COLOUR)):
                overview.fill_between(
                    time,
                    self._low[:, signal, channel],
                    self._high[:, signal, channel],
                    color=colour,
                    linewidth=0.6,
                    label=label,
                )
                detail.plot(detail_time, self._detail[:, signal, channel], color=colour, linewidth=1.0)
            overview.set_ylabel(name)
            overview.margins(x=0)
            detail.margins(x=0)
            for axis in (overview, detail):
                axis.ticklabel_format(axis="y", useOffset=False)
                if self._start is not None:
                    formatter: Any = dates.ConciseDateFormatter  # which has no types
                    axis.xaxis.set_major_formatter(formatter(axis.xaxis.get_major_locator()))
                else:
                    axis.ticklabel_format(axis="x", useOffset=False)
                axis.tick_params(labelsize=8)
        axes[0][0].legend(loc="upper right", fontsize=8, ncols=2)
        axes[0][0].set_title("whole signal", fontsize=9)
        axes[0][1].set_title(f"liveliest {len(self._detail)} samples", fontsize=9)
        axes[-1][0].set_xlabel(unit)
        axes[-1][1].set_xlabel(unit)
        figure.savefig(path, format="png", dpi=110)


def _liveliness(stretch: Chunk) -> float:
    """Sum of the noisy channels' variances; NaN counts as nothing."""
    known = np.where(np.isnan(stretch[:, 0]), 0.0, stretch[:, 0])
    return float(known.var(axis=0).sum()) if len(known) else -1.0
