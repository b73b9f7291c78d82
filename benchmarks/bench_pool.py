"""Measure how many live 16 kHz streams one core sustains: ``make bench-pool [models ...]``.

Capacity is CPU time of this process, feeding included: the pool against one session and one stream per signal, in
turns, so a machine whose speed drifts does not favour either. Latency is wall-clock time from the push of the chunk
that completes a window to the moment its samples are ready, at a share of that capacity, fed in real time.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import onnx_models
from denoise_stream import DenoiseError, Denoiser, StreamPool, bundled_models
from denoise_stream.model import Model

RATE = 16_000
CHUNK = 160  # 10 ms, as calls have it
ROUNDS = 5
STREAMS = 50
SECONDS = 4
LIVE_SECONDS = 10


def noise(streams: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (streams, RATE * SECONDS)).astype(np.float32)


def pool_s(model: Path, signals: np.ndarray) -> float:
    """Return the CPU time for all signals through one pool, 10 ms by 10 ms."""
    with StreamPool(model) as pool:
        streams = [pool.open(sample_rate_hz=RATE) for _ in signals]
        started = time.process_time()
        for start in range(0, signals.shape[1], CHUNK):
            for stream, signal in zip(streams, signals, strict=True):
                stream.push(signal[start : start + CHUNK])
            for stream in streams:
                try:
                    stream.pull(timeout_s=0)
                except TimeoutError:
                    continue
        for stream in streams:
            stream.end()
            for _ in stream:
                pass
        return time.process_time() - started


def single_s(model: Path, signals: np.ndarray) -> float:
    """Return the CPU time for all signals with a session and a stream of their own, 10 ms by 10 ms."""
    streams = [Denoiser(model).stream(sample_rate_hz=RATE) for _ in signals]
    started = time.process_time()
    for start in range(0, signals.shape[1], CHUNK):
        for stream, signal in zip(streams, signals, strict=True):
            stream.process(signal[start : start + CHUNK])
    for stream in streams:
        stream.flush()
    return time.process_time() - started


def latencies_ms(model: Path, count: int, max_wait_ms: float) -> np.ndarray:
    """Feed this many streams in real time, their chunks spread over each 10 ms; return the latencies of all answers."""
    found: list[float] = []
    with StreamPool(model, max_wait_ms=max_wait_ms) as pool:
        streams = [pool.open(sample_rate_hz=RATE) for _ in range(count)]
        deliver = type(streams[0]).deliver
        pushed = {stream: 0.0 for stream in streams}

        def timed(stream, parts, *, last):
            deliver(stream, parts, last=last)
            if parts:
                found.append(time.perf_counter() - pushed[stream])
                with contextlib.suppress(DenoiseError):  # closed with the pool, at the end, before it is read
                    stream.pull(timeout_s=0)

        type(streams[0]).deliver = timed
        chunk = noise(1)[0, :CHUNK]
        began = time.perf_counter()
        for turn in range(round(LIVE_SECONDS * RATE / CHUNK)):
            for index, stream in enumerate(streams):
                due = began + (turn + index / count) * CHUNK / RATE
                wait = due - time.perf_counter()
                if wait > 0.0005:
                    time.sleep(wait)
                pushed[stream] = time.perf_counter()
                stream.push(chunk)
        type(streams[0]).deliver = deliver
    return 1000 * np.array(found[len(found) // 10 :])


def bench(model: Path) -> None:
    contract = Model(model).contract
    kind = f"stateful, {contract.state_size} numbers" if contract.state_size else "stateless"
    print(f"{contract.name} ({kind}, window {contract.window}, hop {contract.hop})")
    signals = noise(STREAMS)
    ratios, capacities, single = [], [], []
    for _ in range(ROUNDS):
        pooled, alone = pool_s(model, signals), single_s(model, signals)
        ratios.append(alone / pooled)
        capacities.append(STREAMS * SECONDS / pooled)
        single.append(STREAMS * SECONDS / alone)
    capacity = statistics.median(capacities)
    each = statistics.median(single)
    print(f"  16 kHz streams that one core sustains: pool {capacity:.0f}, one session each {each:.0f}")
    print(f"  pool against one session each: {statistics.median(ratios):.2f} x")
    for share in (0.25, 0.5, 0.75):
        count = max(1, int(share * capacity))
        for max_wait_ms in (0.0, 2.0, 5.0):
            taken = latencies_ms(model, count, max_wait_ms)
            p50, p99 = np.percentile(taken, [50, 99])
            print(
                f"  {count:4d} streams in real time, max_wait_ms {max_wait_ms:g}: "
                f"latency p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {taken.max():.2f} ms"
            )


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores; chunks of {1000 * CHUNK / RATE:g} ms")
    with tempfile.TemporaryDirectory() as folder:
        stateful = [path for path in bundled_models().values() if Model(path).contract.state_size]
        made = (
            [] if stateful else [onnx_models.leaky_mean(Path(folder) / "leaky_mean.onnx", name="a small stateful one")]
        )
        for path in [Path(name) for name in sys.argv[1:]] or [bundled_models()["general"], *stateful, *made]:
            bench(path)
