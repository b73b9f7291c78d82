"""Read the sample rate and the start from a column of time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.digits import (
    DATES,
    TIMES_OF_DAY,
    as_dates,
    as_times_of_day,
    moment_of,
    share_of_usual_steps,
)
from denoise_stream.files.columns.names import TIMES, unit_seconds, words_of

FORMATS = (
    "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M",
    "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y", "%m/%d/%y %H:%M:%S", "%m/%d/%y %H:%M", "%m/%d/%y %I:%M:%S %p", "%m/%d/%y %I:%M %p",
    "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%H:%M:%S.%f", "%H:%M:%S", "%H:%M",
    "%I:%M:%S %p", "%I:%M %p", "%d-%b-%Y %H:%M:%S.%f", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y", "%d %b %Y %H:%M:%S", "%M:%S",
    "%M:%S.%f",
)  # fmt: skip

EPOCHS = ((1e8, 1e10, 1.0), (1e11, 1e13, 1e-3), (1e14, 1e16, 1e-6), (1e17, 1e19, 1e-9))
"""From, to, and unit in seconds of numbers that count from 1970, in the years 1973 to 2286."""

YEARS = (1990, 2040)
"""Numbers that would count from 1970 to a date outside of these years count something else."""

TICKS = (6.2e17, 6.5e17)
"""From, to of .NET ticks (100 ns since the year 1) in the years 1965 to 2060, which look like ns of 1990."""

SECONDS = frozenset("time t elapsed zeit temps tiempo tijd tid".split())
"""Words for a time that is taken for seconds if no unit is stated."""

JITTER = 0.05
"""Steps that differ from the usual one by a smaller share are as long as it."""

_ZONE = re.compile(r" ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})$")


@dataclass(frozen=True)
class Clock:
    """What a column of time tells.

    Attributes
    ----------
    rate_hz
        Rows per second.
    start
        Moment of the first row, where the column holds dates.
    unit
        ``"s"`` where the column's numbers were taken for seconds without a word that says so, else empty.
    form
        How dates and times are written, for ``strptime``; empty for numbers.
    scale_s
        Seconds of a step of the column's numbers.
    """

    rate_hz: float
    start: datetime | None = None
    unit: str = ""
    form: str = ""
    scale_s: float = 1.0

    def seconds(self, stamp: str | float) -> float | None:
        """Return the seconds of a time stamp, since ``start`` if there is one; None if it cannot be read.

        >>> Clock(1.0, datetime(2024, 5, 1), form="%Y-%m-%d %H:%M").seconds("2024-05-01T00:10")
        600.0
        """
        if isinstance(stamp, str):
            compact = self.form in DATES or self.form in TIMES_OF_DAY
            try:
                moment = (
                    moment_of(stamp.strip(), self.form) if compact else datetime.strptime(_normal(stamp), self.form)  # noqa: DTZ007
                )
            except ValueError:
                return None
            return (moment - (self.start or datetime(1900, 1, 1))).total_seconds()
        since = 0.0 if self.start is None else self.start.replace(tzinfo=UTC).timestamp()
        return stamp * self.scale_s - since


def clock_of_moments(texts: Sequence[str], name: str = "") -> Clock | None:
    """Return the rate of rows stamped with dates or times; None if they cannot be read or do not advance.

    Parameters
    ----------
    texts
        The stamps, empty where one is missing.
    name
        Of the column: ``mm:ss`` and ``elapsed`` are not hours.
    """
    known = [_normal(text) for text in texts if text]
    minutes = {"ss", "sec", "elapsed", "duration"} & set(words_of(name)) and "hh" not in name.lower()
    forms = ("%M:%S", *FORMATS) if minutes else FORMATS
    readings = ((form, _read(known, form)) for form in forms)
    form, moments = next(((form, moments) for form, moments in readings if moments), ("", []))
    if not moments:
        return None
    if form.startswith("%m/%d"):
        other = _read(known, "%d/%m" + form[5:])
        if other and other != moments:
            return _clock_of_two_readings((form, moments), ("%d/%m" + form[5:], other))
    return _clock_of(form, moments)


def _read(texts: Sequence[str], form: str) -> list[datetime]:
    """Read texts as moments in one format; return nothing if one of them does not match."""
    try:
        return [datetime.strptime(text, form) for text in texts]  # noqa: DTZ007
    except ValueError:
        return []


def _clock_of(form: str, moments: Sequence[datetime]) -> Clock | None:
    seconds = _since_first(moments)
    if "%d" not in form:
        seconds = np.unwrap(seconds, period=86400.0 if "%H" in form or "%I" in form else 3600.0)
    rate = rate_of(seconds)
    return None if rate is None else Clock(rate, moments[0] if "%d" in form else None, form=form)


def _clock_of_two_readings(*readings: tuple[str, list[datetime]]) -> Clock | None:
    """Return the clock of the reading whose steps are more even; if both are alike, one without a date."""
    even = [share_of_usual_steps(_since_first(moments)) for _, moments in readings]
    if even[0] != even[1]:
        return _clock_of(*readings[even[1] > even[0]])
    clocks = [_clock_of(*reading) for reading in readings]
    rates = {None if clock is None else clock.rate_hz for clock in clocks}
    if len(rates) > 1 and "%M" in readings[0][0]:
        midnights = [moment.replace(year=1900, month=1, day=1) for moment in readings[0][1]]
        rates = {rate_of(np.unwrap(_since_first(midnights), period=86400.0))}
    rate = rates.pop()
    return None if rates or rate is None else Clock(rate, form=readings[0][0])


def _since_first(moments: Sequence[datetime]) -> NDArray[np.float64]:
    return np.array([(moment - moments[0]).total_seconds() for moment in moments])


def clock_of_seconds(values: NDArray[np.float64]) -> Clock | None:
    """Return the rate of rows stamped with seconds since 1970; None if they do not advance."""
    rate = rate_of(values - values[0]) if len(values) else None
    return None if rate is None else Clock(rate, _moment(float(values[0])))


def _moment(seconds: float) -> datetime | None:
    """Convert seconds since 1970 to a moment; None if it is beyond the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


