"""Read what the pages of a Parquet file hold once unpacked, of which its footer may say anything.

Each page begins with a header in Thrift's compact protocol (https://parquet.apache.org/docs/file-format/data-pages/).
PyArrow trusts it and does not show it. Pages are followed as Arrow follows them: until as many values are found as the
footer states.
"""

from typing import Any, BinaryIO, NamedTuple

MOST_EMPTY_PAGES = 10_000
"""Pages without a value in one part of a column: no writer makes them, and Arrow would read on and on."""

FIELDS = {0: (5, 2), 3: (8, 4)}
"""By the type of a page of values, version 1 or 2: the field about its values, and in that the one of the encoding."""

DEEPEST = 8

_BOOLEANS, _INT32, _INTEGERS, _FLOAT64, _BYTES, _LISTS, _STRUCTURE = (1, 2), 5, (4, 5, 6), 7, 8, (9, 10), 12
"""Types of fields in the compact protocol; 3 is a single byte."""


class Pages(NamedTuple):
    """What the pages of one column in one row group hold.

    Attributes
    ----------
    values
        Number of values, missing ones included.
    unpacked
        Bytes of all pages, unpacked.
    largest
        Bytes of the largest page, unpacked.
    encodings
        The numbers of the encodings of the values.
    """

    values: int
    unpacked: int
    largest: int
    encodings: frozenset[int]


def read_pages(file: BinaryIO, start: int, values: int) -> Pages:
    """Add up what the headers of one column's pages in one row group state.

    Parameters
    ----------
    file
        The Parquet file.
    start
        Where the first page begins, in bytes.
    values
        Number of values that the footer states.

    Raises
    ------
    ValueError
        If a header makes no sense.
    """
    found = unpacked = largest = empty = 0
    encodings = set()
    while found < values:
        file.seek(start)
        header = _structure(file, 0)
        bytes_unpacked, bytes_packed = header.get(2, -1), header.get(3, -1)
        about, encoding = FIELDS.get(header.get(1, -1), (-1, -1))
        data = header.get(about) or {}
        if encoding in data:
            encodings.add(data[encoding])
        found += data.get(1, 0)
        empty += not data.get(1)
        if min(bytes_unpacked, bytes_packed, data.get(1, 0)) < 0 or empty > MOST_EMPTY_PAGES:
            raise ValueError("a page has no valid size")
        unpacked += bytes_unpacked
        largest = max(largest, bytes_unpacked)
        start = file.tell() + bytes_packed
    return Pages(found, unpacked, largest, frozenset(encodings))


def _structure(file: BinaryIO, depth: int) -> dict[int, Any]:
    """Read the 32-bit integers of a structure, and structures in it, by their number; skip all else, as Thrift does."""
    if depth > DEEPEST:
        raise ValueError("a page's header is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while head := _byte(file):
        step, kind = head >> 4, head & 15
        number = number + step if step else _integer(file)
        number = (number + (1 << 15)) % (1 << 16) - (1 << 15)
        value = _value(file, kind, depth)
        if kind in (_INT32, _STRUCTURE):
            fields[number] = value
    return fields


def _value(file: BinaryIO, kind: int, depth: int) -> Any:
    if kind in _BOOLEANS:
        return None
    if kind in _INTEGERS:
        return _integer(file)
    if kind == _STRUCTURE:
        return _structure(file, depth + 1)
    if kind in _LISTS:
        return _skip_list(file, depth)
    if kind not in (3, _FLOAT64, _BYTES):
        raise ValueError(f"a page's header has a field of type {kind}")
    file.seek({3: 1, _FLOAT64: 8}.get(kind) or _varint(file), 1)
    return None


def _skip_list(file: BinaryIO, depth: int) -> None:
    head = _byte(file)
    count, kind = head >> 4, head & 15
    for _ in range(_varint(file) if count == 15 else count):
        if kind in _BOOLEANS:
            _byte(file)
        else:
            _value(file, kind, depth + 1)


def _integer(file: BinaryIO) -> int:
    number = _varint(file)
    return (number >> 1) ^ -(number & 1)


def _varint(file: BinaryIO) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = _byte(file)
        number |= (byte & 127) << shift
        if byte < 128:
            return number
    raise ValueError("a page's header has an endless number")


def _byte(file: BinaryIO) -> int:
    found = file.read(1)
    if not found:
        raise ValueError("a page begins outside of the file")
    return found[0]
