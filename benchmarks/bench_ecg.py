"""Real ECG: what a model gains on records it has not seen, in three kinds of noise, and what training on ECG adds.

    python benchmarks/bench_ecg.py FOLDER [--model general]            the model beside filters
    python benchmarks/bench_ecg.py FOLDER --train [--minutes 10]       and general, trained further in three ways:

on clean records, on pairs of clean and noisy ones, and on the noisy ones alone.

FOLDER holds MIT-BIH records as ``.npz``, those to train with named ``train*``, those to test with ``test*``, sampled at
360 Hz. Filters get the setting that gains most for each crop (oracle), or have none to choose (BayesShrink).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from denoise_stream import Denoiser
from denoise_train.dsp.filters import Filter
from denoise_train.evaluation.compare import engine_method, evaluate
from denoise_train.evaluation.mixtures import Mixtures, draw_mixtures
from denoise_train.recordings.recordings import Recordings, load_recordings
from denoise_train.synthetic.mixing import mix_at_snr

SNR_DB = (0.0, 6.0, 12.0, 24.0)
KINDS = ("white", "impulsive", "pink")
CROP = 1500
NOISY_DB = 6.0


def compare(models: list[Filter], mixtures: dict[str, Mixtures]) -> None:
    """Print SNR improvement and R-peak amplitude error of every model and of the usual filters."""
    print(f"{'noise':10} {'method':28} " + " ".join(f"{snr:>6g}" for snr in SNR_DB) + "   R-peak error")
    for kind, each in mixtures.items():
        outcome = evaluate(models[0], each)
        rows = [outcome.model, *(evaluate(model, each, ()).model for model in models[1:])]
        bayes = next(result for result in outcome.filters if result.name == "BayesShrink")
        for result in (outcome.reference, *rows, bayes, *outcome.oracles):
            gains = " ".join(f"{gain:6.1f}" for gain in result.improvement_db.mean(axis=1))
            errors = " ".join(f"{100 * error:5.1f}%" for error in result.peak_error.mean(axis=1))
            print(f"{kind:10} {result.label:28} {gains}   {errors}", flush=True)


def noisy_copies(recordings: Recordings) -> Recordings:
    """Add white noise to whole recordings."""
    rng = np.random.default_rng(5)
    signals = [mix_at_snr(one[None], rng.normal(size=(1, len(one))), NOISY_DB)[0] for one in recordings.signals]
    return Recordings(signals, recordings.files)


def train_three_ways(records: Recordings, minutes: float) -> list[Filter]:
    """Start from general and train on clean records, on pairs at 6 dB, and on their noisy halves alone."""
    import dataclasses

    import keras

    from denoise_train.cli.train_options import NOISY_SHARE
    from denoise_train.recipe import load_recipe
    from denoise_train.recordings.noisy_recordings import NoisyRecordings
    from denoise_train.recordings.pairs import OwnData, PairedRecordings
    from denoise_train.training.fit import train
    from denoise_train.training.network_engine import network_method
    from denoise_train.training.start import starting_from

    noisy = noisy_copies(records)
    recipe = starting_from(load_recipe("general"), "general")
    recipe = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, minutes=minutes))
    alone = dataclasses.replace(recipe, data={**recipe.data, "recordings_share": NOISY_SHARE})
    models = []
    with tempfile.TemporaryDirectory() as folder:
        for name, settings, own in (
            ("from general, clean", recipe, OwnData(clean=records)),
            ("from general, pairs at 6 dB", alone, OwnData(pairs=PairedRecordings(records, noisy))),
            ("from general, noisy alone", alone, OwnData(pairs=NoisyRecordings(noisy))),
        ):
            run = Path(folder) / name
            report = train(settings, run, own, say=lambda line: None)
            print(f"{name}: {report['epochs']} epochs; {report['own_recordings']['verdict']}", flush=True)
            network = keras.models.load_model(run / "model.keras", compile=False)
            models.append(network_method(network, name, settings.contract))
    return models


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="general", help="bundled name or ONNX file")
    parser.add_argument("--train", action="store_true", help="train on the train* records, too")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each training")
    parser.add_argument("--crops", type=int, default=100, help="of 1500 samples, per kind of noise")
    given = parser.parse_args()
    tested = load_recordings(sorted(given.folder.glob("test*.npz")))
    models = [engine_method(Denoiser(given.model))]
    if given.train:
        models += train_three_ways(load_recordings(sorted(given.folder.glob("train*.npz"))), given.minutes)
    mixtures = {kind: draw_mixtures(0, given.crops, CROP, SNR_DB, tested, kinds={kind: 1.0}) for kind in KINDS}
    compare(models, mixtures)
    if given.train:
        at = SNR_DB.index(NOISY_DB)
        only = mixtures["white"]
        chosen = Mixtures(only.clean, only.noisy[at : at + 1], (NOISY_DB,))
        gains = {model.name: evaluate(model, chosen, ()).model.mean_improvement_db for model in models}
        pairs, alone = gains["from general, pairs at 6 dB"], gains["from general, noisy alone"]
        print(f"noisy alone is {pairs - alone:.2f} dB below clean targets at {NOISY_DB:g} dB SNR in white noise")


if __name__ == "__main__":
    main()
