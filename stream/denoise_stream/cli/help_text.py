"""The help of all four commands: options in sections, examples, exit statuses, colour on a terminal."""

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

COLOUR = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
"""What click takes as ``color``: never, or on a terminal only."""

CONTEXT_SETTINGS = {"max_content_width": 100, "help_option_names": ["-h", "--help"], "color": COLOUR}

OTHER = "Other"
"""The section of options that no section names."""

EXIT_STATUS = "Exit status: 0 done; 1 failed while running; 2 wrong usage; 130 Ctrl-C; 143 SIGTERM."

_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


class SectionedCommand(click.Command):
    """A command whose ``--help`` lists its options by section.

    Parameters
    ----------
    sections
        For each heading, in this order, the names of its parameters in Python.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.sections = sections

    def format_usage(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the line of usage."""
        pieces = " ".join(self.collect_usage_pieces(context))
        formatter.write_usage(context.command_path, pieces, f"{_heading('Usage:')} ")

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        records = {
            parameter.name: record
            for parameter in self.get_params(context)
            if not isinstance(parameter, click.Argument) and (record := parameter.get_help_record(context)) is not None
        }
        named = {name for names in self.sections.values() for name in names}
        others = [name for name in records if name not in named]
        for section, names in [*self.sections.items(), (OTHER, others)]:
            rows = [(_OPTION.sub(_coloured, records[name][0]), records[name][1]) for name in names if name in records]
            if rows:
                with formatter.section(_heading(section)):
                    formatter.write_dl(rows)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what follows the options, and the exit statuses."""
        text = f"{inspect.cleandoc(self.epilog or '')}\n\n{EXIT_STATUS}".strip()
        formatter.write_paragraph()
        formatter.write_text(re.sub(r"^(?=\S)[^:\n]+:", lambda found: _heading(found[0]), text, flags=re.MULTILINE))


def examples(*lines: str) -> str:
    """Format example commands for the end of a help text, each on a line of its own."""
    return "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines)


def _heading(text: str) -> str:
    return click.style(text, bold=True)


def _coloured(option: re.Match[str]) -> str:
    return click.style(option[0], fg="cyan")
