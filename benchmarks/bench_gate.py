"""What ``speech --gate 20`` does between words: levels of pauses, how many it closes, and what it costs speech.

    python benchmarks/bench_gate.py SPEECH NOISE... [--mixtures 12] [--gate 20]

SPEECH and NOISE are folders of recordings. Each mixture has three recordings of one to four seconds with pauses of
1.5 s between them, under one noise. Printed for each SNR: the median level of the pauses in dBFS as they came, denoised
and gated, from 0.4 s after a word to 0.1 s before the next; the share of pauses that the gate lowers by 15 dB or more
there; PESQ and STOI of all, without and with the gate; and at how many beginnings of words it was still closed, by more
than 3 dB over the first 40 ms.
"""

import argparse
from pathlib import Path

import numpy as np

from denoise_stream import Denoiser
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.metrics import pesq, stoi
from denoise_train.recordings.recordings import load_recordings

SNR_DB = (0.0, 5.0, 10.0, 20.0)
PAUSE = int(1.5 * RATE_HZ)
EDGES = int(0.4 * RATE_HZ), int(0.1 * RATE_HZ)
BEGINNING = int(0.04 * RATE_HZ)
PEAK = 0.5


def level_db(samples: np.ndarray) -> float:
    """Return the level in dBFS."""
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=Path)
    parser.add_argument("noise", type=Path, nargs="+")
    parser.add_argument("--mixtures", type=int, default=12, help="of each SNR")
    parser.add_argument("--gate", type=float, default=20.0, help="in dB")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    speech = load_recordings([given.speech], RATE_HZ).signals
    noises = load_recordings(given.noise, RATE_HZ).signals
    plain, gated = Denoiser("speech"), Denoiser("speech", gate_db=given.gate)
    print("SNR | pauses as they came, denoised, gated | pauses closed | STOI | PESQ | beginnings closed")
    for snr_db in SNR_DB:
        levels, scores, late, begun = [], [], 0, 0
        for _ in range(given.mixtures):
            clean, words = sentence(rng, speech)
            noisy, clean = mixed(clean, noises[rng.integers(len(noises))], snr_db)
            without, with_gate = (denoiser.denoise(noisy, RATE_HZ) for denoiser in (plain, gated))
            for (_, end), (start, _) in zip(words, words[1:], strict=False):
                part = slice(end + EDGES[0], start - EDGES[1])
                levels.append([level_db(signal[part]) for signal in (noisy, without, with_gate)])
                first = slice(start, start + BEGINNING)
                late += level_db(with_gate[first]) < level_db(without[first]) - 3
                begun += 1
            scores.append([score(clean[None], one[None])[0] for score in (stoi, pesq) for one in (without, with_gate)])
        closed = np.mean([before - after >= 15 for _, before, after in levels])
        pauses = ", ".join(f"{value:.0f}" for value in np.median(levels, axis=0))
        numbers = np.mean(scores, axis=0)
        print(
            f"{snr_db:g} dB | {pauses} dBFS | {closed:.0%} | {numbers[0]:.3f}, {numbers[1]:.3f} | "
            f"{numbers[2]:.2f}, {numbers[3]:.2f} | {late} of {begun}"
        )


def sentence(rng: np.random.Generator, speech: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Put three recordings together with pauses between them; return where each begins and ends, too."""
    parts: list[np.ndarray] = []
    words = []
    for index in rng.choice(len(speech), 3, replace=False):
        heard = np.flatnonzero(np.abs(speech[index]) > 0.05 * np.abs(speech[index]).max())
        part = speech[index][heard[0] : heard[-1] + 1][: int(rng.uniform(1, 4) * RATE_HZ)]
        start = sum(map(len, parts))
        words.append((start, start + len(part)))
        parts += [part / part.std(), np.zeros(PAUSE)]
    return np.concatenate(parts[:-1]), words


def mixed(clean: np.ndarray, noise: np.ndarray, snr_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Add noise, repeated as often as it takes; return both signals scaled. The SNR is that of the words alone."""
    noise = np.resize(noise - noise.mean(), len(clean))
    scaled = noise / max(noise.std(), 1e-9) * 10 ** (-snr_db / 20)  # words have a deviation of 1
    scale = PEAK / np.abs(clean + scaled).max()
    return scale * (clean + scaled), scale * clean


if __name__ == "__main__":
    main()
