"""Read the first rows of a table, decide how it is written, and pass all of its bytes on."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from denoise_stream.errors import SourceError
from denoise_stream.files.dialect.candidates import Line
from denoise_stream.files.dialect.decide import Dialect, TooFewRows, decide_dialect
from denoise_stream.files.dialect.encodings import Decoder, TextEncoding, find_encoding
from denoise_stream.files.dialect.options import TableOptions
from denoise_stream.files.protocols import MOST_COLUMNS, too_many_columns

FILE_ROWS = 1000
"""Rows of a file that decide how it is written."""

PIPE_ROWS = 120
"""The same for a pipe: fewer than a window of 150 samples, so that they delay no output."""

STEP_LINES = 12
"""Lines read before the next try if the lines so far were mostly header."""

MOST_LINES = 3000
MOST_BYTES = 1 << 19
FEWEST_LINES = 40
"""A preview ends at the first of these limits, but not before ``FEWEST_LINES``."""

COLUMN_BYTES = 1024
"""Most bytes per column in the first ``FEWEST_LINES`` lines, and in any line."""

FIELDS_PER_COLUMN = 2
"""Fields of a line that are split for each column allowed: a line of text may hold more delimiters than columns."""

_BETWEEN_FIELDS = [re.compile(between) for between in (b",", b";", b"\t", rb"\|", b" +")]


@dataclass(frozen=True)
class Preview:
    r"""How a table is written, and its bytes from the first on.

    Attributes
    ----------
    encoding, eol, dialect
        What was decided; ``eol`` is what ends a line, ``"\n"`` (also after a carriage return) or ``"\r"``.
    blocks
        All bytes of the table, those of the preview included.
    """

    encoding: TextEncoding
    eol: str
    dialect: Dialect
    blocks: Iterator[bytes]


def read_preview(
    blocks: Iterator[bytes], name: str, options: TableOptions, rows: int, most_columns: int = MOST_COLUMNS
) -> Preview:
    """Read as many rows as are needed to decide how a table is written; cuts between blocks make no difference.

    Parameters
    ----------
    blocks
        The table's bytes, cut anywhere.
    name
        What to call the table in messages.
    options
        What is stated about the table.
    rows
        Rows of data that are enough.
    most_columns
        Most columns that it may have.

    Raises
    ------
    SourceError
        If it is empty, or not to be read without help, or has too many columns.
    """
    skipped = max(options.skip_rows, options.header or 0)
    head, wanted, most_bytes = bytearray(), rows + skipped, max(MOST_BYTES, COLUMN_BYTES * most_columns)
    for block in blocks:
        head += block
        lines = head.count(b"\n") or max(0, head.count(b"\r") - 1)
        full = len(head) >= MOST_BYTES and lines >= FEWEST_LINES + skipped
        if lines < skipped:
            most_bytes = len(head) + max(MOST_BYTES, COLUMN_BYTES * most_columns)  # lines passed over may be long
        elif not full and len(head) > most_bytes:
            raise too_long(f"{name}: its first {lines + 1} lines", most_bytes, most_columns)
        while full or lines >= wanted:
            _check_not_wide(head, name, skipped, most_columns)
            preview = _decide(bytes(head), name, options, None if full else wanted, blocks, last=full)
            if preview is not None and preview.dialect.width > most_columns:
                raise too_many_columns(name, preview.dialect.width, most_columns)
            if preview is not None and (
                full or wanted - skipped >= MOST_LINES or len(preview.dialect.cells[0]) >= rows
            ):
                return preview
            wanted += max(STEP_LINES, wanted // 10)
    _check_not_wide(head, name, skipped, most_columns)
    preview = _decide(bytes(head), name, options, None, iter(()), last=True, whole=True)
    assert preview is not None  # the last try raises
    if preview.dialect.width > most_columns:
        raise too_many_columns(name, preview.dialect.width, most_columns)
    return preview


def too_long(what: str, most_bytes: int, most_columns: int) -> SourceError:
    """Return the error for lines that are longer than those of a table of numbers."""
    return SourceError(
        f"{what} take more than {most_bytes >> 10} KiB, too much for a table of up to {most_columns} columns; "
        "--max-columns N allows more"
    )


def _check_not_wide(head: bytes | bytearray, name: str, skipped: int, most_columns: int) -> None:
    """Refuse lines of far too many fields before they are split: a field of a byte takes hundreds of bytes then.

    Raises
    ------
    SourceError
        If a line below the skipped ones would have more than twice as many fields as columns are allowed.
    """
    if len(head) <= FIELDS_PER_COLUMN * most_columns:
        return
    for line in bytes(head).splitlines()[skipped:]:
        fields = max(len(found.findall(line)) for found in _BETWEEN_FIELDS) + 1
        if fields > FIELDS_PER_COLUMN * most_columns:
            raise too_many_columns(name, fields, most_columns)


def _decide(
    head: bytes,
    name: str,
    options: TableOptions,
    count: int | None,
    rest: Iterator[bytes],
    *,
    last: bool,
    whole: bool = False,
) -> Preview | None:
    """Decide from the first lines, all of them or ``count``; None if they are too few, and this is not the last try.

    ``whole`` tells that nothing follows, so that the last line needs no line end.
    """
    encoding = find_encoding(head, options.encoding, name)
    text = Decoder(encoding, name).decode(
        head[: len(head) - len(head) % encoding.unit] if not whole else head, last=False
    )
    eol = "\n" if "\n" in text or "\r" not in text else "\r"
    texts = text.split(eol)
    if not whole or not texts[-1]:
        texts.pop()
    elif not texts[-1].strip("\r\n"):
        texts.pop()
    if count is not None and len(texts) < count:
        return None
    skipped = max(options.skip_rows, options.header or 0)
    lines = [Line(index + 1, line.rstrip("\r")) for index, line in enumerate(texts[:count])]
    try:
        dialect = decide_dialect(lines, name, options, eol=eol)
    except TooFewRows:
        if last or len(lines) - skipped >= MOST_LINES:
            raise
        return None
    if not last and "number" not in dialect.kinds and len(lines) - skipped < MOST_LINES:
        return None
    return Preview(encoding, eol, dialect, itertools.chain((head,), rest))
