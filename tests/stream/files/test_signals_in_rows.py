"""Tables whose rows are signals are refused; tables of many columns that are signals are not."""

import numpy as np
import pytest

from denoise_stream import SourceError
from tables import denoise_table

RNG = np.random.default_rng(3)
BEATS = np.cumsum(RNG.normal(size=(200, 60)), axis=1) / 8
SPECTRA = 10 + np.sin(np.arange(60) / 8) + 0.05 * RNG.normal(size=(200, 60))
COMMON_NOISE = RNG.normal(size=(200, 1)) + 0.1 * RNG.normal(size=(200, 60))
SLOW = np.cumsum(RNG.normal(size=(200, 1)), axis=0) + np.cumsum(RNG.normal(size=(200, 60)), axis=1) / 8


def table_of(values: np.ndarray, head: str = "") -> bytes:
    return (head + "".join(",".join(f"{value:.4f}" for value in row) + "\n" for row in values)).encode()


def with_label(values: np.ndarray) -> bytes:
    rows = (f"{1 + index % 2},{line}\n" for index, line in enumerate(table_of(values).decode().splitlines()))
    return "".join(rows).encode()


@pytest.mark.parametrize(
    "table",
    [table_of(BEATS), with_label(BEATS), table_of(BEATS[:2], ",".join(map(str, range(60))) + "\n")],
    ids=["a beat in each row", "with a label in front", "two channels in rows below numbers"],
)
def test_signals_in_rows_are_refused_with_the_way_out(table):
    with pytest.raises(SourceError, match="each row looks like a signal of its own of 60 values; transpose the table"):
        denoise_table(table)


@pytest.mark.parametrize(
    "values",
    [SPECTRA, COMMON_NOISE, SLOW, RNG.normal(size=(200, 60))],
    ids=["spectra", "common noise", "slow", "noise"],
)
def test_many_columns_that_are_signals_are_denoised(values):
    assert len(denoise_table(table_of(values)).columns) == 60


def test_named_columns_are_taken_at_their_word():
    names = ",".join(f"electrode {letter}{number}" for letter in "ABC" for number in range(20)) + "\n"
    assert len(denoise_table(table_of(BEATS, names)).columns) == 60
