"""Trees with unreadable parts, odd names and links: each costs one row and no other file."""

import contextlib
import errno
import os
from pathlib import Path

import pytest

from archives import make_archive, rows, run_program, tree
from denoise_stream import SourceError
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.places import open_input, open_output

BODY = "v\n" + "1.5\n2.5\n" * 200


@pytest.fixture
def tree_with_links(folder: Path) -> Path:
    """Two good tables, a link to nothing, links in a circle, and links that hold no signals by their names."""
    Path("in/sub").mkdir(parents=True)
    for name in ("a.csv", "sub/b.csv"):
        (folder / "in" / name).write_text(BODY)
    Path("in/gone.csv").symlink_to("nowhere.csv")
    Path("in/sub/one.csv").symlink_to("two.csv")
    Path("in/sub/two.csv").symlink_to("one.csv")
    Path("in/readme.txt").symlink_to("nowhere.txt")
    Path("in/good.csv").symlink_to("a.csv")
    return folder


def test_links_that_lead_to_nothing_or_in_a_circle_are_a_failed_row_each(tree_with_links):
    done = run_program("--input", "in", "--output", "out")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert sorted(tree(Path("out"))) == ["a.csv", "good.csv", "sub/b.csv"]
    failed = {row["file"]: row["error"] for row in rows(Path("out")) if row["state"] == "failed"}
    assert failed == {
        "gone.csv": f"cannot read {tree_with_links}/in/gone.csv: the link leads to nothing",
        "sub/one.csv": f"cannot read {tree_with_links}/in/sub/one.csv: Too many levels of symbolic links",
        "sub/two.csv": f"cannot read {tree_with_links}/in/sub/two.csv: Too many levels of symbolic links",
    }
    assert "1 other file left alone" in done.stderr
    excluded = run_program("--input", "in", "--output", "out", "--exclude", "gone.csv", "--exclude", "sub/*o*.csv")
    assert excluded.returncode == 0, excluded.stderr


def test_links_to_nothing_in_the_output_stop_no_run(tree_with_links):
    Path("out").mkdir()
    Path("out/a.csv").symlink_to("nowhere.csv")
    done = run_program("--input", "in", "--output", "out", "--include", "[ab].csv")
    assert "a.csv  the output exists and is not from this program" in done.stderr
    assert not Path("out/nowhere.csv").exists()
    assert Path("out/sub/b.csv").is_file()
    forced = run_program("--input", "in", "--output", "out", "--include", "a.csv", "--force")
    assert "leads by a link to" in forced.stderr
    assert not Path("out/nowhere.csv").exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.EIO])
@pytest.mark.parametrize("verb", ["is_dir", "stat"])
def test_files_that_the_system_does_not_show_are_an_entry_with_an_error(folder, monkeypatch, number, verb):
    for name in ("a.csv", "b.csv", "c.csv"):
        Path(name).write_text(BODY)
    scan = os.scandir

    class Hidden:
        def __init__(self, item):
            self.name, self.path, self.is_symlink = item.name, item.path, item.is_symlink
            self.is_dir, self.stat = item.is_dir, item.stat
            setattr(self, verb, self.fail)

        def fail(self, **options):
            raise OSError(number, os.strerror(number))

    @contextlib.contextmanager
    def scandir(path):
        with scan(path) as found:
            yield [Hidden(item) if item.name == "b.csv" else item for item in found]

    monkeypatch.setattr(os, "scandir", scandir)
    found = {entry.name: entry.error for entry in LocalFolder(folder).entries()}
    assert found == {"a.csv": "", "b.csv": f"cannot read {folder}/b.csv: {os.strerror(number)}", "c.csv": ""}


def test_names_with_the_ends_of_lines_are_denoised_and_printed_on_one_line(folder):
    Path("in/new\nfolder").mkdir(parents=True)
    for name in ("a\nb.csv", "new\nfolder/c.csv", "d\r.csv", "\x1b[31me.csv"):
        (folder / "in" / name).write_text(BODY)
    Path("in/bad\nname.csv").write_text(BODY + "x\n")
    for source in ("in", "in/**"):
        planned = run_program("--input", source, "--output", "out", "--dry-run")
        assert len(planned.stdout.splitlines()) == 5, planned.stderr
        assert "\x1b" not in planned.stdout
    done = run_program("--input", "in", "--output", "out", "--include", "*.csv")
    assert "4 files denoised" in done.stderr
    assert "bad\\nname.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 3
    assert sorted(tree(Path("out"))) == ["\x1b[31me.csv", "a\nb.csv", "d\r.csv", "new\nfolder/c.csv"]
    again = run_program("--input", "in", "--output", "out", "--include", "*.csv")
    assert "4 done before" in again.stderr
    alone = run_program("--input", "in/a\nb.csv", "--output", "one.csv")
    assert (alone.returncode, len(alone.stderr.splitlines())) == (0, 3), alone.stderr


def test_link_in_a_circle_as_input_or_output_is_refused_in_words(folder, call):
    Path("one").symlink_to("two")
    Path("two").symlink_to("one")
    Path("one.csv").symlink_to("one.csv")
    Path("a.csv").write_text(BODY)
    with pytest.raises(SourceError, match="there is no such file or folder"):
        open_input("one")
    with pytest.raises(SourceError, match="there is no such file or folder"):
        open_input("one/*.csv")
    assert open_output("new").place == str(folder / "new")
    Path("in").mkdir()
    Path("in/a.csv").write_text(BODY)
    for arguments in (["in", "--output", "one"], ["in", "--output", "one/x"], ["a.csv", "--output", "one.csv"]):
        status, said = call(*arguments)
        assert (status, said.count("\n")) == (1, 1), said
    status, said = call("one.csv", "--output", "out.csv")
    assert (status, said.count("\n")) == (1, 1), said


@pytest.mark.parametrize("option", ["--include", "--exclude"])
@pytest.mark.parametrize("pattern", ["[z-a]", "[]"])
def test_pattern_that_is_not_valid_is_refused_before_anything_is_made(folder, call, option, pattern):
    Path("in").mkdir()
    Path("in/a.csv").write_text(BODY)
    status, said = call("--input", "in", "--output", "out", option, pattern)
    assert (status, said.count("\n")) == (2, 1), said
    assert f"the pattern {pattern!r} holds the set {pattern}" in said
    assert not Path("out").exists()


@pytest.mark.parametrize("arguments", [["in/*.csv"], ["in", "--include", "*.csv"], ["in", "--exclude", "*"], ["empty"]])
@pytest.mark.parametrize("output", ["out", "out/deep"])
def test_run_that_finds_nothing_leaves_no_folder_and_no_manifest(folder, call, arguments, output):
    make_archive(folder / "in", 1)
    Path("empty").mkdir()
    before = {*folder.rglob("*")}
    status, said = call(*arguments, "--output", output)
    assert (status, said.count("\n")) == (1, 1), said
    assert "holds no matching file; check --input and the patterns" in said
    assert {*folder.rglob("*")} == before
