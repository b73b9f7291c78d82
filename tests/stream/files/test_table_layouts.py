"""Tables in layouts drawn at random: right or refused, never silently wrong."""

from collections import Counter

import numpy as np
import pytest

from denoise_stream import Denoiser, SourceError
from layout_check import check
from layouts import Table, draw_tables
from tables import denoise_table

MOST_REFUSED = 0.05
"""Share of the tables that may be refused; most of these can be read in two ways."""


def look(table: Table, outcomes: Counter[str]) -> None:
    """Denoise a table and count the outcome; fail if it is wrong."""
    after, refusal = b"", ""
    try:
        after = denoise_table(table.data).data
    except SourceError as error:
        refusal = str(error)
    if refusal:
        assert "--" in refusal, f"no option that helps: {refusal}: {table.layout}"
        outcomes["refused"] += 1
        return
    wrong = check(table, after)
    assert not wrong, f"{wrong}: {table.layout}"
    outcomes["right"] += 1


def look_at_many(count: int) -> None:
    outcomes: Counter[str] = Counter()
    for table in draw_tables(count):
        look(table, outcomes)
    assert outcomes["right"] > count / 2
    assert outcomes["refused"] <= MOST_REFUSED * count


def test_tables_of_any_layout_are_right_or_refused():
    look_at_many(200)


@pytest.mark.long
def test_thousands_of_tables_of_any_layout_are_right_or_refused():
    look_at_many(4000)


@pytest.mark.parametrize("texts", ["pump on", "pump on;first floor", "a;b;c"])
def test_rows_that_a_comma_and_a_semicolon_split_are_refused(tmp_path, monkeypatch, call, texts):
    monkeypatch.chdir(tmp_path)
    values = 20 + np.random.default_rng(0).normal(size=160)
    (tmp_path / "a.csv").write_text("\n".join(f"{value:.1f};{texts}".replace(".", ",") for value in values))
    status, message = call("--input", "a.csv")
    assert status == 1
    assert "can be split at ',' or at ';'; say which with --delimiter , or --delimiter ';'" in message
    assert call("--input", "a.csv", "--delimiter", ";")[0] == 0
    assert (tmp_path / "a.denoised.csv").read_text().splitlines()[5].endswith(f";{texts}")


@pytest.mark.parametrize("note", ["ok", '"door open"'])
def test_decimal_commas_beside_words_are_read_by_the_names_above_or_refused(tmp_path, monkeypatch, call, note):
    monkeypatch.chdir(tmp_path)
    values = 20 + np.random.default_rng(0).normal(size=160)
    rows = "\n".join(f"{value:.1f} {note}".replace(".", ",") for value in values)
    (tmp_path / "bare.csv").write_text(rows)
    status, message = call("--input", "bare.csv")
    assert status == 1
    assert "can be split at ',' or at space; say which with --delimiter , or --delimiter space" in message
    (tmp_path / "named.csv").write_text(f"load note\n{rows}")
    assert call("--input", "named.csv")[0] == 0
    assert call("--input", "bare.csv", "--delimiter", "space")[0] == 0
    denoised = (tmp_path / "named.denoised.csv").read_text().splitlines()
    assert denoised[1:] == (tmp_path / "bare.denoised.csv").read_text().splitlines()
    first, rest = denoised[1].split(" ", 1)
    assert rest == note
    expected = Denoiser("general").denoise(np.round(values, 1))[0]
    assert float(first.replace(",", ".")) == pytest.approx(expected, abs=0.01)


def test_names_with_commas_keep_a_column_of_texts_that_begin_with_a_number(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(200, 300, size=160)
    (tmp_path / "a.csv").write_text("lux,floor\n" + "\n".join(f"{value},3 rooms" for value in values))
    assert call("--input", "a.csv")[0] == 0
    assert all(row.endswith(",3 rooms") for row in (tmp_path / "a.denoised.csv").read_text().splitlines()[1:])


def test_missing_first_value_that_looks_like_a_line_below_the_names_is_a_row(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    cells = [f"{value:.1f}" for value in 20 + np.random.default_rng(0).normal(size=160)]
    cells[0] = cells[80] = "--"
    for name in ("load\n", "load\n--------\n", ""):
        (tmp_path / "a.csv").write_text(name + "\n".join(cells))
        status, message = call("--input", "a.csv", "--force")
        assert (status, "160 samples" in message) == (0, True), message


def test_number_that_gets_a_comma_is_quoted_where_the_others_are(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    values = np.round(20 + np.random.default_rng(0).normal(size=160), 1)
    cells = [f'"{value:.1f}"'.replace(".", ",") if value % 1 else f"{value:.0f}" for value in values]
    assert any(cell.isdigit() for cell in cells)
    (tmp_path / "a.csv").write_text("\n".join(["load", *cells]))
    assert call("--input", "a.csv")[0] == 0
    after = (tmp_path / "a.denoised.csv").read_text().splitlines()[1:]
    assert all('"' in cell for cell in after if "," in cell)


def test_text_with_semicolons_in_a_table_of_commas_is_no_other_reading(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    values = 20 + np.random.default_rng(0).normal(size=160)
    (tmp_path / "a.csv").write_text("t,v,note\n" + "\n".join(f"{n},{v:.2f},on;low" for n, v in enumerate(values)))
    assert call("--input", "a.csv")[0] == 0
    assert (tmp_path / "a.denoised.csv").read_text().splitlines()[5].endswith(",on;low")


def test_missing_value_that_begins_like_a_comment_is_in_a_row(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    values = 20 + np.random.default_rng(0).normal(size=300)
    rows = [f"#N/A,{value:.2f}" if index % 2 == 0 else f"{value:.2f},#N/A" for index, value in enumerate(values)]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    status, message = call("--input", "a.csv")
    assert (status, "300 samples" in message) == (0, True)
    first = (tmp_path / "a.denoised.csv").read_text().splitlines()[0].split(",")
    assert first[0] == "#N/A"
    assert float(first[1]) == pytest.approx(Denoiser("general").denoise(values[::2])[0], abs=0.01)
