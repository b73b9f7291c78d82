"""Tables: what is not denoised stays byte for byte, columns are found, mistakes are named."""

import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from denoise_stream import SourceError
from denoise_stream.files.dialect.numbers import parse_number
from denoise_stream.files.dialect.options import TableOptions
from denoise_stream.files.protocols import Reading
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource
from tables import denoise_table


def table(text: str | bytes, block: int = 1 << 16, **options) -> TableSource:
    data = text.encode() if isinstance(text, str) else text
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    columns, rest = options.pop("columns", None), options
    return TableSource(iter(blocks), "t.csv", Reading(columns, table=TableOptions(**rest)))


def rewrite(source: TableSource, change=lambda values: values, delay: int = 0) -> str:
    """Pass all values through ``change`` and write the table back, each value ``delay`` rows late."""
    file = io.BytesIO()
    sink = TableSink(source, file)
    held = np.empty((0, source.channels))
    for values in source:
        held = np.concatenate((held, change(values)))
        ready = max(0, len(held) - delay)
        sink.write(held[:ready])
        held = held[ready:]
    sink.write(held)
    sink.close()
    return file.getvalue().decode("utf-8", "surrogateescape")


def columns_of(text: str, **options) -> list[str]:
    return table(text, **options).column_names


AWKWARD = (
    '\ufeffzeit;"temp ""innen""";n;raum\r\n'
    "# a comment; with a delimiter\r\n"
    '0,00;"1,5";1;a\r\n'
    "\r\n"
    '0,01; 2,25 ;2;"b;c"\r\n'
    '0,02;;3;"d\r\ne"\r\n'
    "0,04;-4,5e1;4;\u00e9"
)


@pytest.mark.parametrize("block", [1, 2, 7, 64, 4096])
@pytest.mark.parametrize("delay", [0, 2, 100])
def test_unchanged_values_give_the_table_back_byte_for_byte(block, delay):
    source = table(AWKWARD, block, columns=['temp "innen"'])
    assert rewrite(source, delay=delay) == AWKWARD


def test_changed_values_replace_only_themselves():
    source = table(AWKWARD, columns=['temp "innen"'])
    expected = AWKWARD.replace('"1,5"', '"3"').replace(" 2,25 ", " 4,5 ").replace("-4,5e1", "-9,0e1")
    assert rewrite(source, lambda values: 2 * values) == expected


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=3, max_size=30),
    newline=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.booleans(),
    block=st.integers(1, 50),
)
def test_any_table_survives(values, newline, delimiter, end, block):
    rows = [f"2020-01-01{delimiter}{value!r}{delimiter}x y" for value in values]
    text = newline.join(["date" + delimiter + "v" + delimiter + "note", *rows]) + newline * end
    source = table(text, block)
    assert source.column_names == ["v"]
    assert rewrite(source, delay=5) == text


def test_bytes_that_are_no_utf8_survive():
    data = b"v,name\n1,caf\xe9\n2,\xff\n"
    source = table(data)
    assert rewrite(source).encode("utf-8", "surrogateescape") == data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timestamp,value\n2013-07-04 00:00:00,69.8\n2013-07-04 01:00:00,71.2\n2013-07-04 02:00:00,70.1\n", ["value"]),
        ("time_s,a,b\n0.00,1,5\n0.01,3,4\n0.02,2,6\n", ["a", "b"]),
        (",v\n0,1.5\n1,1.2\n2,1.4\n", ["v"]),
        ("n,v\n1,1.5\n2,1.2\n3,1.4\n", ["v"]),
        ("n,v\n7,1.5\n3,1.2\n5,1.4\n", ["n", "v"]),
        ("response_time,v\n7,1.5\n3,1.2\n5,1.4\n", ["response_time", "v"]),
        ("sensor_id,v\n7,1.5\n3,1.2\n5,1.4\n", ["v"]),
        ("anything,v\n0.003,1.5\n0.006,1.2\n0.008,1.4\n", ["v"]),
        ("ramp\n1\n2\n3\n4\n", ["ramp"]),
        ("v,label\n1.5,a\n1.2,b\n1.4,c\n", ["v"]),
        ("v,w\n1.5,\n1.2,NA\n1.4,3\n", ["v", "w"]),
        ("0.1,5\n0.2,3\n0.3,9\n", ["2"]),
        ("1,5;3,25\n0,5;3,5\n2,5;2,75\n", ["1", "2"]),
        ("2020-01-01,5.5\n2020-01-02,5.1\n", ["2"]),
        (",0,1\n0,0.12,5.1\n1,0.15,5.0\n2,0.11,5.2\n", ["0", "1"]),
        ("time,1,2\n2020-01-01,5.5,1\n2020-01-02,5.1,7\n", ["1", "2"]),
        ("name,2019,2020\nx,5.5,1\ny,5.1,7\n", ["2019", "2020"]),
        ("humidity,v\n45,1.5\n45,1.2\n45,1.4\n46,1.3\n46,1.0\n", ["humidity", "v"]),
        ("ts,v\n1700000000003,1.5\n1700000000009,1.2\n1700000000021,1.4\n", ["v"]),
        ("device_ts,v\n3,1.5\n9,1.2\n21,1.4\n", ["v"]),
    ],
)
def test_signal_columns_are_found(text, expected):
    assert columns_of(text) == expected


