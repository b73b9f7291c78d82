"""Format tables for a terminal."""

import sys
import textwrap
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

PAGE_WIDTH = 79
WIDEST_PAGE = 1000


def new_table(first: str, *others: str) -> Table:
    """Make a table whose first column holds names and whose others hold numbers."""
    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "padding": 0}
    table = Table(**look)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", min_width=5)
    return table


def render(*titled: tuple[str, Table]) -> str:
    """Return tables under their titles as text, an empty line between them."""
    # A pipe has no width: every row stays on one line.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDEST_PAGE)
    with console.capture() as captured:
        for number, (title, table) in enumerate(titled):
            console.print(*([""] if number else []), f"{title}\n", table, sep="\n")
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def paragraphs(*texts: str) -> str:
    """Wrap texts to a page, an empty line between them."""
    return "\n\n".join(textwrap.fill(text, PAGE_WIDTH, break_on_hyphens=False) for text in texts)


def db(number: float) -> str:
    """Format decibels."""
    # Adding zero turns -0.0 into 0.0.
    return f"{round(float(number), 1) + 0.0:.1f}"


def percent(share: float) -> str:
    """Format a share in at most five characters."""
    return f"{100 * share:.1f}%" if share < 0.9995 else f"{100 * share:.0f}%"
