"""Match relative file names against patterns.

Names are relative to an archive's folder and written with ``/``. ``*`` and ``?`` stay inside one folder, ``**``
crosses folders, ``[abc]`` is one of these characters.
"""

import re
from collections.abc import Callable, Sequence

MAGIC = re.compile(r"[*?[]")
"""What makes a path a pattern."""


def matcher(include: Sequence[str], exclude: Sequence[str]) -> Callable[[str], bool]:
    """Return a test that a name matches one pattern of ``include`` (if there is any) and none of ``exclude``.

    A pattern without ``/`` is compared with the last part of the name, as in .gitignore.

    >>> wanted = matcher(["*.wav"], ["old/**"])
    >>> wanted("a/b.wav"), wanted("old/b.wav"), wanted("b.csv")
    (True, False, False)
    """
    included, excluded = [_compile(pattern) for pattern in include], [_compile(pattern) for pattern in exclude]

    def wanted(name: str) -> bool:
        if any(pattern.fullmatch(name) for pattern in excluded):
            return False
        return not included or any(pattern.fullmatch(name) for pattern in included)

    return wanted


def split_pattern(path: str) -> tuple[str, str]:
    """Split a path at its first folder with a wildcard.

    >>> split_pattern("years/202?/**/*.csv"), split_pattern("*.wav"), split_pattern("/data/a.wav")
    (('years', '202?/**/*.csv'), ('', '*.wav'), ('/data/a.wav', ''))
    """
    parts = path.split("/")
    for index, part in enumerate(parts):
        if MAGIC.search(part):
            return "/".join(parts[:index]) or "/" * path.startswith("/"), "/".join(parts[index:])
    return path, ""


def whole_name(name: str) -> re.Pattern[str]:
    """Compile a pattern that describes a whole relative name, also without ``/``."""
    return re.compile(_translate(name))


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(("" if "/" in pattern else "(?:.*/)?") + _translate(pattern.removeprefix("./")))


def _translate(pattern: str) -> str:
    found = ""
    for piece in re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL):
        if piece == "**/":
            found += "(?:.*/)?"
        elif piece == "**":
            found += ".*"
        elif piece == "*":
            found += "[^/]*"
        elif piece == "?":
            found += "[^/]"
        elif len(piece) > 1:
            found += (
                "["
                + ("^" if piece[1] == "!" else "")
                + re.escape(piece[1:-1].removeprefix("!")).replace(r"\-", "-")
                + "]"
            )
        else:
            found += re.escape(piece)
    return found
