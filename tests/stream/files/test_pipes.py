"""The program in pipes: raw samples, WAV and lines come in, and go out as soon as they are finished."""

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from programs import PROGRAM, noise, pipe, pipe_here


@pytest.mark.parametrize(("sample_format", "dtype"), [("s16le", "<i2"), ("f32le", "<f4")])
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_pipe_equals_the_whole_signal(models, sample_format, dtype, channels):
    samples = noise(5000, channels)
    data = (samples * 32768).astype(dtype) if dtype == "<i2" else samples.astype(dtype)
    options = ["--input", "-", "--format", sample_format, "--channels", channels, "--model", models["smoother"]]
    done = pipe_here(data.tobytes(), *options)
    assert done.returncode == 0, done.stderr
    result = np.frombuffer(done.stdout, dtype).reshape(data.shape)
    expected = Denoiser(models["smoother"]).denoise(data.astype(float))
    assert np.abs(result - expected).max() <= (1 if dtype == "<i2" else 1e-6)


def test_raw_pipe_of_unknown_rate_has_the_models(folder, models):
    data = noise(3000).astype("<f4").tobytes()
    done = pipe_here(data, "--input", "-", "--format", "f32le", "--output", "a.wav", "--model", models["identity_16k"])
    assert done.returncode == 0, done.stderr
    assert soundfile.info("a.wav").samplerate == 16_000
    done = pipe_here(data, "--input", "-", "--format", "f32le", "--output", "b.wav", "--model", models["smoother"])
    assert done.returncode == 2
    assert b"--output b.wav needs a sample rate; state it with --rate HZ" in done.stderr


def test_signalling_nan_is_a_missing_value_without_a_warning(models):
    data = np.frombuffer(np.array([1, 2, 0x7FA00000, 4] * 100, "<u4").tobytes(), "<f4").tobytes()
    done = pipe(data, "--input", "-", "--format", "f32le", "--quiet", "--model", models["smoother"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert np.isnan(np.frombuffer(done.stdout, "<f4")).sum() == 100


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
    done = pipe_here(bytes(data), "--input", "-", "--format", "wav", "--model", models["identity"])
    assert done.returncode == 0, done.stderr
    Path("b.wav").write_bytes(done.stdout)
    assert np.abs(soundfile.read("b.wav")[0] - soundfile.read("a.wav")[0]).max() < 1e-7
    Path("streamed.wav").write_bytes(data)
    assert pipe_here(b"", "--input", "streamed.wav", "--model", models["identity"]).returncode == 0
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
        limit = time.monotonic() + 120
        while received.count(b"\n") < lines and time.monotonic() < limit:
            received += process.stdout.read() or b""  # type: ignore[union-attr]
            time.sleep(0.002)

    def send(value: float) -> None:
        process.stdin.write(f"{value}\n".encode())  # type: ignore[union-attr]

    values = np.round(np.random.default_rng(0).normal(size=160), 3)
    process.stdin.write(b"value\n")
    for value in values[:149]:
        send(value)
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


def test_log_that_is_followed_is_answered_while_it_grows(folder, models):
    rows = [f"{number},{value:.4f}" for number, value in enumerate(noise(400))]
    log = folder / "log.csv"
    log.write_text("\n".join(["t,v", *rows[:300], ""]))
    with (
        subprocess.Popen(["tail", "-n", "+1", "-f", log], stdout=subprocess.PIPE) as tail,
        subprocess.Popen(
            [*PROGRAM, "--input", "-", "--format", "csv", "--model", models["identity"]],
            stdin=tail.stdout,
            stdout=subprocess.PIPE,
            text=True,
        ) as program,
    ):
        try:
            answered = [program.stdout.readline() for _ in range(100)]
            with log.open("a") as file:
                file.write("\n".join([*rows[300:], ""]))
            answered += [program.stdout.readline() for _ in range(100)]
        finally:
            tail.kill()
    assert [line.partition(",")[0] for line in answered] == ["t", *(str(number) for number in range(199))]


def test_a_live_pipe_survives_a_bad_row_below_a_preamble(models):
    """Rows above it are answered first; it is passed on in its place, and rows below it are denoised."""
    values = np.round(np.random.default_rng(0).normal(20, 1, 500), 2)
    rows = [f"{index};{value:.2f}".replace(".", ",") for index, value in enumerate(values)]
    lines = ["Logger 7", "", "n;temp", *rows[:300], "300;broken", *rows[300:]]
    data = "".join(f"{line}\r\n" for line in lines).encode()
    options = ["--input", "-", "--format", "csv", "--model", models["smoother"]]
    done = pipe(data, *options)
    assert done.returncode == 0
    assert b"1 bad row not denoised (standard input, line 304, column 'temp': 'broken' is not a number)" in done.stderr
    after = done.stdout.decode().split("\r\n")
    assert after[:3] == lines[:3]
    assert after[303] == "300;broken"
    del after[303]
    found = np.array([float(line.split(";")[1].replace(",", ".")) for line in after[3:-1]])
    expected = Denoiser(models["smoother"]).denoise(values)
    np.testing.assert_allclose(found, expected, atol=0.51e-3 + 1e-6)
    stopped = pipe_here(data, *options, "--on-bad-row", "stop")
    assert stopped.returncode == 1
    assert stopped.stdout.decode().split("\r\n")[3:-1] == [
        f"{index};{value:.3f}".replace(".", ",")
        for index, value in enumerate(Denoiser(models["smoother"]).denoise(values[:300]))
    ]


def test_reader_that_goes_away_ends_the_program_quietly(models):
    data = (b"v\n" + b"1.5\n2.5\n" * 200_000,)
    command = f"{sys.executable} -c 'from denoise_stream.cli.main import main; main()' --input - --format csv --quiet"
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
