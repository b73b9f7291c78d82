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

from denoise_stream.live.display.meter import PeakMeter
from denoise_stream.live.display.words import decibels, facts
from denoise_stream.live.events import Losses
from denoise_stream.live.run import LiveRun

REFRESH_S = 0.2
MIX_STEP = 0.1
MESSAGES = 3
LABEL = 11
NARROW = 72
"""On terminals narrower than this the facts are shortened."""

KEYS = (
    ("space", "denoiser on or off"),
    ("+ -", "more or less denoising"),
    ("?", "these keys"),
    ("q or Ctrl-C", "quit"),
)


def _is_ours(descriptor: int) -> bool:
    """Tell whether a terminal is that of this process, in the foreground."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the terminal of this session
        return False


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
        # A background process that changes the terminal is stopped (SIGTTOU).
        if self._descriptor < 0 or not _is_ours(self._descriptor):
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
        """Wait for a key up to the timeout; return it, or an empty string."""
        if self._descriptor < 0:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return os.read(self._descriptor, 1).decode("ascii", "ignore") if ready else ""


class LiveView:
    """A screen with facts, level meters, compute load and events, redrawn five times a second."""

    def __init__(self, run: LiveRun, title: str, console: Console | None = None) -> None:
        self._run = run
        self._title = title
        self._messages: list[str] = []
        self._drawn_at = 0.0
        self._meters = PeakMeter(), PeakMeter()
        self._shows_keys = False
        self._live = Live(console=console or Console(stderr=True), screen=True, auto_refresh=False)

    def __enter__(self) -> "LiveView":
        self._live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._live.__exit__(None, None, None)

    def say(self, message: str) -> None:
        """Show a message below the figures; the last few stay."""
        self._messages = [*self._messages, f"{self._run.elapsed_s:.0f} s: {message}"][-MESSAGES:]
        self._drawn_at = 0.0
        self.draw()

    def switch_keys(self) -> None:
        """Show what the keys do, or hide it again."""
        self._shows_keys = not self._shows_keys
        self._drawn_at = 0.0

    def draw(self) -> None:
        """Draw, if it is time to."""
        if time.monotonic() - self._drawn_at >= REFRESH_S:
            self._drawn_at = time.monotonic()
            self._live.update(self.screen(), refresh=True)

    def screen(self) -> RenderableType:
        """Return what is shown now, for the width of the terminal."""
        run, state = self._run, self._run.session.state
        columns = self._live.console.width
        is_narrow = columns < NARROW
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True, min_width=LABEL)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for fact in facts(run):
            table.add_row(fact.name, fact.short if is_narrow else fact.value)
        table.add_row()
        width = columns - LABEL - 2
        levels_db, peaks = (decibels(state.input_rms), decibels(state.output_rms)), state.take_peaks()
        for name, meter, level_db, peak in zip(("in", "out"), self._meters, levels_db, peaks, strict=True):
            table.add_row(name, meter.draw(level_db, peak, width))
        table.add_row("removed", f"{state.removed_db:.1f} dB" if run.mix > 0 else "\N{EN DASH}")
        speech = run.hears_speech
        if speech is not None:
            table.add_row("voice", Text("speech", style="green") if speech else Text("pause", style="dim"))
        median_ms, high_ms = run.session.compute_ms()
        if is_narrow:
            table.add_row("compute", f"{median_ms:.2f} of {run.budget_ms:.2f} ms per hop")
        else:
            most = f"99 % within {high_ms:.2f} ms"
            table.add_row("compute", f"{median_ms:.2f} of {run.budget_ms:.2f} ms per hop, {most}")
        losses = "none" if run.losses == Losses() else str(run.losses)
        table.add_row("dropouts", Text(losses, no_wrap=False, overflow="fold"))
        table.add_row("elapsed", f"{int(run.elapsed_s) // 60}:{int(run.elapsed_s) % 60:02d}")
        table.add_row("denoiser", f"{100 * run.mix:.0f} %" if run.mix > 0 else Text("off", style="bold reverse"))
        messages = [Text(message, style="yellow") for message in self._messages]
        return Group(Text(self._title, style="bold"), Text(), table, Text(), *self._keys(), *messages)

    def _keys(self) -> list[Text]:
        if not self._shows_keys:
            return [Text("space on/off   q quit   ? keys", style="dim")]
        return [Text(f"{key:<{LABEL + 1}} {what}", style="dim") for key, what in KEYS]


def handle_key(key: str, run: LiveRun, view: LiveView, last_mix: float) -> tuple[bool, float]:
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
    elif key == "?":
        view.switch_keys()
    return True, last_mix
