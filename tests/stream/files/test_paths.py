"""Outputs: whole or not at all, and none replaces a file that appeared while it was written."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import soundfile

from denoise_stream import SinkError
from denoise_stream.files import paths
from denoise_stream.files.paths import whole_file, write_together
from programs import noise


def test_file_that_appears_meanwhile_is_kept_and_so_is_what_was_made(folder):
    def make(number: int) -> None:
        with whole_file(Path("a.wav"), replace=False) as partial:
            partial.write_text(f"ours {number}")
            Path("a.wav").write_text("theirs")

    for number in (2, 3):
        with pytest.raises(SinkError, match=rf"a\.wav appeared in the meantime .* kept as .*a\.{number}\.wav"):
            make(number)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a.wav": "theirs",
        "a.2.wav": "ours 2",
        "a.3.wav": "ours 3",
    }


def test_file_may_be_replaced_where_that_was_asked_for(folder):
    Path("a.wav").write_text("theirs")
    with whole_file(Path("a.wav")) as partial:
        partial.write_text("ours")
    assert [path.read_text() for path in folder.iterdir()] == ["ours"]


def test_replaced_file_keeps_its_permissions(folder):
    Path("a.wav").write_text("old")
    Path("a.wav").chmod(0o604)
    with whole_file(Path("a.wav")) as partial:
        partial.write_text("new")
    assert Path("a.wav").stat().st_mode & 0o777 == 0o604


def test_file_system_without_links_keeps_others_files_too(folder, monkeypatch):
    def no_links(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(paths.os, "link", no_links)
    with whole_file(Path("a.wav"), replace=False) as partial:
        partial.write_text("ours")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("a.wav", "ours")]
    with pytest.raises(SinkError, match="kept as"), whole_file(Path("a.wav"), replace=False) as partial:
        partial.write_text("later")
    assert Path("a.wav").read_text() == "ours"


def test_concurrent_outputs_each_keep_a_name(folder):
    made = []

    def make(number: int) -> None:
        try:
            with whole_file(Path("a.txt"), replace=False) as partial:
                partial.write_text(str(number))
        except SinkError as error:
            made.append(str(error))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 19
    assert sorted(int(path.read_text()) for path in folder.iterdir()) == list(range(20))


@pytest.mark.parametrize("option", ["--output", "--report"])
def test_run_does_not_replace_what_appeared_since_its_start(folder, models, option):
    soundfile.write("a.wav", noise(16_000), 16_000, subtype="PCM_16")
    target = Path("b.wav" if option == "--output" else "b.json")
    make = f"""
import pathlib
import denoise_stream.runs.run as runs
run = runs.run
def late(*arguments):
    pathlib.Path({target.name!r}).write_text("theirs")
    return run(*arguments)
runs.run = late
from denoise_stream.cli.main import main
main()
"""

    command = [sys.executable, "-c", make, "--input", "a.wav", option, target.name, "--model", str(models["identity"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"{target} appeared in the meantime and is not replaced; what was made is kept as" in done.stderr
    assert target.read_text() == "theirs"
    assert target.with_stem("b.2").stat().st_size > 100
    done = subprocess.run([*command, "--force"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert target.stat().st_size > 100


def test_archive_does_not_replace_what_appeared_since_its_start(folder, models):
    Path("in").mkdir()
    Path("out").mkdir()
    soundfile.write("in/a.wav", noise(16_000), 16_000, subtype="PCM_16")
    from denoise_stream.archive.archive import Archive, Selection
    from denoise_stream.archive.folders.local import LocalFolder
    from denoise_stream.archive.worker import Worker

    class Here:
        workers = 1
        unreported = ()

        def __init__(self, work):
            self.worker = Worker(work)

        def run(self, groups):
            for group in groups:
                Path("out/a.wav").write_text("theirs")
                yield [self.worker.denoise(entry) for entry in group]

    def run(**options):
        source, target = LocalFolder(folder / "in"), LocalFolder(folder / "out")
        archive = Archive(source, target, Selection(), model=str(models["identity"]), **options)
        return archive.run(Here)

    assert "appeared in the meantime" in run().failures[0][1]
    assert Path("out/a.wav").read_text() == "theirs"
    assert run(force=True).failures == []
    assert soundfile.info("out/a.wav").frames == 16_000


def test_files_that_belong_together_are_all_written_or_none(folder):
    Path("old.h").write_bytes(b"old")
    with pytest.raises(SinkError, match="cannot write gone/new.c: No such file"):
        write_together({Path("old.h"): b"new", Path("new.h"): b"new", Path("gone/new.c"): b"new"})
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == {"old.h": b"old"}
    write_together({Path("old.h"): b"new", Path("new.h"): b"newer"})
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == {"old.h": b"new", "new.h": b"newer"}
