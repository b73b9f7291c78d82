"""Read and write the numbers of one column as its file writes them."""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.dialect.fields import NOTHING, Attached, unquote

MISSING = frozenset(
    """na n/a nan -nan +nan null none nil - -- --- ---- ? . .. ... * ** *** #n/a #na <na> <nan> n.a. n.a n/d n.d. nd
    k.a. #null! #num! #value! #ref! #div/0! #name? 1.#qnan -1.#qnan 1.#ind -1.#ind 1.#inf_ 1,#qnan -1,#qnan 1,#ind
    -1,#ind missing nodata undef undefined invalid unavailable unknown err #err error #error ol over
    overflow overload ovld (null) \\n""".split()
) | {"", "#n/a n/a", "no data"}
"""Markers of missing values in lower case: pandas', spreadsheets', C runtimes', databases' and loggers'."""

SENTINEL = re.compile(
    r"-?9{3,6}(?:[.,](?:0+|9+|25))?|-9{2}(?:[.,](?:0+|9+))?|-[09][.,]9{2,3}|-127(?:[.,]0+)?|65535(?:[.,]0+)?|6553[.,]50*"
    r"|-32768(?:[.,]0+)?|[+-]?\d(?:[.,]\d*)?[eE]\+?(?:2\d|3[0-8])"
)
"""Numbers that instruments write for a missing value, if they lie far from all others: -999, -9.99 and the like, the
ends of 16 bits, -127 (DS18B20), and powers of ten from 20 to 38: 1E20 (climate models), 1E30 and -1E31 (process
historians), 9.97E36 (netCDF), 9.9E37 and 9.91E37 (SCPI's overload and not a number), 1.7E38 (the largest float of 32
bits)."""

GROUP_MARKS = "'\u2019 \u00a0\u202f\u2009"
"""Marks that only ever group digits; a comma and a point may."""

MOST_DIGITS = 17
"""Significant digits of a float64."""

REPR_DIGITS = 15
"""A column with this many significant digits or more was printed as floats are held in memory."""

USUAL = 0.99
"""Share of a column's numbers that are not glitches."""

FINER = 50
"""Digits are added until the last one is this many times smaller than the noise."""

_NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eEdD][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:([.,{GROUP_MARKS}])\d{{3}})(?:\1\d{{3}})*(?:[.,]\d*)?", re.ASCII)
_ODD = re.compile(r"[^\d.,\t +eE-]", re.ASCII)
_CARE = re.compile(r"[ +eE]|(?:^|\t)-?0\d")
_MARKED = re.compile(r"[+-]?\d+([.,])\d+")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_POWER = re.compile(r"[eEdD]")
_IN_FRONT = re.compile(r"\+|-?0\d")
_MINUS = str.maketrans("\u2212\u2013", "--")


