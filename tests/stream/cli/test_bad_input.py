"""Mistakes and accidents: one sentence each, and nothing left behind."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from programs import PROGRAM, noise, pipe


def make_bad_inputs() -> None:
    soundfile.write("good.wav", noise(2000), 16000)
    whole = Path("good.wav").read_bytes()
    Path("cut.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write("good.flac", noise(60000), 16000)
    Path("cut.flac").write_bytes(Path("good.flac").read_bytes()[:40000])
    Path("header.wav").write_bytes(whole[:44])
    Path("empty.wav").write_bytes(b"")
    os.mkfifo("fifo.csv")
    Path("empty.csv").write_bytes(b"")
    Path("picture.wav").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    Path("text.csv").write_text("t,v\n0,1.5\n1,oops\n2,1.2\n3,1.1\n")
    Path("ragged.csv").write_text("t,v\n0,1.5\n1\n2,1.2\n")
    Path("words.csv").write_text("a,b\nx,y\nz,w\n")
    Path("good.csv").write_text("t,v\n0,1.5\n1,1.7\n2,1.2\n")
    Path("below.csv").write_text("\nt,v\n0,1.5\n1,1.7\n2,1.2\n")
    Path("largest.csv").write_text("v\n1.5\n1.7e308\n-1.7e308\n1.2e308\n1.1\n")
    Path("turned.csv").write_text("\u202ev\u2066\n1.5\n1.7\n1.2\n")
    Path("infinite.csv").write_text("t,v\n0,1.5\n1,inf\n2,1.2\n")
    infinite = noise(2000)
    infinite[1234] = np.inf
    soundfile.write("infinite.wav", infinite, 16000, subtype="FLOAT")
    Path("weights.onnx").write_bytes(b"PK\x03\x04" + bytes(100))
    Path("there.wav").write_bytes(b"keep me")
    Path("folder").mkdir()


BAD = [
    (["--input", "missing.wav"], 1, "cannot read missing.wav: No such file or directory"),
    (["--input", "folder"], 2, "--input folder is many files; name the folder for the results with --output"),
    (["--input", "empty.wav"], 1, "empty.wav is empty"),
    (["--input", "empty.csv"], 1, "empty.csv is empty"),
    (["--input", "cut.wav"], 1, "cut.wav is cut short: its header promises 2000 samples, 989 are there"),
    (["--input", "header.wav"], 1, "header.wav is cut short: its header promises 2000 samples, 0 are there"),
    (["--input", "fifo.csv"], 1, "fifo.csv is not a regular file; pipe it in: --input - with --format"),
    (["--input", "good.wav", "--output", "a.raw"], 2, "'.raw' is not a known audio format"),
    (["--input", "good.csv", "--output", "a.tsv"], 2, "the format stays as it is; end the name in .csv"),
    (["--input", "cut.flac"], 1, "cut.flac is cut short: its header promises 60000 samples"),
    (["--input", "picture.wav"], 1, "picture.wav is not audio that libsndfile reads"),
    (["--input", "text.csv"], 1, "text.csv, line 3, column 'v': 'oops' is not a number"),
    (["--input", "ragged.csv"], 1, "ragged.csv, line 3: 1 columns, the others have 2"),
    (["--input", "words.csv"], 1, "words.csv has no numeric column"),
    (["--input", "good.csv", "--columns", "w"], 1, "good.csv has no column 'w'; it has t, v"),
    (["--input", "infinite.csv"], 1, "infinite.csv, line 3, column 'v': 'inf' is not finite"),
    (["--input", "infinite.wav"], 1, "infinite.wav: sample 1234 is inf"),
    (["--input", "good.wav", "--output", "there.wav"], 1, "there.wav exists; use --force to replace it"),
    (["--input", "good.wav", "--report", "there.wav"], 1, "there.wav exists; use --force"),
    (["--input", "good.wav", "--plot", "there.wav"], 2, "there.wav ends in .wav, and pictures are written as png"),
    (["--input", "good.wav", "--output", "good.wav"], 1, "good.wav is the input itself"),
    (["--input", "good.wav", "--output", "./good.wav", "--force"], 1, "good.wav is the input itself"),
    (["--input", "good.wav", "--output", "nowhere/a.wav"], 1, "does not exist"),
    (["--input", "good.wav", "--output", "/dev/null", "--force"], 1, "/dev/null is not a regular file"),
    (["--input", "good.wav", "--output", ""], 2, "--output is empty; name a file or a folder"),
    (["--input", "good.wav", "--output", "a.xyz"], 2, "'.xyz' is not a known audio format"),
    (["--input", "good.wav", "--output", "a.csv"], 2, "audio stays audio; end the name in .wav"),
    (["--input", "good.csv", "--output", "a.wav"], 2, "a table stays a table; end the name in .csv"),
    (["--input", "good.wav", "--model", "nope"], 1, "model 'nope' is neither a file nor a bundled model"),
    (["--input", "good.wav", "--model", "weights.onnx"], 1, "weights.onnx is not an ONNX model"),
    (["--input", "good.wav", "--hop", "0"], 2, "--hop 0 is shorter than one sample; use 1 to 150"),
    (["--input", "good.wav", "--mix", "80"], 2, "--mix 80 is out of range; use 0 (input unchanged) to 1"),
    (["--input", "good.csv", "--notch", "50", "--columns", "v", "--rate", "0"], 2, "--rate 0 is not a valid sample"),
    (["--input", "good.wav", "--hop", "151"], 2, "--hop 151 is longer than the window of 150 samples; use 1 to 150"),
    (["--input", "good.wav", "--hop", "half"], 2, "'half' is not a valid integer"),
    (["--input", "good.wav", "--mix", "2"], 2, "--mix 2 is out of range"),
    (["--input", "good.wav", "--max-attenuation", "-3"], 2, "--max-attenuation -3 is out of range"),
    (["--input", "good.wav", "--gate", "-3"], 2, "--gate -3 is out of range"),
    (["--input", "good.csv", "--gate", "20"], 2, "--gate 20 needs a speech model, which general is not"),
    (["--input", "good.wav", "--rate", "8000"], 2, "--rate applies to a raw pipe"),
    (["--input", "good.wav", "--channels", "2"], 2, "--channels applies to a raw pipe"),
    (["--input", "good.wav", "--columns", "v"], 2, "--columns applies to a table"),
    (["--input", "good.csv", "--rate", "-5"], 2, "--rate -5 is not a valid sample rate"),
    (["--input", "good.csv", "--rate", "1e-320"], 2, "--rate 1e-320 is not a valid sample rate; use 1e-100"),
    (["--input", "turned.csv", "--columns", "w"], 1, "turned.csv has no column 'w'; it has \\u202ev\\u2066"),
    (["--input", "good.wav", "--decimal", ","], 2, "--decimal applies to a table of text, which the input is not"),
    (["--input", "good.csv", "--header", "1", "--no-header"], 2, "--header and --no-header contradict each other"),
    (["--input", "good.csv", "--header", "0"], 2, "--header 0 is not a line; use 1 for the first line, or --no-header"),
    (["--input", "below.csv", "--header", "1"], 1, "below.csv, line 1 is empty, so --header 1 names no column"),
    (["--input", "good.csv", "--skip-rows", "-1"], 2, "--skip-rows -1 is negative; use 0 or more"),
    (["--input", "good.csv", "--skip-rows", "9"], 1, "good.csv is empty below the lines of its header"),
    (
        ["--input", "good.csv", "--delimiter", "::"],
        2,
        "'::' is not a delimiter; use a character, tab",
    ),
    (["--input", "good.csv", "--encoding", "idna"], 2, "--encoding idna is unknown; use utf-8, utf-16, cp1252"),
    (["--input", "good.csv", "--encoding", "utf-8\0"], 2, "is unknown; use utf-8, utf-16, cp1252"),
    (["--input", "largest.csv"], 1, "sample 1 is 1.7e+308; every sample must be a finite number up to 1e+300"),
    (["--input", "good.csv", "--encoding", "utf-99"], 2, "--encoding utf-99 is unknown; use utf-8, utf-16, cp1252"),
    (["--input", "good.csv", "--encoding", "hex"], 2, "--encoding hex is unknown"),
    (["--input", "-"], 2, "--input - needs --format csv, wav, s16le or f32le"),
    (["--input", "good.wav", "--format", "wav"], 2, "neither --input nor --output is '-'"),
    (["--input", "null"], 2, "a signal cannot go that way"),
    (["--input", "good.wav", "--plot", "a.png", "--report", "a.png"], 2, "name the same file"),
    (["--unknown"], 2, "No such option"),
    (["--input", "mic", "--output", "new/"], 2, "--output new/ is a folder, in which this input has no name"),
    (["--input", "-", "--format", "wav", "--output", "folder"], 2, "--output folder is a folder"),
    (["--input", "", "--output", "cleaned"], 2, "an input is empty; name a file"),
    ([], 2, "no input; name a file, a folder, '-' (standard input) or 'mic'"),
]


@pytest.mark.parametrize(("arguments", "status", "words"), BAD, ids=[" ".join(row[0]) or "nothing" for row in BAD])
def test_bad_input_gets_one_sentence_and_leaves_nothing_behind(folder, call, arguments, status, words):
    make_bad_inputs()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    found_status, message = call(*arguments)
    assert message.count("\n") == 1, message
    assert message.startswith("denoise-stream: ")
    assert words in message
    assert found_status == status
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert Path("/dev/null").is_char_device()


def test_another_hop_for_a_stateful_model_is_refused_as_wrong_usage(folder, call, models):
    soundfile.write("a.wav", noise(500), 16000)
    status, message = call("--input", "a.wav", "--model", models["recurrent"], "--hop", 50)
    assert (status, message.count("\n")) == (2, 1)
    assert "--hop 50 does not work with the model test, whose state advances by 75 samples a window" in message
    assert os.listdir() == ["a.wav"]


def test_folder_without_write_permission(folder):
    soundfile.write("a.wav", noise(2000), 16000)
    folder.chmod(0o555)
    if os.geteuid() == 0:  # who writes everywhere: the program runs as nobody, who may at least look for the folder
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o055)
    # A first run loads all modules: nobody may not be allowed to enter the folder that they lie in.
    code = (
        "import os, sys\nfrom denoise_stream.cli.main import main\n"
        "sys.argv = ['denoise-stream', '--quiet', '--input', 'a.wav', '--output', 'null']\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "if os.geteuid() == 0:\n    os.setgroups([])\n    os.setuid(65534)\n"
        "sys.argv[2:] = ['--input', 'a.wav']\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    folder.chmod(0o755)
    assert done.returncode == 1
    assert "is not writable" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_closed_standard_stream_is_named(closed):
    command = f"{sys.executable} -c 'from denoise_stream.cli.main import main; main()' --input - --format csv {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "the standard stream is closed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_truncated_raw_pipe_says_how_much_is_left_over():
    done = pipe(b"\0" * 1001, "--input", "-", "--format", "s16le", "--quiet")
    assert done.returncode == 1
    assert b"ends inside a sample: 1 bytes are left over" in done.stderr
    assert len(done.stdout) == 2 * 500  # what came before the mistake


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.parametrize("name", ["a.wav", "a.csv"])
def test_full_disk_leaves_no_output(folder, name):
    if name == "a.wav":
        soundfile.write(name, noise(100_000), 16000)
    else:
        Path(name).write_text("v\n" + "\n".join(f"{value:.6f}" for value in noise(20_000)) + "\n")
    done = pipe(b"", "--input", name, preexec_fn=limit_file_size)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"denoise-stream: " in done.stderr
    assert os.listdir() == [name]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_no_half_file(folder, models, number, status):
    soundfile.write("a.wav", noise(3_000_000), 16000)
    options = ["--input", "a.wav", "--model", "general", "--hop", "1", "--plot", "p.png", "--report", "r.json"]
    process = subprocess.Popen([*PROGRAM, *options], stderr=subprocess.PIPE)
    limit = time.monotonic() + 120
    while not list(folder.glob(".partial-*")) and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    _, message = process.communicate(timeout=30)
    assert process.returncode == status
    assert b"Traceback" not in message
    assert os.listdir() == ["a.wav"]