def test_columns_are_taken_by_name_in_the_tables_order():
    text = "t,a,b\n0,1,2\n1,5,4\n2,2,8\n"
    assert columns_of(text, columns=["b", "t"]) == ["t", "b"]


def test_header_appears_before_any_value_is_ready():
    source = table("v\n1\n5\n2\n")
    file = io.BytesIO()
    sink = TableSink(source, file)
    values = list(source)
    sink.write(np.empty((0, 1)))
    assert file.getvalue() == b"v\n"
    sink.write(np.concatenate(values))
    assert file.getvalue() == b"v\n1\n5\n2\n"


def test_missing_values_are_nan_and_come_back_as_they_were():
    text = "v\n1\n\nNA\n3\nnan\n,\n".replace(",\n", "")
    source = table(text)
    assert rewrite(source, lambda values: values + 1) == "v\n2\n\nNA\n4\nnan\n"


NUMBERS = "".join(f"{7 * i * i % 97},{5 * i * i % 89},{3 * i * i % 83}\n" for i in range(20))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "t.csv is empty"),
        ("\n\n", {}, "t.csv is empty"),
        ("\r\nsep=;\r\n", {}, "t.csv is empty"),
        (NUMBERS + "x,y,1.234\n" + NUMBERS, {}, "line 21, column '1': 'x' is not a number"),
        ("a,b\n", {}, "has a header but no rows"),
        ("a,b\n1,2\n3\n", {}, "line 3: 1 columns, the others have 2"),
        ("a,b\n1,2\n3,x\n5,9\n7,8\n", {}, "line 3, column 'b': 'x' is not a number"),
        ("a,b\n1,2\n3,1_000\n5,9\n7,8\n", {}, "line 3, column 'b': '1_000' is not a number"),
        ("a,b\n1,2\n3,-inf\n5,9\n7,8\n", {}, "line 3, column 'b': '-inf' is not finite"),
        ("a,b\n1,2\n3,4\n", {"columns": ["c"]}, "has no column 'c'; it has a, b"),
        ("name,when\nx,2020-01-01\ny,2020-01-02\n", {}, "has no numeric column besides time stamps"),
        (b"a\x00,b", {}, "is not text: it holds zero bytes; if it is, name its --encoding"),
        ('a,b\n1,"2\n' + "3,4\n5,1.5\n7,2\n1,9\n" * 500, {}, """line 2, column 'b': '"2' is not a number"""),
    ],
)
def test_mistakes_are_named_with_their_place(text, options, words):
    with pytest.raises(SourceError, match=words):
        rewrite(table(text, **options))


def test_rows_above_a_bad_one_are_answered():
    source = table("v\n1\n5\n2\noops\n7\n8\n")
    file = io.BytesIO()
    sink = TableSink(source, file)
    rows = iter(source)
    sink.write(next(rows))
    with pytest.raises(SourceError, match="line 5"):
        next(rows)
    assert file.getvalue() == b"v\n1\n5\n2\n"


def test_rows_of_empty_fields_are_missing_values():
    source = table("a\tb\n1.5\t2\n\t\n1.1\t7\n", delimiter="\t")
    values = np.concatenate(list(source))
    np.testing.assert_array_equal(values, [[1.5, 2], [np.nan, np.nan], [1.1, 7]])


def test_decimal_comma_may_come_late():
    rows = ["0"] * 150 + ["0,880", "1"]
    source = table("zeit;wert\n" + "".join(f"2020-{index};{row}\n" for index, row in enumerate(rows)))
    changed = rewrite(source, lambda values: values + 0.25).splitlines()
    assert changed[-2:] == ["2020-150;1,13", "2020-151;1,25"]