@dataclass(slots=True)
class NumberStyle:
    """How a column writes its numbers.

    Attributes
    ----------
    decimal
        Decimal mark; empty as long as nothing tells it, so that only whole numbers can be written.
    group
        Mark that groups digits by three; empty if none does.
    digits
        Digits after the decimal mark to write, in the mantissa where numbers have an exponent.
    own_digits
        Digits after the decimal mark that the column has.
    fixed
        Whether numbers keep zeros at their end.
    exponent
        Whether all numbers have an exponent.
    plain
        Whether plain formatting writes the column: no signs or zeros in front, no grouping, no exponents.
    minus
        The minus sign where it is not the hyphen.
    ordinary
        Numbers below and above these two that look like a marker of missing values (-999) are one.
    markers
        Those that occurred.
    attached
        What is attached to all numbers, such as a unit.
    """

    decimal: str = "."
    group: str = ""
    digits: int = 2
    own_digits: int = 0
    fixed: bool = True
    exponent: bool = False
    plain: bool = True
    minus: str = ""
    ordinary: tuple[float, float] = (-math.inf, math.inf)
    markers: set[str] = field(default_factory=set)
    attached: Attached = NOTHING

    def parse(self, text: str) -> float | None:
        """Read a number without spaces and quotes; NaN for a missing value, None for text."""
        if self.attached:
            number = self.attached.take_off(text)
            if number is None:
                return math.nan if text.lower() in MISSING else None
            text = number
        if not self.decimal and ("." in text or "," in text):
            self._adopt(text)
            if self.can_be_grouped(text):
                return None
        value = parse_number(text, self.decimal or ".", self.group)
        if value is not None and self.is_marker(text, value):
            self.markers.add(text)
            return math.nan
        return value

    def is_marker(self, text: str, value: float) -> bool:
        """Tell whether a number stands for a missing value."""
        return not self.ordinary[0] <= value <= self.ordinary[1] and may_be_marker(text)

    def can_be_grouped(self, text: str) -> bool:
        """Tell whether a number is one or a thousand, as nothing has told the column's decimal mark yet."""
        return not self.decimal and not self.group and _AMBIGUOUS.fullmatch(text) is not None

    def _adopt(self, text: str) -> None:
        """Adopt the first decimal mark that occurs."""
        found = _MARKED.fullmatch(text)
        if found is not None and not _AMBIGUOUS.fullmatch(text):
            self.decimal = found[1]
            self.own_digits = decimals_of(text, self.decimal)
            self.digits = self.own_digits + 1

    def read_column(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], bool] | None:
        """Read raw fields fast.

        Returns
        -------
        Their values ``(n,)`` and whether plain formatting can write in their place; None if one is not a number.
        """
        joined = "\t".join(texts)
        simple = self.plain and not self.attached
        plain_texts: Sequence[str] | None = texts
        if (
            self.attached
            or _ODD.search(joined)
            or (self.decimal != "." and "." in joined)
            or (not self.decimal and "," in joined)
        ):
            plain_texts = None
        elif self.decimal == ",":
            plain_texts = joined.replace(",", ".").split("\t")
        try:
            values = np.array(list(map(float, plain_texts))) if plain_texts is not None else None
        except ValueError:
            values = None
        if values is None:
            read = [self.parse(unquote(text)) for text in texts]
            if None in read:
                return None
            values = np.array(read, dtype=np.float64)
            known = [text for text, value in zip(texts, read, strict=True) if value == value]
            joined = "\t".join(known)
            simple = simple and _ODD.search(joined) is None
        simple = simple and _CARE.search(joined) is None
        if simple and self.decimal:
            simple = re.search(rf"\{self.decimal}\d{{{self.own_digits + 1}}}", joined) is None
        lowest, highest = self.ordinary
        if lowest > -math.inf:
            for place in np.flatnonzero((values < lowest) | (values > highest)).tolist():
                text = unquote(texts[place])
                if may_be_marker(text):
                    self.markers.add(text)
                    values[place] = math.nan
        return values, simple

    def format_column(self, values: Sequence[float]) -> list[str]:
        """Write many numbers in the column's plain style."""
        texts = list(map(f"{{:z.{self.digits if self.decimal else 0}f}}".format, values))
        if not self.fixed and self.digits and self.decimal:
            texts = [text.rstrip("0").rstrip(".") for text in texts]
        return "\t".join(texts).replace(".", ",").split("\t") if self.decimal == "," else texts

    def format_like(self, value: float, old: str) -> str:
        """Write a number in the place of another: with its exponent, sign, zeros in front and grouping."""
        power = re.search(r"[eEdD]", old)
        if power is not None:
            text = self._with_exponent(value, old[: power.start()], power[0], old[power.end() :])
        else:
            text = self._without_exponent(value, old)
        if self.decimal == ",":
            text = text.replace(".", ",")
        text = text.replace("\0", self.group)
        if old.startswith("+") and not text.startswith("-"):
            text = "+" + text
        return text.replace("-", self.minus) if self.minus else text

    def _with_exponent(self, value: float, mantissa: str, mark: str, power: str) -> str:
        digits = max(decimals_of(mantissa, self.decimal), self.digits if self.exponent else 0)
        base, _, number = f"{value:.{min(digits, MOST_DIGITS - 1)}e}".partition("e")
        sign = "-" if number.startswith("-") else "+" if power.startswith(("+", "-")) else ""
        return f"{base}{mark}{sign}{abs(int(number)):0{len(power.lstrip('+-'))}d}"

    def _without_exponent(self, value: float, old: str) -> str:
        digits = max(self.digits, decimals_of(old, self.decimal)) if self.decimal else 0
        text = f"{value:z.{digits}f}"
        if not self.fixed and "." in text:
            text = text.rstrip("0").rstrip(".")
        whole, mark, fraction = text.lstrip("-").partition(".")
        figures = re.match(r"\d*", old.lstrip("+-\u2212\u2013"))
        leading = figures[0] if figures is not None else ""
        if leading.startswith("0") and len(leading) > 1:
            whole = whole.zfill(len(leading))
        elif self.group and (self.group in old or len(leading) < 4):
            whole = f"{int(whole):,}".replace(",", "\0")
        return ("-" if text.startswith("-") else "") + whole + mark + fraction


def parse_number(text: str, decimal: str = ".", group: str = "") -> float | None:
    """Read a number; NaN for a missing value, None for text.

    A number that is grouped beyond doubt (``1.234,5``) is read as such even if no ``group`` mark is known.

    >>> parse_number("-1.5e3"), parse_number("1,5", decimal=","), parse_number("abc")
    (-1500.0, 1.5, None)
    >>> parse_number("n/a"), parse_number("1,002"), parse_number("1,002", group=","), parse_number("1,002.5")
    (nan, None, 1002.0, 1002.5)
    """
    plain = text.translate(_MINUS) if not text.isascii() else text
    if decimal == "," and "." not in plain:
        plain = plain.replace(",", ".")
    elif decimal == ",":
        plain = plain.translate(_SWAPPED)
        group = {".": ","}.get(group, group)
    if _NUMBER.fullmatch(plain):
        return float(plain.replace("d", "e").replace("D", "e"))
    grouped = _GROUPED.fullmatch(plain)
    if grouped is not None and (mark := grouped[1]) != ".":
        rest = plain.partition(".")
        whole = rest[0].split(mark)
        certain = mark == group or len(whole) > 2 or bool(rest[1]) or mark in GROUP_MARKS
        if certain and "," not in rest[2]:
            return float("".join(whole) + rest[1] + rest[2])
    if _INFINITE.fullmatch(plain):
        return float(plain)
    return math.nan if plain.lower() in MISSING else None


