"""Split a line into raw fields, which still hold their quotes and spaces, and join them again."""

import re
from dataclasses import dataclass

BLANK = " \t\r\n\ufeff"
_WORD = re.compile(r"[ \t]*[^ \t\r\n]+")
_QUOTED_WORD = re.compile(r'[ \t]*(?:"(?:[^"]|"")*"(?=[ \t\r\n]|$)|[^ \t\r\n]+)')


def split_fields(text: str, delimiter: str) -> list[str]:
    """Split a record into raw fields; :func:`join_fields` gives it back.

    A quote opens at a field's start only, and only if it closes at a field's end: any other is text.

    Parameters
    ----------
    text
        The record, without its line end.
    delimiter
        One character; a space stands for any run of spaces and tabs, nothing for a record of one field.
    """
    if delimiter == " ":
        return _split_words(text)
    if not delimiter:
        return [text]
    if '"' not in text:
        return text.split(delimiter)
    fields: list[str] = []
    start = 0
    while True:
        end = _end_of_field(text, start, delimiter)
        fields.append(text[start:end])
        if end >= len(text):
            return fields
        start = end + 1


def join_fields(fields: list[str], delimiter: str) -> str:
    """Join raw fields to the record that they were split from."""
    return ("" if delimiter == " " else delimiter).join(fields)


def _split_words(text: str) -> list[str]:
    """Split at runs of spaces, which stay before the field that follows, or after the last one."""
    fields = (_QUOTED_WORD if '"' in text else _WORD).findall(text)
    rest = text[sum(map(len, fields)) :]
    if not fields:
        return [text]
    fields[-1] += rest
    return fields


def _end_of_field(text: str, start: int, delimiter: str) -> int:
    """Return where the field that begins at ``start`` ends."""
    first = start
    while first < len(text) and text[first] in BLANK and text[first] != delimiter:
        first += 1
    if first < len(text) and text[first] == '"':
        end = closing_quote(text, first, delimiter)
        if end is not None:
            return end
    end = text.find(delimiter, start)
    return len(text) if end < 0 else end


def closing_quote(text: str, first: int, delimiter: str) -> int | None:
    """Return where a field ends whose quote opens at ``first``; None if the quote is not closed at a field's end."""
    place = first + 1
    while (place := text.find('"', place)) >= 0:
        if text[place + 1 : place + 2] == '"':
            place += 2
            continue
        end = place + 1
        while end < len(text) and text[end] in BLANK and text[end] != delimiter:
            end += 1
        if end >= len(text) or text[end] == delimiter:
            return end
        return None
    return None


def is_blank(text: str, delimiter: str = "\t") -> bool:
    """Tell whether a line holds nothing; one of tabs alone is a row of empty fields where tabs delimit."""
    return not text.strip(BLANK + "\x1a" if delimiter != "\t" else " \r\n\ufeff\x1a")


def is_open(text: str, delimiter: str) -> bool:
    """Tell whether a record's last field opens a quote that does not close, so that it may go on in the next line."""
    if not delimiter or '"' not in text:
        return False
    last = split_fields(text, delimiter)
    for index, field in enumerate(last):
        bare = field.lstrip(BLANK)
        if bare.startswith('"') and closing_quote(bare, 0, delimiter) is None:
            # A quote inside the rest, other than at its start, would have closed the field or made it text.
            rest = delimiter.join([bare, *last[index + 1 :]])[1:].replace('""', "")
            return '"' not in rest
    return False


def unquote(field: str) -> str:
    """Strip spaces, quotes, the line end and a byte-order mark from a raw field.

    >>> unquote(' "20,04" '), unquote('5" pipe')
    ('20,04', '5" pipe')
    """
    text = field.strip(BLANK)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"').strip()
    return text


@dataclass(frozen=True)
class Attached:
    """What stands before and behind every number of a column, spaces included; both empty if nothing does."""

    before: str = ""
    behind: str = ""

    def __bool__(self) -> bool:
        """Tell whether anything is attached."""
        return bool(self.before or self.behind)

    def take_off(self, text: str) -> str | None:
        """Return the number in a cell without quotes; None if what is attached lacks.

        >>> Attached("", " mV").take_off("12.5 mV"), Attached("", " mV").take_off("12.5 V")
        ('12.5', None)
        """
        if not (text.startswith(self.before) and text.endswith(self.behind)):
            return None
        return text[len(self.before) : len(text) - len(self.behind)]


NOTHING = Attached()
