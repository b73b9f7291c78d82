"""Print what a model costs live, in files, in a pool and compiled, beside onnxruntime alone: ``make bench``.

    PYTHONPATH=tests/helpers python benchmarks/bench_engine.py [MODEL ...] [--peer NAME=PATH ...]

CPU time of one core. All ways take turns in one run, so a machine whose speed drifts favours none; each figure is the
median of the rounds, each ratio the median of the rounds' ratios. A way whose compiler or package is missing is named.
The memory is what a process of its own reaches, Python and packages included (so those that only some ways need are
imported there); of the C program it is all it takes.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from denoise_stream import DenoiseError, Denoiser, StreamPool, bundled_models
from denoise_stream.engine.stages import BATCH_WINDOWS
from denoise_stream.model import Model

ROUNDS = 7
SECONDS = 10
RATE_HZ = 16_000
POOL_STREAMS = 20
CHUNK = 160
"""10 ms, as calls have it."""

C_EXAMPLE = Path(__file__).parents[1] / "export" / "embed" / "c" / "bench.c"
C_FLAGS = ["-std=c99", "-O3", "-march=native", "-ffp-contract=fast", "-s"]

NODE = """
import {{ load }} from "{script}";
import {{ readFileSync }} from "node:fs";
const denoiser = await load(readFileSync("{module}"));
const signal = new Float32Array({samples});
for (let at = 0; at < signal.length; ++at) signal[at] = Math.sin(at / 20) + 0.2 * Math.sin(at * at);
let best = Infinity;
for (let round = 0; round < 5; ++round) {{
  const before = process.cpuUsage();
  denoiser.denoise(signal);
  best = Math.min(best, process.cpuUsage(before).user / 1e6);
}}
console.log(best);
"""

Way = Callable[[], float]
"""Denoises the signal once and returns the CPU time that took, in s."""


def noisy_signal() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.sin(np.arange(RATE_HZ * SECONDS) / 20) + rng.normal(0, 0.2, RATE_HZ * SECONDS)


def timed(work: Callable[[], object]) -> Way:
    def way() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return way


def runtime_alone(model: Model, signal: np.ndarray, batch: int) -> Callable[[], None]:
    """Run the network on the signal's windows without an engine."""
    contract, session = model.contract, model._session
    windows = np.lib.stride_tricks.sliding_window_view(signal, contract.window)[:: contract.hop]
    low = windows.min(axis=1, keepdims=True)
    scaled = ((windows - low) / (windows.max(axis=1, keepdims=True) - low)).astype(np.float32)

    def work() -> None:
        state = model.initial_state(batch)
        for start in range(0, len(scaled), batch):
            rows = scaled[start : start + batch]
            if contract.state_size:
                _, state = session.run(None, {"noisy": rows, "state": state[: len(rows)]})
            elif contract.context_size:
                session.run(None, {"noisy": rows, "context": np.zeros((len(rows), contract.context_size), np.float32)})
            else:
                session.run(None, {"noisy": rows})

    return work


def hop_by_hop(denoiser: Denoiser, signal: np.ndarray) -> None:
    stream = denoiser.stream(sample_rate_hz=RATE_HZ)
    for start in range(0, len(signal), denoiser.hop):
        stream.process(signal[start : start + denoiser.hop])
    stream.flush()


def through_pool(model: Path, signal: np.ndarray) -> None:
    """Denoise several copies of the signal in one pool, 10 ms by 10 ms."""
    with StreamPool(model) as pool:
        streams = [pool.open(sample_rate_hz=RATE_HZ) for _ in range(POOL_STREAMS)]
        for start in range(0, len(signal), CHUNK):
            for stream in streams:
                stream.push(signal[start : start + CHUNK])
            for stream in streams:
                with suppress(TimeoutError):
                    stream.pull(timeout_s=0)
        for stream in streams:
            stream.end()
            for _ in stream:
                pass


def is_installed(program: str) -> bool:
    """Tell whether a program is installed; say so if it is not."""
    if shutil.which(program) is not None:
        return True
    print(f"  {program} is not installed")
    return False


def c_program(model: Path, compiler: str, folder: Path) -> Path | None:
    """Compile the C source of a model; None if the compiler is missing or the model has no C source."""
    from denoise_export.to_c.source import write_c

    if not is_installed(compiler):
        return None
    try:
        write_c(model, folder, force=True)
    except DenoiseError as error:
        print(f"  no C: {error}")
        return None
    program = folder / compiler
    command = [compiler, *C_FLAGS, f"-I{folder}", C_EXAMPLE, folder / "denoise.c", "-lm", "-o", program]
    subprocess.run(command, check=True)
    return program


