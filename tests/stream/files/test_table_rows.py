"""Unreadable rows, quotes, gaps and options of tables."""

import numpy as np
import pytest

from denoise_stream import SourceError
from tables import GENERAL, denoise_table

NOISY = np.round(20 + np.random.default_rng(1).normal(0, 1, 400), 2)
LINES = [f"{index},{value:.2f}" for index, value in enumerate(NOISY)]


def as_table(lines: list[str], header: str = "row,temp") -> bytes:
    return "".join(f"{line}\n" for line in [header, *lines] if line is not None).encode()


def temperatures(data: bytes, column: int = 1) -> np.ndarray:
    return np.array([float(line.split(",")[column]) for line in data.decode().splitlines()[1:]])


@pytest.mark.parametrize("bad", ["250,oops", "250", "250,1,2,3", "footer,1.5", "250,inf"])
def test_a_bad_row_stops_is_passed_or_left_out(bad):
    lines = [*LINES[:250], bad, *LINES[250:]]
    with pytest.raises(SourceError, match="line 252.*--on-bad-row pass leaves such rows as they are"):
        denoise_table(as_table(lines))
    expected = denoise_table(as_table(LINES)).data.decode().splitlines()
    passed = denoise_table(as_table(lines), on_bad_row="pass")
    assert passed.data.decode().splitlines() == [*expected[:251], bad, *expected[251:]]
    assert (passed.facts["bad_rows"], "line 252" in passed.facts["first_bad_row"]) == (1, True)
    assert denoise_table(as_table(lines), on_bad_row="skip").data.decode().splitlines() == expected


STAMPED = [f"2024-05-01 {index // 60:02d}:{index % 60:02d},{value:.2f}" for index, value in enumerate(NOISY)]


@pytest.mark.parametrize("lines", [LINES, STAMPED])
@pytest.mark.parametrize("block", [5, 1 << 16])
@pytest.mark.parametrize("totals", [[",8012.34"], ["", ",8012.34", '"",20.03', ""]])
def test_totals_below_a_table_are_no_samples(lines, block, totals):
    table = as_table([*lines, *totals])
    expected = denoise_table(as_table(lines)).data
    passed = denoise_table(table, block=block)
    assert passed.data == expected + "".join(f"{line}\n" for line in totals).encode()
    assert passed.facts["bad_rows"] == sum(map(bool, totals))
    assert "no time, as in a row of totals" in passed.facts["first_bad_row"]
    skipped = denoise_table(table, block=block, on_bad_row="skip").data
    assert skipped == expected + b"\n" * totals.count("")


@pytest.mark.parametrize("block", [5, 1 << 16])
@pytest.mark.parametrize("places", [range(200, 203), range(390, 400), range(0, 400, 2)])
def test_rows_whose_time_was_lost_are_samples(block, places):
    lines = [line[line.index(",") :] if index in places else line for index, line in enumerate(STAMPED)]
    done = denoise_table(as_table(lines, "when,temp"), block=block)
    np.testing.assert_allclose(temperatures(done.data), GENERAL.denoise(NOISY), atol=0.51e-3)
    assert done.facts["bad_rows"] == 0


def test_series_beside_each_other_may_end_at_different_rows():
    lines = [f"{n / 10},{value},{n / 10},{value + 1:.2f}" for n, value in enumerate(NOISY)]
    done = denoise_table(as_table([*lines, ",,40.0,21.30", ",,40.1,20.80"], "t1,a,t2,b"))
    assert (done.columns, done.facts["bad_rows"]) == (["a", "b"], 0)


def test_text_in_a_column_that_stays_is_no_bad_row():
    lines = [f"{line},{'ok' if index < 300 else 7}" for index, line in enumerate(LINES)]
    after = denoise_table(as_table(lines, "row,temp,note")).data.decode().splitlines()
    assert [line.split(",")[2] for line in after[1:]] == [line.split(",")[2] for line in lines]


@pytest.mark.parametrize("note", ['5" pipe', '"', '"open', 'a "b" c', '""'])
def test_a_lone_quote_is_text_and_all_rows_are_denoised(note):
    lines = [f"{line},{note if index == 100 else 'ok'}" for index, line in enumerate(LINES)]
    after = denoise_table(as_table(lines, "row,temp,note")).data
    np.testing.assert_allclose(temperatures(after), GENERAL.denoise(NOISY), atol=0.51e-3)
    assert [line.split(",")[2] for line in after.decode().splitlines()[1:]] == [line.split(",")[2] for line in lines]


@pytest.mark.parametrize("block", [7, 1 << 16])
def test_quoted_fields_may_span_lines(block):
    note = '"one\ntwo, and ""three"""'
    lines = [f"{line},{note if index % 60 == 7 else 'ok'}" for index, line in enumerate(LINES)]
    before = as_table(lines, "row,temp,note")
    done = denoise_table(before, block=block)
    assert done.columns == ["temp"]
    assert done.data.count(note.encode()) == before.count(note.encode()) == 7
    assert done.data.count(b"\n") == before.count(b"\n")


