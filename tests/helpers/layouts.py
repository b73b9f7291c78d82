"""Draw tables in the layouts of loggers, spreadsheets and scripts, with the expected result for each."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16-le+bom", "utf-16-be+bom", "utf-16-le", "cp1252")
DELIMITERS = (",", ";", "\t", "|", " ", "")
HEADERS = (
    "none", "names", "names", "names, units", "names, kinds, units", "units in brackets", "comments, names",
    "names behind #", "title, names", "preamble, names", "preamble, blank, names", "TOA5", "sep hint",
    "numbers", "names with commas", "preamble without names",
)  # fmt: skip
TIMES = (
    "none", "count", "count from 1", "seconds", "jitter", "ties", "epoch s", "epoch ms", "epoch ns", "ISO",
    "ISO T", "German", "US", "time of day", "modulo", "date parts", "falling", "date and time",
)  # fmt: skip
MARKERS = ("", "NaN", "NA", "#N/A", "null", "--", "1.#QNAN", "<NA>", "n/a", "-9999")
EXTRAS = ("flag", "mode", "id", "note", "inch", "serial", "battery", "empty")
SIGNAL_NAMES = ("temp", "Temperatur", "accX", "CH1", "u_wind", "Größe", "Volt", "pressure hPa", "EEG Fp1")
TIME_NAMES = {
    "count": ("row", "sample", "n", "FrameNumber", "#", "Nr", "Sample Index", ""),
    "seconds": ("time", "t", "Zeit", "timeS", "elapsed_s", "Zeit [s]", "what"),
    "epoch": ("timestamp", "ts", "unixTime", "eventTime", "clock", "when"),
    "date": ("Date", "datetime", "Datum", "when", "TIMESTAMP"),
}


@dataclass
class Table:
    """A table, and the expected result for it.

    Attributes
    ----------
    data
        Its bytes.
    encoding, eol, delimiter, decimal, group
        How it is written.
    header
        Lines above the data.
    signals
        Indices of the columns that are signals.
    values
        What each of those holds ``(rows,)``; NaN where a value is missing.
    digits
        Digits behind the decimal mark that each is printed with.
    layout
        What was drawn, for messages.
    """

    data: bytes
    encoding: str
    eol: str
    delimiter: str
    decimal: str
    group: str
    header: int
    signals: list[int]
    values: list[np.ndarray]
    digits: list[int]
    layout: dict[str, Any] = field(default_factory=dict)


def grouped(text: str, group: str) -> str:
    """Group the digits before the decimal point by three."""
    sign, number = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, mark, rest = number.partition(".")
    parts = []
    while len(whole) > 3:
        whole, last = whole[:-3], whole[-3:]
        parts.insert(0, last)
    return sign + "\0".join([whole, *parts]).replace("\0", group) + mark.replace(".", "\1") + rest


def noisy(rng: np.random.Generator, rows: int, scale: float, offset: float) -> np.ndarray:
    """Draw a slow signal with noise."""
    slow = np.sin(np.arange(rows) * rng.uniform(0.02, 0.08) + rng.uniform(0, 6)) + 0.4 * rng.normal(size=rows)
    return offset + scale * slow


def time_columns(kind: str, rng: np.random.Generator, rows: int, decimal: str) -> list[tuple[str, list[str], str]]:
    """Return names, cells and units of the columns that are time."""
    index = np.arange(rows)

    def name(group: str) -> str:
        return str(rng.choice(TIME_NAMES[group]))

    def decimals(values: np.ndarray, digits: int) -> list[str]:
        return [f"{value:.{digits}f}".replace(".", decimal) for value in values]

    if kind == "count":
        return [(name("count"), [str(i) for i in index], "")]
    if kind == "count from 1":
        return [(name("count"), [str(i + 1) for i in index], "")]
    if kind == "falling":
        return [("wavelength", decimals(900 - 0.5 * index, 1), "nm")]
    if kind == "modulo":
        return [
            (str(rng.choice(["seq", "Sample Index", "k"])), [str(i % 256 if rows > 300 else i % 64) for i in index], "")
        ]
    if kind == "seconds":
        return [(name("seconds"), decimals(0.01 * index, 2), "s")]
    if kind == "jitter":
        return [(name("seconds"), decimals(np.cumsum(0.01 * rng.uniform(0.7, 1.3, rows)), 5), "s")]
    if kind == "ties":
        ticks = np.maximum.accumulate(index * 10 + rng.choice([0, 0, 0, 10, -10], rows))
        return [("millis", [str(int(tick)) for tick in np.maximum(ticks, 0)], "ms")]
    if kind.startswith("epoch"):
        scale = {"s": 1, "ms": 1000, "ns": 10**9}[kind.split()[1]]
        stamps = [1_700_000_000 * scale + int(step) for step in np.cumsum(rng.uniform(0.8, 1.2, rows)) * scale]
        return [(name("epoch"), [str(stamp) for stamp in stamps], "")]
    if kind == "date parts":
        hours = index
        return [
            ("YEAR", ["2023"] * rows, ""),
            ("MO", [str(1 + h // 720) for h in hours], ""),
            ("DY", [str(1 + h // 24 % 30) for h in hours], ""),
            ("HR", [str(h % 24) for h in hours], ""),
        ]
    forms = {
        "ISO": "%Y-%m-%d %H:%M:%S",
        "ISO T": "%Y-%m-%dT%H:%M:%SZ",
        "German": "%d.%m.%Y %H:%M:%S",
        "US": "%m/%d/%Y %I:%M:%S %p",
        "time of day": "%H:%M:%S",
    }
    stamps = np.datetime64("2024-02-27T22:58:00") + index * np.timedelta64(1, "s")
    moments = [stamp.astype(object) for stamp in stamps]
    if kind == "date and time":
        return [
            ("Date", [f"{moment:%d.%m.%Y}" for moment in moments], ""),
            ("Time", [f"{moment:%H:%M:%S}" for moment in moments], ""),
        ]
    return [(name("date"), [f"{moment:{forms[kind]}}" for moment in moments], "")]


def extra_column(kind: str, rng: np.random.Generator, rows: int) -> tuple[str, list[str], str]:
    """Return name, cells and unit of a column that is neither time nor signal."""
    if kind == "flag":
        return "valve_open", [str(v) for v in rng.integers(0, 2, rows)], ""
    if kind == "mode":
        return "mode", [str(v) for v in np.repeat(rng.integers(0, 5, rows // 20 + 1), 20)[:rows]], ""
    if kind == "id":
        return str(rng.choice(["deviceId", "sensor_id", "ID"])), [str(v) for v in rng.choice([17, 23, 108], rows)], ""
    if kind == "note":
        return "note", [str(v) for v in rng.choice(["ok", "door open", "calibrated", "ok"], rows)], ""
    if kind == "inch":
        return "note", ['5" pipe' if i % 97 == 50 else "ok" for i in range(rows)], ""
    if kind == "serial":
        return "sn", ["4711008"] * rows, ""
    if kind == "battery":
        return "battery", [str(98 - i // 60) for i in range(rows)], "%"
    return "spare", [""] * rows, ""


def quoted(cell: str, delimiter: str, style: str) -> str:
    """Quote a cell: always, if it is not a number, or where it must be."""
    number = cell[:1].isdigit() or cell[:1] == "-"
    must = bool(delimiter.strip() or delimiter == "\t") and (delimiter in cell)
    must = must or (delimiter == " " and (" " in cell or not cell))
    if style == "all" or must or (style == "text" and not number and cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def build(choice: dict[str, Any]) -> Table | None:
    """Build a table from what was drawn; None where the choices do not go together."""
    rng = np.random.default_rng(choice["seed"])
    delimiter, decimal, rows = choice["delimiter"], choice["decimal"], choice["rows"]
    group, quotes, header = choice["group"], choice["quotes"], choice["header"]
    marker = choice["marker"]
    single = delimiter == ""
    alone = single or (choice["time"] == "none" and choice["signals"] == 1 and not choice["extras"])
    if choice["exponent"] and (choice["digits"] < 3 or group):
        return None
    if not choice["digits"] and (marker == "-9999" or (delimiter == "," and decimal == ",")):
        return None
    if group == decimal or (group and group == delimiter and quotes == "none"):
        return None
    if delimiter == "," and decimal == "," and quotes == "none":
        return None
    columns: list[tuple[str, list[str], str]] = []
    if not single:
        columns += time_columns(choice["time"], rng, rows, decimal) if choice["time"] != "none" else []
    signals, values, digits = [], [], []
    names = rng.permutation(SIGNAL_NAMES)
    for number in range(1 if single else choice["signals"]):
        places = choice["digits"]
        scale = 10.0 ** rng.integers(0, 3) * (30 if places == 0 else 1)
        series = noisy(rng, rows, scale, float(rng.choice([0, 20, 1000])) * (1 if places else 3))
        printed = [f"{value:.{places}e}" if choice["exponent"] else f"{value:.{places}f}" for value in series]
        printed = ["0" if text.strip("-0.") == "" and not choice["exponent"] else text for text in printed]
        if choice["stripped"] and places and not choice["exponent"]:
            printed = [text.rstrip("0").rstrip(".") if "." in text else text for text in printed]
        known = np.array([float(text) for text in printed])
        missing = rng.random(rows) < choice["missing"]
        if alone and marker == "":  # an empty line is no cell
            missing[:] = False
        if choice["gaps"] and not alone:
            missing = np.arange(rows) % 2 == number % 2
        cells = [
            (grouped(text, group) if group else text.replace(".", "\1")).replace("\1", decimal) for text in printed
        ]
        cells = [marker if lost else cell for cell, lost in zip(cells, missing, strict=True)]
        signals.append(len(columns))
        values.append(np.where(missing, np.nan, known))
        digits.append(places)
        columns.append((str(names[number]), cells, "mV"))
    if not single:
        columns += [extra_column(kind, rng, rows) for kind in choice["extras"]]
    plain_quotes = "minimal" if quotes == "none" else quotes
    lines, names_of, units = [], [c[0] for c in columns], [c[2] for c in columns]
    if header == "names with commas" and delimiter != ",":
        names_of = [f"{n}, innen" if i in signals else n for i, n in enumerate(names_of)]
    if delimiter == " ":
        names_of = [n.replace(" ", "_") for n in names_of]
        if "" in names_of:
            return None

    def row(cells: list[str], style: str = plain_quotes) -> str:
        return delimiter.join(quoted(cell, delimiter, style) for cell in cells)

    named = row(names_of)
    key_values = [row(["Model", "SCOPE-1"], "minimal"), row(["Record Length", str(rows)], "minimal")]
    if header == "numbers":
        if choice["time"] != "none" or choice["extras"] or not choice["digits"] or choice["stripped"] or single:
            return None
        if len(columns) == 1 and "0" in columns[0][1]:  # then the name may be a value as well
            return None
        lines = [row([str(i) for i in range(len(columns))])]
    elif header in ("names", "names with commas"):
        lines = [named]
    elif header == "names, units":
        if delimiter == " ":
            return None
        lines = [named, row([unit or "-" for unit in units])]
    elif header == "names, kinds, units":
        if single or delimiter == " ":
            return None
        lines = [named, row(["raw" if i in signals else "" for i in range(len(columns))]), row(units)]
    elif header == "units in brackets":
        lines = [named, row([f"({unit})" if unit else "()" for unit in units])]
    elif header == "comments, names":
        mark = str(rng.choice(["#", "%", "//"]))
        lines = [f"{mark} logger v2", f"{mark} rate = 250 Hz; x", named]
    elif header == "names behind #":
        if quotes == "all" or names_of[0] == "#":
            return None
        lines = ["# " + named]
    elif header == "title, names":
        lines = ["Plot Title: pond north", named]
    elif header == "preamble, names":
        if single or delimiter == " ":
            return None
        lines = [*key_values, named]
    elif header == "preamble, blank, names":
        lines = ["Recorder 3", *(key_values if not single and delimiter != " " else []), "", named]
    elif header == "preamble without names":
        if single or delimiter == " ":
            return None
        lines = ["Recorder 3", "started well", ""]
    elif header == "TOA5":
        if single or delimiter == " ":
            return None
        lines = [
            row(["TOA5", "CR1000", "55", "table1"]),
            named,
            row([u or "RN" for u in units]),
            row(["Avg"] * len(columns)),
        ]
    elif header == "sep hint":
        if single or delimiter == " ":
            return None
        lines = [f"sep={delimiter}", named]
    count = len(lines)
    data_rows = list(zip(*[c[1] for c in columns], strict=True))
    lines += [row(list(cells)) for cells in data_rows]
    if choice["trailing"] and not single and delimiter != " ":
        lines[count:] = [line + delimiter for line in lines[count:]]
    eol = choice["eol"]
    text = eol.join(lines) + (eol if choice["final"] else "")
    encoding, bom = choice["encoding"].removesuffix("+bom"), choice["encoding"].endswith("+bom")
    try:
        data = ("\ufeff" * bom + text).encode(encoding)
    except UnicodeEncodeError:
        return None
    if encoding.startswith("utf-16") and not bom and not text.isascii():
        return None
    return Table(data, encoding, eol, delimiter, decimal, group, count, signals, values, digits, choice)


CHOICES: dict[str, tuple[Any, ...]] = {
    "encoding": ENCODINGS,
    "delimiter": DELIMITERS,
    "decimal": (".", ".", ","),
    "group": ("", "", "", "", ",", ".", "\u00a0", "'", " "),
    "quotes": ("none", "none", "minimal", "all", "text"),
    "header": HEADERS,
    "time": TIMES,
    "signals": (1, 2, 3),
    "digits": (0, 1, 2, 3, 4, 6),
    "exponent": (False, False, False, False, True),
    "stripped": (False, False, True),
    "marker": MARKERS,
    "missing": (0.0, 0.0, 0.03),
    "gaps": (False, False, False, False, True),
    "trailing": (False, False, False, True),
    "eol": ("\n", "\n", "\r\n", "\r"),
    "final": (False, True),
    "rows": (160, 331, 420),
}


def draw_tables(count: int) -> Iterator[Table]:
    """Draw tables, always the same ones.

    Hypothesis would draw others, even derandomized, where other modules are loaded: it takes constants from them.
    """
    rng = random.Random(0)
    while count:
        choice = {name: rng.choice(among) for name, among in CHOICES.items()}
        choice |= {"extras": rng.sample(EXTRAS, rng.randint(0, 2)), "seed": rng.getrandbits(32)}
        table = build(choice)
        if table is not None:
            count -= 1
            yield table
