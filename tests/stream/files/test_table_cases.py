"""Tables as loggers, oscilloscopes, spreadsheets and phones write them: nothing is touched but the signal.

``cases/spec.csv`` says how each file is written and which columns are signals.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser, SourceError
from tables import denoise_table

CASES = Path(__file__).parent / "cases"
SPEC = list(csv.DictReader((CASES / "spec.csv").read_text(encoding="utf-8").splitlines(), delimiter="|"))
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "none": ""}

REFUSED = {"c07b_thousands_eu_int.csv": r"line 2, column 'watts': '1.002' beside '994' .* --decimal \. .* --decimal ,"}
"""Cases that can be read in two ways, and what the refusal says."""


def lines_of(data: bytes, encoding: str) -> list[str]:
    text = data.decode(encoding)
    end = next(end for end in ("\r\n", "\n", "\r") if end in text)
    return text.split(end)


def number_of(cell: str, decimal: str) -> float:
    text = cell.strip().strip('"').replace("\u2212", "-")
    if text in ("", "#N/A"):
        return np.nan
    return float(text.replace(".", "").replace(",", ".") if decimal == "," else text.replace(",", ""))


def cells_of(line: str, delimiter: str) -> list[str]:
    if not delimiter:
        return [line]
    return next(csv.reader([line], delimiter=delimiter)) if line.count('"') > 1 else line.split(delimiter)


def check_case(case: dict[str, str], before: bytes, after: bytes) -> None:
    delimiter, decimal = DELIMITERS[case["delimiter"]], case["decimal mark"]
    header, signals = int(case["header lines"]), [int(column) for column in case["signal columns"].split()]
    old, new = lines_of(before, case["encoding"]), lines_of(after, case["encoding"])
    assert len(new) == len(old)
    assert new[:header] == old[:header]
    rows = [
        (cells_of(a, delimiter), cells_of(b, delimiter)) for a, b in zip(old[header:], new[header:], strict=True) if a
    ]
    for a, b in rows:
        assert [cell for index, cell in enumerate(a) if index not in signals] == [
            cell for index, cell in enumerate(b) if index not in signals
        ]
    for column in signals:
        noisy = np.array([number_of(a[column], decimal) for a, _ in rows])
        found = np.array([number_of(b[column], decimal) for _, b in rows])
        known = ~np.isnan(noisy)
        expected = noisy.copy()
        if known.mean() < 2 / 3:
            expected[known] = Denoiser("general").denoise(noisy[known])
        else:
            expected = Denoiser("general").denoise(noisy)
        assert (np.isnan(found) == np.isnan(expected)).all()
        assert np.nanmax(np.abs(found - expected)) <= 1.5e-4 * np.ptp(noisy[known])


@pytest.mark.parametrize("case", SPEC, ids=[case["file"] for case in SPEC])
def test_case_is_right_or_refused(case):
    before = (CASES / case["file"]).read_bytes()
    if case["file"] in REFUSED:
        with pytest.raises(SourceError, match=REFUSED[case["file"]]):
            denoise_table(before)
    else:
        check_case(case, before, denoise_table(before).data)


@pytest.mark.parametrize("case", SPEC, ids=[case["file"] for case in SPEC])
def test_case_through_a_pipe_is_the_same_or_refused(case):
    """A pipe decides by fewer rows, and cut anywhere."""
    before = (CASES / case["file"]).read_bytes()
    if case["file"] not in REFUSED:
        check_case(case, before, denoise_table(before, block=41, rows=120).data)


@pytest.mark.parametrize("case", SPEC, ids=[case["file"] for case in SPEC])
def test_a_mix_of_0_leaves_every_byte(case):
    before = (CASES / case["file"]).read_bytes()
    if case["file"] not in REFUSED:
        assert denoise_table(before, mix=0.0).data == before


def test_an_option_reads_what_is_ambiguous():
    before = (CASES / "c07b_thousands_eu_int.csv").read_bytes()
    case = next(case for case in SPEC if case["file"] == "c07b_thousands_eu_int.csv")
    check_case(case, before, denoise_table(before, decimal=",").data)
    rows = denoise_table(before, decimal=".").data.decode().splitlines()
    assert 0.9 < float(rows[1].split(";")[1]) < 1.1


def test_of_all_cases_no_output_grows_by_half():
    growth = Counter()
    for case in SPEC:
        if case["file"] not in REFUSED:
            before = (CASES / case["file"]).read_bytes()
            growth[case["file"]] = len(denoise_table(before).data) / len(before)
    assert max(growth.values()) < 1.3, growth.most_common(3)
