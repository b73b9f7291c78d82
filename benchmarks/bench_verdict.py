"""Verdicts without a clean reference: how often ``denoise-evaluate FILE`` is right, where the clean signal is known.

    python benchmarks/bench_verdict.py FOLDER... [--cases 800] [--seed 0] [--json docs/results/verdict.json]

FOLDERs hold recordings; beside them stand the built-in families of signals. Each case takes a stretch of one of them,
adds noise of a kind and level drawn at random, and asks for the verdict on the noisy signal alone. The truth is the
comparison with the clean one, where the best filter has the best of all its settings.

A recording has noise of its own, which counts as signal in the truth and as noise in the estimate. Cases where it is
more than half as strong as the added noise are counted apart: what is right there nobody knows.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream import Denoiser
from denoise_train.arrays import Array
from denoise_train.dsp.filters import FILTERS, Filter
from denoise_train.evaluation.compare import engine_method
from denoise_train.evaluation.one_file.conclusion import conclude
from denoise_train.evaluation.one_file.estimates import compare_blindly, level_along
from denoise_train.recordings.recordings import load_recordings
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.families import FAMILIES
from denoise_train.synthetic.mixing import add_noise
from denoise_train.synthetic.noise import NOISE_KINDS

LENGTHS = (1500, 6000, 30_000)
SNR_DB = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0)
WHITE_SHARE = 0.3
OWN_SHARE = 0.5
GROUPS = {
    "white, uniform, Laplacian, gusty": ("white", "uniform", "laplacian", "gusty"),
    "pink, brown, hum": ("pink", "brown", "hum"),
    "wander, muscles, motion": ("wander", "muscle", "motion"),
    "impulses, salt and pepper": ("impulsive", "salt_and_pepper"),
    "quantization": ("quantization",),
}


@dataclass(frozen=True)
class Case:
    """A case: kind of noise, level of the recording's own noise over the added one, answer, and both margins in dB."""

    kind: str
    own: float
    answer: str
    true_db: float
    estimated_db: float

    @property
    def right(self) -> bool:
        """Whether the answer is true; of cases with an answer only."""
        return (self.answer == "better") == (self.true_db > 0)


def cases(recordings: list[Array], model: Filter, count: int, seed: int) -> Iterator[Case]:
    """Yield cases, each recording in turn."""
    rng = np.random.default_rng(seed)
    drawn = [draw_signals(rng, 1, max(LENGTHS), (family,), 0.0, 0.0)[0] for family in FAMILIES]
    signals = [*recordings, *drawn]
    order = rng.permutation(len(signals))
    for number in range(count):
        whole, length = signals[order[number % len(signals)]], int(rng.choice(LENGTHS))
        start = int(rng.integers(max(1, len(whole) - length + 1)))
        kind = "white" if rng.random() < WHITE_SHARE else str(rng.choice(list(NOISE_KINDS)))
        snr_db = np.full((1, 1), rng.choice(SNR_DB))
        clean = whole[None, start : start + length]
        if clean.std() == 0:
            continue
        clean = (clean - clean.mean()) / clean.std()
        noisy = add_noise(rng, clean, snr_db, {kind: 1.0})
        level = float(np.sqrt(np.mean((noisy - clean) ** 2)))
        if level == 0:
            continue
        found = compare_blindly(model, noisy)
        errors = [np.mean((one.apply(noisy, setting) - clean) ** 2) for one in FILTERS for setting in one.settings]
        own_error = np.mean(((model.apply(noisy, None) if found is None else found.denoised) - clean) ** 2)
        yield Case(
            kind,
            float(np.sqrt(np.mean(level_along(clean) ** 2))) / level,
            conclude(found).answer,
            float(10 * np.log10(min(errors) / own_error)),
            found.margin_db if found is not None else 0.0,
        )


def count(name: str, found: list[Case]) -> dict[str, Any]:
    """Count verdicts, and the right ones of them."""
    told = [case for case in found if case.answer != "cannot tell"]
    return {"name": name, "cases": len(found), "verdicts": len(told), "right": sum(case.right for case in told)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--model", default="general")
    parser.add_argument("--cases", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    recordings = [one for one in load_recordings(given.folders).signals if len(one) >= min(LENGTHS) and np.ptp(one)]
    found = []
    for case in cases(recordings, engine_method(Denoiser(given.model)), given.cases, given.seed):
        found.append(case)
        print(
            f"{case.kind:16} {case.own:6.2f} {case.answer:11} {case.true_db:7.2f} {case.estimated_db:7.2f}", flush=True
        )
    known = [case for case in found if case.own <= OWN_SHARE]
    told = [case for case in known if case.answer != "cannot tell"]
    misses = [abs(case.true_db - case.estimated_db) for case in told]
    results = {
        "command": f"python benchmarks/bench_verdict.py ... --cases {given.cases} --seed {given.seed}",
        "recordings": len(recordings),
        "rows": [count(name, [case for case in known if case.kind in kinds]) for name, kinds in GROUPS.items()],
        "own_noise": count("own noise", [case for case in found if case.own > OWN_SHARE]),
        "all": count("all", found),
        "better": count("better", [case for case in found if case.answer == "better"]),
        "not_better": count("not better", [case for case in found if case.answer == "not better"]),
        "margin_error_db": {"median": float(np.median(misses)), "9 of 10": float(np.quantile(misses, 0.9))},
    }
    print(json.dumps(results, indent=2))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