_SWAPPED = str.maketrans(".,", ",.")


def decimals_of(text: str, decimal: str) -> int:
    """Count the digits after the decimal mark."""
    return len(text.partition(decimal or ".")[2])


def may_be_marker(text: str) -> bool:
    """Tell whether a number looks like those that loggers write for a missing value.

    >>> [may_be_marker(text) for text in ("-999", "-9999.0", "9999", "-99", "99", "-998")]
    [True, True, True, True, False, False]
    """
    return SENTINEL.fullmatch(text) is not None


def noise_of(values: Sequence[float]) -> float:
    """Estimate the standard deviation of the noise from second differences; 0 if none is visible."""
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < 4:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        bends = np.abs(np.diff(known, 2))
        return float(np.median(bends) * 1.4826 / math.sqrt(6) or bends.mean() * 1.2533 / math.sqrt(6))


def written_style(
    texts: Sequence[str], values: Sequence[float], decimal: str, group: str, digits: int | None
) -> NumberStyle:
    """Return how a column's numbers are written and how many digits denoised ones deserve.

    They get one digit more than the column has, as a denoised value is more exact than the samples that it comes from,
    and up to two where the noise is near the last digit; whole numbers none where the noise is far above 1.

    Parameters
    ----------
    texts, values
        The column's cells without quotes and spaces, and what they mean; NaN for missing ones.
    decimal, group
        The marks.
    digits
        Digits after the decimal mark to keep to, where more would rule out another reading of the column.
    """
    known = [text for text, value in zip(texts, values, strict=True) if math.isfinite(value)]
    style = NumberStyle(decimal, group, minus="\u2212" if any("\u2212" in text for text in known) else "")
    powers = [text for text in known if _POWER.search(text)]
    style.exponent = bool(known) and len(powers) == len(known)
    style.plain = not (group or style.minus or powers or any(_IN_FRONT.match(text) for text in known))
    printed = [decimals_of(_POWER.split(text)[0], decimal) for text in known]
    style.own_digits = max(printed, default=0)
    style.fixed = len(set(printed)) == 1 and printed[0] > 0
    largest = max(map(abs, _finite(values)), default=0.0)
    noise = noise_of(values)
    wanted = math.ceil(-math.log10(max(noise / FINER, sys.float_info.min))) if 0 < noise < math.inf else None
    if style.exponent:
        magnitude = math.floor(math.log10(largest)) if largest > 0 else 0
        own = style.own_digits + 1
        style.digits = min(max(own, own if wanted is None else magnitude + wanted), own + 2, MOST_DIGITS - 1)
        return style
    if digits is not None or not decimal:
        style.digits = digits or 0
        return style
    finest = max((_finest(text, decimal) for text in powers), default=0)
    own = max(style.own_digits, min(finest, 300))
    whole_digits = len(str(int(min(largest, 1e300))))
    wanted = own + 1 if wanted is None else max(wanted, own + 1 if own else 0)
    style.digits = max(own, min(wanted, own + 2, MOST_DIGITS - whole_digits))
    if own and own + whole_digits >= REPR_DIGITS:  # written to the last bit, which is beyond what a model can tell
        style.digits = max(0, REPR_DIGITS - whole_digits) if finest == 0 else own
        style.fixed = False
    return style


def _finest(text: str, decimal: str) -> int:
    """Return the digits after the mark that a number with an exponent would need without it."""
    mantissa, power = _POWER.split(text)
    return decimals_of(mantissa, decimal) - int(power)


def ordinary_span(values: Sequence[float]) -> tuple[float, float]:
    """Return the range within which no number is a marker, from numbers that are not markers.

    Beyond them a number lies far outside of the range, and is three times larger than all others or, where none of them
    is negative, below zero: -999 among pressures of 1013, even if a hundredth of those are glitches.
    """
    if len(values) < 2 or not any(values):
        return -math.inf, math.inf
    low, high = min(values), max(values)
    most, margin = max(-low, high), 2 * (high - low)
    if low >= 0:
        usual = float(np.quantile(values, USUAL))
        return min(low - 2 * (usual - low), 0.0), max(high + margin, 3 * most)
    return min(low - margin, -3 * most), max(high + margin, 3 * most)


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
