"""The npm package as it would be published: installed from its archive, run in Node and Chromium as printed."""

import os
import re
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser, bundled_models
from embed import EMBED, load_module, need, need_packages

NODE, BROWSER = EMBED / "node", EMBED / "browser"
IN_PAGE, IN_NODE = re.findall(r"```js\n(.*?)```", (NODE / "README.md").read_text(), re.DOTALL)
SPEECH = EMBED.parents[1] / "samples" / "speech_noisy.wav"
RATES_HZ = (48_000, 44_100, 16_000)

PAGE = """<!doctype html><meta charset="utf-8"><title>test</title><link rel="icon" href="data:,"><button>Start</button>
<script type="importmap">{"imports": {"denoise-stream": "./node_modules/denoise-stream/browser.js"}}</script>
"""
LISTENING = """
const heard = new AnalyserNode(context);
denoise.connect(heard);
const samples = new Float32Array(heard.fftSize);
self.peak = () => (heard.getFloatTimeDomainData(samples), Math.max(...samples));
"""
GIVEN = """
globalThis.noisy = Float32Array.from({ length: 9600 }, (_, n) => Math.sin(n / 9) + Math.sin(n * n));
globalThis.chunks = [noisy.slice(0, 1000), noisy.slice(1000)];
globalThis.play = (samples) => console.log(samples.length);
"""


@pytest.fixture(scope="module")
def app(wasm_modules, tmp_path_factory) -> Path:
    """Install the packed package, with two of its modules, in a folder of its own."""
    need("npm")
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(NODE, folder / "source", ignore=shutil.ignore_patterns("node_modules", "wasm"))
    kept = ("*.js", "*.ts", "speech.wasm", "general-small.wasm")
    files = [path for pattern in kept for path in wasm_modules.glob(pattern)]
    (folder / "source" / "wasm").mkdir()
    for path in files:
        shutil.copy(path, folder / "source" / "wasm")
    subprocess.run(["npm", "pack", "--silent"], cwd=folder / "source", check=True, timeout=60, capture_output=True)
    (archive,) = (folder / "source").glob("*.tgz")
    app = folder / "app"
    with tarfile.open(archive) as packed:
        packed.extractall(app / "node_modules", filter="data")
    (app / "node_modules" / "package").rename(app / "node_modules" / "denoise-stream")
    shutil.copy(wasm_modules / "speech.wasm", app)
    return app


