"""Find what is attached to every number of a column: a unit, a percent sign, a currency, a label."""

import re
from collections import Counter
from collections.abc import Sequence

from denoise_stream.files.dialect.fields import NOTHING, Attached
from denoise_stream.files.dialect.marks import NUMBERS, kind_of, sort_column

SHARE = 0.9
"""Least share of a column's known cells to which the same is attached; the others are bad rows."""

FEWEST_CELLS = 3

LONGEST = 64
"""Characters of the longest cell that is looked at; no number with a unit is longer."""

_UNITS = sorted(
    """V mV uV µV μV kV A mA uA µA μA W mW kW MW Wh kWh MWh Hz kHz MHz GHz Pa hPa kPa MPa bar mbar psi mmHg inHg s ms
    us µs μs min h m mm cm km um µm μm ft in mi g mg kg N kN Nm J kJ K C F m/s km/h mph kn rpm lx lux dB dBm
    dBA ppm ppb Ohm Ω kΩ MΩ L l ml mL l/min L/min bpm mg/L mg/l g/m³ mg/m³ µg/m³ ug/m3 W/m² W/m2 uS/cm µS/cm
    mS/cm VDC VAC B kB KB MB GB KiB MiB GiB""".split(),
    key=len,
    reverse=True,
)
_MEASURE = f"(?:{'|'.join(map(re.escape, _UNITS))})(?: AC| DC)?"
_LABEL = r"[^\W\d][\w .()/-]*[:=] ?"
_CELL = re.compile(
    rf"([$€£¥₹]\s?|{_LABEL})?(?P<number>.*[\d.,])(\s?(?:%|‰|°[CFK]?|º[CF]|℃|℉|[$€£¥₹])|\s{_MEASURE}|(?<=\d){_MEASURE})?",
    re.DOTALL,
)


def find_attached(rows: Sequence[Sequence[str]]) -> list[Attached]:
    """Return what is attached to the numbers of each column.

    A unit of letters without a space before it counts where all numbers have a decimal mark: ``12A`` may be a name. A
    label in front, as in ``temp:21.5 hum:40``, counts where all columns but times have one: ``node:12`` may be a name.

    Parameters
    ----------
    rows
        Cells of rows of one width, without quotes and spaces around them.
    """
    columns = list(zip(*rows, strict=True)) if rows else []
    found = [_attached_to(column) for column in columns]
    bare = [not label_of(marks) for marks in found]
    if all(bare):
        return found
    times = (
        sort_column(map(kind_of, cells)).kind == "moment"
        for cells, is_bare in zip(columns, bare, strict=True)
        if is_bare
    )
    return found if all(times) else [marks if is_bare else NOTHING for marks, is_bare in zip(found, bare, strict=True)]


def label_of(attached: Attached) -> str:
    """Return the label in front of a column's numbers, empty without one.

    >>> label_of(Attached("temp: ", "")), label_of(Attached("$", ""))
    ('temp', '')
    """
    return attached.before.rstrip(" :=") if re.fullmatch(_LABEL, attached.before) else ""


def _attached_to(cells: Sequence[str]) -> Attached:
    known = [cell for cell in cells if kind_of(cell) != "missing"]
    if all(kind_of(cell) != "text" for cell in known[-FEWEST_CELLS:]):  # most columns
        return NOTHING
    found: Counter[Attached] = Counter()
    for cell in known:
        match = _CELL.fullmatch(cell) if len(cell) <= LONGEST else None
        if match is not None and kind_of(match["number"]) in NUMBERS:
            found[Attached(match[1] or "", match[3] or "")] += 1
    if not found:
        return NOTHING
    attached, count = found.most_common(1)[0]
    if count < max(FEWEST_CELLS, SHARE * (len(known) - 1)):  # one cell may be the name
        return NOTHING
    if attached.behind[:1].isalpha():
        numbers = [attached.take_off(cell) for cell in known]
        if any(number is not None and "." not in number and "," not in number for number in numbers):
            return NOTHING
    return attached
