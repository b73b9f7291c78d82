"""What the guide shows is what the files do."""

import re

import numpy as np
import pytest

from denoise_export.cli import command
from denoise_stream.engine.overlap_add import OverlapAdd
from embed import EMBED

GUIDE = (EMBED / "README.md").read_text()


def test_worked_example_of_three_windows_is_what_the_engine_computes():
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in GUIDE.splitlines()]
    table = [row for row in rows if len(row) == 7 and row[0].isdigit()]
    windows = [re.search(rf"d{letter} = ((?:\d )*\d)", GUIDE)[1].split() for letter in "₀₁₂"]
    overlap_add = OverlapAdd(window=4, hop=2, channels=1)
    finished = overlap_add.process(np.array(windows, float)[:, None])
    expected = np.concatenate((finished, overlap_add.flush(2)), axis=1)[0]
    assert [float(row[6]) for row in table] == pytest.approx(expected, abs=6e-5)
    for row in table:
        products = [np.prod([float(factor) for factor in cell.split("·")]) for cell in row[1:4] if cell]
        assert sum(products) == pytest.approx(float(row[4]), abs=5e-4)
        assert float(row[4]) / float(row[5]) == pytest.approx(float(row[6]), abs=3e-3)


def test_links_of_the_guide_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", GUIDE)
    assert len(links) > 4
    for link in links:
        assert (EMBED / link).exists(), link


@pytest.mark.parametrize("line", re.findall(r"^denoise-export .*$", GUIDE, re.MULTILINE))
def test_options_in_the_guide_exist(line):
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z0-9-]+", line)) <= known


def test_no_file_of_the_embeddings_names_a_machine_or_a_registry():
    files = [path for path in EMBED.rglob("*") if path.is_file() and not {"node_modules", "dist"} & set(path.parts)]
    assert len(files) > 20
    for path in files:
        text = path.read_bytes()
        assert b"resolved" not in text or path.name != "package-lock.json"
        assert not re.search(rb"/home/|/tmp/|https?://[^\s\"]*(?:npmjs|npmmirror|pypi)", text), path