def test_columns_with_gaps_at_regular_places_are_series_of_their_own():
    other = np.round(3 + np.random.default_rng(2).normal(0, 0.1, 400), 3)
    lines = [
        f"{line},{value:.3f}" if index % 3 == 0 else f"{line},"
        for index, (line, value) in enumerate(zip(LINES, other, strict=True))
    ]
    done = denoise_table(as_table(lines, "row,temp,slow"))
    assert done.facts["sparse"] == ["slow"]
    cells = [line.split(",")[2] for line in done.data.decode().splitlines()[1:]]
    assert [cell == "" for cell in cells] == [index % 3 != 0 for index in range(400)]
    np.testing.assert_allclose([float(cell) for cell in cells if cell], GENERAL.denoise(other[::3]), atol=0.51e-4)
    np.testing.assert_allclose(temperatures(done.data), GENERAL.denoise(NOISY), atol=0.51e-3)


def test_an_outage_is_no_regular_gap():
    lines = [f"{index}," if 100 <= index < 300 else line for index, line in enumerate(LINES)]
    assert denoise_table(as_table(lines)).facts["sparse"] == []


@pytest.mark.parametrize("marker", ["1e30", "-1e+31", "1.70E+38", "9.96921e+36", "1E20", "-32768", "-32768.0"])
def test_fill_values_of_databases_and_models_are_missing(marker):
    lines = [f"{index},{marker}" if index in (50, 51, 320) else line for index, line in enumerate(LINES)]
    after = denoise_table(as_table(lines)).data.decode().splitlines()[1:]
    assert [after[index] for index in (50, 51, 320)] == [lines[index] for index in (50, 51, 320)]
    assert np.ptp([float(line.split(",")[1]) for index, line in enumerate(after) if index not in (50, 51, 320)]) < 10


@pytest.mark.parametrize(
    ("offset", "marker"),
    [(993, "-999"), (993, "-999.00"), (393, "-99.99"), (0, "-9.99"), (0, "-0.99"), (99980, "-99.9")],
)
def test_a_negative_marker_below_a_narrow_range_of_positive_numbers_is_missing(offset, marker):
    signal = offset + NOISY / 100
    lines = [f"{index},{marker if index in (50, 320) else f'{value:.4f}'}" for index, value in enumerate(signal)]
    done = denoise_table(as_table(lines, "row,pressure"))
    assert done.facts["markers"] == [marker]
    assert np.ptp(np.delete(temperatures(done.data), [50, 320])) < 0.05


@pytest.mark.parametrize(("glitch", "total"), [("", ",5000000.00"), ("5000000.00", "")])
def test_a_marker_is_missing_whatever_a_glitch_or_a_total_holds(glitch, total):
    lines = [f"{line.split(',')[0]},{1000 + value:.2f}" for line, value in zip(STAMPED, NOISY, strict=True)]
    lines[50] = f"{STAMPED[50].split(',')[0]},-999"
    if glitch:
        lines[60] = f"{STAMPED[60].split(',')[0]},{glitch}"
    table = as_table([*lines, *filter(None, [total])], "when,pressure")
    done = denoise_table(table)
    assert done.facts["markers"] == ["-999"]
    assert done.data.splitlines()[51] == lines[50].encode()


@pytest.mark.parametrize(("offset", "value"), [(10000, "9999"), (100100, "99999.0"), (-8, "-9.99"), (-1.3, "-0.99")])
def test_a_number_of_nines_beside_the_range_is_a_number(offset, value):
    signal = offset + NOISY / 100
    lines = [f"{index},{value if index == 50 else f'{sample:.4f}'}" for index, sample in enumerate(signal)]
    assert denoise_table(as_table(lines)).facts["markers"] == []


def test_large_numbers_are_signals_where_all_are_large():
    lines = [f"{index},{value:.2f}e20" for index, value in enumerate(NOISY)]
    assert temperatures(denoise_table(as_table(lines)).data).max() < NOISY.max() * 1e20


@pytest.mark.parametrize("marker", ["(null)", "\\N", "OVER", "Error"])
def test_markers_of_databases_and_meters_are_missing(marker):
    lines = [f"{index},{marker}" if index in (50, 320) else line for index, line in enumerate(LINES)]
    after = denoise_table(as_table(lines)).data.decode().splitlines()[1:]
    assert [index for index, line in enumerate(after) if line == f"{index},{marker}"] == [50, 320]


def test_numbers_with_text_attached_are_called_so():
    lines = [f"{line},{40 + index % 50} pts,S{index % 7}" for index, line in enumerate(LINES)]
    left = {
        column["name"]: column["reason"] for column in denoise_table(as_table(lines, "row,temp,rh,p")).facts["left"]
    }
    assert (left["rh"], left["p"]) == ("numbers with 'pts' behind", "numbers with 'S' in front")


