"""The program: real files and pipes, formats kept, mistakes in one sentence with nothing left behind."""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from denoise_stream.cli import main

PROGRAM = [sys.executable, "-c", "from denoise_stream.cli import main; main()"]


def pipe(data: bytes, *arguments: object, **options) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60, **options)


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    shape = samples if channels == 1 else (samples, channels)
    return np.random.default_rng(seed).normal(0, 0.1, shape)


FORMATS = [
    ("a.wav", "PCM_16", 2e-5),
    ("a.wav", "PCM_24", 1e-6),
    ("a.wav", "PCM_U8", 5e-3),
    ("a.wav", "FLOAT", 1e-6),
    ("a.wav", "DOUBLE", 1e-6),
    ("a.flac", "PCM_16", 2e-5),
    ("a.flac", "PCM_24", 1e-6),
    ("a.aiff", "PCM_16", 2e-5),
    ("a.ogg", "VORBIS", 0.3),
]


@pytest.mark.parametrize(("name", "subtype", "tolerance"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_keeps_rate_channels_container_and_subtype(folder, call, models, name, subtype, tolerance, channels):
    soundfile.write(name, noise(22050, channels), 22050, subtype=subtype)
    status, _ = call("--input", name, "--model", models["smoother"])
    assert status == 0
    before, after = soundfile.info(name), soundfile.info(name.replace("a.", "a.denoised."))
    facts = ("samplerate", "channels", "frames", "format", "subtype", "endian")
    assert [getattr(after, fact) for fact in facts] == [getattr(before, fact) for fact in facts]
    signal_in, _ = soundfile.read(name)
    signal_out, _ = soundfile.read(name.replace("a.", "a.denoised."))
    expected = Denoiser(models["smoother"]).denoise(signal_in)
    assert np.abs(signal_out - np.clip(expected, -1, 1)).max() <= tolerance


def test_mix_zero_gives_the_same_samples_back(folder, call, models):
    soundfile.write("a.wav", noise(30000), 16000, subtype="PCM_24")
    assert call("--input", "a.wav", "--model", models["smoother"], "--mix", 0)[0] == 0
    assert (soundfile.read("a.wav")[0] == soundfile.read("a.denoised.wav")[0]).all()


def test_model_with_a_fixed_rate_gets_the_file_resampled_and_the_band_above_it_is_kept(folder, call, models):
    soundfile.write("a.wav", noise(48_000), 48_000, subtype="FLOAT")
    status, message = call("--input", "a.wav", "--model", models["identity_16k"], "--report", "r.json")
    assert status == 0
    assert "model test, hop 75 (by its gain above 8000 Hz), latency 544 samples (11.3 ms)" in message
    before, after = soundfile.read("a.wav")[0], soundfile.read("a.denoised.wav")[0]
    assert np.abs(after - before).max() < 1e-6
    report = json.loads(Path("r.json").read_text())
    assert (report["sample_rate_hz"], report["follows_above_hz"], report["latency_samples"]) == (48_000, 8_000, 544)


def test_no_more_is_taken_away_than_asked_for(folder, call, models):
    soundfile.write("a.wav", noise(8000), 16_000, subtype="FLOAT")
    model = ["--model", models["smoother"]]
    assert call("--input", "a.wav", *model, "--max-attenuation", 10, "--report", "r.json")[0] == 0
    limited, noisy = soundfile.read("a.denoised.wav")[0], soundfile.read("a.wav")[0]
    left = 10 ** (-10 / 20)
    expected = left * noisy + (1 - left) * Denoiser(models["smoother"]).denoise(noisy)
    assert np.abs(limited - expected).max() < 1e-6
    assert json.loads(Path("r.json").read_text())["max_attenuation_db"] == 10


@pytest.mark.parametrize("name", ["b.wav", "b.flac", "b.ogg", "b.mp3"])
def test_missing_values_become_silence_where_the_format_has_no_word_for_them(folder, call, models, name):
    samples = noise(20_000)
    samples[5000:5100] = np.nan
    soundfile.write("a.wav", samples, 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", name, "--model", models["identity"])[0] == 0
    result = soundfile.read(name)[0]
    assert np.isfinite(result[:4000]).all()
    assert result[4000:4990].std() > 0.05
    assert np.isnan(result[5000:5100]).all() if name == "b.wav" else np.isfinite(result).all()


def test_name_as_long_as_a_file_system_takes(folder, call, models):
    soundfile.write("a.wav", noise(500), 16000)
    name = "\u00e4" * 125 + ".flac"
    assert call("--input", "a.wav", "--output", name, "--model", models["identity"])[0] == 0
    assert soundfile.info(name).frames == 500


def test_picture_of_nothing_and_of_odd_names(folder, call):
    soundfile.write("a.wav", np.empty((0, 2)), 16000)
    assert call("--input", "a.wav", "--plot", "a.png")[0] == 0
    Path("b.csv").write_bytes(b"Temp \xb0C,$x$ and $y\n" + b"1.5,2\n7,1\n3,9\n" * 60)
    assert pipe(b"", "--input", "b.csv", "--plot", "b.png").returncode == 0
    assert Path("b.png").stat().st_size > 1000


def test_columns_with_a_comma_in_their_name_can_be_chosen(folder, call):
    Path("a.csv").write_text('"x, y",z\n' + "1.5,2\n7,1\n3,9\n" * 60)
    status, message = call("--input", "a.csv", "--columns", '"x, y"')
    assert status == 0
    assert "columns x, y" in message


def test_audio_without_an_extension_gets_a_neighbour(folder, call, models):
    soundfile.write("take", noise(500), 16000, format="WAV")
    assert call("--input", "take", "--model", models["identity"])[0] == 0
    assert soundfile.info("take.denoised").format == "WAV"


@pytest.mark.parametrize("samples", [1, 149, 150, 151])
def test_short_files_work(folder, call, samples):
    soundfile.write("a.wav", noise(samples), 16000)
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.info("a.denoised.wav").frames == samples


def test_wav_without_samples_gives_one_without_samples(folder, call):
    soundfile.write("a.wav", np.empty(0), 16000)
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.info("a.denoised.wav").frames == 0


def test_tags_are_kept(folder, call):
    with soundfile.SoundFile("a.wav", "w", 16000, 1) as file:
        file.title = "Harbour"
        file.write(noise(500))
    assert call("--input", "a.wav")[0] == 0
    assert soundfile.SoundFile("a.denoised.wav").title == "Harbour"


def test_another_extension_makes_another_container(folder, call, models):
    soundfile.write("a.wav", noise(5000), 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", "b.flac", "--model", models["identity"])[0] == 0
    assert (soundfile.info("b.flac").format, soundfile.info("b.flac").samplerate) == ("FLAC", 16000)


def test_table_is_denoised_in_its_signal_columns_only(folder, call):
    rng = np.random.default_rng(0)
    rows = [f"{index},{20 + rng.normal():.3f},x,{rng.normal():.2f}\r\n" for index in range(400)]
    Path("a.csv").write_bytes(("n,temp,note,acc\r\n" + "".join(rows)).encode())
    status, message = call("--input", "a.csv", "--columns", "temp", "--report", "r.json", "--plot", "p.png")
    assert status == 0
    assert "columns temp" in message
    after = Path("a.denoised.csv").read_bytes().decode()
    assert after.startswith("n,temp,note,acc\r\n")
    assert after.count("\r\n") == 401
    before_fields = [row.strip().split(",") for row in rows]
    after_fields = [row.split(",") for row in after.split("\r\n")[1:-1]]
    for column in (0, 2, 3):
        assert [row[column] for row in after_fields] == [row[column] for row in before_fields]
    values = np.array([float(row[1]) for row in before_fields])
    denoised = np.array([float(row[1]) for row in after_fields])
    np.testing.assert_allclose(denoised, Denoiser("general").denoise(values), atol=1e-9)
    report = json.loads(Path("r.json").read_text())
    assert report["columns"] == ["temp"]
    assert report["samples_in"] == report["samples_out"] == 400
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_report_holds_what_was_done(folder, call):
    soundfile.write("a.wav", noise(16000), 16000, subtype="FLOAT")
    assert call("--input", "a.wav", "--output", "null", "--report", "r.json", "--model", "general", "--hop", 50)[0] == 0
    report = json.loads(Path("r.json").read_text())
    expected = {"model": "general", "window": 150, "hop": 50, "latency_samples": 150, "latency_ms": 9.375}
    expected |= {
        "sample_rate_hz": 16000.0,
        "samples_in": 16000,
        "samples_out": 16000,
        "missing_samples": 0,
        "follows_above_hz": None,
    }
    assert {key: report[key] for key in expected} == expected
    assert report["rtf"] == pytest.approx(report["compute_time_s"])
    assert report["input_level"][0] == pytest.approx(-20, abs=0.2)
    assert report["level_unit"] == "dBFS"
    assert sorted(os.listdir()) == ["a.wav", "r.json"]


# ------------------------------------------------------------------------------------------- pipes


@pytest.mark.parametrize(("sample_format", "dtype"), [("s16le", "<i2"), ("f32le", "<f4")])
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_pipe_equals_the_whole_signal(models, sample_format, dtype, channels):
    samples = noise(5000, channels)
    data = (samples * 32768).astype(dtype) if dtype == "<i2" else samples.astype(dtype)
    options = ["--input", "-", "--format", sample_format, "--channels", channels, "--model", models["smoother"]]
    done = pipe(data.tobytes(), *options)
    assert done.returncode == 0, done.stderr
    result = np.frombuffer(done.stdout, dtype).reshape(data.shape)
    expected = Denoiser(models["smoother"]).denoise(data.astype(float))
    assert np.abs(result - expected).max() <= (1 if dtype == "<i2" else 1e-6)


def test_wav_pipe_in_and_out(folder, models):
    soundfile.write("a.wav", noise(5000, 2), 44100, subtype="PCM_16")
    done = pipe(Path("a.wav").read_bytes(), "--input", "-", "--format", "wav", "--model", models["identity"])
    assert done.returncode == 0, done.stderr
    Path("b.wav").write_bytes(done.stdout)
    assert (soundfile.read("b.wav")[0] == soundfile.read("a.wav")[0]).all()
    assert soundfile.info("b.wav").samplerate == 44100


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32"])
def test_wav_whose_header_was_written_before_the_end_was_known(folder, models, size, subtype):
    soundfile.write("a.wav", noise(5000), 16000, subtype=subtype)
    data = bytearray(Path("a.wav").read_bytes())
    start = data.index(b"data") + 4
    data[4:8] = struct.pack("<I", size)
    data[start : start + 4] = struct.pack("<I", size - 36)
    done = pipe(bytes(data), "--input", "-", "--format", "wav", "--model", models["identity"])
    assert done.returncode == 0, done.stderr
    Path("b.wav").write_bytes(done.stdout)
    assert np.abs(soundfile.read("b.wav")[0] - soundfile.read("a.wav")[0]).max() < 1e-7
    Path("streamed.wav").write_bytes(data)
    assert pipe(b"", "--input", "streamed.wav", "--model", models["identity"]).returncode == 0
    assert soundfile.info("streamed.denoised.wav").frames == 5000


def test_file_to_pipe_and_pipe_to_file(folder, models):
    soundfile.write("a.wav", noise(5000), 16000)
    out = pipe(b"", "--input", "a.wav", "--output", "-", "--format", "s16le", "--model", models["identity"]).stdout
    assert out == Path("a.wav").read_bytes()[-10000:]
    options = ["--input", "-", "--format", "s16le", "--rate", 16000, "--output", "b.wav", "--model", models["identity"]]
    assert pipe(out, *options).returncode == 0
    assert (soundfile.read("b.wav")[0] == soundfile.read("a.wav")[0]).all()


def test_pipe_of_lines_is_answered_line_by_line_with_the_models_latency(models):
    options = ["--input", "-", "--format", "csv", "--model", str(models["identity"]), "--hop", "1", "--quiet"]
    process = subprocess.Popen([*PROGRAM, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    received = b""

    def wait_for(lines: int) -> None:
        nonlocal received
        limit = time.monotonic() + 30
        while received.count(b"\n") < lines and time.monotonic() < limit:
            received += process.stdout.read() or b""  # type: ignore[union-attr]
            time.sleep(0.002)

    def send(value: float) -> None:
        process.stdin.write(f"{value}\n".encode())  # type: ignore[union-attr]

    values = np.round(np.random.default_rng(0).normal(size=160), 3)
    process.stdin.write(b"value\n")
    for value in values[:149]:
        send(value)
    time.sleep(1.0)
    wait_for(1)
    assert received in (b"value\n", b"")  # the header may wait for the rows that decide the columns
    for index in range(149, 160):
        send(values[index])
        wait_for(index - 149 + 2)
        assert received.count(b"\n") == index - 149 + 2
    process.stdin.close()
    process.wait(30)
    received += process.stdout.read() or b""
    process.stdout.close()
    numbers = [float(line) for line in received.split(b"\n")[1:-1]]
    np.testing.assert_allclose(numbers, values, atol=1e-5)


def test_reader_that_goes_away_ends_the_program_quietly(models):
    data = (b"v\n" + b"1.5\n2.5\n" * 200_000,)
    command = f"{sys.executable} -c 'from denoise_stream.cli import main; main()' --input - --format csv --quiet"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} --model {models['identity']} | head -2"],
        input=data[0],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == b"v\n1.5\n"
    assert done.stderr == b""
    assert done.returncode == 1


# -------------------------------------------------------------------------------------- bad input


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
    (["--input", "fifo.csv"], 1, "fifo.csv is no regular file; pipe it in: --input - with --format"),
    (["--input", "good.wav", "--output", "a.raw"], 2, "libsndfile knows no audio format '.raw'"),
    (["--input", "good.csv", "--output", "a.tsv"], 2, "a table keeps its delimiter; end the name in .csv"),
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
    (["--input", "good.wav", "--plot", "there.wav"], 1, "there.wav exists; use --force"),
    (["--input", "good.wav", "--output", "good.wav"], 1, "good.wav is the input itself"),
    (["--input", "good.wav", "--output", "./good.wav", "--force"], 1, "good.wav is the input itself"),
    (["--input", "good.wav", "--output", "nowhere/a.wav"], 1, "does not exist"),
    (["--input", "good.wav", "--output", "folder"], 1, "folder is not a regular file"),
    (["--input", "good.wav", "--output", "/dev/null", "--force"], 1, "/dev/null is not a regular file"),
    (["--input", "good.wav", "--output", "a.xyz"], 2, "libsndfile knows no audio format '.xyz'"),
    (["--input", "good.wav", "--output", "a.csv"], 2, "audio becomes audio"),
    (["--input", "good.csv", "--output", "a.wav"], 2, "a table becomes a table"),
    (["--input", "good.wav", "--model", "nope"], 1, "model 'nope' is neither a file nor a bundled model"),
    (["--input", "good.wav", "--model", "weights.onnx"], 1, "weights.onnx is not an ONNX model"),
    (["--input", "good.wav", "--hop", "0"], 2, "hop=0 is shorter than one sample; use 1 to 150"),
    (["--input", "good.wav", "--hop", "151"], 2, "hop=151 is longer than window=150; use 1 to 150"),
    (["--input", "good.wav", "--hop", "half"], 2, "'half' is not a valid integer"),
    (["--input", "good.wav", "--mix", "2"], 2, "mix=2.0 is out of range"),
    (["--input", "good.wav", "--max-attenuation", "-3"], 2, "max_attenuation_db=-3.0 is out of range"),
    (["--input", "good.wav", "--rate", "8000"], 2, "--rate describes a raw pipe"),
    (["--input", "good.wav", "--channels", "2"], 2, "--channels describes a raw pipe"),
    (["--input", "good.wav", "--columns", "v"], 2, "--columns describes a table"),
    (["--input", "good.csv", "--rate", "-5"], 2, "sample_rate_hz=-5.0 is no sample rate"),
    (["--input", "-"], 2, "--input - needs --format csv, wav, s16le or f32le"),
    (["--input", "good.wav", "--format", "wav"], 2, "neither --input nor --output is '-'"),
    (["--input", "null"], 2, "a signal cannot go that way"),
    (["--input", "good.wav", "--plot", "a.png", "--report", "a.png"], 2, "name the same file"),
    (["--unknown"], 2, "No such option"),
    ([], 2, "Missing option '-i' / '--input'"),
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
    assert "hop=50 does not go with the model test, whose memory goes on by 75 samples a window" in message
    assert os.listdir() == ["a.wav"]


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root writes everywhere")
def test_folder_without_write_permission(folder):
    soundfile.write("a.wav", noise(2000), 16000)
    folder.chmod(0o555)
    unprivileged = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for parent in folder.parents[:-2]:
        if unprivileged:
            parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run(
        [*unprivileged, *PROGRAM, "--input", "a.wav"], capture_output=True, text=True, check=False, timeout=60
    )
    folder.chmod(0o755)
    assert done.returncode == 1
    assert "is not writable" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_closed_standard_stream_is_named(closed):
    command = f"{sys.executable} -c 'from denoise_stream.cli import main; main()' --input - --format csv {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "the standard stream is closed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_truncated_raw_pipe_says_how_much_is_left_over():
    done = pipe(b"\0" * 1001, "--input", "-", "--format", "s16le", "--quiet")
    assert done.returncode == 1
    assert b"ends inside a sample: 1 bytes are left over" in done.stderr
    assert len(done.stdout) == 2 * 375  # what 500 samples have finished: five hops


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
    limit = time.monotonic() + 30
    while not list(folder.glob(".partial-*")) and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    _, message = process.communicate(timeout=30)
    assert process.returncode == status
    assert b"Traceback" not in message
    assert os.listdir() == ["a.wav"]


# --------------------------------------------------------------------------------- size and start


def peak_memory_mb(*arguments: object) -> float:
    code = (
        "from denoise_stream.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])\n"
    )
    command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout) / 1024


def test_memory_does_not_grow_with_the_file(folder, models):
    block = noise(48_000)
    for name, seconds in (("short.wav", 10), ("long.wav", 600)):
        with soundfile.SoundFile(name, "w", 48_000, 1) as file:
            for _ in range(seconds):
                file.write(block)
    options = ["--model", models["identity"], "--quiet", "--plot"]
    short = peak_memory_mb("--input", "short.wav", *options, "short.png")
    long = peak_memory_mb("--input", "long.wav", *options, "long.png")
    assert long < 350
    assert long - short < 15


def loaded_modules(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def test_import_loads_neither_tensorflow_nor_portaudio_nor_matplotlib():
    modules = loaded_modules("import denoise_stream")
    assert not modules & {"tensorflow", "keras", "matplotlib", "sounddevice", "onnxruntime", "denoise_train", "asyncio"}


def test_help_loads_neither_onnxruntime_nor_portaudio():
    code = (
        "import sys; sys.argv = ['denoise-stream', '--help']\n"
        "from denoise_stream.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    modules = loaded_modules(code)
    assert not modules & {
        "tensorflow",
        "sounddevice",
        "_sounddevice",
        "onnxruntime",
        "matplotlib",
        "soundfile",
        "asyncio",
    }


def test_denoising_loads_neither_portaudio_nor_matplotlib(folder):
    soundfile.write("a.wav", noise(2000), 16000)
    code = (
        "import sys; sys.argv = ['denoise-stream', '--input', 'a.wav', '--quiet']\n"
        "from denoise_stream.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not loaded_modules(code) & {"tensorflow", "sounddevice", "matplotlib", "rich"}


def test_models_are_listed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["denoise-stream", "--list-models"])
    with pytest.raises(SystemExit):
        main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["general", "general-small", "speech", "x2"]
    assert "window 150, hop 75, any rate" in lines[0]
