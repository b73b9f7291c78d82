"""Find the column that names what each row is about, in a table that lists things rather than samples in time."""

import re
from collections.abc import Sequence

from denoise_stream.files.columns.assign import Facts, Role

_MOST_CALENDAR_NAMES = 12
"""Months and weekdays, in any language, are no more different names than this."""

_NUMBER = re.compile(r"0x[0-9a-f]+|\d+", re.I)


def find_record_names(columns: Sequence[Facts], roles: Sequence[Role]) -> int | None:
    """Return the index of a text column that gives every row a name of its own; None if the rows follow each other.

    Rows follow each other if any column holds times or counts, or if the names differ in their numbers alone, as counts
    of samples do, or in a month or weekday as well.
    """
    if any(role.kind in ("moment", "axis") for role in roles):
        return None
    for index, (column, role) in enumerate(zip(columns, roles, strict=True)):
        names = [text.strip() for text in column.texts] if role.kind == "text" else []
        if not all(names) or len(set(names)) < len(names):
            continue
        if len({_NUMBER.sub("", name) for name in names}) > max(_MOST_CALENDAR_NAMES, len(names) / 2):
            return index
    return None