def test_markers_far_from_all_numbers_are_missing_and_named():
    lines = [f"{index},-999.0" if index in (50, 320) else line for index, line in enumerate(LINES)]
    done = denoise_table(as_table(lines))
    noisy = NOISY.copy()
    noisy[[50, 320]] = np.nan
    found = temperatures(done.data)
    assert (found[[50, 320]] == -999.0).all()
    np.testing.assert_allclose(np.delete(found, [50, 320]), np.delete(GENERAL.denoise(noisy), [50, 320]), atol=0.51e-3)
    assert done.facts["markers"] == ["-999.0"]


def test_a_number_like_a_marker_within_the_range_is_a_number():
    lines = [f"{index},{990 + index % 17}" for index in range(200)]
    done = denoise_table(as_table(lines), columns=["temp"])
    assert done.facts["markers"] == []


@pytest.mark.parametrize(
    ("text", "options", "column", "first"),
    [
        ("a note\nanother, note\nrow,temp\n", {"skip_rows": 2}, "temp", 4),
        ("row,temp\nmore,words\n", {"header": 1}, "temp", 3),
        ("row,temp\nmore,words\n", {"header": 2}, "words", 3),
        ("", {"header": 0}, "2", 1),
    ],
)
def test_stated_headers_are_taken(text, options, column, first):
    before = text.encode() + "".join(f"{line}\n" for line in LINES).encode()
    done = denoise_table(before, **options)
    assert (done.columns, done.source.dialect.first_line) == ([column], first)
    assert done.data.startswith(text.encode())
    assert done.data.count(b"\n") == before.count(b"\n")


def test_a_stated_encoding_makes_names_that_can_be_typed():
    before = ("時刻,温度\n" + "".join(f"{line}\n" for line in LINES)).encode("shift_jis")
    done = denoise_table(before, encoding="shift_jis", columns=["温度"])
    assert done.data.startswith("時刻,温度\n".encode("shift_jis"))
    assert done.facts["left"] == [{"name": "時刻", "reason": "named a time or an index"}]


def test_bytes_that_an_encoding_cannot_round_trip_are_refused():
    with pytest.raises(SourceError, match="is not text in shift_jis.*name another --encoding"):
        denoise_table(b"Gr\xffe,v\n1,2.5\n", encoding="shift_jis")


def test_both_readings_of_three_digits_stay_true():
    """With semicolons as delimiters 20.038 may be twenty or twenty thousand: exactly three digits are written."""
    lines = [f"{index};{value:.3f}" for index, value in enumerate(NOISY)]
    after = denoise_table(as_table(lines, "row;kg")).data.decode().splitlines()
    assert {len(line.partition(".")[2]) for line in after[1:]} == {3}


@pytest.mark.parametrize(("delimiter", "digits"), [(";", 0), (",", 2)])
def test_whole_numbers_get_decimals_only_where_the_mark_is_known(delimiter, digits):
    values = np.rint(10 * np.sin(np.arange(400) / 20) + np.random.default_rng(0).normal(0, 1, 400)).astype(int)
    lines = [f"x{delimiter}{value}" for value in values]
    done = denoise_table(as_table(lines, f"note{delimiter}v"))
    found = [line.split(delimiter)[1] for line in done.data.decode().splitlines()[1:]]
    assert max(len(cell.partition(".")[2]) for cell in found) == digits
    np.testing.assert_allclose(
        np.array(found, float), GENERAL.denoise(values.astype(float)), atol=0.501 * 10.0**-digits
    )
    assert done.facts["rounded"] == ([] if digits else ["v"])


def test_digits_of_floats_and_large_whole_numbers_stay():
    base = 123_456_789_012_345
    values = base + np.rint(np.random.default_rng(0).normal(0, 900, 300)).astype(np.int64)
    done = denoise_table(as_table([f"x,{value}" for value in values], "note,n"))
    found = np.array([int(line.split(",")[1]) for line in done.data.decode().splitlines()[1:]])
    assert np.abs(found - base - GENERAL.denoise((values - base).astype(float))).max() <= 0.6


def series_after_each_other(first: str, second: str, gap: float, restart: int) -> bytes:
    names = [first if index < 200 else second for index in range(400)]
    values = [value + (gap if index >= 200 else 0) for index, value in enumerate(NOISY)]
    rows = zip(names, values, strict=True)
    return as_table([f"{n},{index % restart / 10:.1f},{v:.2f}" for index, (n, v) in enumerate(rows)], "trial,time,v")


@pytest.mark.parametrize(("first", "second"), [("left", "right"), ("1", "2")])
def test_series_that_follow_each_other_are_refused_with_the_way_out(first, second):
    table = series_after_each_other(first, second, 100, 200)
    with pytest.raises(SourceError, match="series follow each other, named by column 'trial' .*--series-column trial"):
        denoise_table(table)


@pytest.mark.parametrize(("gap", "restart"), [(0, 200), (100, 400)], ids=["no jump", "time goes on"])
def test_labels_of_parts_of_one_series_are_not_refused(gap, restart):
    assert denoise_table(series_after_each_other("rest", "run", gap, restart)).columns == ["v"]
