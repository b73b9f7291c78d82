"""Tables in layouts drawn at random: right or refused, never silently wrong."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from denoise_stream import Denoiser, SourceError
from layout_check import check
from layouts import Table, tables
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
        assert "--" in refusal, f"no option that helps: {refusal}"
        outcomes["refused"] += 1
        return
    wrong = check(table, after)
    assert not wrong, f"{wrong}: {table.layout}"
    outcomes["right"] += 1


def look_at_many(examples: int) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(tables())
    def every(table: Table) -> None:
        look(table, outcomes)

    every()
    total = outcomes.total()
    print(
        f"{total} tables: {outcomes['right']} right, {outcomes['refused']} refused ({outcomes['refused'] / total:.1%})"
    )
    assert outcomes["right"] > examples / 2
    assert outcomes["refused"] <= MOST_REFUSED * total


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
