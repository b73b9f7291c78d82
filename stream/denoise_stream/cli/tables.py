"""The options for tables, and the facts that they state about one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from denoise_stream.files.dialect.options import BAD_ROWS, TableOptions, as_delimiter

Command = TypeVar("Command", bound=Callable[..., Any])
NAMES = ("skip_rows", "header", "no_header", "decimal", "delimiter", "encoding", "on_bad_row")


def table_options(command: Command) -> Command:
    """Add the options that say how a table is written."""
    for option in reversed(
        (
            click.option("--skip-rows", type=int, metavar="N", help="Leave the first N lines as they are."),
            click.option("--header", type=int, metavar="N", help="Line of the file, from 1, that holds the names."),
            click.option("--no-header", is_flag=True, help="The file has no header; columns are called 1, 2, ..."),
            click.option("--decimal", type=click.Choice((".", ",")), help="Decimal mark; the other one groups digits."),
            click.option("--delimiter", metavar="CHAR", help="One character, or tab, space, none (one column)."),
            click.option("--encoding", metavar="NAME", help="Such as utf-16, cp1252 or shift_jis."),
            click.option(
                "--on-bad-row",
                type=click.Choice(BAD_ROWS),
                help="A row that cannot be read stops the run, is passed on as it is, or left out. Default: stop for "
                "files, pass for pipes and sensors.",
            ),
        )
    ):
        command = option(command)
    return command


def stated_options(values: Mapping[str, Any], *, passes: bool) -> TableOptions:
    """Return what a command's values state about tables.

    Parameters
    ----------
    values
        Options by name.
    passes
        Whether bad rows are passed on by default.

    Raises
    ------
    ValueError
        If one is out of range or two contradict each other.
    """
    header, delimiter = values["header"], values["delimiter"]
    if header is not None and values["no_header"]:
        raise ValueError("--header and --no-header contradict each other")
    if header is not None and header < 1:
        raise ValueError(f"--header {header} is not a line; use 1 for the first line, or --no-header")
    return TableOptions(
        skip_rows=values["skip_rows"] or 0,
        header=0 if values["no_header"] else header,
        decimal=values["decimal"],
        delimiter=None if delimiter is None else as_delimiter(delimiter),
        encoding=values["encoding"],
        on_bad_row=values["on_bad_row"] or ("pass" if passes else "stop"),
    )
