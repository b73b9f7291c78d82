"""Inputs that would take unbounded memory or time: each gets a sentence, and an option that raises the limit."""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import ContractError, SourceError
from denoise_stream.contract import Contract
from denoise_stream.errors import LONGEST_MESSAGE, quoted, shortened
from denoise_stream.files import array_files
from denoise_stream.files.array_files import load_arrays
from denoise_stream.files.image_files import read_images
from denoise_stream.files.protocols import Reading
from denoise_stream.files.tables.preview import COLUMN_BYTES
from denoise_stream.files.tables.source import TableSource
from programs import noise, pipe, pipe_here

ROWS = "1.5\n2.5\n" * 200


def table(data: bytes, **reading: object) -> TableSource:
    """Read a table from blocks as a pipe gives them."""
    blocks = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
    return TableSource(blocks, "t.csv", Reading(**reading))


def refusal(imported: str, opening: str) -> tuple[str, int]:
    """Return the error of an opening in a process of its own, and the most memory that it took, in KiB."""
    code = (
        f"from denoise_stream.files.{imported}\nfrom pathlib import Path\n"
        f"try:\n    {opening}\nexcept Exception as error:\n    print(error)\n"
        "print(next(line.split()[1] for line in Path('/proc/self/status').open() if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    said, kibibytes = done.stdout.splitlines()
    return said, int(kibibytes)


@pytest.mark.parametrize("cell", ["1.5,", "1", "x", '"', "# "])
def test_endless_line_is_refused(cell):
    data = (cell * (COLUMN_BYTES * 1000)).encode()
    with pytest.raises(SourceError, match=r"its first 1 lines take more than 512 KiB.*--max-columns N allows more"):
        table(data, max_columns=100)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "  "])
def test_line_of_far_too_many_fields_is_refused_before_it_is_split(delimiter):
    line = delimiter.join("1" * 300_000).encode()
    with pytest.raises(SourceError, match="t.csv has 300000 columns.*--max-columns 300000 allows more"):
        table(line + b"\n")


def test_names_of_a_million_characters_are_cut_in_the_summary(folder, call):
    Path("a.csv").write_text("v" * 1_000_000 + "\n" + ROWS)
    status, said = call("a.csv")
    assert status == 0
    assert max(map(len, said.splitlines())) <= LONGEST_MESSAGE + 10


def test_endless_line_after_good_rows_is_refused():
    source = table(b"v\n" + b"1.5\n2.5\n" * 40_000 + b"1" * 300_000, max_columns=100)
    with pytest.raises(SourceError, match=r"the bytes of line 80002 take more than 100 KiB"):
        list(source)


def test_skipped_lines_may_be_longer():
    data = b"x" * 800_000 + b"\nv\n" + ROWS.encode()
    with pytest.raises(SourceError, match="--max-columns"):
        table(data, max_columns=100)
    assert sum(map(len, table(data, max_columns=1000))) == 400


@pytest.mark.parametrize("most", [5, 16])
def test_few_columns_allowed_do_not_refuse_many_rows(most):
    data = b"a,b,c,d,e\n" + b"1.5,2.25,3,4,5.125\n" * 2000
    assert sum(map(len, table(data, max_columns=most))) == 2000


def test_rows_after_many_comments_are_found_by_the_documented_option():
    from denoise_stream.files.dialect.options import TableOptions

    data = b"# a comment of the usual length\n" * 40_000 + b"v\n" + ROWS.encode()
    assert sum(map(len, table(data, table=TableOptions(skip_rows=40_000)))) == 400


@pytest.mark.parametrize(("rows", "words"), [(3, "t.csv has 500 columns or channels"), (400, "t.csv has 500 columns")])
def test_table_of_too_many_columns_is_refused_and_may_be_allowed(rows, words):
    values = np.random.default_rng(0).normal(size=(rows, 500))
    text = ",".join(f"c{n}" for n in range(500)) + "\n"
    text += "".join(",".join(f"{value:.3f}" for value in row) + "\n" for row in values)
    with pytest.raises(SourceError, match=f"{words}.*--max-columns 500 allows more than 499"):
        table(text.encode(), max_columns=499)
    assert len(table(text.encode(), max_columns=500).all_column_names) == 500


