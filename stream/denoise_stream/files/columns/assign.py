"""Assign each column of a table a role, with the reason that the summary prints."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.digits import as_times_of_day
from denoise_stream.files.columns.names import (
    date_part,
    names_a_code,
    names_a_count,
    names_a_direction,
    names_a_setpoint,
    names_a_time,
    names_an_identifier,
    names_an_uncertainty,
    second_parts,
)
from denoise_stream.files.columns.times import Clock, clock_of_moments, clock_of_numbers, clock_of_seconds
from denoise_stream.files.columns.values import (
    are_states,
    common_width,
    is_axis,
    is_constant,
    is_driven,
    is_even,
    is_part_of_a_second,
    is_repeated,
    is_reset,
    is_sparse,
    is_uniform,
    rises,
    wraps_around,
)

SPARSE = "denoised over its known values alone: more than a third of its cells are empty"


_ATTACHED = re.compile(r"([^\d+.,-]{0,3})[+-]?\d[\d.,]*([^\d.,]{0,8})")
"""A number with a currency, a unit or another mark attached."""


@dataclass(frozen=True)
class Facts:
    """What the first rows of a table say about one column.

    Attributes
    ----------
    name
        Of the column; a number where the table has no names.
    kind
        ``"number"``, ``"moment"`` (dates and times), ``"text"`` or ``"empty"``.
    values
        Its numbers ``(rows,)``, NaN where one is missing; for moments without texts, seconds since 1970.
    texts
        Its cells as they are written: moments that have to be read, names of series.
    unit
        Its unit, if a row states units.
    digits
        Digits after the decimal mark.
    named
        Whether the name is one, and not a number of ours.
    odd
        Why the column is not like the others, empty if it is.
    """

    name: str
    kind: str
    values: NDArray[np.float64]
    texts: Sequence[str] = ()
    unit: str = ""
    digits: int = 0
    named: bool = True
    odd: str = ""


@dataclass(frozen=True)
class Role:
    """What a column is.

    Attributes
    ----------
    kind
        ``"signal"``, ``"axis"``, ``"angle"``, ``"states"``, ``"uncertainty"``, ``"identifier"``, ``"series"``,
        ``"odd"``, ``"moment"``, ``"text"`` or ``"empty"``.
    reason
        Why, in a few words.
    sparse
        Whether its known values are a series of their own.
    """

    kind: str
    reason: str
    sparse: bool = False


CONSTANT = Role("states", "always the same whole number")
DATE_PART = Role("axis", "part of a date")


def assign_roles(columns: Sequence[Facts]) -> list[Role]:
    """Return the role of each column.

    Parts of a date count as such where there are two of them. A column that is alone in its table is a signal unless
    it holds no numbers; so is one that has not changed so far where nothing else is.
    """
    parts = [_is_date_part(column) for column in columns]
    several = sum(parts) > 1
    roles = []
    for column, part in zip(columns, parts, strict=True):
        if column.kind != "number":
            words = {"moment": "dates or times", "text": _what_text(column.texts)}
            roles.append(Role(column.kind, words.get(column.kind, "empty")))
        elif part and several:
            roles.append(DATE_PART)
        elif _is_second_part(column, columns):
            roles.append(DATE_PART)
        else:
            roles.append(_role_of_numbers(column, others=[other for other in columns if other is not column]))
    signals = [index for index, role in enumerate(roles) if role.kind == "signal"]
    if len(signals) > 1:
        for index in signals:
            if index > 0 and _follows_seconds(columns[index], columns[index - 1]):
                roles[index] = DATE_PART
    if not any(role.kind == "signal" for role in roles):
        constant = [index for index, role in enumerate(roles) if role == CONSTANT]
        if len(constant) == 1:
            roles[constant[0]] = Role("signal", "")
    return roles


def _larger_ones(known: NDArray[np.float64], others: Sequence[Facts]) -> list[str]:
    """Return the names of the columns whose largest values are above the usual one of values that may be errors."""
    usual = float(np.median(known)) if len(known) else 0.0
    return [other.name for other in others if (np.abs(other.values[np.isfinite(other.values)]) > usual).any()]


def _role_of_numbers(column: Facts, others: Sequence[Facts]) -> Role:
    alone = not others
    missing = np.isnan(column.values)
    known = column.values[np.isfinite(column.values)]
    signal = Role("signal", "", is_sparse(missing))
    if signal.sparse:
        signal = Role("signal", SPARSE, True)
    if column.named and not alone:
        if names_a_time(column.name):
            return Role("axis", "named a time or an index")
        if names_an_identifier(column.name) and (known == np.rint(known)).all():
            return Role("identifier", "named an identifier")
        code = names_a_code(column.name)
        if code == "a mode":
            code = "a code" if is_repeated(known) else ""
        if code and ((known == np.rint(known)).all() or (column.digits <= 2 and "version" in column.name.lower())):
            return Role("states" if code == "a code" else "identifier", f"named {code}")
        if names_a_setpoint(column.name, [other.name for other in others]):
            return Role("states", "named a setpoint")
        if (known >= 0).all() and names_an_uncertainty(column.name, _larger_ones(known, others)):
            return Role("uncertainty", "named an uncertainty")
        if names_a_direction(column.name, column.unit) and wraps_around(known):
            return Role("angle", "an angle that wraps at 360")
        if rises(known) and (names_a_count(column.name) or not column.name):
            return Role("axis", "named a time or a count, and never falls")
    if alone:
        return signal
    reason = is_axis(known)
    if reason:
        return Role("axis", reason)
    width = common_width(column.texts)
    if (width or (column.named and "hhmm" in column.name.lower())) and as_times_of_day(known, width) is not None:
        return Role("axis", "a time of day")
    if width:
        return Role("identifier", "written with leading zeros")
    if is_reset(known):
        return Role("axis", "counts up and starts again")
    if not missing.any() and is_even(known, column.digits):
        return Role("axis", "changes in equal steps")
    if not missing.any() and is_driven(known, column.digits):
        return Role("axis", "goes up and down in equal steps")
    if is_constant(known):
        return CONSTANT
    states = are_states(known)
    if states:
        return Role("states", states)
    return Role("odd", column.odd) if column.odd else signal


def _what_text(texts: Sequence[str]) -> str:
    """Return what a column of text holds: numbers with a unit or another mark attached, or just text."""
    found = [_ATTACHED.fullmatch(text.strip().strip('"')) for text in texts if text.strip()]
    matches = [match for match in found if match is not None]
    marks = {(match[1], match[2]) for match in matches}
    if not matches or len(matches) < len(found) or len(marks) > 1:
        return "text"
    before, behind = (mark.strip() for mark in marks.pop())
    places = [f"{mark!r} {place}" for mark, place in ((before, "in front"), (behind, "behind")) if mark]
    return f"numbers with {' and '.join(places)}" if places else "text"


def _is_date_part(column: Facts) -> bool:
    span = date_part(column.name) if column.named and column.kind == "number" else None
    known = column.values[~np.isnan(column.values)]
    if span is None or not len(known):
        return False
    return bool((known == np.rint(known)).all() and known.min() >= span[0] and known.max() <= span[1])


def _is_second_part(column: Facts, columns: Sequence[Facts]) -> bool:
    """Tell whether a column holds the milliseconds, or the like, of another column's times.

    Durations have short names such as ``ms``, too, but are not spread over the whole second.
    """
    parts = second_parts(column.name) if column.named and column.kind == "number" else 0
    known = column.values[~np.isnan(column.values)]
    if not parts or not is_part_of_a_second(known, parts):
        return False
    others = [other for other in columns if other is not column]
    if any(_is_date_part(other) for other in others):
        return True
    top = 1 if known.max() < 1 else parts
    spread = is_uniform(known, top) or (np.ptp(known) >= 0.5 * top and len(np.unique(known)) <= 20)
    return (len(column.name) > 2 or bool(spread)) and any(_tells_a_time(other) for other in others)


def _tells_a_time(column: Facts) -> bool:
    named = column.named and names_a_time(column.name)
    count = column.named and column.kind == "number" and names_a_count(column.name)
    return column.kind == "moment" or named or (count and rises(column.values[~np.isnan(column.values)]))


def _follows_seconds(column: Facts, before: Facts) -> bool:
    """Tell whether a column without a name holds the milliseconds of the times before it, as in Python's logs."""
    if (column.named and column.name) or before.kind != "moment" or not len(before.texts):
        return False
    seconds = all(re.search(r":\d\d:\d\d$", text.strip().strip('"')) for text in before.texts if text)
    return seconds and is_uniform(column.values, 1000)


def find_clock(columns: Sequence[Facts], roles: Sequence[Role]) -> tuple[int, Clock] | None:
    """Return the index of the column that tells the rate, and what it tells; None if none does."""
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        clock = None
        if role.kind == "moment":
            clock = (
                clock_of_moments(column.texts, column.name) if len(column.texts) else clock_of_seconds(column.values)
            )
        elif role.kind == "axis" and column.named:
            known = column.values[~np.isnan(column.values)]
            clock = clock_of_numbers(known, column.name, column.unit, common_width(column.texts))
        if clock is not None:
            return index, clock
    return None
