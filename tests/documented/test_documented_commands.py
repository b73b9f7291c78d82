"""The commands of the README and the guides that need files alone run as they are printed there."""

import re
import shutil
from pathlib import Path

import pytest

import peer_models
from documented import NEEDS, NOT_RUN, all_commands, commands

pytestmark = pytest.mark.slow

SMALLER = {
    r"--speech": " --signals 2 --length 48000 --snr 5",
    r"--stretch": " --signals 3 --length 1500",
}
"""What is added to a command, by a pattern, that would take minutes."""

ALONE = commands(None)


def test_every_group_of_commands_is_still_in_the_documents():
    assert len(ALONE) > 20
    for pattern in [*NOT_RUN, *NEEDS.values(), *SMALLER]:
        assert any(re.search(pattern, command) for command in all_commands()), pattern


@pytest.mark.parametrize("command", ALONE)
def test_command_runs_as_printed(command, examples, shell):
    if "--peer" in command:
        peer_models.spectral(Path("gtcrn.onnx"), "gtcrn")
        Path("models").mkdir()
        peer_models.dtln(Path("models"))
    if re.search(r"--output clean(/|\.| |$)", command) and Path("clean").is_dir():
        shutil.rmtree("clean")
    before = {path for path in Path().rglob("*") if path.is_file()}
    more = next((words for pattern, words in SMALLER.items() if re.search(pattern, command)), "")
    done = shell(command + more)
    if command.startswith("denoise-stream") or " | denoise-stream" in command:
        written = {path for path in Path().rglob("*") if path.is_file()} - before
        assert written or "--dry-run" in command or "--list" in command
    else:
        assert done.stdout.strip() or "denoise-export" in command
