"""Read the sample rate and the start from a column of time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.names import TIMES, unit_seconds, words_of

FORMATS = (
    "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M",
    "%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y", "%m/%d/%y %H:%M:%S", "%m/%d/%y %H:%M", "%m/%d/%y %I:%M:%S %p", "%m/%d/%y %I:%M %p",
    "%d/%m/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%H:%M:%S.%f", "%H:%M:%S", "%H:%M",
    "%I:%M:%S %p", "%I:%M %p", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y", "%d %b %Y %H:%M:%S",
)  # fmt: skip

EPOCHS = ((1e8, 1e10, 1.0), (1e11, 1e13, 1e-3), (1e14, 1e16, 1e-6), (1e17, 1e19, 1e-9))
"""From, to, and unit in seconds of numbers that count from 1970, in the years 1973 to 2286."""

SECONDS = frozenset("time t elapsed zeit temps tiempo tijd tid".split())
"""Words for a time that is taken for seconds where no unit stands."""

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
            try:
                moment = datetime.strptime(_normal(stamp), self.form)  # noqa: DTZ007
            except ValueError:
                return None
            return (moment - (self.start or datetime(1900, 1, 1))).total_seconds()
        since = 0.0 if self.start is None else self.start.replace(tzinfo=UTC).timestamp()
        return stamp * self.scale_s - since


def clock_of_moments(texts: Sequence[str]) -> Clock | None:
    """Return the rate of rows stamped with dates or times; None if they cannot be read or do not go on."""
    known = [_normal(text) for text in texts if text]
    for form in FORMATS:
        try:
            moments = [datetime.strptime(text, form) for text in known]  # noqa: DTZ007
        except ValueError:
            continue
        seconds = np.array([(moment - moments[0]).total_seconds() for moment in moments])
        if "%d" not in form:
            seconds = np.unwrap(seconds, period=86400.0)
        rate = rate_of(seconds)
        return None if rate is None else Clock(rate, moments[0] if "%d" in form else None, form=form)
    return None


def clock_of_seconds(values: NDArray[np.float64]) -> Clock | None:
    """Return the rate of rows stamped with seconds since 1970; None if they do not go on."""
    rate = rate_of(values - values[0]) if len(values) else None
    return None if rate is None else Clock(rate, _moment(float(values[0])))


def _moment(seconds: float) -> datetime | None:
    """Return the moment so many seconds after 1970; None if the calendar does not reach as far."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None


def clock_of_numbers(values: NDArray[np.float64], name: str, unit: str) -> Clock | None:
    """Return the rate of rows whose time is a number; None if its unit is not to be told.

    Parameters
    ----------
    values
        Known values ``(n,)`` of an axis.
    name, unit
        The column's name, and its cell in a row of units.
    """
    if not len(values):
        return None
    stated = unit_seconds(name, unit)
    epoch = next((scale for low, high, scale in EPOCHS if low < values[0] < high), None)
    words = words_of(name)
    timely = bool(words) and (words[0] in TIMES or words[-1] in TIMES or words[0] in ("ts", "clock", "t", "elapsed"))
    timely = timely and not {"index", "idx"} & set(words)
    assumed = bool(words) and (words[0] in SECONDS or words[-1] in SECONDS)
    if not (timely and epoch is not None) and not assumed and stated is None:
        return None
    if epoch is not None and timely:
        stated = epoch
    elif epoch is not None:
        return None
    rate = rate_of((values - values[0]) * (1.0 if stated is None else stated))
    if rate is None:
        return None
    start = _moment(values[0] * epoch) if epoch is not None and stated == epoch else None
    return Clock(rate, start, "s" if stated is None else "", scale_s=1.0 if stated is None else stated)


def rate_of(seconds: NDArray[np.float64]) -> float | None:
    """Return the rate of rows at these times, rounded as far as their jitter allows; None if they do not go on.

    Gaps are left out.
    """
    steps = np.diff(seconds)
    rising = np.flatnonzero(steps > 0)
    if len(rising) < 3 or len(rising) < 0.001 * len(steps) or (steps < 0).mean() > 0.1:
        return None
    # Stamps that stay the same for some rows count from the first change to the last one.
    between = steps[rising[0] + 1 : rising[-1] + 1]
    ordinary = between[(between >= 0) & (between <= 5 * np.median(steps[rising]))]
    mean = float(ordinary.mean())
    if mean <= 0:
        return None
    unsure = max(float(ordinary.std()) / mean / len(ordinary) ** 0.5, 1e-6)
    rounded = (float(f"{1 / mean:.{digits}g}") for digits in range(1, 7))
    return next((rate for rate in rounded if abs(rate * mean - 1) <= unsure), float(f"{1 / mean:.6g}"))


def _normal(text: str) -> str:
    """Write a moment with a space between date and time, a point before fractions and without a time zone."""
    text = _ZONE.sub("", text.strip()) if not text.upper().endswith(("AM", "PM")) else text.strip()
    text = re.sub(r"(\d)[T_](\d)", r"\1 \2", text)
    text = re.sub(r"(:\d{2})[,](\d+)", r"\1.\2", text)
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return re.sub(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", text)