@pytest.mark.parametrize("ending", ["npy", "wav", "parquet"])
def test_array_and_sound_of_too_many_channels_are_refused_and_may_be_allowed(folder, call, ending):
    samples = noise(400, 6)
    if ending == "npy":
        np.save("a.npy", samples)
    elif ending == "wav":
        soundfile.write("a.wav", samples, 8000)
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({f"c{n}": column for n, column in enumerate(samples.T)}), "a.parquet")
    arguments = [f"a.{ending}", "--output", "null", "--model", "general"]
    status, said = call(*arguments, "--max-columns", 5)
    assert (status, said.count("\n")) == (1, 1)
    assert f"a.{ending} has 6 columns or channels" in said
    assert "--max-columns 6 allows more than 5" in said
    assert call(*arguments, "--max-columns", 6)[0] == 0
    Path("in").mkdir()
    Path(f"a.{ending}").rename(f"in/a.{ending}")
    assert "has 6 columns or channels" in call("in", "--output", "out", "--max-columns", 5)[1]


def test_channels_of_a_raw_pipe_are_limited_before_memory_is_taken():
    done = pipe(bytes(1000), "--input", "-", "--format", "s16le", "--channels", 10**9)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert b"--channels 1000000000 is more than 32768, and each uses memory" in done.stderr


@pytest.mark.parametrize("cell", ["1" * 3_000_000, "1" * 3_000_000 + "x", "9" * 400 + "." + "9" * 3_000_000])
def test_number_of_millions_of_digits_is_not_repeated_whole(folder, call, cell):
    Path("a.csv").write_text(f"v\n{ROWS}{cell}\n{ROWS}")
    status, said = call("a.csv")
    assert status == 1
    assert re.search(r"line 402, column 'v': '\d{30}'\.\.\. \(\d{7} characters\) is not", said)
    assert len(said) < 300


def test_near_miss_of_a_drawn_line_takes_little_time():
    text = "name;v\n" + "-" * 60 + "x;1.5\n" + "a;2.5\n" * 200
    assert table(text.encode()).column_names == ["v"]


def test_long_messages_keep_both_ends():
    message = shortened("begins\n" + "x" * 100_000 + " ends")
    assert message.startswith("begins x")
    assert message.endswith(" ends")
    assert len(message) < LONGEST_MESSAGE + 10
    assert quoted("short\n") == repr("short\n")


