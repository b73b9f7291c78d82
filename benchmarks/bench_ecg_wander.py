"""Real ECG under a wandering baseline, muscle noise and moving electrodes, measured as the literature does.

    python benchmarks/bench_ecg_wander.py FOLDER MODEL ... [--noise FOLDER ...]

FOLDER holds MIT-BIH records as ``.npz`` in mV, those to test with named ``test*``, at 360 Hz. They wander, too, so
what is slower than 0.5 Hz is taken out of them first. Noise is drawn, or comes from recordings, one kind a folder (the
Noise Stress Test Database's bw, ma and em, say); its largest value is 0.2 to 2 times the ECG's.

Measures and amplitudes are those of F. P. Romero, D. C. Pinol, C. R. Vazquez-Seisdedos: DeepFilter: an ECG baseline
wander removal filter using deep learning techniques, Biomedical Signal Processing and Control 70, 2021, over stretches
of 512 samples.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import signal as scipy_signal

from denoise_train.arrays import Array, Draw
from denoise_train.dsp.filters import BAYES_SHRINK, Filter
from denoise_train.dsp.metrics import snr_improvement_db
from denoise_train.evaluation.compare import NO_PROCESSING, engine_methods
from denoise_train.recordings.recordings import load_folders, load_recordings
from denoise_train.synthetic.noise import ADDITIVE

RATE_HZ = 360.0
SECONDS = 120
STRETCH = 512
CUT_OFF_HZ = 0.67
LEAST, MOST = 0.2, 2.0
"""The noise's largest value, relative to the ECG's."""

KINDS = ("wander", "muscle", "motion")
MEASURES: dict[str, Callable[[Array, Array], Array]] = {
    "SSD mV²": lambda clean, estimate: np.sum((clean - estimate) ** 2, axis=-1),
    "MAD mV": lambda clean, estimate: np.abs(clean - estimate).max(axis=-1),
    "PRD %": lambda clean, estimate: (
        100
        * np.sqrt(
            np.sum((clean - estimate) ** 2, axis=-1)
            / np.sum((clean - clean.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
        )
    ),
    "cosine": lambda clean, estimate: (
        np.sum(clean * estimate, axis=-1) / np.sqrt(np.sum(clean**2, axis=-1) * np.sum(estimate**2, axis=-1))
    ),
}
"""Sum of squared distances, largest distance, percentage root-mean-square difference, cosine similarity."""


def high_passes() -> list[Filter]:
    """Return the two linear filters that the literature compares with, forward and backward."""
    recursive = scipy_signal.butter(4, CUT_OFF_HZ, "highpass", fs=RATE_HZ, output="sos")
    taps = scipy_signal.firwin(2 * int(RATE_HZ) + 1, CUT_OFF_HZ, pass_zero=False, fs=RATE_HZ)
    return [
        Filter("high-pass, IIR", lambda noisy, _: scipy_signal.sosfiltfilt(recursive, noisy, axis=1), (None,), ""),
        Filter("high-pass, FIR", lambda noisy, _: scipy_signal.filtfilt(taps, 1.0, noisy, axis=1), (None,), ""),
    ]


def mixed(clean: Array, draw: Draw, rng: np.random.Generator) -> Array:
    """Add noise whose largest value is a random multiple of each crop's."""
    noise = draw(rng, *clean.shape)
    ratio = rng.uniform(LEAST, MOST, (len(clean), 1))
    return clean + noise * ratio * (np.abs(clean).max(axis=1) / np.abs(noise).max(axis=1))[:, None]


def show(kind: str, methods: list[Filter], clean: Array, noisy: Array) -> None:
    """Print one line a method: the measures' means and deviations over stretches, the SNR gain over crops."""
    for method in methods:
        estimate = method.apply(noisy, method.settings[0])
        pieces = [rows[:, : rows.shape[1] // STRETCH * STRETCH].reshape(-1, STRETCH) for rows in (clean, estimate)]
        found = {name: measure(*pieces) for name, measure in MEASURES.items()}
        figures = "  ".join(f"{name} {values.mean():7.3f} ± {values.std():7.3f}" for name, values in found.items())
        gain = snr_improvement_db(clean, noisy, estimate).mean()
        print(f"{kind:10} {method.name:18} {figures}  gain {gain:5.1f} dB", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="+", help="bundled names or ONNX files")
    parser.add_argument("--noise", type=Path, nargs="+", default=[], help="folders of recorded noise at 360 Hz")
    parser.add_argument("--crops", type=int, default=30, help=f"of {SECONDS} s, per kind of noise")
    given = parser.parse_args()
    records = load_recordings(sorted(given.folder.glob("test*.npz"))).above(0.5 / RATE_HZ)
    length = int(SECONDS * RATE_HZ)
    clean = records.crops(records.places(np.random.default_rng(7), given.crops, length), length)
    draws: dict[str, Draw] = {kind: ADDITIVE[kind] for kind in KINDS}
    draws |= {Path(name).name: noise.draw for name, noise in load_folders(given.noise).items()} if given.noise else {}
    methods = [NO_PROCESSING, *high_passes(), BAYES_SHRINK]
    methods += [method for model in given.models for method in engine_methods(model)]
    for number, (kind, draw) in enumerate(draws.items()):
        show(kind, methods, clean, mixed(clean, draw, np.random.default_rng([8, number])))


if __name__ == "__main__":
    main()
