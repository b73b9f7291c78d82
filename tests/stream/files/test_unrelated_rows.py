"""Tables whose rows do not follow each other, and files that are no tables, are refused with the way out."""

import numpy as np
import pytest

from denoise_stream import SourceError
from tables import denoise_table

NOISE = np.random.default_rng(3).normal(0, 0.1, 300)


def block(first: int, level: float, separator: str = " ") -> str:
    return "".join(f"{n / 10}{separator}{level + NOISE[first + n]:.3f}\n" for n in range(100))


@pytest.mark.parametrize("between", ["\n\n", "# type: matrix\n", "Step Information: R=2K  (Step: 2/3)\n"])
def test_blocks_whose_time_starts_again_and_whose_values_jump_are_refused(between):
    table = ("x y\n" + between.join(block(first, first / 10) for first in (0, 100, 200))).encode()
    with pytest.raises(SourceError, match="another series begins below line 101, .* --columns y$"):
        denoise_table(table)
    assert denoise_table(table, columns=["y"], on_bad_row="pass").columns == ["y"]


def test_sweeps_that_start_again_are_refused_where_nothing_counts_them():
    rows = [f"{n % 100 / 20:.2f},{(n % 100) ** 3 / 1e5 + NOISE[n] / 10:.4f}" for n in range(300)]
    with pytest.raises(SourceError, match="another series begins below line 101, .* --columns I$"):
        denoise_table("\n".join(["V,I", *rows, ""]).encode())
    timed = [f"{n},{row}" for n, row in enumerate(rows)]
    assert denoise_table("\n".join(["ms,V,I", *timed, ""]).encode()).columns == ["I"]


def test_blocks_that_go_on_are_one_series():
    restarted = "t y\n" + "\n".join(block(first, 20) for first in (0, 100, 200))
    assert denoise_table(restarted.encode()).columns == ["y"]
    jumping = "".join(f"{n}\t{NOISE[n] + n // 100 * 30:.3f}\n{'# note' * (n % 100 == 99)}\n" for n in range(300))
    assert denoise_table(jumping.encode()).columns == ["2"]


@pytest.mark.parametrize(
    "form",
    [
        "2024-05-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.5Z",
        "{day:02d}.05.2024 {hour:02d}:{minute:02d}:{second:02d}",
    ],
)
def test_series_one_below_the_other_with_times_of_their_own_are_refused(form):
    rows = [
        f"{name},{form.format(day=1 + n // 24, hour=n % 24, minute=30, second=second)},{level + NOISE[n]:.2f}\n"
        for name, level, second in (("sensor.temp", 20, 7), ("sensor.hum", 60, 9))
        for n in range(96)
    ]
    with pytest.raises(SourceError, match="several series follow each other, .* --series-column entity_id"):
        denoise_table(("entity_id,last_changed,state\n" + "".join(rows)).encode())


def test_sentences_with_checksums_are_refused_until_their_columns_are_named():
    table = "".join(f"$GPGGA,{100000 + n},N,{40 + NOISE[n]:.1f},M,*{n % 256:02X}\n" for n in range(300)).encode()
    with pytest.raises(SourceError, match="every row ends in a checksum, .* --columns, such as 4"):
        denoise_table(table)
    assert denoise_table(table, columns=["4"]).columns == ["4"]


@pytest.mark.parametrize(
    "text",
    [
        "".join(f'{{"t": {n}, "v": {NOISE[n]:.3f}}}\n' for n in range(100)),
        "[" + ", ".join(f"{value:.3f}" for value in NOISE) + "]\n",
        "[\n" + ",\n".join(f"  {value:.3f}" for value in NOISE) + "\n]\n",
        "".join(f"[{n}, {NOISE[n]:.3f}, {NOISE[-n]:.3f}],\n" for n in range(100)),
        "[" * 100_000 + "\n",
    ],
    ids=["lines of objects", "a list", "a list over lines", "lists", "nested deeply"],
)
def test_json_is_refused_by_its_name(text):
    with pytest.raises(SourceError, match="line 1: .* begins JSON, not a table; write it as CSV"):
        denoise_table(text.encode())


@pytest.mark.parametrize("head", ["[data]\n", "{settings}\n", "{\n", ""])
def test_brackets_in_front_do_not_make_json(head):
    rows = (f"[10:{n // 60:02d}:{n % 60:02d}] {20 + NOISE[n]:.3f} [{n % 7}]\n" for n in range(300))
    assert denoise_table((head + "".join(rows)).encode()).columns == ["2"]


def test_a_date_in_brackets_above_a_table_is_no_json():
    rows = (f"{n},{20 + NOISE[n]:.3f}\n" for n in range(300))
    assert denoise_table(("[2024-05-01 12:00:00]\nn,temp\n" + "".join(rows)).encode()).columns == ["temp"]


def test_rows_that_agree_may_be_mostly_text():
    rows = (
        f"2024-05-01 10:{n // 60:02d}:{n % 60:02d},INFO,pump-3,main,speed is {n % 3},rpm,{1400 + NOISE[n]:.2f}\n"
        for n in range(300)
    )
    assert denoise_table("".join(rows).encode()).columns == ["7"]


def test_a_line_of_json_above_a_table_is_settings():
    rows = (f"{n},{20 + NOISE[n]:.3f}\n" for n in range(300))
    assert denoise_table(('{"rate": 20, "unit": "C"}\nn,temp\n' + "".join(rows)).encode()).columns == ["temp"]
