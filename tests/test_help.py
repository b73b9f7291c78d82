"""The help of the four programs: every option under a heading, colour on terminals only."""

import os
import pty
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import pytest

from denoise_export.cli import command as export_command
from denoise_stream.cli.help_text import SectionedCommand
from denoise_stream.cli.main import WHICH_MODEL
from denoise_stream.cli.main import command as stream_command
from denoise_stream.model import Model, bundled_models
from denoise_train.cli.evaluate import command as evaluate_command
from denoise_train.cli.train import command as train_command

PROGRAM = Path(sys.executable).with_name("denoise-stream")


@pytest.mark.parametrize("command", [stream_command, train_command, evaluate_command, export_command])
def test_every_option_stands_under_one_heading(command):
    assert isinstance(command, SectionedCommand)
    options = [parameter.name for parameter in command.params if isinstance(parameter, click.Option)]
    named = Counter(name for names in command.sections.values() for name in names)
    assert named == Counter(set(options) - {"version"})


def test_help_says_which_model_and_which_hop():
    lines = WHICH_MODEL.splitlines()
    for name in ("speech", "general"):
        (line,) = [line for line in lines if f"  {name}  " in line]
        assert f"  {Model(bundled_models()[name]).contract.hop}" in line


def help_on_a_terminal(**environment: str) -> bytes:
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    done = subprocess.Popen([PROGRAM, "--help"], stdout=theirs, env={**kept, "TERM": "xterm", **environment})
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    os.close(ours)
    assert done.wait() == 0
    return shown


def test_help_has_colour_on_a_terminal_unless_it_is_not_wanted():
    assert b"\x1b[" in help_on_a_terminal()
    assert b"\x1b[" not in help_on_a_terminal(NO_COLOR="1")
    piped = subprocess.run([PROGRAM, "--help"], capture_output=True, check=True)
    assert b"\x1b[" not in piped.stdout
    assert b"Exit status: 0 done" in piped.stdout
