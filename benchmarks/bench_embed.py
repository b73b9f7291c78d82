"""The cost and loss of 16-bit and 8-bit models, as a Markdown table: `python benchmarks/bench_embed.py [MODEL ...]`."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from denoise_export.smaller.derive import derive
from denoise_stream import bundled_models

ROUNDS = 7
WINDOWS = 512


def times_us(paths: list[Path], batch: int) -> list[float]:
    """Return the CPU time of each model for one window, in microseconds, best of several turns."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]) for path in paths]
    best = [np.inf] * len(paths)
    for _ in range(ROUNDS):
        for number, session in enumerate(sessions):
            rng = np.random.default_rng(0)
            feed = {node.name: rng.random((batch, node.shape[1]), np.float32) for node in session.get_inputs()}
            start = time.process_time()
            for _ in range(WINDOWS // batch):
                session.run(None, feed)
            best[number] = min(best[number], 1e6 * (time.process_time() - start) / WINDOWS)
    return best


def bench(name: str, path: Path, folder: Path) -> None:
    """Print one model's rows."""
    paths, losses = [path], [0.0]
    for kind in ("fp16", "int8"):
        paths.append(folder / f"{Path(name).stem}-{kind}.onnx")
        losses.append(derive(path, paths[-1], **{kind: True})["loss_db"])
    times = [times_us(paths, batch) for batch in (1, 64)]
    for number, kind in enumerate(("fp32", "fp16", "int8")):
        size = paths[number].stat().st_size / 1024
        single, many = (f"{row[number]:.0f}" for row in times)
        print(f"| {Path(name).stem} {kind} | {size:.0f} | {single} | {many} | {losses[number]:+.2f} |")


if __name__ == "__main__":
    print("| model | KiB | us per window, batch 1 | batch 64 | loss in dB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        for word in sys.argv[1:] or bundled_models():
            bench(word, bundled_models().get(word, Path(word)), Path(made))
