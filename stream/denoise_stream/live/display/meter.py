"""A level meter for a terminal: the level, a mark that holds the peak, and whether the signal was clipped."""

import math
import time

from rich.text import Text

FLOOR_DB = -60.0
CLIPPED = 0.999
"""A magnitude from here on is taken for clipped, full scale 1.0."""

HOLD_S = 1.5
CLIP_S = 3.0
NUMBER_FROM = 50
"""Columns from which a meter has room for a whole number with its unit."""


class PeakMeter:
    """One meter; keeps how high the peak was and when the signal was clipped."""

    def __init__(self) -> None:
        self._peak_db = -math.inf
        self._peak_at = -math.inf
        self._clipped_at = -math.inf

    def draw(self, level_db: float, peak: float, width: int) -> Text:
        """Draw a level in dBFS, ``width`` columns wide.

        Parameters
        ----------
        level_db
            What the bar shows.
        peak
            The largest magnitude since the last call, full scale 1.0.
        width
            Columns that the meter takes at most; at least 20.
        """
        now = time.monotonic()
        peak_db = 20 * math.log10(max(peak, 1e-6))
        if peak_db >= self._peak_db or now - self._peak_at > HOLD_S:
            self._peak_db, self._peak_at = peak_db, now
        if peak >= CLIPPED:
            self._clipped_at = now
        number = f" {level_db:6.1f} dBFS" if width >= NUMBER_FROM else f" {level_db:4.0f} dB"
        columns = max(8, width - len(number) - len(" CLIP"))
        filled = _column(level_db, columns)
        style = "red" if level_db > -3 else "yellow" if level_db > -12 else "green"
        bar = Text("█" * filled, style=style) + Text("░" * (columns - filled), style="dim")
        held = _column(self._peak_db, columns) - 1
        if held >= filled:
            bar = bar[:held] + Text("▌", style="red" if self._peak_db > -3 else "bold") + bar[held + 1 :]
        is_clipped = now - self._clipped_at < CLIP_S
        return bar + Text(number) + (Text(" CLIP", style="bold red") if is_clipped else Text(" " * 5))


def _column(level_db: float, columns: int) -> int:
    return round(columns * min(1.0, max(0.0, 1 - level_db / FLOOR_DB)))
