"""The C source against onnxruntime, in turns on one core: `python benchmarks/bench_c.py [MODEL ...]`."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from denoise_export.to_c.source import write_c
from denoise_stream import Denoiser, bundled_models

EXAMPLES = Path(__file__).parents[1] / "export" / "embed" / "c"
FLAGS = ["-std=c99", "-O3", "-march=native", "-ffp-contract=fast"]
ROUNDS = 5
WINDOWS = 400


def runtime_us(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray]) -> float:
    """Return onnxruntime's CPU time for one window, in microseconds."""
    start = time.process_time()
    for _ in range(WINDOWS):
        session.run(None, feed)
    return 1e6 * (time.process_time() - start) / WINDOWS


def bench(name: str, path: Path, folder: Path) -> None:
    """Print one model's figures."""
    contract = Denoiser(path).contract
    _, costs = write_c(path, folder, force=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    sizes = {"noisy": contract.window} | ({"state": contract.state_size} if contract.state_size else {})
    sizes |= {"context": contract.context_size} if contract.context_size else {}
    feed = {key: np.random.default_rng(0).random((1, size), np.float32) for key, size in sizes.items()}
    programs: dict[str, Path] = {}
    for compiler in filter(shutil.which, ("gcc", "clang")):
        programs[compiler] = folder / compiler
        sources = [EXAMPLES / "bench.c", folder / "denoise.c"]
        command = [compiler, *FLAGS, "-s", f"-I{folder}", *sources, "-lm", "-o", programs[compiler]]
        subprocess.run(command, check=True)
    runtime, best, state = np.inf, dict.fromkeys(programs, np.inf), ""
    for _ in range(ROUNDS):
        runtime = min(runtime, runtime_us(session, feed))
        for compiler, program in programs.items():
            time_us, state, _ = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
            best[compiler] = min(best[compiler], float(time_us))
    print(f"{name}: onnxruntime {runtime:.1f} us a window at batch 1")
    for compiler, time_us in best.items():
        size = programs[compiler].stat().st_size / 1024
        print(f"  C, {compiler:<5} {time_us:6.1f} us a window ({time_us / runtime:.2f} x), program {size:.0f} KiB")
    print(f"  constants {costs['weights'] / 1024:.0f} KiB, RAM {int(state) / 1024:.1f} KiB a channel")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for word in sys.argv[1:] or bundled_models():
            bench(word, bundled_models().get(word, Path(word)), Path(made))