def clock_of_numbers(values: NDArray[np.float64], name: str, unit: str, width: int = 0) -> Clock | None:
    """Return the rate of rows whose time is a number; None if its unit is unknown.

    Parameters
    ----------
    values
        Known values ``(n,)`` of an axis.
    name, unit
        The column's name, and its cell in a row of units.
    width
        Digits that all values are written with; 0 if that differs or is not known.
    """
    if not len(values):
        return None
    stated = unit_seconds(name, unit)
    words = words_of(name)
    timely = bool(words) and (words[0] in TIMES or words[-1] in TIMES or words[0] in ("ts", "clock", "t", "elapsed"))
    timely = timely and not {"index", "idx"} & set(words)
    assumed = bool(words) and (words[0] in SECONDS or words[-1] in SECONDS)
    spelled = "hhmm" in name.lower() or "yyyymm" in name.lower()
    if spelled or ((timely or assumed) and stated is None):
        clock = _clock_of_digits(values, width, spelled=spelled)
        if clock is not None or "hhmm" in name.lower():
            return clock
    if stated is not None:
        return _clock_of_steps(values, stated)
    if not timely and not assumed:
        return None
    epoch = next((scale for low, high, scale in EPOCHS if low < values[0] < high), None)
    if epoch is None:
        return _clock_of_steps(values, None) if assumed else None
    clock = _clock_of_steps(values, epoch) if timely and not TICKS[0] < values[0] < TICKS[1] else None
    return clock if clock is not None and clock.start is not None else None


