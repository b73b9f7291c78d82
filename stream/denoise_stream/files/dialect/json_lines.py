"""Recognize JSON, which is not read as a table, by its first lines."""

import json
import re
from collections.abc import Sequence

from denoise_stream.files.dialect.candidates import Line

_JSON = re.compile(r'\s*(?:\[?\s*\{\s*(?:".*)?|\[|\[\s*\[.*|\[\s*[-\d"][^\[\]]*\]\s*,?)\s*')
"""The first line of JSON: of an object, of a list of objects or lists, or a list of numbers or texts."""


def is_json(lines: Sequence[Line]) -> bool:
    """Tell whether lines are JSON; a first line that is complete may be settings above a table.

    Other lines in brackets may be dates, and a brace may begin an array of C.
    """
    first, second = (lines[min(place, len(lines) - 1)].text.strip() for place in (0, 1))
    if not _JSON.fullmatch(first):
        return False
    try:
        json.loads(first.rstrip(","))
    except (ValueError, RecursionError):
        return not first.rstrip(",").endswith("]") and (first != "{" or second.startswith('"'))
    return _JSON.fullmatch(second) is not None
