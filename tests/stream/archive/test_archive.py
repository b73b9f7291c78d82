"""Archives: the tree is mirrored, runs resume, kills lose nothing, failures are listed and do not stop the run."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from archives import GENERAL, make_archive, rows, run_program, times_done, tree
from denoise_stream import DenoiseError, Denoiser, SinkError
from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.protocol import is_safe
from denoise_stream.archive.manifest import Manifest
from denoise_stream.archive.ray import _check_reachable
from denoise_stream.cli.main import main
from denoise_stream.model import choose_models
from programs import PROGRAM


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the program in this process; return exit status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["denoise-stream", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_tree_is_mirrored_and_each_file_equals_a_run_of_its_own(folder, call):
    make_archive(folder / "in", 4)
    soundfile.write("in/stereo.flac", np.random.default_rng(0).normal(0, 0.1, (5000, 2)), 22050, subtype="PCM_24")
    Path("in/readme.txt").write_text("keep me out")
    assert call("--input", "in", "--output", "out")[0] == 0
    expected = {}
    for name in ("000/000000.wav", "000/000001.wav", "000/000002.wav", "000/000003.csv", "stereo.flac"):
        assert call("--input", f"in/{name}", "--output", f"one{Path(name).suffix}", "--force")[0] == 0
        expected[name] = Path(f"one{Path(name).suffix}").read_bytes()
    assert tree(Path("out")) == expected


def test_manifest_holds_a_row_for_each_file(folder, call):
    make_archive(folder / "in", 3)
    Path("in/bad.csv").write_text("v\n1.5\nx\n2.5\n")
    status, _, message = call("--input", "in", "--output", "out", *GENERAL, "--hop", 50, "--report", "r.json")
    assert status == 1
    by_name = {row["file"]: row for row in rows(Path("out")) if row["state"] != "planned"}
    good, bad = by_name["000/000000.wav"], by_name["bad.csv"]
    assert (good["state"], good["samples"], good["signal_s"], good["error"]) == ("done", 4000, 0.25, "")
    assert good["output_bytes"] == Path("out/000/000000.wav").stat().st_size
    assert "hop=50" in good["options"]
    assert bad["state"] == "failed"
    assert bad["error"].startswith("bad.csv, line 3, column 'v': 'x' is not a number; --on-bad-row pass")
    assert "bad.csv  bad.csv, line 3, column 'v': 'x' is not a number" in message
    report = json.loads(Path("r.json").read_text())
    assert (report["files"], report["signal_s"]) == (3, 0.75)
    assert report["failed"] == [{"file": "bad.csv", "error": bad["error"]}]


def test_second_run_does_only_what_is_missing_or_changed(folder, call, in_process):
    make_archive(folder / "in", 8)
    assert call("--input", "in", "--output", "out")[0] == 0
    assert "8 done before" in call("--input", "in", "--output", "out")[2]
    Path("out/000/000001.wav").unlink()
    soundfile.write("in/000/000002.wav", np.random.default_rng(1).normal(0, 0.1, 3000), 16_000)
    soundfile.write("in/new.wav", np.zeros(100), 16_000)
    assert "3 files denoised, 6 done before" in call("--input", "in", "--output", "out")[2]
    changed = {"000/000001.wav", "000/000002.wav", "new.wav"}
    assert {name for name, count in times_done(Path("out")).items() if count == 2} | {"new.wav"} == changed
    assert soundfile.info("out/000/000002.wav").frames == 3000


def test_another_model_or_another_option_redoes_everything(folder, call, in_process, models):
    make_archive(folder / "in", 3)
    assert call("--input", "in", "--output", "out")[0] == 0
    assert "3 files denoised" in call("--input", "in", "--output", "out", "--mix", 0.5)[2]
    assert "3 files denoised" in call("--input", "in", "--output", "out", "--max-attenuation", 12)[2]
    assert "attenuation=12.0" in rows(Path("out"))[-1]["options"]
    assert "3 files denoised" in call("--input", "in", "--output", "out", "--model", models["smoother"])[2]
    assert "3 done before" in call("--input", "in", "--output", "out", "--model", models["smoother"])[2]


def test_outputs_that_are_not_ours_or_were_changed_are_kept_unless_forced(folder, call, in_process):
    make_archive(folder / "in", 3)
    Path("out/000").mkdir(parents=True)
    Path("out/000/000000.wav").write_bytes(b"mine")
    status, _, message = call("--input", "in", "--output", "out")
    assert status == 1
    assert "000/000000.wav  the output exists and is not from this program; use --force to replace it" in message
    Path("out/000/000001.wav").write_bytes(b"edited")
    assert "was changed since it was made" in call("--input", "in", "--output", "out")[2]
    assert Path("out/000/000000.wav").read_bytes() == b"mine"
    assert Path("out/000/000001.wav").read_bytes() == b"edited"
    assert call("--input", "in", "--output", "out", "--force")[0] == 0
    assert soundfile.info("out/000/000000.wav").frames == soundfile.info("out/000/000001.wav").frames == 4000


def test_outputs_inside_the_input_folder_do_not_become_inputs(folder, call, in_process):
    make_archive(folder / "in", 3)
    before = tree(Path("in"))
    assert call("--input", "in", "--output", "in/clean")[0] == 0
    assert "3 done before" in call("--input", "in", "--output", "in/clean")[2]
    after = tree(Path("in"))
    assert len(after) == 6
    assert {name: after[name] for name in before} == before


def test_output_that_is_by_a_link_an_input_is_refused(folder, call):
    make_archive(folder / "in", 1)
    before = tree(Path("in"))
    Path("out/000").mkdir(parents=True)
    Path("out/000/000000.wav").symlink_to(folder / "in/000/000000.wav")
    status, _, message = call("--input", "in", "--output", "out", "--force")
    assert status == 1
    assert "leads by a link to" in message
    assert tree(Path("in")) == before


def test_output_that_leads_elsewhere_by_a_link_replaces_nothing_there(folder, call):
    make_archive(folder / "in", 2)
    soundfile.write("in/a.wav", np.zeros(100), 16_000)
    Path("precious").mkdir()
    Path("precious/000000.wav").write_bytes(b"mine")
    Path("out").mkdir()
    Path("out/000").symlink_to(folder / "precious")
    Path("out/a.wav").symlink_to(folder / "in/000/000001.wav")
    before = tree(Path("in")), tree(Path("precious"))
    status, _, message = call("--input", "in", "--output", "out", "--force")
    assert status == 1
    assert message.count("leads by a link to") == 3
    assert (tree(Path("in")), tree(Path("precious"))) == before


def test_manifest_that_is_a_link_is_not_written_through(folder, call):
    make_archive(folder / "in", 1)
    before = tree(Path("in"))
    Path("out").mkdir()
    Path("out/denoise-manifest.jsonl").symlink_to(folder / "in/000/000000.wav")
    status, _, message = call("--input", "in", "--output", "out")
    assert (status, message.count("\n")) == (1, 1)
    assert "cannot write" in message
    assert tree(Path("in")) == before


@pytest.mark.parametrize(
    ("name", "safe"),
    [("a/b.wav", True), ("a..b", True), ("a\\b", os.name != "nt"), ("/a", False), ("a//b", False), ("a/../b", False)],
)
def test_name_is_safe_if_it_is_one_path_in_the_folder(name, safe):
    assert is_safe(name) == safe


def test_cluster_at_an_ipv6_address_is_found_and_a_missing_one_is_not():
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("needs IPv6")
    address = f"[::1]:{listener.getsockname()[1]}"
    with listener:
        _check_reachable(address)
    with pytest.raises(DenoiseError, match="no Ray cluster answers at"):
        _check_reachable(address)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_output_on_another_file_system_than_the_scratch_folder_appears_whole(tmp_path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        with LocalFolder(tmp_path).put("sub/a.wav", Path(scratch)) as partial:
            partial.write_bytes(b"whole")
            assert not (tmp_path / "sub/a.wav").exists()
        assert tree(tmp_path) == {"sub/a.wav": b"whole"}


def test_name_that_is_not_utf_8_does_not_stop_the_run(folder):
    make_archive(folder / "in", 2)
    body = b"v\n" + b"1.5\n" * 300
    Path(os.fsdecode(b"in/caf\xe9.csv")).write_bytes(body)
    Path(os.fsdecode(b"in/gar\xe7on.csv")).write_bytes(body + b"x\n")
    listed = run_program("--input", "in", "--output", "out", "--dry-run")
    assert (listed.returncode, "caf\\udce9.csv\t" in listed.stdout) == (0, True), listed.stderr
    for part in (1, 2):
        done = run_program("--input", "in", "--output", "out", "--shard", f"{part}/2")
        assert "Traceback" not in done.stderr
    again = run_program("--input", "in", "--output", "out")
    assert "3 done before" in again.stderr
    assert "gar\\udce7on.csv" in again.stderr
    assert Path(os.fsdecode(b"out/caf\xe9.csv")).is_file()


def test_unreadable_files_and_folders_do_not_stop_the_run(folder, call, monkeypatch):
    make_archive(folder / "in", 101)
    scan = os.scandir

    class Vanished:
        """A file that is removed between listing and stat."""

        def __init__(self, item):
            self.name, self.path = item.name, item.path
            self.is_dir, self.is_symlink = item.is_dir, item.is_symlink

        def stat(self):
            raise FileNotFoundError(2, "No such file or directory")

    @contextlib.contextmanager
    def scandir(path):
        if Path(path) == folder / "in/001":
            raise PermissionError(13, "Permission denied")
        with scan(path) as found:
            yield [Vanished(item) if item.name == "000007.csv" else item for item in found]

    monkeypatch.setattr(os, "scandir", scandir)
    arguments = ["--input", "in", "--output", "out", "--include", "*.csv", "--dry-run"]
    _, out, message = call(*arguments)
    assert len(out.splitlines()) == 24
    assert f"001: cannot list {folder}/in/001: Permission denied" in message
    for pattern in ("001", "001/**"):
        assert "Permission" not in call(*arguments, "--exclude", pattern)[2]


def test_output_of_someone_else_is_kept_after_a_run_that_failed(folder, call, in_process):
    Path("in").mkdir()
    Path("in/a.csv").write_text("v\n1.5\nx\n")
    assert call("--input", "in", "--output", "out")[0] == 1
    Path("out/a.csv").write_text("mine")
    Path("in/a.csv").write_text("v\n1.5\n2.5\n")
    status, _, message = call("--input", "in", "--output", "out")
    assert (status, Path("out/a.csv").read_text()) == (1, "mine")
    assert "is not from this program" in message


def test_output_of_a_good_run_is_still_recognized_after_a_failed_one(folder, call, in_process):
    Path("in").mkdir()
    good, bad = "v\n1.5\n2.5\n", "v\n1.5\nx\n"
    for text, status in ((good, 0), (bad, 1), (good + "3.5\n", 0)):
        Path("in/a.csv").write_text(text)
        assert call("--input", "in", "--output", "out")[0] == status
    assert len(Path("out/a.csv").read_text().splitlines()) == 4


def test_clock_that_was_set_back_redoes_nothing(folder, call, in_process):
    make_archive(folder / "in", 2)
    assert call("--input", "in", "--output", "out")[0] == 0
    log = Path("out/denoise-manifest.jsonl")
    log.write_text(log.read_text().replace('"time": "20', '"time": "21'))
    assert "2 files denoised" in call("--input", "in", "--output", "out", "--mix", 0.5)[2]
    assert "2 done before" in call("--input", "in", "--output", "out", "--mix", 0.5)[2]


def test_shards_may_run_at_once_but_not_beside_a_whole_run(tmp_path):
    folder = LocalFolder(tmp_path)
    first, second = (Manifest(folder, lambda name: "model", "", (part, 2)) for part in (1, 2))
    whole = Manifest(folder, lambda name: "model", "")
    first.open()
    second.open()
    for other in (whole, Manifest(folder, lambda name: "model", "", (1, 2))):
        with pytest.raises(SinkError, match="another run is writing"):
            other.open()
    first.close()
    second.close()
    whole.open()
    with pytest.raises(SinkError, match="another run is writing"):
        first.open()
    whole.close()


def test_refused_files_count_among_all(folder, call, monkeypatch):
    make_archive(folder / "in", 2)
    Path("out/000").mkdir(parents=True)
    Path("out/000/000000.wav").write_bytes(b"mine")
    monkeypatch.setattr("denoise_stream.archive.progress.LINE_EVERY_S", 0)
    assert "2 of 2 files" in call("--input", "in", "--output", "out")[2]


def test_patterns_choose_files(folder, call):
    make_archive(folder / "in", 204)
    out = call("--input", "in/00[01]/*.csv", "--output", "a", "--dry-run")[1]
    assert len(out.splitlines()) == 50
    assert out.splitlines()[0].split("\t")[0] == "00[01]/*.csv".replace("[01]", "0").replace("*", "000003")
    _, out, heading = call("--input", "in", "--output", "a", "--include", "*.wav", "--exclude", "000/**", "--dry-run")
    assert len(out.splitlines()) == 75 + 3
    assert heading.startswith("dry run, nothing is written; in -> a would denoise (name, bytes):\n")
    assert not Path("a").exists()


def test_results_of_this_program_are_left_alone_unless_they_are_named(folder, call, in_process):
    make_archive(folder / "in", 4)
    for name in ("000000.denoised.wav", "000003.denoised.2.csv"):
        Path("in/000", name).write_bytes(Path("in/000", name.replace(".denoised", "").replace(".2", "")).read_bytes())
    told = "2 files that are named like results are left alone (--include '*.denoised.*' takes them)"
    _, out, err = call("--input", "in", "--output", "a", "--dry-run")
    assert (len(out.splitlines()), told in err) == (4, True)
    assert told in call("--input", "in", "--output", "a", "--report", "r.json")[2]
    assert json.loads(Path("r.json").read_text())["denoised_left_alone"] == 2
    for named in (["--input", "in", "--include", "*.denoised.*"], ["--input", "in/**/*.denoised.*"]):
        assert len(call(*named, "--output", "b", "--dry-run")[1].splitlines()) == 2


def test_shards_share_the_work_without_overlap_and_know_each_others_results(folder, call, in_process, archive):
    for part in (1, 2, 3):
        assert call("--input", archive, "--output", "out", "--shard", f"{part}/3")[0] == 0
    assert set(times_done(folder / "out").values()) == {1}
    assert len(times_done(folder / "out")) == 60
    assert "60 done before" in call("--input", archive, "--output", "out")[2]


def test_two_runs_into_one_folder_at_once_are_refused(folder, archive):
    first = subprocess.Popen(
        [*PROGRAM, "--input", archive, "--output", "out", *GENERAL, "--hop", "2"], stderr=subprocess.DEVNULL
    )
    limit = time.monotonic() + 120
    while not list(Path("out").glob("denoise-manifest*")) and time.monotonic() < limit:
        time.sleep(0.01)
    second = run_program("--input", archive, "--output", "out")
    first.kill()
    first.wait()
    assert second.returncode == 1
    assert "another run is writing to" in second.stderr


def test_row_cut_short_by_a_crash_is_passed_over_and_its_file_done_again(folder, call, in_process):
    make_archive(folder / "in", 3)
    assert call("--input", "in", "--output", "out")[0] == 0
    log = Path("out/denoise-manifest.jsonl")
    log.write_bytes(log.read_bytes()[:-40])
    assert "1 files denoised, 2 done before" in call("--input", "in", "--output", "out")[2]
    assert "3 done before" in call("--input", "in", "--output", "out")[2]


BAD = [
    (["--input", "in"], 2, "--input in is many files; name the folder for the results with --output"),
    (["--input", "in", "--output", "-"], 2, "--output - takes one signal, --input in is many files"),
    (["--input", "in", "--output", "in"], 1, "is the input: results could replace inputs"),
    (["--input", "in/000", "--output", "in"], 1, "holds the input"),
    (["--input", "in", "--output", "file"], 1, "--output file is a file; results of many files need a folder"),
    (["--input", "no/*.wav", "--output", "out"], 1, "cannot read no/*.wav: there is no such file or folder"),
    (["--input", "in/*.csv", "--output", "out"], 1, "in holds no matching file"),
    (["--input", "in", "--output", "clean.wav"], 1, "--output clean.wav is named like a file; name a folder"),
    (["--input", "in", "--output", "out", "--shard", "0/3"], 2, "--shard 0/3 is not a valid shard; use I/N"),
    (["--input", "in", "--output", "out", "--shard", "x"], 2, "--shard x is not a valid shard"),
    (["--input", "in", "--output", "out", "--jobs", "0"], 2, "0 is not in the range x>=1"),
    (["--input", "in", "--output", "out", "--plot", "a.png"], 2, "--plot applies to a single signal"),
    (["--input", "in", "--output", "out", "--format", "wav"], 2, "--format applies to a single signal"),
    (["--input", "in", "--output", "out", "--ray-address", "auto"], 2, "use it with --engine ray"),
    (["--input", "in", "--output", "out", "--model", "nope"], 1, "model 'nope' is neither a file nor a bundled"),
    (["--input", "in", "--output", "out", "--hop", "200"], 2, "--hop 200 is longer than the window of 150 samples"),
    (["--input", "in", "--output", "out", "--rate", "-1"], 2, "--rate -1 is not a valid sample rate"),
    (["--input", "in/000/000000.wav", "--jobs", "2"], 2, "--jobs applies to a folder, a pattern or a URL"),
    (["--input", "foo://a/b", "--output", "out"], 1, "fsspec has no protocol 'foo'"),
]


@pytest.mark.parametrize(("arguments", "status", "words"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_bad_archives_get_one_sentence_and_leave_nothing_behind(folder, call, arguments, status, words):
    make_archive(folder / "in", 1)
    Path("file").write_text("keep me")
    before = tree(folder)
    found_status, _, message = call(*arguments)
    assert (found_status, message.count("\n")) == (status, 1), message
    assert words in message
    assert tree(folder) == before


def test_file_url_is_a_path(folder, call):
    make_archive(folder / "in", 2)
    assert call("--input", f"file://{folder}/in", "--output", f"file://{folder}/out")[0] == 0
    assert sorted(tree(folder / "out")) == ["000/000000.wav", "000/000001.wav"]


def test_archive_loads_neither_fsspec_nor_ray_nor_pyarrow(folder):
    make_archive(folder / "in", 1)
    code = (
        "import sys; sys.argv = ['denoise-stream', '--input', 'in', '--output', 'out', '--quiet']\n"
        "from denoise_stream.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not set(done.stdout.split()) & {"fsspec", "s3fs", "ray", "pyarrow", "rich", "matplotlib", "tensorflow"}
    assert (folder / "out/000/000000.wav").is_file()


def test_same_denoiser_makes_the_same_samples(folder, call, archive):
    assert call("--input", archive, "--output", "out", "--include", "000000.wav")[0] == 0
    noisy, _ = soundfile.read(archive / "000/000000.wav")
    clean, _ = soundfile.read("out/000/000000.wav")
    assert np.abs(clean - Denoiser(choose_models().audio).denoise(noisy, 16_000)).max() < 2e-5
    shutil.rmtree("out")