def _clock_of_steps(values: NDArray[np.float64], unit_s: float | None) -> Clock | None:
    """Return the clock of numbers in a unit, None meaning seconds that nobody stated.

    It starts at a date where the numbers reach one since 1970.
    """
    scale_s = 1.0 if unit_s is None else unit_s
    rate = rate_of((values - values[0]) * scale_s)
    if rate is None:
        return None
    start = None if unit_s is None else _moment(float(values[0]) * scale_s)
    dated = start is not None and YEARS[0] <= start.year < YEARS[1]
    return Clock(rate, start if dated else None, "s" if unit_s is None else "", scale_s=scale_s)


def _clock_of_digits(values: NDArray[np.float64], width: int, *, spelled: bool) -> Clock | None:
    """Return the clock of dates or times of day written as whole numbers; None if they are plain numbers."""
    dates = as_dates(values)
    if dates is not None:
        return _clock_of(*dates)
    times = as_times_of_day(values, width)
    if times is None:
        return None
    form, seconds = times
    if not spelled and share_of_usual_steps(seconds) <= share_of_usual_steps(values):
        return None
    rate = rate_of(seconds)
    return None if rate is None else Clock(rate, form=form)


def rate_of(seconds: NDArray[np.float64]) -> float | None:
    """Return the rate of rows at these times, rounded as far as their jitter allows; None if they do not advance.

    Gaps are left out, those of one or two missing rows too where most rows are regular. From one second on, the time
    between rows is rounded where that takes no more digits.
    """
    steps = np.diff(seconds)
    rising = np.flatnonzero(steps > 0)
    if len(rising) < 3 or len(rising) < 0.001 * len(steps) or (steps < 0).mean() > 0.1:
        return None
    # Stamps that stay the same for some rows count from the first change to the last one.
    between = steps[rising[0] + 1 : rising[-1] + 1]
    usual = float(np.median(steps[rising]))
    ordinary = between[(between >= 0) & (between <= 5 * usual)]
    if _has_missing_rows(ordinary, usual):
        ordinary = ordinary[np.isclose(ordinary, usual, rtol=JITTER)]
    mean = float(ordinary.mean())
    if mean <= 0:
        return None
    unsure = float(ordinary.std()) / mean / len(ordinary) ** 0.5
    if (between == 0).any():  # rounded stamps do not drift: all steps together are off by one at most
        unsure = min(unsure, float(ordinary.max() / ordinary.sum()))
    unsure = max(unsure, 1e-6)
    for digits in range(1, 7):
        slow = [1 / float(f"{mean:.{digits}g}")] if mean >= 1 else []
        for rate in (*slow, float(f"{1 / mean:.{digits}g}")):
            if abs(rate * mean - 1) <= unsure:
                return rate
    return float(f"{1 / mean:.6g}")


def _has_missing_rows(steps: NDArray[np.float64], usual: float) -> bool:
    """Tell whether steps of a multiple of the usual one are gaps of missing rows.

    Rounded stamps of a steady clock have two steps that differ by what they are rounded to, such as 1 and 2 s; where
    rows are missing there are steps of three times the usual one and more, too.
    """
    doubled = np.count_nonzero((steps > 1.5 * usual) & (steps < 2.5 * usual))
    longer = np.count_nonzero(steps >= 2.5 * usual)
    regular = np.count_nonzero(np.isclose(steps, usual, rtol=JITTER))
    return bool(steps.all() and longer > 0.1 * doubled and regular > 0.5 * len(steps))


def _normal(text: str) -> str:
    """Write a moment with a space between date and time, a point before fractions and without a time zone."""
    text = _ZONE.sub("", text.strip()) if not text.upper().endswith(("AM", "PM")) else text.strip()
    text = re.sub(r"(\d)[T_](\d)", r"\1 \2", text)
    text = re.sub(r"(:\d{2}),(\d+)|(:\d{2}:\d{2}):(\d{3})$", r"\1\3.\2\4", text)
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return re.sub(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", text)