def wasm_script(model: Path, folder: Path, samples: int) -> Path | None:
    """Write a script for Node that times the WebAssembly module; None without Node or a compiler for it."""
    from denoise_export.to_wasm.module import write_wasm

    if not is_installed("node"):
        return None
    try:
        module, _ = write_wasm(model, folder, force=True)
    except DenoiseError as error:
        print(f"  no WebAssembly: {error}")
        return None
    script = folder / "bench.mjs"
    script.write_text(NODE.format(script=folder / "denoise.js", module=module, samples=samples))
    return script


def printed(*command: str | Path) -> list[float]:
    """Run a program; return the numbers that it prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def memory_mb(model: Path, way: str) -> float:
    """Return the peak memory of a fresh process that goes one way with a model, in MB."""
    return printed(sys.executable, __file__, "--memory", way, model)[0]


def reach_memory(model: Path, way: str) -> None:
    """Go one way and print the peak memory of this process, in MB."""
    signal, denoiser = noisy_signal(), Denoiser(model)
    ways: dict[str, Callable[[], object]] = {
        "hop by hop": lambda: hop_by_hop(denoiser, signal),
        "file": lambda: denoiser.denoise(signal, RATE_HZ),
        f"pool of {POOL_STREAMS}": lambda: through_pool(model, signal),
    }
    ways[way]()
    status = Path("/proc/self/status").read_text().splitlines()  # getrusage counts the parent's memory before exec, too
    print(next(int(line.split()[1]) / 1000 for line in status if line.startswith("VmHWM")))


def ways_of(model: Path, folder: Path) -> Iterator[tuple[str, Way, str]]:
    """Yield the ways that a model can go: a name, what to time, and the memory in words."""
    signal, denoiser = noisy_signal(), Denoiser(model)
    network, hops = denoiser.model, len(signal) / denoiser.hop
    for batch in (1, 8, BATCH_WINDOWS):
        yield f"onnxruntime, batch {batch}", timed(runtime_alone(network, signal, batch)), ""
    for name, work in (
        ("hop by hop", lambda: hop_by_hop(denoiser, signal)),
        ("file", lambda: denoiser.denoise(signal, RATE_HZ)),
    ):
        yield name, timed(work), f"{memory_mb(model, name):.0f} MB"
    pool = f"pool of {POOL_STREAMS}"
    in_pool = timed(lambda: through_pool(model, signal))
    yield pool, lambda: in_pool() / POOL_STREAMS, f"{memory_mb(model, pool):.0f} MB"
    for compiler in ("gcc", "clang"):
        program = c_program(model, compiler, folder)
        if program is not None:
            state = printed(program)[1] / 1000
            size = program.stat().st_size / 1e6
            words = f"{size:.1f} MB + {state:.0f} kB a channel"
            yield f"C, {compiler}", lambda program=program: printed(program)[0] * hops / 1e6, words
    script = wasm_script(model, folder, len(signal))
    if script is not None:
        yield "WebAssembly in Node", lambda: printed("node", script)[0], ""


def peers(options: list[str]) -> Iterator[tuple[str, Way, str]]:
    """Yield other programs that clean speech: installed ones, and those of the options ``--peer``."""
    from denoise_train.evaluation.speech.peers.registry import load_peers, parse_peers

    signal = noisy_signal() * 0.1
    for enhancer in load_peers(parse_peers(options)):
        enhance = enhancer.enhance
        yield enhancer.name, timed(lambda enhance=enhance: enhance(signal)), ""


def print_table(title: str, ways: list[tuple[str, Way, str]], hop: int) -> None:
    """Let all ways take turns, and print a line for each; ratios are to the first."""
    for _, way, _ in ways:
        way()
    rounds = [[way() for _, way, _ in ways] for _ in range(ROUNDS)]
    print(f"{title:<26}{'us a hop':>10}{'RTF':>9}{'ratio':>8}   memory")
    for number, (name, _, memory) in enumerate(ways):
        seconds = statistics.median(times[number] for times in rounds)
        ratio = statistics.median(times[number] / times[0] for times in rounds)
        us = 1e6 * seconds * hop / (RATE_HZ * SECONDS)
        print(f"  {name:<24}{us:10.1f}{seconds / SECONDS:9.4f}{ratio:8.2f}   {memory}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what models cost.")
    parser.add_argument("models", nargs="*", default=[*bundled_models()])
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = [bundled_models().get(name, Path(name)) for name in options.models]
    if options.memory:
        reach_memory(paths[0], options.memory)
        return
    for name, path in zip(options.models, paths, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            ways = [*ways_of(path, Path(folder))]
            print_table(name, ways, Denoiser(path).hop)
    first = Denoiser(paths[0])
    alone = timed(runtime_alone(first.model, noisy_signal(), 1))
    others = [*peers(options.peer)]
    print_table(
        f"others (hop of {first.hop})", [(f"{options.models[0]}, onnxruntime 1", alone, ""), *others], first.hop
    )


if __name__ == "__main__":
    main()
