"""Signals end the program in time, even in the middle of a computation, and no partial file stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from onnx import TensorProto, helper

import onnx_models
from denoise_stream.files.paths import whole_file
from programs import PROGRAM, noise


@pytest.fixture
def endless(folder) -> Path:
    """A network whose loop never ends."""
    shape = [None, 150]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["again"]), helper.make_node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, shape),
        ],
    )
    loop = helper.make_node("Loop", ["", "yes", "noisy"], ["clean"], body=body)
    noisy, clean = onnx_models.tensor("noisy", 150), onnx_models.tensor("clean", 150)
    return onnx_models.save(folder / "endless.onnx", [loop], [noisy], [clean], {"yes": np.array(True)})


def start(*arguments: object) -> subprocess.Popen[bytes]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while not list(Path().glob(".partial-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(1.0)  # now it computes
    return process


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize(
    "moment", ["atexit.register(end)", "sys.modules['late'] = type('Late', (), {'__del__': end})()"]
)
def test_signal_after_the_work_is_done_does_not_make_it_fail(folder, kind, moment):
    code = (
        "import atexit, os, sys\nfrom denoise_start import stream\n"
        f"def end(late=None, kill=os.kill, process=os.getpid()):\n    kill(process, {getattr(signal, kind):d})\n"
        f"{moment}\nstream()"
    )
    Path("a.csv").write_text("v\n" + "1.5\n2.5\n" * 200)
    done = subprocess.run(
        [sys.executable, "-c", code, "a.csv", "--quiet"], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("a.denoised.csv").is_file()


@pytest.mark.parametrize(("kind", "status"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_signal_ends_a_network_that_never_ends(folder, endless, kind, status):
    soundfile.write("a.wav", noise(16_000), 16_000)
    process = start("--input", "a.wav", "--model", endless)
    process.send_signal(getattr(signal, kind))
    assert process.wait(20) == status
    assert b"Traceback" not in process.communicate()[1]
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "endless.onnx"]


def test_leftovers_of_a_killed_run_are_removed_by_the_next(folder, call, models, endless):
    soundfile.write("a.wav", noise(16_000), 16_000)
    process = start("--input", "a.wav", "--model", endless)
    process.kill()
    process.communicate()
    (left,) = Path().glob(".partial-*")
    other = Path(".partial-01234567-b.wav")
    other.write_bytes(b"of another output")
    for path in (left, other):
        os.utime(path, (1, 1))
    assert call("--input", "a.wav", "--model", models["identity"])[0] == 0
    assert list(Path().glob(".partial-*")) == [other]


def test_unfinished_file_of_a_running_program_stays(folder, models):
    soundfile.write("a.wav", noise(16_000), 16_000)
    with whole_file(Path("a.denoised.wav")) as partial:
        os.utime(partial, (1, 1))
        arguments = ["--input", "a.wav", "--model", str(models["identity"]), "--quiet"]
        subprocess.run([*PROGRAM, *arguments], check=True, timeout=60)
        assert partial.exists()


@pytest.mark.parametrize(("kind", "status", "said"), [("SIGTERM", 143, b""), ("SIGINT", 130, b"interrupted\n")])
@pytest.mark.parametrize("error", ["ImportError('initialization failed')", "ModuleNotFoundError('no module')"])
def test_import_that_a_signal_breaks_off_ends_the_run_as_the_signal_asks(folder, kind, status, said, error):
    soundfile.write("a.wav", noise(1000), 16_000)
    Path("onnxruntime.py").write_text(
        "import os, signal, time\n"
        f"try:\n    os.kill(os.getpid(), signal.{kind})\n    time.sleep(10)\n"
        f"except BaseException as stop:\n    raise {error} from stop\n"
    )
    process = subprocess.run(
        [*PROGRAM, "a.wav"], capture_output=True, timeout=60, env={**os.environ, "PYTHONPATH": str(folder)}
    )
    assert (process.returncode, process.stderr[-len(said) :] if said else process.stderr) == (status, said)
    assert b"Traceback" not in process.stderr


@pytest.mark.parametrize("program", ["stream", "train", "evaluate", "export"])
@pytest.mark.parametrize(("kind", "status"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGHUP", 129)])
def test_signal_while_modules_load_ends_every_program_without_a_traceback(folder, program, kind, status):
    Path("numpy.py").write_text(f"import os, signal, time\nos.kill(os.getpid(), signal.{kind})\ntime.sleep(60)\n")
    process = subprocess.run(
        [sys.executable, "-c", f"from denoise_start import {program}; {program}()", "a.wav"],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert (process.returncode, process.stderr) == (status, b"")
