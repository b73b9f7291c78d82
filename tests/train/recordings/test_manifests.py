"""Speakers by a manifest; recordings by their folders."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_train.recordings.recordings import Recordings, load_recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight files of speaker A, two of B, two of a crowd, each of a second; one without a row, of four."""
    rows = ["file,speaker,seconds"]
    for index, speaker in enumerate(["A"] * 8 + ["B"] * 2 + ["crowd_x"] * 2 + [""]):
        path = tmp_path / ("more" if speaker else "plain") / f"{index:02}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.random.default_rng(index).normal(0, 0.1, 16_000 if speaker else 64_000), 16_000)
        rows += [f"more/{path.name},{speaker},1.0"] if speaker else []
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    return tmp_path


def test_speakers_are_drawn_by_the_root_of_all_their_length(folder):
    recordings = load_recordings([folder])
    rng = np.random.default_rng(0)
    places = {id(signal): index for index, signal in enumerate(recordings.signals)}
    counts = np.bincount([places[id(recordings.one(rng))] for _ in range(8000)], minlength=13) / 8000
    # A: root of 8 s, B: of 2 s, the crowd's two people: of 1 s each, the long file: of 4 s.
    shares = np.array([np.sqrt(8), np.sqrt(2), 1, 1, 2])
    found = [counts[:8].sum(), counts[8:10].sum(), counts[10], counts[11], counts[12]]
    assert found == pytest.approx(shares / shares.sum(), abs=0.02)


def test_manifest_itself_is_no_recording(folder):
    assert len(load_recordings([folder]).signals) == 13


def test_recordings_are_found_by_the_folders_above_them(folder):
    inside, others = load_recordings([folder]).in_folders(["more"])
    assert (len(inside.signals), len(others.signals)) == (12, 1)
    assert {path.parent.name for path in inside.paths} == {"more"}
    nothing, everything = Recordings([np.ones(3)]).in_folders(["more"])
    assert (len(nothing.signals), len(everything.signals)) == (0, 1)
