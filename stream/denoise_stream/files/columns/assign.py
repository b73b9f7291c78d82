"""Assign each column of a table a role, with the reason that the summary prints."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.columns.names import date_part, names_a_count, names_a_time, names_an_identifier
from denoise_stream.files.columns.times import Clock, clock_of_moments, clock_of_numbers, clock_of_seconds
from denoise_stream.files.columns.values import are_states, is_axis, is_constant, is_even, is_sparse, rises

SPARSE = "denoised over its known values alone: more than a third of its cells are empty"


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
        ``"signal"``, ``"axis"``, ``"states"``, ``"identifier"``, ``"series"``, ``"odd"``, ``"moment"``, ``"text"`` or
        ``"empty"``.
    reason
        Why, in a few words.
    sparse
        Whether its known values are a series of their own.
    """

    kind: str
    reason: str
    sparse: bool = False


CONSTANT = Role("states", "always the same whole number")


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
            roles.append(Role(column.kind, {"moment": "dates or times", "text": "text"}.get(column.kind, "empty")))
        elif part and several:
            roles.append(Role("axis", "part of a date"))
        else:
            roles.append(_role_of_numbers(column, alone=len(columns) == 1))
    if not any(role.kind == "signal" for role in roles):
        constant = [index for index, role in enumerate(roles) if role == CONSTANT]
        if len(constant) == 1:
            roles[constant[0]] = Role("signal", "")
    return roles


def _role_of_numbers(column: Facts, *, alone: bool) -> Role:
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
        if rises(known) and (names_a_count(column.name) or not column.name):
            return Role("axis", "named a time or a count, and never falls")
    if alone:
        return signal
    reason = is_axis(known)
    if reason:
        return Role("axis", reason)
    if not missing.any() and is_even(known, column.digits):
        return Role("axis", "changes in equal steps")
    if is_constant(known):
        return CONSTANT
    states = are_states(known)
    if states:
        return Role("states", states)
    return Role("odd", column.odd) if column.odd else signal


def _is_date_part(column: Facts) -> bool:
    span = date_part(column.name) if column.named and column.kind == "number" else None
    known = column.values[~np.isnan(column.values)]
    if span is None or not len(known):
        return False
    return bool((known == np.rint(known)).all() and known.min() >= span[0] and known.max() <= span[1])


def find_clock(columns: Sequence[Facts], roles: Sequence[Role]) -> tuple[int, Clock] | None:
    """Return the index of the column that tells the rate, and what it tells; None if none does."""
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        clock = None
        if role.kind == "moment":
            clock = clock_of_moments(column.texts) if len(column.texts) else clock_of_seconds(column.values)
        elif role.kind == "axis" and column.named:
            clock = clock_of_numbers(column.values[~np.isnan(column.values)], column.name, column.unit)
        if clock is not None:
            return index, clock
    return None