def test_text_far_after_the_preview_is_found_too():
    rows = [f"{value}" for value in np.random.default_rng(0).normal(size=5000)]
    rows[4000] = "oops"
    with pytest.raises(SourceError, match="line 4002, column 'v': 'oops' is not a number"):
        rewrite(table("v\n" + "\n".join(rows) + "\n"))


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [("1.5", ".", 1.5), (".5", ".", 0.5), ("5.", ".", 5.0), ("+1e-3", ".", 1e-3), ("1,5", ",", 1.5), ("-2", ",", -2.0)],
)
def test_numbers_are_read(text, decimal, value):
    assert parse_number(text, decimal) == value


@pytest.mark.parametrize("text", ["1,5", "0x10", "1_0", "1.2.3", "one", "1 2", "١٢"])
def test_text_is_no_number(text):
    assert parse_number(text) is None


def test_constant_column_of_fractions_keeps_its_digits():
    rows = [f"{np.sin(index / 9):.3f},48.1" for index in range(300)]
    after = denoise_table("\n".join(["x,latitude", *rows]).encode()).data.decode().splitlines()
    assert {row.split(",")[1] for row in after[1:]} == {"48.1"}


@pytest.mark.parametrize("marker", ["9.9E37", "+9.910000E+37", "-127.00"])
def test_overload_of_an_instrument_is_a_missing_value(marker):
    values = 20 + np.random.default_rng(0).normal(size=300)
    rows = [f"{index},{marker if index % 50 == 7 else f'{value:.2f}'}" for index, value in enumerate(values)]
    done = denoise_table("\n".join(["t,v", *rows]).encode())
    assert done.facts["markers"] == [marker]
    cells = [row.split(",")[1] for row in done.data.decode().splitlines()[1:]]
    assert {cell for index, cell in enumerate(cells) if index % 50 == 7} == {marker}
    assert max(abs(float(cell)) for index, cell in enumerate(cells) if index % 50 != 7) < 30


def test_numbers_with_a_flag_after_a_comma_are_left_as_they_are():
    values = 10 * (20 + np.random.default_rng(0).normal(size=300))
    rows = [f'{index},"{value:+05.0f},{5 if index % 40 == 3 else 1}",{value:.2f}' for index, value in enumerate(values)]
    done = denoise_table("\n".join(["n,TMP,v", *rows]).encode())
    assert done.columns == ["v"]
    assert "TMP" in {left["name"] for left in done.facts["left"]}


def test_row_whose_time_is_missing_is_a_row():
    values = 20 + np.random.default_rng(0).normal(size=300)
    rows = [",21", *(f"{index / 10:.1f},{value:.3f}" for index, value in enumerate(values))]
    done = denoise_table("\n".join(["time,x", *rows]).encode())
    assert sum(map(len, done.source.waiting)) == 0
    assert done.data.decode().splitlines()[1] != ",21"


def test_numbers_too_large_for_the_noise_to_be_counted_are_denoised():
    values = 1e299 * np.random.default_rng(0).normal(size=300)
    rows = [f"{index},{value:.3e}" for index, value in enumerate(values)]
    assert denoise_table("\n".join(["t,v", *rows]).encode()).columns == ["v"]


def test_numbers_too_small_for_the_noise_to_be_counted_are_denoised():
    source = TableSource(iter([b"v\n" + b"5e-324\n-5e-324\n" * 300]), "t.csv")
    assert sum(map(len, source)) == 600


def test_a_table_with_gaps_tells_the_time_between_its_rows_and_what_is_missing(call, folder):
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(900, 600, replace=False))
    start = datetime(2024, 5, 1)
    lines = [f"{start + int(row) * timedelta(minutes=5)},{rng.normal():.3f}\n" for row in rows]
    Path("a.csv").write_text("time,x\n" + "".join(lines))
    status, message = call("--input", "a.csv")
    assert status == 0, message
    assert "600 samples over 3 d 2 h, a sample every 5 min, about 300 missing in gaps" in message
    Path("even.csv").write_text(
        "time,x\n" + "".join(f"{start + row * timedelta(minutes=5)},{rng.normal():.3f}\n" for row in range(600))
    )
    assert "missing in gaps" not in call("--input", "even.csv")[1]
