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

    Raises
    ------
    ValueError
        If a pattern holds a set without characters.
    """
    included = [_last_or_whole(pattern) for pattern in include]
    excluded = [_last_or_whole(pattern) for pattern in exclude]

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
    """Compile a pattern that describes a whole relative name, also without ``/``.

    Raises
    ------
    ValueError
        If it holds a set without characters.
    """
    return _compile(name, name)


def _last_or_whole(pattern: str) -> re.Pattern[str]:
    return _compile(("" if "/" in pattern else "**/") + pattern.removeprefix("./"), pattern)


def _compile(pattern: str, typed: str) -> re.Pattern[str]:
    return re.compile(_translate(pattern, typed), re.DOTALL)  # a name may hold what ends a line


def _translate(pattern: str, typed: str) -> str:
    """Translate a pattern to a regular expression; errors name it as it was typed.

    A wildcard takes as little as what follows it allows, up to the next wildcard of its kind, and is never tried again
    with more (an atomic group). That leaves the most to the next one, so no combination has to be tried.
    """
    pieces = re.findall(r"(?<![^/])(?:\*\*+/)+|\*\*+|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)
    found, star, path = "", "", ""  # what closes the groups that are open
    for piece in pieces:
        if piece == "*":
            found += star + "(?>[^/]*?"
            star = ")"
        elif piece.startswith("**"):
            found += star + path + ("(?>(?:.*?/)??" if piece.endswith("/") else "(?>.*?")
            star, path = "", ")"
        else:
            found += _translate_piece(piece, typed)
    return found + r"\Z" + star + path


def _translate_piece(piece: str, typed: str) -> str:
    """Translate everything but stars."""
    if piece == "?":
        return "[^/]"
    return _translate_set(piece, typed) if len(piece) > 1 else re.escape(piece)


def _translate_set(piece: str, typed: str) -> str:
    """Translate ``[abc]``, ``[a-z]`` or ``[!abc]``."""
    characters = piece[1:-1].removeprefix("!")
    ranges = re.sub(r"(?<!-)\\-(?!\\-)", "-", re.escape(characters))  # a hyphen beside another one is just that
    found = "(?!/)[" + ("^" if piece[1] == "!" else "") + ranges + "]"  # [+-9] spans the slash, too
    try:
        re.compile(found)
    except re.error as error:
        wrong = "a range in it ends before it begins" if characters else "it is empty"
        raise ValueError(
            f"the pattern {typed!r} holds the set {piece}: {wrong}; write sets like [abc] or [a-z], [[] for a bracket"
        ) from error
    return found