@pytest.fixture(scope="module")
def signals() -> dict[int, np.ndarray]:
    """Return noisy signals by their rate in Hz."""
    rng, made = np.random.default_rng(0), {}
    for rate_hz in RATES_HZ:
        time_s = np.arange(rate_hz // 2) / rate_hz
        tone = 0.3 * np.sin(2 * np.pi * 200 * time_s + 4 * np.sin(2 * np.pi * 3 * time_s))
        made[rate_hz] = (tone + 0.05 * rng.normal(size=time_s.size)).astype("<f4")
    return made


@pytest.fixture(scope="module")
def rendered(app, signals, tmp_path_factory) -> tuple[str, Path]:
    """Run the tests in Chromium; return what they said, and the folder of what they left."""
    need("chromium")
    need_packages(BROWSER)
    fixtures, output = (tmp_path_factory.mktemp(name) for name in ("signals", "rendered"))
    (app / "index.html").write_text(PAGE)
    (app / "example.html").write_text(f'{PAGE}<script type="module">{IN_PAGE}{LISTENING}</script>')
    for rate_hz, noisy in signals.items():
        noisy.tofile(fixtures / f"{rate_hz}.f32")
    shutil.copy(SPEECH, fixtures / "noisy.wav")
    server = load_module(BROWSER / "serve.py").serve(folder=app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {"FIXTURES": str(fixtures), "OUTPUT": str(output), "CHROMIUM": str(shutil.which("chromium"))}
    environment["URL"] = f"http://localhost:{server.server_port}/"
    done = run("node", "--test", "--test-reporter=tap", "test/package.test.js", folder=BROWSER, **environment)
    server.shutdown()
    server.server_close()
    return done.stdout, output


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize(
    "name",
    [
        "a node of Web Audio gives the engine's samples on the audio thread, at any rate",
        "the example of the README denoises the microphone",
    ],
)
def test_package_in_the_browser(rendered, name):
    assert re.search(rf"^ok \d+ - {re.escape(name)}$", rendered[0], re.MULTILINE), rendered[0][-4000:]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_audio_thread_gives_the_samples_of_the_engine(rendered, signals, rate_hz):
    found = np.fromfile(rendered[1] / f"{rate_hz}.f32", "<f4").reshape(2, -1)
    end = len(signals[rate_hz]) - rate_hz // 40  # which the engine reflects, and the context follows by silence
    for channel, noisy in zip(found, (signals[rate_hz], signals[rate_hz][::-1]), strict=True):
        expected = Denoiser("speech").denoise(noisy, sample_rate_hz=rate_hz)
        assert np.abs(expected - noisy).max() > 0.05
        np.testing.assert_allclose(channel[:end], expected[:end], atol=1e-4)


@pytest.mark.slow
def test_example_of_the_package_runs_in_node_as_printed(app):
    (app / "given.mjs").write_text(GIVEN)
    done = run("node", "--import", "./given.mjs", "--input-type=module", "-e", IN_NODE, folder=app)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["900", "8625", "75"]


def test_example_of_the_guide_runs_in_node_as_printed(app):
    modules = app / "node_modules" / "denoise-stream" / "wasm"
    shutil.copy(modules / "general-small.wasm", app / "general.wasm")  # which is compiled in a third of the time
    example = re.search(r"```js\n(.*?)```", (EMBED / "README.md").read_text(), re.DOTALL)[1]
    (app / "given.mjs").write_text(f"{GIVEN}globalThis.chunk = chunks[0];")
    done = run("node", "--import", "./given.mjs", "--input-type=module", "-e", example, folder=app)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["900", "100"]


@pytest.mark.slow
def test_program_of_the_installed_package_denoises_a_file_as_printed(app, tmp_path):
    need_packages(NODE)
    (archive,) = (app.parent / "source").glob("*.tgz")
    (tmp_path / "package.json").write_text("{}")
    done = run("npm", "install", "--offline", "--ignore-scripts", "--no-audit", str(archive), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("onnxruntime-node", "onnxruntime-common"):
        (tmp_path / "node_modules" / name).symlink_to(NODE / "node_modules" / name)
    shutil.copy(bundled_models()["general"], tmp_path / "general.onnx")
    shutil.copy(SPEECH, tmp_path / "noisy.wav")
    (command,) = re.findall(r"^npx .*", (NODE / "README.md").read_text(), re.MULTILINE)
    done = run(*command.split(), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    noisy, clean = (soundfile.read(tmp_path / name)[0] for name in ("noisy.wav", "clean.wav"))
    np.testing.assert_allclose(clean, Denoiser("general").denoise(noisy), atol=2e-5)


def test_signal_of_another_rate_is_denoised_at_its_own_rate_to_its_last_sample(app, signals):
    signals[48_000].tofile(app / "noisy.f32")
    program = """
        import { readFile, writeFile } from "node:fs/promises";
        import { load } from "denoise-stream";
        const bytes = await readFile("noisy.f32");
        const noisy = Float64Array.from(new Float32Array(new Uint8Array(bytes).buffer));
        const denoiser = await load(new URL("speech.wasm", `file://${process.cwd()}/`));
        const clean = denoiser.denoise(noisy, { sampleRateHz: 48000 });
        const again = denoiser.channel(48000).process(noisy);
        if (again.clean.some((x, n) => n >= 543 && x !== clean[n - 543])) throw new Error("the channel differs");
        await writeFile("clean.f64", new Uint8Array(clean.buffer));
    """
    done = run("node", "--input-type=module", "-e", program, folder=app)
    assert (done.returncode, done.stderr) == (0, "")
    expected = Denoiser("speech").denoise(signals[48_000], sample_rate_hz=48_000)
    found = np.fromfile(app / "clean.f64")
    assert len(found) == len(expected)
    np.testing.assert_allclose(found[:-1200], expected[:-1200], atol=1e-4)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_package_names_what_an_onnx_file_needs_where_it_is_missing(app):
    program = (
        'import { load } from "denoise-stream"; await load("general.onnx").catch(({ message }) => console.log(message))'
    )
    done = run("node", "--input-type=module", "-e", program, folder=app)
    assert done.stdout == "general.onnx needs onnxruntime-node; run: npm install onnxruntime-node\n"


def test_types_of_the_package_hold(app):
    need_packages(NODE)
    shutil.copy(NODE / "test" / "types.ts", app)
    flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck"]
    done = run("node", str(NODE / "node_modules" / "typescript" / "bin" / "tsc"), *flags, "types.ts", folder=app)
    assert done.returncode == 0, done.stdout
