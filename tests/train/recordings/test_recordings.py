"""Recordings: audio is resampled to the wanted rate; signals without a rate are taken as they are."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import SourceError
from denoise_train.cli import evaluate as evaluate_cli
from denoise_train.cli import evaluations, train_options
from denoise_train.cli import train as cli
from denoise_train.recipe import bundled_recipes
from denoise_train.recordings.channels import read_channels
from denoise_train.recordings.pairs import load_pairs
from denoise_train.recordings.recordings import Recordings, load_recordings

TONE_HZ = 440.0


def tone(rate_hz: float, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(int(rate_hz * seconds)) / rate_hz)


@pytest.mark.parametrize("found_hz", [8000, 16000, 44100, 48000])
def test_audio_of_another_rate_is_resampled(tmp_path: Path, found_hz: int) -> None:
    soundfile.write(tmp_path / "a.flac", np.stack((tone(found_hz), -tone(found_hz)), axis=1), found_hz, "PCM_24")
    left, right = load_recordings([tmp_path], 16000).signals
    assert len(left) == 16000
    inside = slice(500, -500)
    np.testing.assert_allclose(left[inside], tone(16000)[inside], atol=1e-3)
    np.testing.assert_array_equal(left, -right)


def test_without_a_wanted_rate_audio_is_taken_as_it_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(44100), 44100, "DOUBLE")
    (found,) = load_recordings([tmp_path]).signals
    np.testing.assert_array_equal(found, tone(44100))


def test_tables_and_arrays_that_state_no_rate_are_taken_as_they_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", signal=tone(360))
    (tmp_path / "b.csv").write_text("v\n" + "".join(f"{i * i % 7 - 3.5}\n" for i in range(500)))
    array, table = (read := load_recordings([tmp_path], 16000)).signals
    np.testing.assert_array_equal(array, tone(360))
    np.testing.assert_array_equal(table, np.arange(500) ** 2 % 7 - 3.5)
    assert read.notes == ["2 files state no sample rate and are taken to have 16000 Hz"]


def test_arrays_that_state_another_rate_are_resampled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", signal=tone(48000), fs_hz=np.array(48000))
    np.savez(tmp_path / "b.npz", signal=tone(16000), fs_hz=np.array(16000))
    resampled, kept = (read := load_recordings([tmp_path], 16000)).signals
    np.testing.assert_allclose(resampled[500:-500], tone(16000)[500:-500], atol=1e-3)
    np.testing.assert_array_equal(kept, tone(16000))
    assert not read.notes


def test_a_high_pass_takes_the_slow_part_out_of_recordings_and_shifts_nothing() -> None:
    time = np.arange(7200) / 360
    beats = np.exp(-0.5 * (((time % 0.8) - 0.4) / 0.02) ** 2)
    slow = 2 * np.sin(2 * np.pi * 0.1 * time) + 5
    recordings = Recordings([beats + slow, beats[:40]], paths=[Path("a"), Path("b")])
    long, short = recordings.above(0.5 / 360).signals
    wanted = Recordings([beats]).above(0.5 / 360).signals[0]
    np.testing.assert_allclose(long[720:-720], wanted[720:-720], atol=0.02)
    assert abs(np.argmax(np.correlate(long, beats, "full")) - 7199) == 0
    assert len(short) == 40
    assert recordings.above(0.5 / 360).paths == recordings.paths


def test_table_whose_time_says_another_rate_is_resampled(tmp_path: Path) -> None:
    rows = (f"{i / 48000:.9f},{value:.9f}\n" for i, value in enumerate(tone(48000)))
    (tmp_path / "a.csv").write_text("time,v\n" + "".join(rows))
    (found,) = load_recordings([tmp_path], 16000).signals
    np.testing.assert_allclose(found[500:-500], tone(16000)[500:-500], atol=1e-3)


def test_missing_values_are_bridged_before_the_rate_is_changed(tmp_path: Path) -> None:
    gap = tone(48000).astype(np.float32)
    gap[20_000:20_010] = np.nan
    soundfile.write(tmp_path / "a.wav", gap, 48000, "FLOAT")
    (found,) = load_recordings([tmp_path], 16000).signals
    np.testing.assert_allclose(found[500:-500], tone(16000)[500:-500], atol=0.03)


def test_audio_too_short_to_resample_is_no_signal(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(48000)[:20], 48000)
    with pytest.raises(SourceError, match="no signal found"):
        load_recordings([tmp_path], 1000)


def test_pairs_are_resampled_alike(tmp_path: Path) -> None:
    for name, gain in (("clean", 1.0), ("noisy", 0.5)):
        soundfile.write(tmp_path / f"{name}.wav", gain * tone(44100, 0.5), 44100, "DOUBLE")
    pairs = load_pairs(tmp_path / "clean.wav", tmp_path / "noisy.wav", 16000)
    assert len(pairs.clean.signals[0]) == 8000
    np.testing.assert_allclose(pairs.noisy.signals[0], 0.5 * pairs.clean.signals[0], atol=1e-12)


class Seen(Exception):
    """Ends a program once its request was seen."""


@pytest.mark.parametrize(("line", "expected"), [('sample_rate_hz = 16000\nname = "r"', 16000.0), ('name = "r"', None)])
def test_a_training_asks_for_the_rate_of_its_recipe(
    line: str, expected: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = bundled_recipes()["general"].read_text()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text.replace('name = "general"', line))
    asked: list[float | None] = []

    def seen(paths: object, rate_hz: float | None = None, columns: object = None) -> Recordings:
        asked.append(rate_hz)
        raise Seen

    monkeypatch.setattr(train_options, "load_recordings", seen)
    monkeypatch.setattr(sys, "argv", ["denoise-train", str(recipe), "--clean", str(tmp_path)])
    with pytest.raises(Seen):
        cli.main()
    assert asked == [expected]


@pytest.mark.parametrize(("rate", "expected"), [((), 16000.0), (("--rate", "8000"), 8000.0)])
def test_an_evaluation_asks_for_the_models_rate_or_for_yours(
    rate: tuple[str, ...],
    expected: float,
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float | None] = []

    def seen(paths: object, rate_hz: float | None = None, columns: object = None) -> Recordings:
        asked.append(rate_hz)
        raise Seen

    monkeypatch.setattr(evaluations, "load_recordings", seen)
    arguments = ["denoise-evaluate", str(models["identity_16k"]), "--noisy", str(tmp_path), *rate]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(Seen):
        evaluate_cli.main()
    assert asked == [expected]


def test_row_in_doubt_is_to_be_mended_as_training_has_no_option_for_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("v\n" + "1.5\n2.5\n" * 300 + "inf\n" + "1.5\n" * 300)
    with pytest.raises(SourceError, match="a.csv, line 602, column 'v': 'inf' is not finite; mend that row or delete"):
        read_channels(path)
