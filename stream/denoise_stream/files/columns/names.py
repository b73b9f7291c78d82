"""What the name of a column says about it: time, a count, a part of a date, an identifier."""

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from itertools import pairwise

from denoise_stream.errors import SourceError, quoted

TIMES = frozenset(
    """time times timestamp timestamps datetime date epoch unixtime index idx zeit uhrzeit zeitstempel zeitpunkt datum
    fecha hora tiempo temps heure horodatage dato klokkeslett tid tidspunkt tijd tijdstip czas ora aika čas cas
    время дата 時刻 時間 时间 时刻 日期 日時 日付""".split()
)
"""Words that name a time stamp or an index."""

COUNTS = (
    frozenset(
        """t n no nr num number row rows # sample samples frame frames step steps elapsed second seconds ms us ns ts utc
    unix tick ticks clock seq sequence packet counter millis micros millisecond milliseconds sec secs msec usec x
    record recno line zeile lfd nummer numero numéro № fila""".split()
    )
    | TIMES
)
"""Words that name a time or a count if the values never fall."""

QUALIFIERS = frozenset(
    """s sec secs second seconds ms msec millisecond milliseconds us usec microseconds µs μs ns nanoseconds min minutes
    h hr hours d days stamp utc gmt local unix epoch iso of day axis since start device sensor the time date posix
    tz cet est""".split()
)
"""Words allowed beside a time word: ``Time (ms)`` is still a time."""

IDENTIFIERS = frozenset(
    "id ids uuid guid uid serial serialnumber imei zip plz postcode barcode kennung cid station".split()
)

CODES = frozenset("crc checksum cksum chk code status flag flags mask bitmask weathercode version firmware".split())
"""Words for values that are compared, not measured."""

MODES = frozenset("mode alarm alarms fault faults trigger triggers marker markers".split())
"""Words for values that hold or are few; as the name of anything else they may be measured, as a common mode is."""

REGISTERS = frozenset("word words register reg bit bits byte field".split())
"""Words that may follow one of the codes, as in ``status_word``."""

CUSTOMERS = frozenset("customer order kunde kunden kundennummer kundennr auftrag bestellung".split())
"""Words whose numbers say which customer or order it is."""

SETPOINTS = frozenset("setpoint setpoints setpt setvalue sollwert consigne".split())
OFFSETS = frozenset("deviation dev error err offset difference diff".split())
"""Words for what a controller was told, and for the distance from it, which is measured."""

UNCERTAINTIES = frozenset("uncertainty uncert unc stdev stddev stderr standarddeviation standarderror".split())
"""Names, or their ends, for how exact the values of another column are."""

DEVIATIONS = ("error", "err", "sigma", "std", "sd", "sem")
BEFORE = frozenset("error err sigma e".split())
"""What stands behind and before the name of another column for the same; alone it may be a signal."""

AVERAGES = ("", "avg", "mean", "value")
"""What may stand behind the name of that other column."""

DIRECTIONS = frozenset(
    "dir direction wd wdir winddir winddirection bearing course heading hdg azimuth yaw cog windrichtung azimut".split()
)
"""Words for an angle on a circle."""

SECOND_PARTS = {
    word: parts
    for words, parts in (
        ("fractionalseconds fracsec subsecond subseconds", 1),
        ("ms msec millis millisecond milliseconds millisekunde millisekunden", 1_000),
        ("us µs μs usec micros microsecond microseconds tvusec mikrosekunden", 1_000_000),
        ("ns nsec nanos nanosecond nanoseconds tvnsec", 1_000_000_000),
    )
    for word in words.split()
}
"""Words for a part of a second, with how many of them make one."""

PARTS: dict[str, tuple[int, int]] = {}
"""Words for parts of a date, with their smallest and largest value."""
for _words, _range in (
    ("year yr yy yyyy jahr annee année ano año anno rok jaar år", (1600, 2400)),
    ("month mo mon mm monat mois mes mese maand", (1, 12)),
    ("day dy dd dom tag jour dia día giorno dag mday", (1, 31)),
    ("doy dayofyear yday julian jday", (1, 366)),
    ("dow weekday wday wochentag", (0, 7)),
    ("week wk woche", (0, 53)),
    ("hour hr hh hours stunde heure hora ora uur", (0, 24)),
    ("minute min mi minutes minuto", (0, 59)),
    ("second sec ss seconds sekunde segundo seconde", (0, 60)),
):
    PARTS |= dict.fromkeys(_words.split(), _range)

_UNIT_SECONDS = {
    word: seconds
    for words, seconds in (
        ("ns nanos nanoseconds", 1e-9),
        ("us µs μs usec micros microseconds", 1e-6),
        ("ms msec millis millisecond milliseconds", 1e-3),
        ("s sec secs second seconds sekunde sekunden", 1.0),
        ("min minute minutes minuten", 60.0),
        ("h hr hour hours stunden", 3600.0),
        ("d day days tage", 86400.0),
    )
    for word in words.split()
}

_BETWEEN = re.compile(r"[\W_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")


def named_column(wanted: str, names: Sequence[str], table: str) -> str:
    """Return the column that somebody means: the one of that name, or the only one of that name but for its unit.

    Raises
    ------
    SourceError
        If there is none, with the names that there are.

    >>> named_column("ecg", ["time (s)", "ECG (mV)"], "a.csv")
    'ECG (mV)'
    """
    if wanted in names:
        return wanted
    alike = [name for name in names if _UNIT.sub("", name).casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    near = get_close_matches(wanted, names, 1) or alike[:1]
    hint = f"; did you mean {quoted(near[0])}?" if near else ""
    raise SourceError(f"{table} has no column {quoted(wanted)}; it has {', '.join(names)}{hint}")


_UNIT = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])\s*$")


