"""Make good files and damage their structure (fields, counts, sizes, names); strategies for Hypothesis."""

import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from hypothesis import strategies as st

CASES = sorted((Path(__file__).parents[1] / "stream" / "files" / "cases").glob("*.csv"))
RECIPES = sorted((Path(__file__).parents[2] / "train" / "denoise_train" / "recipes").glob("*.toml"))

NUMBERS = [0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
"""Replacements for sizes and counts."""

CELLS = [
    *("", "1", "-1.5", "1,5", "1.234,5", "1 234", "1e400", "nan", "inf", "-999", "NA", "#N/A", "0x10", "1_000", "٣"),
    *("2024-01-01T00:00:00", "12:00", "9999-12-31", "x", '"', '""', '"a', "a\rb", "\0", "\ufeff", "é", "−1", "+", "."),
    *("9" * 400, "1" * 5000, "a" * 5000, "=1+1", "true", "1/0", "1e-320", "%", "-", "--", "# x", ";", "\t", "|"),
]
WORDS = ["time", "v", "temp (°C)", "id", "a,b", '"q"', "", "# c", "date", "value;2", "sep=;", "x" * 300]


@st.composite
def damaged(draw: st.DrawFn, data: bytes, most: int = 6, near: int | None = None) -> bytes:
    """Replace, insert, remove and repeat parts of a file, most often near its start."""
    found = bytearray(data)
    for _ in range(draw(st.integers(0, most))):
        end = len(found) if near is None or draw(st.integers(0, 3)) == 0 else min(near, len(found))
        at = draw(st.integers(0, max(0, end - 1)))
        kind = draw(st.sampled_from(("byte", "number", "insert", "remove", "repeat", "cut", "zeros")))
        if kind == "byte":
            found[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "number":
            size = draw(st.sampled_from((2, 4, 8)))
            number = draw(st.sampled_from(NUMBERS)) & (256**size - 1)
            found[at : at + size] = number.to_bytes(size, draw(st.sampled_from(("little", "big"))))
        elif kind == "insert":
            found[at:at] = draw(st.binary(max_size=20))
        elif kind == "remove":
            del found[at : at + draw(st.integers(1, 40))]
        elif kind == "repeat":
            found[at:at] = found[at : at + draw(st.integers(1, 200))] * draw(st.integers(1, 5))
        elif kind == "cut":
            del found[at:]
        else:
            count = draw(st.integers(1, 200))
            found[at : at + count] = bytes(count)
    return bytes(found)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Make a table of rows that mostly agree, or damage one that a logger wrote."""
    if draw(st.booleans()):
        return draw(damaged(draw(st.sampled_from(CASES)).read_bytes(), near=2000))
    delimiter, eol = (
        draw(st.sampled_from((",", ";", "\t", "|", " ", ", "))),
        draw(st.sampled_from(("\n", "\r\n", "\r"))),
    )
    width, count = draw(st.integers(1, 6)), draw(st.integers(0, 200))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    digits, decimal = draw(st.integers(0, 6)), draw(st.sampled_from(".,"))
    rows = [[f"{value:.{digits}f}".replace(".", decimal) for value in row] for row in rng.normal(0, 20, (count, width))]
    for _ in range(draw(st.integers(0, 5)) if rows else 0):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, max(0, len(row) - 1))) :][:1] = [draw(st.sampled_from(CELLS) | st.text(max_size=8))]
    lines = [delimiter.join(row) for row in rows]
    for _ in range(draw(st.integers(0, 3))):
        words = draw(st.lists(st.sampled_from(WORDS) | st.sampled_from(CELLS), max_size=width + 1))
        lines.insert(draw(st.integers(0, min(4, len(lines)))), delimiter.join(words))
    text = eol.join(lines) + eol * draw(st.integers(0, 2))
    return text.encode(draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-32"))), "replace")


def _sound(container: str, subtype: str, channels: int) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(0).normal(0, 0.1, (900, channels))
    soundfile.write(file, samples, 16_000, format=container, subtype=subtype)
    return file.getvalue()


SOUNDS = {
    f"{container}-{subtype}-{channels}": _sound(container, subtype, channels)
    for container, subtype, channels in (
        *(("WAV", "PCM_16", 1), ("WAV", "PCM_24", 2), ("WAV", "FLOAT", 1), ("WAV", "IMA_ADPCM", 1), ("WAV", "ULAW", 2)),
        *(
            ("WAVEX", "PCM_16", 2),
            ("RF64", "PCM_16", 1),
            ("AIFF", "PCM_16", 2),
            ("AU", "PCM_16", 1),
            ("W64", "PCM_16", 1),
        ),
        *(
            ("CAF", "PCM_16", 1),
            ("FLAC", "PCM_16", 1),
            ("OGG", "VORBIS", 1),
            ("VOC", "PCM_U8", 1),
            ("NIST", "PCM_16", 1),
        ),
        *(("MP3", "MPEG_LAYER_III", 1), ("SVX", "PCM_16", 1), ("IRCAM", "FLOAT", 1), ("MAT5", "DOUBLE", 1)),
    )
}
CHUNKS = [b"LIST", b"bext", b"cue ", b"fact", b"data", b"fmt ", b"JUNK", b"ds64", b"id3 ", b"\0\0\0\0"]


@st.composite
def sounds(draw: st.DrawFn) -> bytes:
    """Damage the head of a sound file, and put chunks of any size between those of a WAV file."""
    name = draw(st.sampled_from(sorted(SOUNDS)))
    data = SOUNDS[name]
    if name.startswith(("WAV", "RF64")) and draw(st.booleans()):
        at = draw(st.sampled_from((12, data.find(b"data"), len(data))))
        body = draw(st.binary(max_size=60))
        size = draw(st.sampled_from([len(body), *NUMBERS]))
        data = data[:at] + draw(st.sampled_from(CHUNKS)) + struct.pack("<I", size & 0xFFFFFFFF) + body + data[at:]
    return draw(damaged(data, near=80))


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """Make an ``.npy`` file with an arbitrary header."""
    shape = draw(
        st.sampled_from(["(400,)", "(200, 2)", "()", "(0,)", "(2, 200)", "(-1,)", "(10**12,)", "(1, 2, 3)", "(400, 0)"])
        | st.lists(st.integers(0, 1 << 40), max_size=3).map(lambda sides: str(tuple(sides)))
    )
    kind = draw(
        st.sampled_from(["<f8", "<f4", "<i2", ">i4", "|u1", "<f2", "|O", "<c16", "|b1", "<U4", "<M8[s]", "|V8", "x"])
    )
    order = draw(st.sampled_from(("False", "True", "1")))
    header = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header = draw(st.sampled_from([header, header.ljust(117) + "\n", "{" * 200, "1", "[]", header + "+" * 50]))
    data = np.random.default_rng(0).normal(size=400).tobytes()
    version = draw(st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"]))
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header.encode()))
    return draw(damaged(b"\x93NUMPY" + version + length + header.encode() + data, most=2, near=140))


def _png() -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28)).save(file, format="PNG")
    return file.getvalue()


PNG = _png()
IDX = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2, 28, 28) + bytes(2 * 784)


@st.composite
def images(draw: st.DrawFn) -> tuple[str, bytes]:
    """Damage a PNG, an IDX file or an array of images; return its ending too."""
    ending = draw(st.sampled_from((".png", ".idx", ".npy")))
    data = draw(arrays()) if ending == ".npy" else draw(damaged(PNG if ending == ".png" else IDX, near=60))
    return ending, data


@st.composite
def parquets(draw: st.DrawFn) -> bytes:
    """Write a table of columns of any kind, then perhaps damage its end, where Parquet keeps its metadata."""
    rows = draw(st.sampled_from((0, 1, 5, 300, 2000)))
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(size=rows)
    makers = {
        "float": lambda: pa.array(values),
        "half": lambda: pa.array(values.astype(np.float16)),
        "integer": lambda: pa.array((values * 1000).astype(np.int16)),
        "nulls": lambda: pa.array([None] * rows, pa.float64()),
        "gaps": lambda: pa.array(values, mask=values > 0),
        "text": lambda: pa.array([f"{value:.1f}" for value in values]),
        "moments": lambda: pa.array(np.arange(rows).astype("datetime64[s]")),
        "lists": lambda: pa.array([[1.0]] * rows),
        "decimal": lambda: pa.array([1] * rows, pa.int64()).cast(pa.decimal128(30, 2)),
        "infinite": lambda: pa.array(np.where(values > 2, np.inf, values)),
        "truth": lambda: pa.array(values > 0),
        "words": lambda: pa.array(["a"] * rows).dictionary_encode(),
        "durations": lambda: pa.array(np.arange(rows).astype("timedelta64[ms]")),
    }
    kinds = draw(st.lists(st.sampled_from(sorted(makers)), min_size=0, max_size=5))
    names = draw(
        st.lists(st.sampled_from(["v", "time", "id", "", "a\nb", "é"]), min_size=len(kinds), max_size=len(kinds))
    )
    file = io.BytesIO()
    pq.write_table(pa.table([makers[kind]() for kind in kinds], names=names), file, row_group_size=max(1, rows // 2))
    data = file.getvalue()
    if draw(st.booleans()):
        return data
    return draw(damaged(data[::-1], most=3, near=400).map(lambda turned: turned[::-1]))


@st.composite
def recipes(draw: st.DrawFn) -> bytes:
    """Replace values of a bundled recipe by others, and lines by any text."""
    lines = draw(st.sampled_from(RECIPES)).read_text().splitlines()
    values = [
        "-1",
        "0",
        "1e400",
        "nan",
        "[]",
        "{}",
        '""',
        "true",
        "9" * 400,
        '"x"',
        "[[1]]",
        "2000-01-01",
        '"5x0"',
        "1e-400",
    ]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition("=")
        if equals and draw(st.integers(0, 4)):
            lines[at] = f"{key}= {draw(st.sampled_from(values))}"
        else:
            lines[at] = draw(
                st.sampled_from(["[data]", "[x.y]", "[[noise]]", "a = " + "[" * 3000, "[" + "a." * 3000 + "b]"])
            )
    return "\n".join(lines).encode()


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """Write rows of a manifest in which any value may be any other."""
    odd = st.sampled_from(
        [
            "null",
            "[]",
            "{}",
            "1e400",
            "-1",
            '"x"',
            "true",
            "NaN",
            "9" * 5000,
            "[" * 2000,
            '"9999-12-31T23:59:59+00:00"',
            '"\\ud800"',
        ]
    )
    good = {
        "file": '"a.csv"',
        "state": '"done"',
        "input": '"1-2"',
        "model": '"m"',
        "options": '""',
        "output_bytes": "100",
        "files": '["a.csv", "b.csv"]',
        "time": '"2024-05-05T10:00:00.000001+00:00"',
    }
    lines = []
    for _ in range(draw(st.integers(0, 6))):
        row = good | {"state": draw(st.sampled_from(['"done"', '"failed"', '"planned"']))}
        for key in draw(st.lists(st.sampled_from(sorted(good)), max_size=3)):
            row[key] = draw(odd)
        lines.append("{" + ", ".join(f'"{key}": {value}' for key, value in row.items()) + "}")
    return draw(damaged("\n".join([*lines, ""]).encode("utf-8", "surrogatepass"), most=2))
