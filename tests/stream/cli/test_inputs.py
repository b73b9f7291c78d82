"""Inputs named without --input: one or several."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream.cli.main import main
from programs import noise


@pytest.fixture
def three_files(folder) -> list[str]:
    names = ["a.wav", "b.flac", "c.csv"]
    for name in names[:2]:
        soundfile.write(name, noise(3000), 16_000)
    Path("c.csv").write_text("v\n" + "".join(f"{value:.4f}\n" for value in noise(600)))
    return names


def test_one_input_needs_no_option_and_takes_all_others(three_files, call, models):
    status, message = call("a.wav", "--output", "out.wav", "--model", models["smoother"])
    assert (status, Path("out.wav").is_file()) == (0, True)
    assert message.startswith("a.wav -> out.wav: ")


def test_several_inputs_are_written_beside_each_other(three_files, call):
    status, message = call(*three_files)
    assert status == 0
    assert all(Path(name).is_file() for name in ("a.denoised.wav", "b.denoised.flac", "c.denoised.csv"))
    assert [line.split()[0] for line in message.splitlines() if " -> " in line] == three_files


def test_failing_input_does_not_stop_the_others(three_files, call):
    Path("a.wav").write_text("no audio")
    Path("b.denoised.flac").touch()
    status, message = call(*three_files)
    assert status == 1
    assert Path("c.denoised.csv").is_file()
    assert Path("b.denoised.flac").read_bytes() == b""
    lines = [line for line in message.splitlines() if line.startswith("denoise-stream: ")]
    assert len(lines) == 3
    assert lines[0].startswith("denoise-stream: a.wav")
    assert "b.denoised.flac" in lines[1]
    assert lines[2] == "denoise-stream: 2 of 3 files failed"


def test_report_on_several_inputs_has_a_line_for_each(three_files, call):
    Path("b.flac").write_text("no audio")
    status, _ = call(*three_files, "--report", "r.jsonl", "--quiet")
    assert status == 1
    first, failed, last = (json.loads(line) for line in Path("r.jsonl").read_text().splitlines())
    assert (first["input"], first["output"], first["samples_in"]) == ("a.wav", "a.denoised.wav", 3000)
    assert failed["input"] == "b.flac"
    assert failed["output"] is None
    assert "b.flac" in failed["error"]
    assert (last["input"], last["columns"]) == ("c.csv", ["v"])


def test_results_of_other_inputs_are_left_alone(three_files, call):
    assert call(*three_files)[0] == 0
    first = Path("a.denoised.wav").read_bytes()
    status, message = call(*sorted(path.name for path in Path().iterdir()), "--force")
    assert status == 0
    results = "a.denoised.wav, b.denoised.flac, c.denoised.csv"
    assert message.startswith(f"skipped, as they are results of other inputs: {results}\n")
    assert len(list(Path().iterdir())) == 6
    assert Path("a.denoised.wav").read_bytes() == first
    assert call("a.denoised.wav")[0] == 0  # which is asked for


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "a.wav", "b.flac"], "--input a.wav and b.flac are both inputs"),
        (
            ["a.wav", "b.flac", "--output", "o.wav"],
            "--output o.wav is not a folder, but 2 inputs are named",
        ),
        (["a.wav", "sub/a.wav", "--output", "out/"], "a.wav and sub/a.wav would both become out/a.wav"),
        (["a.wav", "sub/a.wav", "--output", "sub", "--force"], "a.wav would replace sub/a.wav, which is an input too"),
        (["sub/link.flac", "b.flac", "--output", "links", "--force"], "sub/link.flac would replace b.flac"),
        (["a.wav", "b.flac", "--output", "c.csv/"], "--output c.csv/ is a file, not a folder"),
        (["a.wav", "b.flac", "--report", "a.denoised.wav"], "--report a.denoised.wav is what a.wav becomes"),
        (["a.wav", "missing.wav"], "missing.wav is not a file"),
        (["a.wav", "mic"], "mic is not a file"),
        (["a.wav", "mix=2.wav"], "mix=2.wav is not a file"),
    ],
)
def test_inputs_that_contradict_are_refused_before_any_is_touched(three_files, call, arguments, words):
    Path("sub").mkdir()
    shutil.copy("a.wav", "sub/a.wav")
    shutil.copy("b.flac", "sub/link.flac")
    Path("links").mkdir()
    Path("links/link.flac").symlink_to("../b.flac")
    status, message = call(*arguments)
    assert status == 2
    assert words in message
    assert not Path("out").exists()
    assert not list(Path().glob("*.denoised.*"))


def test_option_that_one_input_cannot_take_does_not_stop_the_others(call, folder, models):
    soundfile.write("a.wav", np.zeros(800), 16_000)
    (folder / "b.csv").write_text("t,v\n" + "".join(f"{n},{n % 7}.5\n" for n in range(200)))
    soundfile.write("c.wav", np.zeros(800), 16_000)
    status, message = call("a.wav", "b.csv", "c.wav", "--model", models["identity"], "--salvage")
    assert status == 1
    assert "b.csv" in message
    assert (folder / "c.denoised.wav").exists()


@pytest.mark.parametrize("files", [["a.wav"], ["a.wav", "b.flac"]])
def test_a_folder_takes_results_under_the_names_of_their_inputs(three_files, call, files):
    assert call(*files, "--output", "new/folder/")[0] == 0
    assert sorted(path.name for path in Path("new/folder").iterdir()) == files
    Path("there").mkdir()
    assert call(*files, "--output", "there", "--report", "r.json")[0] == 0
    assert sorted(path.name for path in Path("there").iterdir()) == files
    assert call(*files, "--output", ".")[0] == 0
    assert Path("a.denoised.wav").exists()


def test_a_folder_that_was_made_for_nothing_is_removed(call, folder):
    (folder / "a.wav").write_bytes(b"no sound")
    assert call("a.wav", "--output", "out/clean/")[0] == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("files", [["a.wav"], ["a.wav", "b.flac"]])
def test_a_dry_run_of_files_lists_what_they_become(three_files, monkeypatch, capsys, files):
    monkeypatch.setattr(sys, "argv", ["denoise-stream", *files, "--dry-run"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert (ended.value.code or 0, printed.err.count("dry run, nothing is written")) == (0, 1)
    assert "a.wav -> a.denoised.wav\n" in printed.out
    assert not list(Path().glob("*.denoised.*"))


def test_an_archive_of_arrays_is_refused_with_what_to_do(call, folder):
    np.savez("e.npz", ecg=np.zeros(9), fs_hz=360)
    status, message = call("e.npz")
    assert (status, message.count("\n")) == (2, 1)
    assert "numpy.save('signal.npy', numpy.load('e.npz')['ecg or fs_hz'])" in message


def test_a_picture_is_written_in_the_format_of_its_name(call, folder):
    np.save("a.npy", np.random.default_rng(0).normal(size=900))
    for name, start in (("p.svg", b"<?xml"), ("p.pdf", b"%PDF"), ("p.png", b"\x89PNG")):
        assert call("a.npy", "--force", "--plot", name)[0] == 0
        assert Path(name).read_bytes().startswith(start)
    status, message = call("a.npy", "--force", "--plot", "p.doc")
    assert (status, "pictures are written as png, svg, pdf, jpg" in message) == (2, True)
    assert not Path("p.doc").exists()


def test_a_column_is_found_without_its_unit(call, folder):
    rows = "".join(f"{n / 100},{n % 7}.5,{n % 5}.5\n" for n in range(300))
    Path("e.csv").write_text(f"time (s),ECG (mV),Resp [au]\n{rows}")
    status, message = call("e.csv", "--columns", "ecg")
    assert status == 0, message
    assert "column ECG (mV)" in message
    status, message = call("e.csv", "--force", "--columns", "Rasp [au]")
    assert (status, "did you mean 'Resp [au]'?" in message) == (1, True), message


def test_filters_beside_the_model_are_in_the_summary_and_the_report(call, folder):
    np.save("a.npy", np.random.default_rng(0).normal(size=900))
    status, message = call("a.npy", "--rate", "1000", "--notch", "50", "--report", "r.json")
    assert (status, "notch 50 Hz and harmonics" in message) == (0, True), message
    assert json.loads(Path("r.json").read_text())["notch_hz"] == 50
