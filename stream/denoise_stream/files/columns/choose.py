"""Choose the columns of a table that are denoised, and say why the others are not."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from denoise_stream.errors import SourceError, quoted
from denoise_stream.files.columns.assign import Facts, Role, assign_roles, find_clock
from denoise_stream.files.columns.interleaved import find_consecutive, find_interleaved, find_restarts, start_anew
from denoise_stream.files.columns.names import named_column
from denoise_stream.files.columns.records import find_record_names, rows_are_signals, rows_go_on
from denoise_stream.files.columns.times import Clock

_CHECKSUM = re.compile(r"\*[0-9A-Fa-f]{2}$")


@dataclass(frozen=True)
class Layout:
    """What a table's columns are.

    Attributes
    ----------
    names
        Names of all columns.
    roles
        What each of them is.
    chosen
        Indices of the columns that are denoised, in the table's order.
    rate_hz
        Rows per second, None if nothing tells it; ``rate_from`` says what does.
    clock, clock_index
        What the column of time tells, and which column that is.
    """

    names: tuple[str, ...]
    roles: tuple[Role, ...]
    chosen: tuple[int, ...]
    rate_hz: float | None = None
    rate_from: str = ""
    clock: Clock | None = None
    clock_index: int = -1

    @property
    def start(self) -> datetime | None:
        """Moment of the first row, where a column holds dates."""
        return None if self.clock is None else self.clock.start

    @property
    def sparse(self) -> tuple[bool, ...]:
        """Whether each chosen column's known values are a series of their own."""
        return tuple(self.roles[index].sparse for index in self.chosen)

    def facts(self, rate_hz: float | None) -> dict[str, Any]:
        """Return what reports say about the columns of a table whose rate was taken to be this."""
        chosen = set(self.chosen)
        left = [
            {"name": name or f"column {index + 1}", "reason": role.reason or "not in --columns"}
            for index, (name, role) in enumerate(zip(self.names, self.roles, strict=True))
            if index not in chosen
        ]
        return {
            "left": left,
            "sparse": [self.names[index] for index in self.chosen if self.roles[index].sparse],
            "time_column": self.names[self.clock_index] if self.clock is not None else "",
            "rate_from": self.rate_from if rate_hz is not None and rate_hz == self.rate_hz else "",
        }


def choose_columns(
    facts: Sequence[Facts],
    name: str,
    columns: Sequence[str] | None = None,
    series_column: str | None = None,
    lines: Sequence[int] = (),
) -> Layout:
    """Find out what the columns of a table are.

    Parameters
    ----------
    facts
        What the first rows say about each column.
    name
        What to call the table in messages.
    columns
        Names of the columns to denoise, each for all columns of that name; None means every signal.
    series_column
        Name of the column that says to which series a row belongs, if there is one; it is never denoised.
    lines
        The line that each row stands in, if that is known.

    Raises
    ------
    SourceError
        If a column is unknown, none is a signal, or, with nothing that says what to do, the rows of several series
        alternate or are things that have names.
    """
    names = tuple(column.name for column in facts)
    columns = None if columns is None else [named_column(column, names, name) for column in columns]
    series_column = None if series_column is None else named_column(series_column, names, name)
    if series_column is not None and series_column in (columns or ()):
        raise SourceError(
            f"{name}, column {quoted(series_column)} names the series and cannot be denoised; leave it out of --columns"
        )
    roles = [
        Role("series", "names the series") if column == series_column else role
        for column, role in zip(names, assign_roles(facts), strict=True)
    ]
    if columns is None:
        chosen = [index for index, role in enumerate(roles) if role.kind == "signal"]
    else:
        chosen = [index for index, column in enumerate(names) if column in columns]
    if not chosen:
        reasons = (f"{column.name or number + 1} ({roles[number].reason})" for number, column in enumerate(facts))
        raise SourceError(
            f"{name} has no numeric column besides time stamps, indices and the like: {', '.join(reasons)}; "
            "name the ones to denoise with --columns"
        )
    found = find_clock(facts, roles)
    if columns is None and series_column is None:
        _refuse_interleaved(facts, roles, chosen, name)
        _refuse_blocks(facts, roles, chosen, name, lines)
        _refuse_sentences(facts, chosen, name)
        _refuse_records(facts, roles, chosen, name, None if found is None else found[1].rate_hz)
    if found is None:
        return Layout(names, tuple(roles), tuple(chosen))
    index, clock = found
    told = f"column {names[index]}{', taken for seconds' if clock.unit else ''}"
    return Layout(names, tuple(roles), tuple(chosen), clock.rate_hz, told, clock, index)


