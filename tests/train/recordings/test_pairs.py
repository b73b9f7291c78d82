"""Recorded pairs: matched by name, aligned to the sample, split alike; every mismatch is one sentence."""

import re
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import SourceError
from denoise_train.evaluation.mixtures import draw_pairs
from denoise_train.recordings.pairs import PairedRecordings, load_pairs
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import TEST, TRAINING, VALIDATION


def write(folder: Path, name: str, signal: np.ndarray) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        path.write_text("v\n" + "".join(f"{value:.9f}\n" for value in signal))
    else:
        np.save(path, signal)


def ramp(number: int, length: int = 1000) -> np.ndarray:
    return number * 10_000.0 + np.arange(length)


def test_files_are_matched_by_their_name_inside_the_folder_without_its_ending(tmp_path):
    for number, name in enumerate(("b", "deep/a"), start=1):
        write(tmp_path / "clean", f"{name}.npy", ramp(number))
        write(tmp_path / "noisy", f"{name}.csv", ramp(number) + 5)
    pairs = load_pairs(tmp_path / "clean", tmp_path / "noisy")
    assert len(pairs.clean.signals) == 2
    for clean, noisy in zip(pairs.clean.signals, pairs.noisy.signals, strict=True):
        np.testing.assert_allclose(noisy - clean, 5)


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    write(tmp_path, "before.npy", ramp(1))
    write(tmp_path, "after.npy", ramp(1) + 1)
    pairs = load_pairs(tmp_path / "before.npy", tmp_path / "after.npy")
    np.testing.assert_allclose(pairs.noisy.signals[0] - pairs.clean.signals[0], 1)


@pytest.mark.parametrize(
    ("clean", "noisy", "words"),
    [
        ({"a.npy": 100, "b.npy": 100}, {"a.npy": 100}, r"clean/b.npy has no partner of the same name in \S+/noisy"),
        ({"a.npy": 100}, {"a.npy": 100, "c.npy": 9, "d.npy": 9}, r"noisy/c.npy has no partner .* \(and 1 more\)"),
        ({"a.npy": 100}, {"a.npy": 101}, r"a.npy has 100 samples and its partner \S+ 101; a pair must be aligned"),
        ({"a.npy": 9}, {"a.npy": 9}, r"a.npy has 9 samples; a pair needs 10 or more"),
        ({"a.npy": (50, 2)}, {"a.npy": (50, 3)}, r"a.npy holds 2 signals and its partner \S+ 3"),
        ({"a.npy": 50, "a.csv": 50}, {"a.npy": 50}, r"a.csv and \S+a.npy have the same name but for the ending"),
    ],
)
def test_recordings_that_do_not_match_are_refused_in_a_sentence(tmp_path, clean, noisy, words):
    for folder, files in (("clean", clean), ("noisy", noisy)):
        for name, shape in files.items():
            write(tmp_path / folder, name, np.random.default_rng(0).normal(size=shape))
    with pytest.raises(SourceError, match=words) as caught:
        load_pairs(tmp_path / "clean", tmp_path / "noisy")
    assert not re.search(r"\n", str(caught.value))


def test_columns_of_pairs_are_matched_by_their_names_before_empty_ones_are_left_out(tmp_path):
    for name, columns, offset in (("clean", "abc", 0), ("noisy", "cab", 0.5)):
        rows = [
            ",".join(
                "" if c == "a" and name == "noisy" and k else f"{np.sin(ord(c) * (k + 1)) + offset:.9f}"
                for c in columns
            )
            for k in range(99)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([",".join(columns), *rows]) + "\n")
    pairs = load_pairs(tmp_path / "clean.csv", tmp_path / "noisy.csv")
    np.testing.assert_allclose([signal[0] for signal in pairs.clean.signals], np.sin([ord("b"), ord("c")]), atol=1e-6)
    for clean, noisy in zip(pairs.clean.signals, pairs.noisy.signals, strict=True):
        np.testing.assert_allclose(noisy - clean, 0.5, atol=1e-6)
    (tmp_path / "noisy.csv").write_text((tmp_path / "clean.csv").read_text().replace("a,b,c", "a,b,d"))
    with pytest.raises(SourceError, match="has the columns a, b, c and its partner .* a, b, d; a pair needs the same"):
        load_pairs(tmp_path / "clean.csv", tmp_path / "noisy.csv")


@pytest.mark.parametrize("files", [3, 20])
def test_parts_of_pairs_are_the_same_places_of_both_and_share_no_sample(files):
    clean = Recordings([ramp(number, 300) for number in range(files)])
    pairs = PairedRecordings(clean, Recordings([signal + 0.25 for signal in clean.signals]))
    seen: list[set[float]] = []
    for split in (TRAINING, VALIDATION, TEST):
        part = pairs.part(split)
        for one, other in zip(part.clean.signals, part.noisy.signals, strict=True):
            np.testing.assert_allclose(other - one, 0.25)
        seen.append({value for signal in part.clean.signals for value in signal})
    assert sum(map(len, seen)) == files * 300
    assert len(set.union(*seen)) == files * 300


def test_crops_of_pairs_lie_at_the_same_place_in_the_unit_of_the_clean_crop():
    rng = np.random.default_rng(0)
    signal, noise = np.cumsum(rng.normal(size=5000)), rng.normal(size=5000)
    pairs = PairedRecordings(Recordings([signal]), Recordings([signal + noise]))
    clean, noisy = pairs.draw(np.random.default_rng(1), 50, 600)
    np.testing.assert_allclose(clean.std(axis=1), 1)
    places = pairs.clean.places(np.random.default_rng(1), 50, 600)
    crops = pairs.clean.crops(places, 600)
    expected = np.stack([noise[start : start + 600] for _, start in places]) / crops.std(axis=1, keepdims=True)
    np.testing.assert_allclose(noisy - clean, expected, atol=1e-9)


def test_an_evaluation_states_the_snr_of_the_pairs():
    rng = np.random.default_rng(0)
    signal = np.sin(np.arange(20_000) / 15)
    pairs = PairedRecordings(Recordings([signal]), Recordings([signal + 0.5**0.5 * 0.1 * rng.normal(size=20_000)]))
    mixtures = draw_pairs(0, 20, 1500, pairs)
    assert mixtures.snr_db[0] == pytest.approx(20, abs=0.2)
    assert mixtures.left_out == 0
    half = np.where(np.arange(20_000) < 10_000, signal, pairs.noisy.signals[0])
    assert draw_pairs(0, 20, 1500, PairedRecordings(pairs.clean, Recordings([half + 1e-9]))).left_out > 3
    with pytest.raises(SourceError, match="without noise almost everywhere"):
        draw_pairs(0, 20, 1500, PairedRecordings(pairs.clean, pairs.clean))