def words_of(name: str) -> list[str]:
    """Split a name into words in lower case, at signs, between letters and digits, and in camelCase.

    >>> words_of("timestampMs"), words_of("Sample Index"), words_of("device_ts"), words_of("x-axis")
    (['timestamp', 'ms'], ['sample', 'index'], ['device', 'ts'], ['x', 'axis'])
    """
    if name.strip() in ("#", "№"):
        return [name.strip()]
    return [word.lower() for part in _BETWEEN.split(name) for word in _CAMEL.split(part) if word]


def names_a_time(name: str) -> bool:
    """Tell whether a name says that a column is time stamps or an index, whatever its values are.

    >>> [names_a_time(name) for name in ("time", "Time (ms)", "timestampMs", "response_time", "Uhrzeit")]
    [True, True, True, False, True]
    """
    words = words_of(name)
    if words[:2] == ["unnamed", "0"]:
        return True
    return bool(words) and words[0] in TIMES and all(word in QUALIFIERS or word.isdigit() for word in words[1:])


def names_a_count(name: str) -> bool:
    """Tell whether a name says that a column is a time or a count if its values never fall."""
    return any(word in COUNTS for word in words_of(name))


def names_an_identifier(name: str) -> bool:
    """Tell whether a name ends in a word such as ID.

    >>> [names_an_identifier(name) for name in ("sensor_id", "deviceId", "grid", "Serial No")]
    [True, True, False, True]
    """
    words = words_of(name)
    return bool(words) and (words[-1] in IDENTIFIERS or words[0] in ("serial", "uuid", "guid"))


def names_a_code(name: str) -> str:
    """Return what a name says that whole numbers are if they are not measured; empty if it says nothing.

    >>> [names_a_code(name) for name in ("weather_code", "crc16", "status_word", "adc_code", "order")]
    ['a code', 'a code', 'a code', '', 'a customer or an order']
    """
    words = [word for word in words_of(name) if not word.isdigit()]
    if not words or {"adc", "dac"} & set(words):
        return ""
    if words[-1] in REGISTERS and len(words) > 1:
        words.pop()
    if "".join(words) in CODES or words[-1] in CODES:
        return "a code"
    if words[-1] in MODES:
        return "a mode"
    numbers = {"no", "nr", "num", "number", "nummer"}
    return "a customer or an order" if words[0] in CUSTOMERS and numbers.issuperset(words[1:]) else ""


def names_a_setpoint(name: str, others: Collection[str] = ()) -> bool:
    """Tell whether a name says that a column is what a controller was told, not what was measured.

    >>> names_a_setpoint("room_set_point"), names_a_setpoint("TI101.SP", ["TI101.PV"]), names_a_setpoint("SP")
    (True, True, False)
    """
    words = words_of(name)
    told = not SETPOINTS.isdisjoint((*words, *map("".join, pairwise(words))))
    told = told and OFFSETS.isdisjoint(words)
    return told or (words[-1:] == ["sp"] and [*words[:-1], "pv"] in map(words_of, others))


def names_an_uncertainty(name: str, others: Collection[str] = ()) -> bool:
    """Tell whether a name says that a column is how exact another column is, whose name it may hold.

    >>> [names_an_uncertainty(name, ["flux", "WS_Avg"]) for name in ("Unc.", "flux_err", "e_flux", "WS_Std", "error")]
    [True, True, True, True, False]
    """
    words = words_of(_UNIT.sub("", name))
    joined = "".join(words)
    if not words:
        return False
    if words[-1] in UNCERTAINTIES or "".join(words[-2:]) in UNCERTAINTIES:
        return True
    stems = {joined.removesuffix(word) for word in DEVIATIONS} - {joined}
    if words[0] in BEFORE:
        stems.add("".join(words[1:]))
    values = {"".join(words_of(_UNIT.sub("", other))) for other in others}
    return any(stem + average in values for stem in stems - {""} for average in AVERAGES)


def names_a_direction(name: str, unit: str = "") -> bool:
    """Tell whether a name or a unit says that a column is an angle.

    >>> [names_a_direction(name) for name in ("wind_dir", "Heading (deg)", "dd", "Phase [°]", "T (°C)")]
    [True, True, True, True, False]
    """
    words = words_of(name)
    degrees = unit.strip("()[] ").lower() in ("°", "deg", "degree", "degrees") or name.rstrip(")] ").endswith("°")
    return degrees or words == ["dd"] or words[-1:] in (["deg"], ["degrees"]) or not DIRECTIONS.isdisjoint(words)


def second_parts(name: str) -> int:
    """Return how many of a column's unit make a second, by its name: 1 for fractions of one, 0 if it names none.

    >>> second_parts("tv_usec"), second_parts("Fractional Seconds"), second_parts("time_ms")
    (1000000, 1, 0)
    """
    return SECOND_PARTS.get("".join(words_of(name)), 0)


def date_part(name: str) -> tuple[int, int] | None:
    """Return the range of the part of a date that a column's name states; None if it states none."""
    words = words_of(name)
    return PARTS.get("".join(words)) or (PARTS.get(words[0]) if len(words) == 1 else None)


def unit_seconds(name: str, unit: str = "") -> float | None:
    """Return the unit of time in seconds that a name or a cell of a units row states; None if neither does.

    >>> unit_seconds("time_ms"), unit_seconds("Time", "(s)"), unit_seconds("time")
    (0.001, 1.0, None)
    """
    for words in (words_of(unit), words_of(name)[::-1]):
        for word in words:
            if word in _UNIT_SECONDS:
                return _UNIT_SECONDS[word]
    return None
