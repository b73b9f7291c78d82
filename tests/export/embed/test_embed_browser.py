"""The page in real Chromium: the engine's samples, less noise from the microphone, and not a byte to anybody else."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

import onnx_models
from denoise_export.to_wasm.module import write_wasm
from denoise_stream import Denoiser, bundled_models
from embed import EMBED, load_module, need, need_packages

PAGE = EMBED / "browser"
SAMPLE = EMBED.parents[1] / "samples" / "speech_noisy.wav"
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def servers(wasm_modules, tmp_path_factory) -> Iterator[list[str]]:
    """Serve the freshly built page with and without the headers of cross-origin isolation; return both addresses."""
    need("chromium")
    need_packages(PAGE)
    modules = tmp_path_factory.mktemp("page") / "modules"
    shutil.copytree(wasm_modules, modules)
    write_wasm(bundled_models()["general"], modules)
    subprocess.run(["node", "build.mjs", str(modules)], cwd=PAGE, check=True, timeout=120)
    made = [load_module(PAGE / "serve.py").serve(isolated=isolated) for isolated in (True, False)]
    for server in made:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"http://localhost:{server.server_port}/" for server in made]
    for server in made:
        server.shutdown()
        server.server_close()


def clean_signal(length: int) -> np.ndarray:
    time_s = np.arange(length) / RATE_HZ
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 2.1 * time_s)
    return 0.25 * swell * np.sin(2 * np.pi * 170 * time_s + 3 * np.sin(2 * np.pi * 0.7 * time_s))


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fixtures")
    rng = np.random.default_rng(0)
    clean = clean_signal(6 * RATE_HZ)
    soundfile.write(folder / "noisy.wav", clean + rng.normal(0, 0.08, clean.shape), RATE_HZ, "PCM_16")
    soundfile.write(folder / "short.wav", rng.normal(0, 0.2, (1037, 2)), RATE_HZ, "FLOAT")
    left, right = np.cumsum(rng.normal(size=(2, 500)), axis=1)
    rows = [f"{n / 50:.2f},{left[n]:.4f},note {n},{'' if n == 77 else f'{right[n]:.4f}'}" for n in range(500)]
    (folder / "sensor.csv").write_text("\r\n".join(["time,left,remark,right", *rows, ""]), newline="")
    onnx_models.leaky_mean(folder / "memory.onnx")
    onnx_models.in_context(folder / "context.onnx")
    onnx_models.identity(folder / "slow.onnx", sample_rate_hz="8000")
    onnx_models.identity(folder / "broken.onnx", hop="400")
    small = onnx.load(bundled_models()["general-small"])
    next(item for item in small.metadata_props if item.key == "sample_rate_hz").value = "16000"
    onnx.save(small, folder / "small16.onnx")
    return folder


PAGE_TESTS = [
    *re.findall(r'^test\("(.*?)"', (PAGE / "test" / "page.test.js").read_text(), re.MULTILINE),
    *(f"a dropped model denoises the microphone through {link}" for link in ("shared memory", "messages")),
    *(f"the page fits {width} pixels in {scheme} colours" for width in (1200, 390) for scheme in ("light", "dark")),
]
PARALLEL_TESTS = [
    "the page opens with a denoised example of speech, in less than 1.5 MB",
    "the thread of dropped models reproduces the test vectors",
    "a dropped table is denoised column by column, and every other cell stays",
    "wrong files are refused in words, and the page goes on",
    "the microphone is denoised on the audio thread, at the rate of the device",
]
"""The others run alone: a fresh page each, and sound in real time."""


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """Return the folder for the files of the tests in the browser."""
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def parallel(servers, fixtures, vectors, output) -> str:
    """Run the tests in the browser that need not run alone; return their output."""
    return run_page_tests(PARALLEL_TESTS, servers, fixtures, vectors, output)


@pytest.fixture(scope="module")
def others(servers, fixtures, vectors, output) -> str:
    return run_page_tests(
        [name for name in PAGE_TESTS if name not in PARALLEL_TESTS], servers, fixtures, vectors, output
    )


def run_page_tests(names: list[str], servers: list[str], fixtures: Path, vectors: dict[str, Path], output: Path) -> str:
    places = {"FIXTURES": fixtures, "OUTPUT": output, "VECTORS": vectors["general"].parent}
    environment = {name: str(path) for name, path in places.items()}
    environment |= {"ISOLATED_URL": servers[0], "PLAIN_URL": servers[1], "CHROMIUM": str(shutil.which("chromium"))}
    patterns = [f"--test-name-pattern=/^{re.escape(name)}$/" for name in names]
    command = ["node", "--test", "--test-reporter=tap", *patterns, "test/page.test.js"]
    done = subprocess.run(
        command, cwd=PAGE, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=900
    )
    return done.stdout + done.stderr


def check_passed(name: str, said: str) -> None:
    assert re.search(rf"^ok \d+ - {re.escape(name)}$", said, re.MULTILINE), said[-6000:]


def test_parts_of_the_page_that_need_no_browser():
    need("node")
    command = ["node", "--test", "--test-reporter=tap", "test/parts.test.js"]
    done = subprocess.run(command, cwd=PAGE, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARALLEL_TESTS)
def test_in_the_browser(parallel, name):
    check_passed(name, parallel)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("name", [name for name in PAGE_TESTS if name not in PARALLEL_TESTS])
def test_in_the_browser_at_length(others, name):
    check_passed(name, others)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(("name", "model"), [("short", "speech"), ("memory", None), ("context", None)])
def test_wav_file_from_the_page_holds_the_samples_of_the_engine(output, fixtures, name, model):
    noisy, _ = soundfile.read(fixtures / "short.wav", dtype="float32")
    found, rate_hz = soundfile.read(output / f"{name}.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    assert soundfile.info(output / f"{name}.wav").subtype == "FLOAT"
    np.testing.assert_allclose(
        found, Denoiser(model or fixtures / f"{name}.onnx").denoise(noisy, sample_rate_hz=RATE_HZ), atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.usefixtures("parallel")
def test_table_from_the_page_holds_the_numbers_of_the_engine_and_every_other_cell(output, fixtures):
    before, after = (
        path.read_bytes().decode().split("\r\n") for path in (fixtures / "sensor.csv", output / "sensor.csv")
    )
    assert (len(after), after[0], after[-1]) == (502, before[0], "")
    rows = [[line.split(",") for line in lines[1:-1]] for lines in (before, after)]
    assert [row[::2] for row in rows[0]] == [row[::2] for row in rows[1]]
    assert rows[1][77][3] == ""
    noisy, clean = (np.array([[float(row[i] or "nan") for i in (1, 3)] for row in table]) for table in rows)
    np.testing.assert_allclose(clean, Denoiser("general").denoise(noisy), atol=1e-5 * np.nanmax(np.abs(noisy)))


@pytest.mark.slow
@pytest.mark.usefixtures("parallel")
@pytest.mark.parametrize(("name", "model"), [("example", "speech"), ("removed", "general")])
def test_number_of_the_page_is_that_of_the_program(output, fixtures, call, tmp_path, name, model):
    file = SAMPLE if name == "example" else fixtures / "sensor.csv"
    columns = () if name == "example" else ("--columns", "left")
    _, said = call(file, "--model", model, "--output", tmp_path / f"out{file.suffix}", *columns)
    assert f"{(output / f'{name}.txt').read_text()} of the variation removed" in said


def snr_db(heard: np.ndarray) -> float:
    """Return the SNR of what was heard, in pieces that are laid on the clean signal where they fit best: that of the
    better pieces, the upper quartile, since a busy machine cuts some.
    """
    clean = np.tile(clean_signal(6 * RATE_HZ), 2)
    size = RATE_HZ // 12
    found = []
    for start in range(0, len(heard) - size, size // 4):
        piece = heard[start : start + size]
        if np.count_nonzero(piece) < size - 8:
            continue  # before the start, or a missed block
        spectrum = np.fft.rfft(clean) * np.conj(np.fft.rfft(piece, len(clean)))
        place = int(np.argmax(np.fft.irfft(spectrum)[: len(clean) - size]))
        wanted = clean[place : place + size]
        wanted = wanted * (piece @ wanted) / (wanted @ wanted)
        found.append(10 * np.log10(np.mean(wanted**2) / np.mean((piece - wanted) ** 2)))
    assert len(found) >= 4
    return float(np.percentile(found, 75))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("link", ["shared", "messages"])
def test_what_the_page_plays_has_less_noise_than_what_the_microphone_hears(output, link):
    original, denoised = (np.fromfile(output / f"{name}.f32", "<f4") for name in ("original", f"denoised-{link}"))
    gain_db = snr_db(denoised) - snr_db(original)
    # The browser resamples what it plays to the page as a microphone, which colours the noise.
    engine_gain_db = snr_db(Denoiser("general-small").denoise(original)) - snr_db(original)
    print(f"SNR gain of what the page plays: {gain_db:.1f} dB, of the engine on the same: {engine_gain_db:.1f} dB")
    assert gain_db > 2
    assert gain_db > engine_gain_db - 1.5
