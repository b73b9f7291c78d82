"""The live view on a terminal, and its keys."""

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from denoise_stream.live.run import LiveRun, decibels

METER_FLOOR_DB = -60.0
REFRESH_S = 0.2
MIX_STEP = 0.1
MESSAGES = 3


class Keys:
    """Read single keys from a terminal without waiting; the terminal is put back as it was."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else -1

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take keys one by one, without echo, while the block runs; does nothing where there are no terminals."""
        try:
            import termios
            import tty
        except ImportError:  # Windows
            self._descriptor = -1
        # In the background the terminal belongs to somebody else, and would stop who changes it.
        if self._descriptor < 0 or os.tcgetpgrp(self._descriptor) != os.getpgrp():
            self._descriptor = -1
            yield
            return
        before = termios.tcgetattr(self._descriptor)
        try:
            tty.setcbreak(self._descriptor)
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    def wait(self, seconds: float) -> str:
        """Wait for a key for so long; return it, or an empty string."""
        if self._descriptor < 0:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return os.read(self._descriptor, 1).decode("ascii", "ignore") if ready else ""


class LiveView:
    """A screen with facts, level meters, compute load and events, redrawn five times a second."""

    def __init__(self, run: LiveRun, title: str) -> None:
        self._run = run
        self._title = title
        self._messages: list[str] = []
        self._drawn_at = 0.0
        self._removed_db = 0.0
        self._live = Live(console=Console(stderr=True), screen=True, auto_refresh=False)

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._live.__exit__(None, None, None)

    def say(self, message: str) -> None:
        """Show a message below the figures; the last few stay."""
        self._messages = [*self._messages, f"{self._run.elapsed_s:5.0f} s  {message}"][-MESSAGES:]
        self._drawn_at = 0.0
        self.draw()

    def draw(self) -> None:
        """Draw, if it is time to."""
        if time.monotonic() - self._drawn_at >= REFRESH_S:
            self._drawn_at = time.monotonic()
            self._live.update(self._screen(), refresh=True)

    def _screen(self) -> RenderableType:
        run, state = self._run, self._run.session.state
        width = max(20, self._live.console.width - 34)
        before_db, after_db = decibels(state.input_rms), decibels(state.output_rms)
        self._removed_db += 0.3 * (max(0.0, before_db - after_db) - self._removed_db)
        median_ms, high_ms = run.session.compute_ms()
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True, width=12)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for name, value in run.facts():
            table.add_row(name, value)
        table.add_row()
        table.add_row("in", meter(before_db, width))
        table.add_row("out", meter(after_db, width))
        table.add_row("removed", f"{self._removed_db:4.1f} dB")
        table.add_row("compute", f"{median_ms:.2f} ms per hop, p99 {high_ms:.2f} ms, of {run.budget_ms:.2f} ms")
        table.add_row("dropouts", str(run.losses))
        table.add_row("elapsed", f"{int(run.elapsed_s) // 60}:{int(run.elapsed_s) % 60:02d}")
        table.add_row("denoiser", f"{100 * run.mix:.0f} %" if run.mix > 0 else Text("off", style="bold reverse"))
        keys = Text("space on/off   + - mix   q quit", style="dim", no_wrap=True, overflow="ellipsis")
        messages = [Text(message, style="yellow", no_wrap=True, overflow="ellipsis") for message in self._messages]
        return Group(Text(self._title, style="bold"), Text(), table, Text(), keys, *messages)


def meter(level_db: float, width: int) -> Text:
    """Draw a level in dBFS as a bar with its number."""
    filled = round(width * min(1.0, max(0.0, 1 - level_db / METER_FLOOR_DB)))
    style = "red" if level_db > -3 else "yellow" if level_db > -12 else "green"
    number = f" {level_db:6.1f} dBFS"
    return Text("█" * filled, style=style) + Text("░" * (width - filled), style="dim") + Text(number)


def handle_key(key: str, run: LiveRun, last_mix: float) -> tuple[bool, float]:
    """Do what a key asks for.

    Returns
    -------
    go_on, last_mix
        False to quit, and the mix that the space key brings back.
    """
    if key == "q":
        return False, last_mix
    if key == " ":
        if run.mix > 0:
            last_mix = run.mix
            run.fade_to(0.0)
        else:
            run.fade_to(last_mix)
    elif key in ("+", "="):
        run.fade_to(run.mix + MIX_STEP)
    elif key in ("-", "_"):
        run.fade_to(run.mix - MIX_STEP)
    return True, last_mix
