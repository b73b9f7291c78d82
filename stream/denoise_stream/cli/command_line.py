"""What all four commands share: exit statuses, errors in one line, signals.

Exit status: 0 done, 1 failed while running, 2 wrong usage, 130 Ctrl-C (0 where it ends a recording), 143 SIGTERM.
When the reader of our output goes away, click ends the program with status 1 and without a word.
"""

import os
import re
import sys
from collections.abc import Container
from pathlib import Path
from typing import NoReturn

import click
from click.core import ParameterSource

from denoise_stream.cli.help_text import COLOUR
from denoise_stream.cli.stopping import asked_status, end_undisturbed, end_when_asked
from denoise_stream.errors import DenoiseError, printable, shortened

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

PATH = click.Path(path_type=Path)
version_option = click.version_option(package_name="denoise-stream", message="%(prog)s %(version)s")


def run_command(command: click.Command, name: str, *, ends_in_computations: bool = False) -> NoReturn:
    """Run a command with the program's arguments and exit.

    Parameters
    ----------
    command, name
        The command, and what it is called in messages.
    ends_in_computations
        Whether a signal ends the program even while a network computes.
    """
    _hold_standard_streams()
    end_when_asked(in_computations=ends_in_computations)
    try:
        command.main(prog_name=name, standalone_mode=False)
    except click.Abort:
        _fail(name, "interrupted", INTERRUPTED)
    except click.UsageError as error:
        _fail(name, f"{error.format_message()} (see {name} --help)", 2)
    except click.ClickException as error:
        _fail(name, error.format_message(), error.exit_code)
    except DenoiseError as error:
        _fail(name, str(error), 1)
    except OSError as error:
        _fail(name, f"{error.filename or 'input or output'}: {error.strerror or error}", 1)
    except Exception:
        if asked_status() is None:
            raise
        _fail(name, "interrupted", INTERRUPTED)
    end_undisturbed()
    sys.exit(0)


_NUMBER = r"(-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf|nan))(?![\w./-])"
"""A number that is not a part of a path."""


def in_options(message: str, context: click.Context) -> str:
    """Return the message of an error with the options that the user typed in place of the parameters of the library.

    ``mix=80.0 is out of range`` becomes ``--mix 80 is out of range``; a file ``mix=80.wav`` keeps its name.
    """
    options = {option.name or "": max(option.opts, key=len) for option in context.command.params}
    options["sample_rate_hz"] = options.get("rate", "")
    stated = [name for name, option in options.items() if option.startswith("--")]

    def in_option(found: re.Match[str]) -> str:
        return f"{options[found[1]]} {_plain(found[2])}"

    if context.get_parameter_source("rate") is not ParameterSource.COMMANDLINE:  # it is that of the input
        message = re.sub(rf"\bsample_rate_hz={_NUMBER}", r"the sample rate \1 Hz", message)
    message = re.sub(rf"\b({'|'.join(stated)})={_NUMBER}", in_option, message)
    message = re.sub(rf"\bwindow={_NUMBER}", r"the window of \1 samples", message)
    return re.sub(r"\bsample_rate_hz\b", options["sample_rate_hz"] or "sample_rate_hz", message)


def _plain(value: str) -> str:
    """Return a number without digits that nobody typed.

    >>> _plain("80.0"), _plain("0.25"), _plain("nan")
    ('80', '0.25', 'nan')
    """
    return value.removesuffix(".0")


def refuse_options(context: click.Context, known: Container[str], needed: str) -> None:
    """Raise a ValueError if the user gave options that are not among the ``known`` ones."""
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name not in known:
            raise ValueError(f"{max(option.opts, key=len)} cannot be used here; {needed}")


def _hold_standard_streams() -> None:
    """Point closed standard streams (cron, GUI programs) to the null device, or files opened later get their numbers.

    ``sys.stdin`` and ``sys.stdout`` stay None, so ``-`` is refused; what is written to standard error is lost.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")


def _fail(name: str, message: str, status: int) -> NoReturn:
    """Print a message and exit; after a signal as it asks, whatever the error: it may have broken off an import."""
    asked = asked_status()
    if asked is not None and asked != INTERRUPTED:
        sys.exit(asked)
    if asked is not None:
        message, status = "interrupted", INTERRUPTED
    click.echo(f"{click.style(f'{name}:', fg='red')} {printable(shortened(message))}", err=True, color=COLOUR)
    sys.exit(status)