def parquet_bomb(kind: str) -> None:
    """Write ``a.parquet``: a few hundred kilobytes that unpack to gigabytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 800 if kind in ("bytes", "json") else 2000 if " " in kind else 20_000
    words = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), ["y" * 100_000])
    singly = np.arange(rows + 1, dtype=np.int32)
    ends = np.minimum(np.arange(rows + 1) * 30_000, 36_000_000)
    columns = {
        "words": lambda: words,
        "typed": lambda: words,
        "words in lists": lambda: pa.ListArray.from_arrays(singly, words),
        "words in structures": lambda: pa.StructArray.from_arrays([words, singly[:-1]], ["a", "b"]),
        "words in maps": lambda: pa.MapArray.from_arrays(singly, singly[:-1], words),
        "words deep down": lambda: pa.ListArray.from_arrays(singly, pa.StructArray.from_arrays([words], ["a"])),
        "bytes in lists": lambda: pa.array([[b"y" * 40_000]] * rows, pa.list_(pa.binary(40_000))),
        "json": lambda: pa.array(["y" * 100_000] * rows, pa.json_()),
        "lists": lambda: pa.ListArray.from_arrays(ends.astype(np.int32), np.ones(36_000_000, np.float32)),
        "bytes": lambda: pa.array([b"y" * 100_000] * rows, pa.binary(100_000)),
        "pages": lambda: pa.array(["y" * 14_000] * rows),
        "differences": lambda: pa.array(["y" * 20_000] * rows),
        "differences in lists": lambda: pa.array([["y" * 20_000] * 10] * rows),
    }
    table = pa.table({"v": np.random.default_rng(0).normal(size=rows), "t": columns[kind]()})
    options = {"compression": "zstd", "store_schema": "words" not in kind, "use_dictionary": kind != "pages"}
    if "differences" in kind:
        path = "t.list.element" if "lists" in kind else "t"
        options |= {"use_dictionary": False, "column_encoding": {path: "DELTA_BYTE_ARRAY"}}
    pq.write_table(table, "a.parquet", **options)
    assert Path("a.parquet").stat().st_size < 300_000


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("words", "the text of rows 1 to 8192 takes 819200000 bytes"),
        ("lists", "the lists of row group 1 hold 36018800 values"),
        ("words in lists", "the text of rows 1 to 2000 takes 200000000 bytes"),
        ("bytes in lists", "the bytes in the lists of row group 1 take 80000000"),
        ("bytes", "the bytes of 800 rows of its columns take 80000000"),
        ("pages", r"row group 1 grows from \d+ to 280\d+ bytes when it is unpacked"),
        ("differences", r"the text of rows 1 to \d{4} takes \d{8} bytes"),
        ("differences in lists", r"the text in the lists of row group 1 may take \d+ bytes"),
        *(
            pytest.param(kind, words, marks=pytest.mark.slow)
            for kind, words in (
                ("typed", "the text of rows 1 to 8192 takes 819200000 bytes"),
                ("words in structures", "the text of rows 1 to 2000 takes 200000000 bytes"),
                ("words in maps", "the text of rows 1 to 2000 takes 200000000 bytes"),
                ("words deep down", "the text of rows 1 to 2000 takes 200000000 bytes"),
                ("json", "the text of rows 1 to 800 takes 80000000 bytes"),
            )
        ),
    ],
)
def test_parquet_that_unpacks_to_gigabytes_is_refused_before_it_does(folder, kind, words):
    parquet_bomb(kind)
    said, kibibytes = refusal("parquet import ParquetSource", "[None for _ in ParquetSource(Path('a.parquet'))]")
    assert re.search(
        rf"a\.parquet: {words}, too much for a table of up to 32768 columns; --max-columns \d+ allows", said
    )
    assert kibibytes < 350_000


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "page",
            r"a page of row group 1 takes 320\d+ bytes, too much for a table of up to 32768 columns; --max-columns",
        ),
        ("lists", r"the lists of row group 1 hold 36000000 values, too much for a table of up to 32768 columns"),
        ("nothing", "a.parquet is damaged: a page has no valid size"),
    ],
)
def test_parquet_whose_footer_states_less_than_its_pages_hold_is_refused(folder, kind, words):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(values: int) -> tuple[bytes, bytes]:
        signal = pa.array(np.zeros(values))
        ends = pa.array(np.linspace(0, values, 401).astype(np.int32))
        column = pa.ListArray.from_arrays(ends, signal) if kind == "lists" else signal
        options = {"use_dictionary": kind == "lists", "compression": "zstd", "write_statistics": False}
        pq.write_table(
            pa.table({"v": column}),
            "a.parquet",
            data_page_size=1 << 30,
            row_group_size=values,
            max_rows_per_page=values,
            **options,
        )
        data = Path("a.parquet").read_bytes()
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        return data[:footer], data[footer:]

    footer = write(400)[1]
    pages = b"PAR1" if kind == "nothing" else write(40_000_000 if kind == "page" else 36_000_000)[0]
    Path("a.parquet").write_bytes(pages + footer)
    said, kibibytes = refusal("parquet import ParquetSource", "[None for _ in ParquetSource(Path('a.parquet'))]")
    assert re.search(words, said)
    assert kibibytes < 350_000


def test_long_text_of_a_parquet_table_is_allowed_by_the_option_and_kept(folder, call):
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = ["a" * 60_000, None, "b" * 50_000, "c"] * 250
    kinds = {"s": pa.string(), "l": pa.large_string(), "b": pa.binary()}
    table = pa.table({"v": noise(1000), **{name: pa.array(text, kind) for name, kind in kinds.items()}})
    pq.write_table(table, "a.parquet")
    status, said = call("a.parquet", "--output", "out.parquet")
    allowed = re.search(r"--max-columns (\d+) allows it", said)
    assert status == 1
    assert allowed
    assert not Path("out.parquet").exists()
    assert call("a.parquet", "--output", "out.parquet", "--max-columns", 4 * int(allowed[1]))[0] == 0
    written = pq.read_table("out.parquet")
    assert written.schema == table.schema
    assert all(written.column(name).equals(table.column(name)) for name in kinds)


def test_long_text_in_the_footer_of_a_parquet_file_is_refused_and_may_be_allowed(folder, call):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"v": noise(400)}).replace_schema_metadata({"note": "y" * 17_000_000})
    pq.write_table(table, "a.parquet")
    status, said = call("a.parquet")
    assert (status, said.count("\n")) == (1, 1)
    assert "a.parquet has a text of more than 16 MiB in its footer" in said
    assert call("a.parquet", "--max-columns", re.search(r"--max-columns (\d+) allows", said)[1])[0] == 0


def test_text_of_a_parquet_table_that_is_not_utf8_is_kept_and_names_series(folder, call):
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.array([b"\xff"] * 200 + [b"\xfe"] * 200)
    pq.write_table(pa.table({"v": noise(400), "s": text.view(pa.string())}), "a.parquet")
    status, said = call("a.parquet", "--output", "out.parquet", "--series-column", "s", "--mix", 0)
    assert status == 0
    assert "2 series" in said
    assert pq.read_table("out.parquet").column("s").combine_chunks().cast(pa.binary()).equals(text)


def zipped(count: int) -> bytes:
    """Zip arrays of a megabyte of zeros each, which take a thousandth of that."""
    array, file = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(131_072))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"a{number}.npy", array.getvalue())
    return file.getvalue()


def test_zipped_arrays_are_refused_before_they_are_unpacked(folder, call, monkeypatch):
    Path("a.npy").write_bytes(zipped(20))
    with pytest.raises(SourceError, match="it is an archive of several arrays"):
        read_images(Path("a.npy"))
    assert "is an archive of several arrays; save the signal alone as .npy" in call("a.npy")[1]
    monkeypatch.setattr(array_files, "MOST_UNPACKED", 10 << 20)
    with pytest.raises(ValueError, match=r"its arrays take 0\.0 GB unpacked, more than 0\.0 GB; save each as a \.npy"):
        load_arrays(Path("a.npy"))
    Path("b.npz").write_bytes(zipped(5))
    assert len(load_arrays(Path("b.npz"))) == 5


@pytest.mark.parametrize(
    "change", [{"state_size": "16777216"}, {"context_past": "1x40000", "contract_version": "2"}], ids=str
)
def test_models_with_huge_states_or_contexts_are_refused(change):
    metadata = Contract("m", 150, 75).to_metadata() | change
    with pytest.raises(ContractError, match="65536"):
        Contract.from_metadata(metadata, "m.onnx")


def test_metadata_of_millions_of_characters_is_not_repeated_whole():
    metadata = Contract("m", 150, 75).to_metadata() | {"hop": "7" * 1_000_000}
    with pytest.raises(ContractError) as caught:
        Contract.from_metadata(metadata, "m.onnx")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 20_000, "[data" + ".a" * 20_000 + "]\n", "[data]\nx = [[[[[[[[[[1]]]]]]]]]]"]
)
def test_deeply_nested_recipe_is_refused_in_words(tmp_path, text):
    from denoise_train.recipe import RecipeError, load_recipe

    (tmp_path / "deep.toml").write_text(text)
    with pytest.raises(RecipeError, match=r"deep\.toml is not a recipe: its values are nested too deeply"):
        load_recipe(tmp_path / "deep.toml")


def test_sound_whose_byte_rate_overflows_the_header_goes_through_pipes(folder):
    samples = (np.arange(4000) % 100).astype("<i2").reshape(-1, 2)
    soundfile.write("fast.wav", samples, 2_000_000_000)
    options = ["--input", "-", "--format", "wav", "--model", "general", "--mix", 0]
    done = pipe_here(Path("fast.wav").read_bytes(), *options)
    assert done.returncode == 0, done.stderr
    again, rate = soundfile.read(io.BytesIO(done.stdout), dtype="int16")
    assert (rate, again.tolist()) == (2_000_000_000, samples.tolist())


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
def test_memory_of_a_wide_table_is_bounded(folder):
    row = ",".join("1.234" for _ in range(200_000)) + "\n"
    Path("wide.csv").write_text(row * 45)
    said, kibibytes = refusal("tables.source import TableSource", "TableSource.open(Path('wide.csv'))")
    assert "too much for a table of up to 32768 columns" in said
    assert kibibytes < 250_000