def _refuse_interleaved(facts: Sequence[Facts], roles: Sequence[Role], chosen: Sequence[int], name: str) -> None:
    """Raise a SourceError if rows of several series alternate or follow each other: as one they would be nonsense."""
    index, how = find_interleaved(facts, roles), "alternate"
    if index is None:
        index, how = find_consecutive(facts, roles), "follow each other"
    if index is None:
        return
    column = facts[index].name
    series = list(dict.fromkeys(facts[index].texts))
    examples = ", ".join(series[:3]) + (", ..." if len(series) > 3 else "")
    signal = facts[chosen[0]].name
    raise SourceError(
        f"{name}: rows of several series {how}, named by column {column!r} ({examples}); denoise each with "
        f"--series-column {shlex.quote(column)}, or all rows as one series with --columns {shlex.quote(signal)}"
    )


def _refuse_blocks(
    facts: Sequence[Facts], roles: Sequence[Role], chosen: Sequence[int], name: str, lines: Sequence[int]
) -> None:
    """Raise a SourceError if series follow each other, parted by blank lines or comments or where all times restart."""
    parted = [row for row, (line, following) in enumerate(pairwise(lines)) if following > line + 1]
    candidates = (parted, find_restarts(facts, roles))
    ends = next((rows for rows in candidates if start_anew(facts, roles, rows, len(lines))), None)
    if ends:
        signal = facts[chosen[0]].name
        raise SourceError(
            f"{name}: another series begins below line {lines[ends[0]]}, where the time starts again and the values "
            "jump; put each into a file of its own, or denoise all rows as one series with --columns "
            f"{shlex.quote(signal)}"
        )


def _refuse_sentences(facts: Sequence[Facts], chosen: Sequence[int], name: str) -> None:
    """Raise a SourceError if the rows are sentences that end in a checksum, as of NMEA 0183."""
    texts = [column.texts for column in facts if column.kind == "text" and len(column.texts)]
    begun = any(all(cell[:1] in ("$", "!") for cell in cells) for cells in texts)
    if begun and any(all(_CHECKSUM.search(cell) for cell in cells) for cells in texts):
        signal = facts[chosen[0]].name
        raise SourceError(
            f"{name}: every row ends in a checksum, which would no longer be that of its numbers; make a table without "
            f"checksums, or name the columns to denoise all the same with --columns, such as {shlex.quote(signal)}"
        )


def _refuse_records(
    facts: Sequence[Facts], roles: Sequence[Role], chosen: Sequence[int], name: str, rate_hz: float | None
) -> None:
    """Raise a SourceError if rows are things with names or signals: neighbours have nothing to do with each other."""
    if rows_are_signals([facts[place] for place in chosen], rate_hz):
        raise SourceError(
            f"{name}: each row looks like a signal of its own of {len(chosen)} values; transpose the table, so that "
            "time runs down, or name the columns that are signals with --columns"
        )
    others = {role.kind for index, role in enumerate(roles) if index not in chosen}
    if others <= {"axis"} and rows_go_on([facts[place] for place in chosen]):
        raise SourceError(
            f"{name}: one signal seems to go on from row to row in {len(chosen)} columns; write one value in each "
            "line, or name the columns that are signals with --columns"
        )
    index = find_record_names(facts, roles)
    if index is None:
        return
    column = facts[index].name
    examples = ", ".join(facts[index].texts[:2])
    signal = shlex.quote(facts[chosen[0]].name)
    raise SourceError(
        f"{name}: every row has a name of its own in column {column!r} ({examples}, ...), as in a list of things, not "
        f"in samples that follow each other; if they are samples, use --columns {signal}"
    )
