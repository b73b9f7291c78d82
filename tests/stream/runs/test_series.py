"""Tables of many series, CSV and Parquet: each series is denoised as if it were alone, every row stays where it was."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser
from denoise_stream.files.formats import open_file
from denoise_stream.files.protocols import Reading
from denoise_stream.runs.series import SeriesStream

if importlib.util.find_spec("pyarrow") is None and not os.environ.get("CI"):
    pytest.skip("needs pyarrow: pip install .[parquet]", allow_module_level=True)
import pyarrow
import pyarrow.parquet

pytestmark = pytest.mark.usefixtures("folder")
LENGTHS = {"pump 1": 700, "pump 2": 1, "fan": 150, "": 90, "belt": 1203}


def make_rows(order: str, channels: int = 1) -> tuple[list[str], np.ndarray]:
    """Make the rows of all series: one after the other, in turns, or in random order."""
    names = [name for name, length in LENGTHS.items() for _ in range(length)]
    rng = np.random.default_rng(4)
    if order == "in turns":
        names.sort(key=dict(zip(LENGTHS, range(9), strict=False)).get)
        seen = {name: 0 for name in LENGTHS}
        keyed = []
        for name in names:
            keyed.append((seen[name], name))
            seen[name] += 1
        names = [name for _, name in sorted(keyed)]
    elif order == "anyhow":
        rng.shuffle(names)
    return names, np.round(rng.normal(20, 1, (len(names), channels)), 4)


def expected(names: list[str], values: np.ndarray, model: Path) -> np.ndarray:
    found = np.empty_like(values)
    for name in LENGTHS:
        rows = np.array(names) == name
        found[rows] = Denoiser(model).denoise(values[rows], axis=0)
    return found


ORDERS = ["one after the other", "in turns", "anyhow"]


@pytest.mark.parametrize("kind", ["smoother", "leaky_mean"])
@pytest.mark.parametrize("order", ORDERS)
def test_series_of_a_csv_table_are_denoised_one_by_one(call, models, order, kind):
    names, values = make_rows(order)
    lines = [
        f"{name};{index};{value:.4f}\r\n" for index, (name, (value,)) in enumerate(zip(names, values, strict=True))
    ]
    Path("a.csv").write_text("machine;row;x\r\n" + "".join(lines), newline="")
    status, message = call("--input", "a.csv", "--series-column", "machine", "--columns", "x", "--model", models[kind])
    assert status == 0, message
    after = Path("a.denoised.csv").read_bytes().decode().split("\r\n")
    assert (after[0], after[-1]) == ("machine;row;x", "")
    fields = [line.split(";") for line in after[1:-1]]
    assert [field[:2] for field in fields] == [[name, str(index)] for index, name in enumerate(names)]
    found = np.array([[float(field[2])] for field in fields])
    assert np.abs(found - expected(names, values, models[kind])).max() <= 0.5e-5 + 1e-6 * np.ptp(
        values
    )  # a digit more than it had


@pytest.mark.parametrize("order", ORDERS)
def test_series_of_a_parquet_table_are_denoised_one_by_one(call, models, order):
    names, values = make_rows(order, channels=2)
    ids = [name or None for name in names]
    when = pyarrow.array(np.arange(len(names)), pyarrow.timestamp("ms"))
    table = pyarrow.table({"when": when, "machine": ids, "x": values[:, 0], "y": values[:, 1].astype(np.float32)})
    pyarrow.parquet.write_table(table, "a.parquet", row_group_size=300)
    status, message = call("--input", "a.parquet", "--series-column", "machine", "--model", models["smoother"])
    assert status == 0, message
    after = pyarrow.parquet.read_table("a.denoised.parquet")
    assert after.schema == table.schema
    assert after.column("machine").to_pylist() == ids
    assert after.column("when") == table.column("when")
    found = np.column_stack([after.column(name).to_numpy() for name in ("x", "y")])
    assert np.abs(found - expected(names, values, models["smoother"])).max() <= 2e-6 * np.abs(values).max()


def test_parquet_without_series_is_one_signal_with_gaps_and_integers_kept(call, models):
    values = np.random.default_rng(0).normal(0, 1, 20_000)
    gaps = [None if 500 <= index < 520 else float(value) for index, value in enumerate(values)]
    counts = np.round(100 * values).astype(np.int16)
    pyarrow.parquet.write_table(pyarrow.table({"v": gaps, "n": counts, "id": np.arange(20_000)}), "a.parquet")
    assert call("--input", "a.parquet", "--model", models["identity"])[0] == 0
    after = pyarrow.parquet.read_table("a.denoised.parquet")
    assert after.column("v").null_count == 20
    assert [index for index, value in enumerate(after.column("v").to_pylist()) if value is None] == [*range(500, 520)]
    assert after.column("n").to_pylist() == counts.tolist()
    assert after.column("id").to_pylist() == [*range(20_000)]
    known = np.array([value for value in gaps if value is not None])
    found = after.column("v").drop_null().to_numpy()
    assert np.abs(found - known).max() < 1e-5


def test_columns_of_parquet_have_the_same_roles_as_those_of_text(call, models):
    index = np.arange(600)
    noise = np.random.default_rng(5).normal(20, 1, 600)
    table = {
        "when": pyarrow.array(1_700_000_000_000 + 20 * index, pyarrow.timestamp("ms")),
        "count": index % 256,
        "valve": index // 50 % 2,
        "deviceId": np.full(600, 4711),
        "text": ["a"] * 600,
        "slow": [float(value) if row % 3 == 0 else None for row, value in enumerate(noise)],
        "x": noise,
    }
    pyarrow.parquet.write_table(pyarrow.table(table), "a.parquet")
    status, message = call("--input", "a.parquet", "--model", models["smoother"], "--report", "r.json")
    assert status == 0
    assert "12.00 s at 50 Hz (by column when), columns slow, x (slow over the known values alone" in message
    report = json.loads(Path("r.json").read_text())
    assert report["missing_samples"] == 400
    assert [column["name"] for column in report["left"]] == ["when", "count", "valve", "deviceId", "text"]
    after = pyarrow.parquet.read_table("a.denoised.parquet")
    known = after.column("slow").drop_null().to_numpy()
    assert np.abs(known - Denoiser(models["smoother"]).denoise(noise[::3])).max() < 1e-5
    assert np.abs(after.column("x").to_numpy() - Denoiser(models["smoother"]).denoise(noise)).max() < 1e-5


def test_options_for_tables_hold_for_a_folder(call, models):
    Path("in").mkdir()
    noise = np.random.default_rng(5).normal(20, 1, 300)
    rows = [f"{row};{value:.3f}" for row, value in enumerate(noise)]
    Path("in/a.csv").write_text("x y;z\nrow;kg\n" + "\n".join([*rows[:200], "broken", *rows[200:]]) + "\n")
    arguments = ["--input", "in", "--output", "out", "--model", models["identity"]]
    status, message = call(*arguments)
    assert (status, "a.csv, line 203: 1 columns, the others have 2" in message) == (1, True)
    status, message = call(*arguments, "--on-bad-row", "skip", "--header", "2", "--columns", "kg")
    assert status == 0, message
    assert Path("out/a.csv").read_text().count("\n") == 302
    assert "1 done before" in call(*arguments, "--on-bad-row", "skip", "--header", "2", "--columns", "kg")[1]
    assert "1 files denoised" in call(*arguments, "--on-bad-row", "pass", "--header", "2", "--columns", "kg")[1]


def test_folder_of_tables_with_series(call, models):
    Path("in").mkdir()
    names, values = make_rows("in turns")
    pyarrow.parquet.write_table(pyarrow.table({"id": names, "x": values[:, 0]}), "in/a.parquet")
    lines = [f"{name},{value:.4f}\n" for name, (value,) in zip(names, values, strict=True)]
    Path("in/b.csv").write_text("id,x\n" + "".join(lines))
    arguments = ["--input", "in", "--output", "out", "--series-column", "id", "--model", models["smoother"]]
    assert call(*arguments)[0] == 0
    right = expected(names, values, models["smoother"])[:, 0]
    assert np.abs(pyarrow.parquet.read_table("out/a.parquet").column("x").to_numpy() - right).max() <= 1e-5
    found = [float(line.rsplit(",", 1)[1]) for line in Path("out/b.csv").read_text().splitlines()[1:]]
    assert np.abs(np.array(found) - right).max() <= 1e-5
    assert "2 done before" in call(*arguments)[1]


def test_rows_are_written_before_the_table_ends(tmp_path, models):
    ids, values = np.repeat(np.arange(500), 300).astype(str), np.random.default_rng(0).normal(size=150_000)
    pyarrow.parquet.write_table(pyarrow.table({"id": ids, "x": values}), tmp_path / "many.parquet")
    source = open_file(tmp_path / "many.parquet", Reading(series_column="id"))
    stream = SeriesStream(Denoiser(models["smoother"]), source)
    most = 0
    for chunk in source:
        stream.process(chunk)
        most = max(most, stream.samples_in - stream.samples_out)
        assert len(stream._streams) <= 2
    stream.flush()
    source.close()
    assert stream.samples_out == 150_000
    assert most <= 300


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--input", "a.csv", "--series-column", "nope"], 1, "a.csv has no column 'nope'; it has id, x"),
        (["--input", "a.csv", "--series-column", "id", "--columns", "id"], 1, "'id' names the series"),
        (["--input", "a.parquet", "--series-column", "nope"], 1, "a.parquet has no column 'nope'; it has id, x"),
        (["--input", "a.parquet", "--columns", "id"], 1, "column 'id' is not a signal: it holds string"),
        (["--input", "bad.parquet"], 1, "bad.parquet is not a Parquet file"),
        (
            ["--input", "a.parquet", "--output", "-"],
            2,
            "cannot be written to a pipe; name a file",
        ),
        (["--input", "a.parquet", "--output", "b.csv"], 2, "the format stays as it is; end the name in .parquet"),
        (["--input", "-", "--format", "csv", "--series-column", "id"], 2, "applies to a table in a file"),
        (["--input", "a.wav", "--series-column", "id"], 2, "applies to a table in a file"),
    ],
)
def test_wrong_tables_of_series_get_one_sentence(call, arguments, status, words):
    Path("a.csv").write_text("id,x\n" + "a,1.5\nb,2.5\n" * 20)
    pyarrow.parquet.write_table(pyarrow.table({"id": ["a", "b"], "x": [1.5, 2.5]}), "a.parquet")
    Path("bad.parquet").write_bytes(b"PAR1 but not really")
    before = sorted(os.listdir())
    found, message = call(*arguments)
    assert (found, message.count("\n")) == (status, 1), message
    assert words in message
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_alternating_rows_of_several_series_are_refused_unless_an_option_explains_them(call, models, suffix):
    rng = np.random.default_rng(0)
    table = {
        "row": np.arange(300),
        "sensor id": ["in", "out"] * 150,
        "x": np.tile([20.0, 5.0], 150) + rng.normal(size=300),
    }
    path = f"a{suffix}"
    if suffix == ".csv":
        rows = (",".join(map(str, row)) for row in zip(*table.values(), strict=True))
        Path(path).write_text("\n".join([",".join(table), *rows]))
    else:
        pyarrow.parquet.write_table(pyarrow.table(table), path)
    status, message = call("--input", path, "--model", models["smoother"])
    assert (status, os.listdir()) == (1, [path])
    assert (
        "(in, out); denoise each with --series-column 'sensor id', or all rows as one series with --columns x"
        in message
    )
    for options in (["--series-column", "sensor id"], ["--columns", "x"]):
        assert call("--input", path, "--model", models["smoother"], "--force", *options)[0] == 0


def test_rate_of_the_rows_is_not_taken_for_that_of_each_series(call, models):
    time = np.repeat(np.arange(300) / 1000, 2)
    values = np.random.default_rng(0).normal(size=600)
    rows = [f"{t:.3f},{'ab'[n % 2]},{values[n]:.3f}" for n, t in enumerate(time)]
    Path("a.csv").write_text("\n".join(["time,sensor,x", *rows]))
    options = ["--input", "a.csv", "--series-column", "sensor", "--model", models["identity"]]
    status, message = call(*options, "--notch", "50")
    assert (status, "needs the sample rate of the signal" in message) == (2, True), message
    status, message = call(*options, "--notch", "50", "--rate", "1000")
    assert (status, "at 1000 Hz" in message) == (0, True), message


def test_what_was_removed_is_measured_against_the_variation_of_each_series(call):
    rng = np.random.default_rng(0)
    slow = np.sin(np.arange(900) / 40)
    quiet, loud = 100 + slow + rng.normal(0, 0.05, 900), 900 + slow + rng.normal(0, 0.8, 900)
    rows = [
        f"{name},{value:.4f}\n"
        for pair in zip(quiet, loud, strict=True)
        for name, value in zip("ab", pair, strict=True)
    ]
    Path("a.csv").write_text("machine,x\n" + "".join(rows))
    status, message = call("--input", "a.csv", "--series-column", "machine", "--report", "r.json")
    assert status == 0, message
    (change,) = json.loads(Path("r.json").read_text())["changes"]
    after = [line.split(",") for line in Path("a.denoised.csv").read_text().splitlines()[1:]]
    clean = {name: np.array([float(value) for one, value in after if one == name]) for name in "ab"}
    removed = {"a": quiet - clean["a"], "b": loud - clean["b"]}
    share = np.std(removed["b"]) / np.std(loud)
    assert change["series"] == {
        "number": 2, "most_changed": "b", "largest_removed_share": pytest.approx(share, rel=0.01)
    }  # fmt: skip
    squares = sum(np.sum(one**2) for one in removed.values())
    variation = sum(np.sum((one - one.mean()) ** 2) for one in (quiet, loud))
    assert change["removed_share"] == pytest.approx(np.sqrt(squares / variation), rel=0.01)
    assert "1800 rows of 2 series" in message
    assert f"of the variation within its series (most in series b, {100 * share:.0f} %)" in message


def test_the_largest_change_of_many_series_is_told_by_its_row(call):
    names, values = make_rows("anyhow")
    values[1234] += 50
    lines = [f"{name or 'none'},{value:.4f}\n" for name, (value,) in zip(names, values, strict=True)]
    Path("a.csv").write_text("machine,x\n" + "".join(lines))
    status, message = call("--input", "a.csv", "--series-column", "machine", "--columns", "x", "--model", "general")
    assert status == 0, message
    assert "in row 1235 of the data" in message
    assert "isolated peak" in message


def test_series_without_a_name_is_called_that_where_it_lost_most(call, folder):
    values = np.random.default_rng(0).normal(0, 1, 400) + np.tile([0.0, 30.0], 200) * np.sin(np.arange(400) / 40)
    rows = "".join(f"{'a' if at % 2 else ''},{value:.4f}\n" for at, value in enumerate(values))
    Path("a.csv").write_text(f"machine,x\n{rows}")
    status, message = call("--input", "a.csv", "--series-column", "machine")
    assert status == 0, message
    assert "(most in the series without a name, " in message
