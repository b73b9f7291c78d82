"""Tell what a line above the data is by its cells: names, units, groups, a statement or numbers."""

import math
import re
from collections.abc import Sequence

from denoise_stream.files.columns.names import names_a_time
from denoise_stream.files.dialect.candidates import Reading
from denoise_stream.files.dialect.marks import NUMBERS, kind_of
from denoise_stream.files.dialect.numbers import parse_number

UNITS = frozenset(
    """s sec secs second seconds ms msec millisecond milliseconds us µs μs usec ns min mins minute minutes h hr hrs
    hour hours d day days yr year v mv µv μv uv kv volt volts a ma µa ua amp amps ampere w mw kw mwh wh kwh j kj n
    kn nm mn·m pa hpa kpa mpa bar mbar psi atm mmhg inhg c f k °c °f degc degf deg_c deg ° celsius kelvin fahrenheit
    % pct percent rh %rh m mm cm km um µm μm nm ft in g mg kg t lb lbs m/s km/h kmh mph kn kt m/s2 m/s^2 m/s² rad
    rad/s deg/s dps hz khz mhz rpm lux lx db dba dbm ohm ohms ω Ω kohm l ml l/min m3 m³ m3/h ppm ppb ug/m3 µg/m³
    mg/l g/m3 w/m2 w/m^2 w/m² umol ph ntu us/cm µs/cm ms/cm counts count cnt raw unit units none ts rn smp avg max
    min std tot samples sample bpm ut utc gauss µt ut mt t""".split()
)
"""Units and the qualifiers that loggers write under the names, in lower case."""

_BRACKETED = re.compile(r"[(\[{<].*[)\]}>]|")
_WIDTH = re.compile(r"\d+[dns]")
"""A width and a kind, as the second row of USGS's tables states them for all columns (``14n``)."""


def are_data(cells: Sequence[str]) -> bool:
    """Tell whether a line holds numbers that are data: as names, numbers count columns or years in equal steps."""
    numbers = [cell for cell in cells if kind_of(cell) in NUMBERS]
    if len(numbers) > 2 and in_equal_steps(numbers):
        return False
    if not all(number.isdigit() for number in numbers):
        return True
    counts = [int(number) for number in numbers]
    steps = {later - earlier for earlier, later in zip(counts, counts[1:], strict=False)}
    return bool(counts) and not (len(steps) == 1 and min(steps) > 0)


def fits(cells: Sequence[str], reading: Reading) -> bool:
    """Tell whether a line has about as many cells as the rows."""
    if reading.width == 1:
        return len(trimmed(cells)) == 1
    return len(cells) >= reading.width - 1


def describes(cells: Sequence[str], width: int) -> bool:
    """Tell a line of units or qualifiers from one of names: units, brackets, gaps or the same word again and again."""
    known = [cell.lower() for cell in trimmed(cells[:width])]
    if "" in cells[: len(known)] or len(set(known)) < len(known):
        return True
    if all(map(_WIDTH.fullmatch, known)):
        return True
    return 2 * sum(map(_is_unit, known)) > len(known)


def states_a_value(cells: Sequence[str], nearest: bool) -> bool:
    """Tell whether a line states what one thing is, as ``# type: matrix`` and ``* FileName = x.hex`` do.

    The line nearest to the data may be names of which only the time has a colon.
    """
    named = [cell for cell in cells if cell]
    ends = [cell.endswith((":", "=")) for cell in named]
    if len(named) < 2 or all(ends) or not (ends[0] or "=" in named):
        return False
    return not (nearest and names_a_time(named[0]) and all(kind_of(cell) == "text" for cell in named[1:]))


def names_no_numbers(cells: Sequence[str], reading: Reading) -> bool:
    """Tell whether a line leaves every column of numbers without a name, as ``Date,Time,,`` below lines of channels."""
    places = [place for place, column in enumerate(reading.columns) if column.kind == "number"]
    return len(cells) >= reading.width and not any(cells[place] for place in places)


def fills_gaps(names: Sequence[str], groups: Sequence[str], reading: Reading) -> bool:
    """Tell whether a line names, and not by units, columns of numbers that a line above it leaves without a name."""
    width = min(len(names), len(groups))
    numbers = [place for place in range(width) if reading.columns[place].kind == "number"]
    gaps = [place for place in numbers if not groups[place]]
    named = [names[place] for place in numbers if names[place]]
    units = sum(map(_is_unit, named))
    return width == reading.width and bool(gaps) and all(names[place] for place in gaps) and 2 * units <= len(named)


def _is_unit(cell: str) -> bool:
    return cell.lower() in UNITS or _BRACKETED.fullmatch(cell) is not None


def trimmed(cells: Sequence[str]) -> list[str]:
    """Return cells without empty ones at the end."""
    kept = list(cells)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def in_equal_steps(cells: Sequence[str]) -> bool:
    """Tell whether cells are numbers that rise in equal steps."""
    read = (parse_number(cell, "," if kind_of(cell) == "," else ".") for cell in cells)
    values = [value for value in read if value is not None and math.isfinite(value)]
    steps = [later - earlier for earlier, later in zip(values, values[1:], strict=False)]
    return len(values) == len(cells) > 1 and min(steps) > 0 and max(steps) - min(steps) <= 1e-6 * max(steps)
