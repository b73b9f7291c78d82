"""Speech: a model beside RNNoise, noisereduce and other peers on the same mixtures, and its cost.

    python benchmarks/bench_speech.py SPEECH NOISE... [--model speech] [--signals 60] [--test-part]
        [--peer NAME=PATH]... [--dnsmos FILE]

SPEECH and NOISE are folders (or files) that no training has heard; each folder of noise counts alike. With --test-part
only the files of SPEECH are taken that denoise-train leaves for testing, every tenth of them. Printed are the
tables of ``denoise-evaluate --speech``, then the model's time per hop in onnxruntime on one core, its size, and its
latency, measured by clicks.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnx

from denoise_export.graph.complexity import complexity
from denoise_stream import Denoiser
from denoise_stream.model import Model
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.compare import evaluate_speech
from denoise_train.evaluation.speech.dnsmos import load_dnsmos
from denoise_train.evaluation.speech.enhancers import engine_enhancer
from denoise_train.evaluation.speech.mixtures import draw_speech_mixtures
from denoise_train.evaluation.speech.peers.registry import load_peers, parse_peers
from denoise_train.evaluation.speech.text import describe_speech
from denoise_train.recordings.recordings import load_folders, load_recordings
from denoise_train.splits import TEST

SNR_DB = (0.0, 5.0, 10.0)
LENGTH = 96_000
HOPS = 500
ROUNDS = 7


def hop_us(model: Model, batch: int) -> float:
    """Measure the time of one hop of one stream, ``batch`` of them together: the best of some rounds."""
    windows = np.random.default_rng(0).random((HOPS, batch, model.contract.window), dtype=np.float32)
    taken = []
    for _ in range(ROUNDS):
        state = model.initial_state(batch)
        started = time.process_time()
        for window in windows:
            if model.contract.state_size:
                _, state = model.run_stateful(window, state)
            else:
                model.run(window)
        taken.append(time.process_time() - started)
    return 1e6 * min(taken) / HOPS / batch


def click_latencies(denoiser: Denoiser) -> list[tuple[int, int]]:
    """Feed hiss sample by sample, with and without a click at one place in a hop after another.

    Returns
    -------
    For each click how many samples went in, itself included, until the sample at its place came out, and by how many
    samples the largest change comes after it.
    """
    window, hop = denoiser.contract.window, denoiser.hop
    hiss = np.random.default_rng(0).normal(0, 0.003, 6 * window)
    found = []
    for place in range(3 * window, 3 * window + hop, 4):
        clicked = hiss.copy()
        clicked[place] += 0.5
        plain, heard = denoiser.stream(1, RATE_HZ), denoiser.stream(1, RATE_HZ)
        answered, changed = 0, []
        for index, (sample, other) in enumerate(zip(clicked, hiss, strict=True)):
            changed.append(heard.process([sample]) - plain.process([other]))
            if heard.samples_out > place and not answered:
                answered = index - place + 1
        change = np.abs(np.concatenate(changed))
        found.append((answered, int(change.argmax()) - place))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("noise", type=Path, nargs="+")
    parser.add_argument("--model", default="speech", help="bundled name or ONNX file")
    parser.add_argument("--signals", type=int, default=60, help="of 6 s, each at 0, 5 and 10 dB SNR")
    parser.add_argument("--test-part", action="store_true", help="take every tenth file of SPEECH only")
    parser.add_argument("--peer", action="append", default=[], help="NAME=PATH, as of denoise-evaluate")
    parser.add_argument("--dnsmos", type=Path, help="sig_bak_ovr.onnx of DNSMOS P.835")
    given = parser.parse_args()
    peers, dnsmos = load_peers(parse_peers(given.peer)), load_dnsmos(given.dnsmos) if given.dnsmos else None
    denoiser = Denoiser(given.model)
    speech, noise = load_recordings([given.speech], RATE_HZ), load_folders(given.noise, RATE_HZ)
    if given.test_part:
        speech = speech.part(TEST)
    mixtures = draw_speech_mixtures(0, given.signals, LENGTH, SNR_DB, speech, noise)
    found = evaluate_speech(engine_enhancer(denoiser), peers, mixtures, denoiser.hop, dnsmos=dnsmos)
    print(describe_speech(found), flush=True)

    model, name = denoiser.model, denoiser.contract.name
    budget_us = 1e6 * denoiser.hop / RATE_HZ
    print(f"\n{name}, in onnxruntime on one core, of {budget_us:.0f} us that a hop lasts at 16 kHz:")
    for batch in (1, 8):
        print(f"  batch {batch}: {hop_us(model, batch):7.1f} us per hop and stream")
    facts = complexity(onnx.load(model.path))
    size_kib = model.path.stat().st_size / 1024
    print(f"  {size_kib:.0f} KiB, {facts['parameters']:,} parameters, state of {model.contract.state_size} numbers")
    latencies, offsets = zip(*click_latencies(denoiser), strict=True)
    promised = denoiser.stream(1, RATE_HZ).latency_samples
    print(
        f"  latency by {len(latencies)} clicks: {min(latencies)} to {max(latencies)} samples, "
        f"{1000 * max(latencies) / RATE_HZ:.1f} ms (promised: {promised}); "
        f"the largest change comes {min(offsets)} to {max(offsets)} samples after a click"
    )


if __name__ == "__main__":
    main()
