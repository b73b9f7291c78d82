"""Show the progress of a training: a bar on a terminal, a line now and then elsewhere."""

import contextlib
import time
from collections.abc import Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

SECONDS_BETWEEN_LINES = 30


class Screen:
    """Print a training's progress line by line, for logs and pipes.

    Kept between calls: what is being done, and when it was last said.
    """

    def __init__(self) -> None:
        self._doing = ""
        self._said = 0.0

    def say(self, line: str) -> None:
        """Print a line."""
        click.echo(line)

    def show(self, doing: str, share: float) -> None:
        """Print what is being done, and the share done, if it is new or half a minute has passed."""
        now = time.monotonic()
        if not share:
            self._said = now
        if doing != self._doing and not doing.startswith("epoch"):
            self.say(f"{doing} ...")
            self._said = now
        elif now - self._said > SECONDS_BETWEEN_LINES:
            self.say(f"{doing}: {100 * share:.0f} %")
            self._said = now
        self._doing = doing


class Terminal(Screen):
    """The same on a terminal: lines above a bar."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task: TaskID | None = None

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, doing: str, share: float) -> None:
        """Move the bar."""
        if self._task is None:
            self._task = self._progress.add_task(doing, total=None)
        # Without a share the bar moves to and fro.
        self._progress.update(self._task, description=doing, completed=share, total=1.0 if share else None)


@contextlib.contextmanager
def open_screen() -> Iterator[Screen]:
    """Yield the kind of screen that suits standard output."""
    console = Console()
    if not console.is_terminal:
        yield Screen()
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    with Progress(*columns, console=console, transient=True) as progress:
        yield Terminal(progress)
