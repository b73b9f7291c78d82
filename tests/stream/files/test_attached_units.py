"""Numbers with a unit, a percent sign or a currency attached are denoised, and what is attached stays."""

import re

import numpy as np
import pytest

from denoise_stream import SourceError
from tables import GENERAL, denoise_table

NOISY = np.round(20 + np.random.default_rng(1).normal(0, 1, 300), 2)
STAMPS = [f"2024-01-01 {index // 60:02d}:{index % 60:02d}" for index in range(300)]


def table_of(cells: list[str], name: str = "v", delimiter: str = ";") -> bytes:
    rows = [f"{stamp}{delimiter}{cell}\n" for stamp, cell in zip(STAMPS, cells, strict=True)]
    return "".join([f"time{delimiter}{name}\n", *rows]).encode()


ATTACHED = {
    "degrees": ("", "°C", "."),
    "percent": ("", "%", "."),
    "percent behind a space": ("", " %", "."),
    "a unit behind a space": ("", " mV", "."),
    "a unit behind a decimal": ("", "V", "."),
    "volts of a meter": ("", " V AC", "."),
    "dollars": ("$", "", "."),
    "euros behind a hard space, decimal comma": ("", "\u00a0€", ","),
}


@pytest.mark.parametrize("kind", ATTACHED)
def test_what_is_attached_to_all_numbers_stays_and_they_are_denoised(kind):
    before, behind, decimal = ATTACHED[kind]
    cells = [f"{before}{value:.2f}{behind}".replace(".", decimal) for value in NOISY]
    cells[70] = "-"
    lines = denoise_table(table_of(cells)).data.decode().splitlines()
    after = [line.split(";")[1] for line in lines[1:]]
    assert after.pop(70) == "-"
    assert all(cell.startswith(before) and cell.endswith(behind) for cell in after)
    found = [float(cell[len(before) : len(cell) - len(behind)].replace(decimal, ".")) for cell in after]
    expected = NOISY.copy()
    expected[70] = np.nan
    np.testing.assert_allclose(found, np.delete(GENERAL.denoise(expected), 70), atol=0.51e-3)


def test_grouped_amounts_in_quotes_keep_their_marks():
    cells = [f'"${1500 + 40 * value:,.2f}"' for value in NOISY]
    after = denoise_table(table_of(cells, delimiter=",")).data.decode().splitlines()
    found = [float(line.split(",", 1)[1].strip('"').removeprefix("$").replace(",", "")) for line in after[1:]]
    assert all(line.split(",", 1)[1].startswith('"$2,') for line in after[1:])
    np.testing.assert_allclose(found, GENERAL.denoise(np.round(1500 + 40 * NOISY, 2)), atol=0.51e-2)


def test_amounts_that_grow_a_group_are_quoted_whole():
    cells = [f"${value}" if value < 1000 else f'"${value:,}"' for value in np.round(981 + NOISY, 2)]
    after = denoise_table(table_of(cells, delimiter=",")).data.decode().splitlines()
    amount = re.compile(r'"\$(1,)?\d{3}\.\d+"|\$\d{3}\.\d+')
    assert all(amount.fullmatch(line.split(",", 1)[1]) for line in after[1:])


def test_labels_say_as_names_do_what_is_no_signal():
    rows = [
        f"id:{7 + index % 8 * 4} temp:{value:.2f} wd:{(350 + 20 * (value - 20)) % 360:.0f} crc:{index**3 % 65521}\n"
        for index, value in enumerate(NOISY)
    ]
    assert denoise_table("".join(rows).encode()).columns == ["temp"]


def test_digits_of_a_label_stay():
    rows = [f"ch1:{int(20 * value) % 13} ch2:{value:.1f}" for value in NOISY[:60]]
    after = denoise_table("".join(f"{row}\n" for row in rows).encode()).data.decode().splitlines()
    assert len(after) == len(rows)
    assert after != rows
    assert all(re.fullmatch(r"ch1:-?[\d.]+ ch2:[\d.]+", row) for row in after)


def test_units_are_found_although_the_last_cells_are_empty():
    cells = [f"{value} mV" for value in NOISY[:290]] + [""] * 10
    assert denoise_table(table_of(cells)).columns == ["v"]


def test_the_name_above_a_short_table_does_not_hide_its_unit():
    rows = [f"{index};{value:.2f} mV\n" for index, value in enumerate(NOISY[:6])]
    after = denoise_table("".join(["row;v\n", *rows]).encode()).data.decode().splitlines()
    assert all(re.fullmatch(r"\d;\d+\.\d{3,4} mV", line) for line in after[1:])


def test_times_with_a_unit_are_times():
    rows = [f"{index / 10:.1f} s,{value:.2f} mV\n" for index, value in enumerate(NOISY)]
    done = denoise_table("".join(["t,u\n", *rows]).encode())
    assert (done.columns, done.source.sample_rate_hz, done.source.column_units) == (["u"], 10, ["mV"])


@pytest.mark.parametrize("cells", [["12A", "14A", "17A"], ["3 V", "4 mV", "5 V"], ["12 pts", "13 pts", "11 pts"]])
def test_other_texts_with_numbers_stay_text(cells):
    rows = [f"{index},{value:.2f},{cells[index % 3]}\n" for index, value in enumerate(NOISY)]
    assert denoise_table("".join(["row,v,x\n", *rows]).encode()).columns == ["v"]


def test_names_that_look_like_units_stay_names():
    rows = [f"{index},{value:.2f},{value + 1:.2f}\n" for index, value in enumerate(NOISY)]
    assert denoise_table("".join(["row,25%,75%\n", *rows]).encode()).columns == ["25%", "75%"]


def test_a_number_in_another_unit_is_a_bad_row():
    cells = [f"{value:.2f} mV" for value in NOISY]
    cells[200] = "0.02 V"
    with pytest.raises(SourceError, match="line 202, column 'v': '0.02 V' is not a number; --on-bad-row pass"):
        denoise_table(table_of(cells))


LABELLED = {
    "words": "temp:{0:.2f} hum:{1:.1f} seq:{2}",
    "fields": "temp: {0:.2f}, hum: {1:.1f}, seq: {2}",
    "behind a time": "2024-05-01 10:00:{2:02d} temp={0:.2f} hum={1:.1f}",
    "with units": "temp = {0:.2f} °C; hum = {1:.1f} %; seq = {2}",
}


@pytest.mark.parametrize("form", LABELLED.values(), ids=LABELLED.keys())
def test_labels_in_front_of_all_numbers_stay_and_name_the_columns(form):
    rows = [form.format(value, 2 * value, index) for index, value in enumerate(NOISY[:60])]
    rows[7] = rows[7].replace(f"{NOISY[7]:.2f}", "nan")
    done = denoise_table("".join(f"{row}\n" for row in rows).encode())
    assert done.columns == ["temp", "hum"]
    number = re.compile(r"(?<=[:=])( ?)[\d.]+(?=[ ,;]|$)")
    after = done.data.decode().splitlines()
    assert [number.sub(r"\1", row) for row in after] == [number.sub(r"\1", row) for row in rows]
    assert after != rows
    assert "nan" in after[7]


@pytest.mark.parametrize("row", ["{0:.2f},node:{1}", "{0:.2f},up,node:{1}"])
def test_label_beside_numbers_without_one_is_part_of_a_name(row):
    rows = [row.format(value, index * index % 11) for index, value in enumerate(NOISY)]
    assert denoise_table("".join(f"{row}\n" for row in rows).encode()).columns == ["1"]
