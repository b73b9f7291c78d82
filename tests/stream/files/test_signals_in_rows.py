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


def test_a_long_row_is_a_signal_and_so_is_a_row_for_each_day():
    with pytest.raises(SourceError, match="signal of its own of 60 values; transpose"):
        denoise_table(table_of(BEATS[:1]))
    names = ",".join(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 30)) + "\n"
    with pytest.raises(SourceError, match="signal of its own of 48 values; transpose"):
        denoise_table(table_of(RNG.normal(size=(90, 48)), names))
    hydrophones = ",".join(f"H{number}" for number in range(1, 25)) + "\n"
    assert len(denoise_table(table_of(RNG.normal(size=(90, 24)), hydrophones)).columns) == 24
    loads = table_of(RNG.normal(size=(90, 24))).decode().splitlines()
    days = "".join(f"2024-{1 + n // 28:02d}-{1 + n % 28:02d},{row}\n" for n, row in enumerate(loads))
    with pytest.raises(SourceError, match="signal of its own of 24 values; transpose"):
        denoise_table(f"date,{hydrophones}{days}".encode())
    hours = ",".join(f"HE{hour:02d}" for hour in range(1, 25)) + "\n"
    with pytest.raises(SourceError, match="signal of its own of 24 values; transpose"):
        denoise_table(table_of(RNG.normal(size=(90, 24)), hours))


SMOOTH = np.sin(np.arange(1200) / 30) + 0.02 * RNG.normal(size=1200)


@pytest.mark.parametrize("width", [3, 5, 8])
def test_one_signal_that_fills_row_after_row_is_refused_with_the_way_out(width):
    with pytest.raises(SourceError, match=f"from row to row in {width} columns; write one value in each line"):
        denoise_table(table_of(SMOOTH.reshape(-1, width), "# IU_ANMO_00_BHZ\n"))


def test_an_axis_in_front_of_the_rows_that_a_signal_fills_changes_nothing():
    rows = "".join(
        f"{400 + 9 * index} {' '.join(f'{1000 * value:.0f}' for value in row)}\n"
        for index, row in enumerate(SMOOTH.reshape(-1, 6))
    )
    with pytest.raises(SourceError, match="from row to row in 6 columns; write one value in each line"):
        denoise_table(f"##XYDATA=(X++(Y..Y))\n{rows}".encode())


@pytest.mark.parametrize(
    "values",
    [
        SMOOTH[:200, None] + [0, 1, 2],
        RNG.normal(size=(200, 1)) + 0.01 * RNG.normal(size=(200, 3)),
        RNG.normal(size=(200, 3)),
        np.stack([SMOOTH[:200], SMOOTH[50:250], SMOOTH[90:290]], axis=1),
    ],
    ids=["offset", "alike", "noise", "shifted"],
)
def test_a_few_columns_that_are_signals_are_denoised(values):
    assert len(denoise_table(table_of(values)).columns) == 3


def test_spectra_that_flicker_do_not_go_on_from_row_to_row():
    line = np.exp(-(np.linspace(-3, 3, 256) ** 2))
    spectra = 1000 * (1 + 0.2 * RNG.normal(size=(60, 1))) * line + RNG.normal(0, 2, (60, 256))
    names = ",".join(str(400 + 5 * place) for place in range(256)) + "\n"
    assert len(denoise_table(table_of(spectra, names)).columns) == 256
