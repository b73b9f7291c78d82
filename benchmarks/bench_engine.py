"""Measure the engine against onnxruntime alone on the same windows, in one run: ``make bench``.

CPU time of this process, one core; each figure is the median of several rounds in which engine and
onnxruntime take turns, so a machine whose speed drifts does not favour either.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from denoise_stream import Denoiser, bundled_models
from denoise_stream.engine.stages import BATCH_WINDOWS

ROUNDS = 9
SECONDS = 20


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def take_turns(*works: Callable[[], object]) -> list[list[float]]:
    """Time each work once per round; return one list of seconds per work."""
    for work in works:
        work()
    rounds = [[cpu_seconds(work) for work in works] for _ in range(ROUNDS)]
    return [list(times) for times in zip(*rounds, strict=True)]


def ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def bench(name: str) -> None:
    denoiser = Denoiser(name)
    model, hop, window = denoiser._model, denoiser.hop, denoiser.contract.window
    rng = np.random.default_rng(0)
    signal = np.sin(np.arange(16_000 * SECONDS) / 20) + rng.normal(0, 0.2, 16_000 * SECONDS)
    count = (len(signal) - window) // hop + 1
    windows = np.lib.stride_tricks.sliding_window_view(signal, window)[::hop]
    scaled = windows - windows.min(axis=1, keepdims=True)
    scaled = (scaled / scaled.max(axis=1, keepdims=True)).astype(np.float32)
    hops = signal[: hop * (len(signal) // hop)].reshape(-1, hop)

    def runtime_alone(batch: int) -> Callable[[], None]:
        session = model._session

        def work() -> None:
            for start in range(0, count, batch):
                rows = scaled[start : start + batch]
                state = {"state": model.initial_state(len(rows))} if denoiser.contract.state_size else {}
                session.run(None, {"noisy": rows, **state})

        return work

    def hop_by_hop() -> None:
        stream = denoiser.stream()
        for chunk in hops:
            stream.process(chunk)
        stream.flush()

    offline, alone, live, single, eight = take_turns(
        lambda: denoiser.denoise(signal),
        runtime_alone(BATCH_WINDOWS),
        hop_by_hop,
        runtime_alone(1),
        runtime_alone(8),
    )
    median = statistics.median
    print(f"{name}: window {window}, hop {hop}, {count} windows")
    print(f"  onnxruntime, us per window: batch 1 {1e6 * median(single) / count:6.1f}")
    print(f"                              batch 8 {1e6 * median(eight) / count:6.1f}")
    print(f"                             batch {BATCH_WINDOWS} {1e6 * median(alone) / count:6.1f}")
    print(f"  engine offline    / onnxruntime batch {BATCH_WINDOWS}: {ratio(offline, alone):.2f} x (aim 1.3)")
    print(f"  engine hop by hop / onnxruntime batch 1:  {ratio(live, single):.2f} x (aim 1.6)")
    for rate in (16_000, 48_000):
        seconds = len(signal) / rate
        print(
            f"  RTF at {rate // 1000} kHz on one core: offline {median(offline) / seconds:.4f}, "
            f"hop by hop {median(live) / seconds:.4f}"
        )


if __name__ == "__main__":
    for model_name in sys.argv[1:] or bundled_models():
        bench(model_name)
