"""One registry of formats: the command line, archives and training take the same files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from denoise_stream.files.formats import ENDINGS, FORMATS, format_of
from denoise_train.recordings.recordings import load_recordings

NOISY = np.sin(np.arange(900) / 9) + np.random.default_rng(0).normal(0, 0.1, 900)


def write(path: Path) -> None:
    """Write a signal in the format that the ending says."""
    ending = path.suffix
    if ending in (".parquet", ".pq"):
        pytest.importorskip("pyarrow.parquet").write_table(pytest.importorskip("pyarrow").table({"v": NOISY}), path)
    elif ending == ".npy":
        np.save(path, NOISY)
    elif format_of(path.name).kind == "table":
        path.write_text("v\n" + "".join(f"{value:.6f}\n" for value in NOISY))
    else:
        soundfile.write(path, NOISY / 2, 16_000)


TRIED = (".wav", ".flac", ".aiff", ".au", ".caf", ".w64", ".csv", ".tsv", ".parquet", ".pq", ".npy")


def test_no_ending_belongs_to_two_formats():
    assert len(ENDINGS) == sum(len(format.endings) for format in FORMATS)
    assert set(TRIED) <= set(ENDINGS)


def test_every_format_is_tried():
    assert {ENDINGS[ending] for ending in TRIED} == set(FORMATS)


@pytest.mark.parametrize("ending", TRIED)
def test_every_format_goes_through_the_command_a_folder_and_training(folder: Path, call, ending: str):
    Path("in").mkdir()
    write(Path(f"in/a{ending}"))
    assert call("--input", f"in/a{ending}", "--output", f"one{ending}", "--model", "general")[0] == 0
    assert call("--input", "in", "--output", "out", "--model", "general", "--jobs", "1")[0] == 0
    one, many = load_recordings([Path(f"one{ending}")]), load_recordings([Path("out")])
    np.testing.assert_array_equal(one.signals[0], many.signals[0])
    (noisy,) = load_recordings([Path("in")]).signals
    np.testing.assert_allclose(one.signals[0], Denoiser("general").denoise(noisy), atol=1e-4)


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_text_that_parquet_stores_by_its_differences_is_kept(folder: Path, call, encoding: str):
    import pyarrow as pa
    import pyarrow.parquet as pq

    days = [f"day {number // 24}" if number % 5 else None for number in range(len(NOISY))]
    table = pa.table({"v": NOISY, "day": pa.array(days), "tags": pa.array([[day, "x"] for day in days])})
    encodings = {"day": encoding, "tags.list.element": encoding}
    pq.write_table(table, "a.parquet", use_dictionary=False, column_encoding=encodings, row_group_size=250)
    assert call("a.parquet", "--output", "out.parquet", "--model", "general-small")[0] == 0
    written = pq.read_table("out.parquet")
    assert written.drop_columns("v").equals(table.drop_columns("v"))
    assert not written["v"].equals(table["v"])
