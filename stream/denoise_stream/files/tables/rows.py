"""Cut a table's text into records and hold those that wait for their denoised values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from denoise_stream.files.dialect.decide import LONGEST_RECORD
from denoise_stream.files.dialect.encodings import Decoder
from denoise_stream.files.dialect.fields import is_blank, is_open, split_fields
from denoise_stream.files.protocols import MOST_COLUMNS, Chunk
from denoise_stream.files.tables.first_rows import MOST_TOTALS
from denoise_stream.files.tables.preview import COLUMN_BYTES, Preview, too_long


@dataclass
class Lines:
    """Records in a row: their lines in the file, their texts without line ends, and what ends each of them."""

    numbers: Sequence[int]
    texts: list[str]
    end: str

    def part(self, start: int, stop: int) -> "Lines":
        """Return some of the records."""
        return Lines(self.numbers[start:stop], self.texts[start:stop], self.end)


@dataclass
class Rows:
    """Rows that wait for their denoised values.

    Attributes
    ----------
    texts
        Records without line ends.
    values
        What the chosen columns held ``(rows, channels)``.
    end
        What ends each record.
    plain
        Whether the delimiter alone splits them, and plain formatting writes their numbers.
    series
        The series that each row belongs to, if there are many.
    stamps
        The raw fields of the column of time, if there is one.
    numbers
        The line, from 1, that each record begins in.
    """

    texts: list[str]
    values: Chunk
    end: str
    plain: bool
    series: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    numbers: Sequence[int] = ()


@dataclass
class Passed:
    """Text without numbers: header, comments, blank lines and bad rows that are passed on."""

    text: str


def read_lines(preview: Preview, name: str, most_columns: int = MOST_COLUMNS) -> Iterator[Lines]:
    """Cut a table into records; one is a line, or several where a quoted field spans them.

    Raises
    ------
    SourceError
        If a line is too long for a table of this many columns.
    """
    decoder, eol = Decoder(preview.encoding, name), preview.eol
    joiner = _Joiner(preview.dialect.delimiter, preview.dialect.width)
    rest, number, longest = "", 1, COLUMN_BYTES * most_columns
    for block in preview.blocks:
        text = decoder.decode(block)
        if eol not in text:
            rest += text
            if len(rest) > longest:
                raise too_long(f"{name}: the bytes of line {number}", longest, most_columns)
            continue
        text = rest + text
        *texts, rest = text.split(eol)
        if not texts:
            continue
        numbers, end = range(number, number + len(texts)), eol
        number += len(texts)
        if eol == "\n" and "\r" in text and all(line.endswith("\r") for line in texts):
            texts, end = [line[:-1] for line in texts], "\r\n"
        if '"' in text or joiner.held:
            yield from joiner.join(Lines(numbers, texts, end))
        else:
            yield Lines(numbers, texts, end)
    yield from joiner.flush()
    rest += decoder.decode(b"", last=True)
    if rest:
        yield Lines(range(number, number + 1), [rest], "")


def split_off_totals(batches: Iterator[Lines], lacks_time: Callable[[str], bool]) -> Iterator[tuple[Lines, bool]]:
    """Tell totals from rows: the last few records of a table that lack the time that the others have.

    Such records are held until it is known whether another one follows.

    Parameters
    ----------
    batches
        All records of the table.
    lacks_time
        Whether a record does.

    Returns
    -------
    The records in their order, and whether they are totals.
    """
    held: list[Lines] = []
    count = 0
    for lines in batches:
        start = _tail_of(lines.texts, lacks_time)
        if start:
            yield from ((part, False) for part in held)
            held, count = [], 0
        count += sum(map(lacks_time, lines.texts[start:]))
        if not 0 < count <= MOST_TOTALS:
            yield from ((part, False) for part in (*held, lines))
            held = []
            continue
        if start:
            yield lines.part(0, start), False
        held.append(lines.part(start, len(lines.texts)))
    yield from ((part, True) for part in held)


def _tail_of(texts: Sequence[str], lacks_time: Callable[[str], bool]) -> int:
    """Return where the last records begin that are blank or lack a time."""
    start = len(texts)
    while start and (is_blank(texts[start - 1]) or lacks_time(texts[start - 1])):
        start -= 1
    return start


class _Joiner:
    """Join the lines of a quoted field that spans them.

    Kept between calls: the lines of a record that may go on.
    """

    def __init__(self, delimiter: str, width: int) -> None:
        self.held: list[str] = []
        self._first = 0
        self._end = ""
        self._delimiter = delimiter
        self._width = width

    def join(self, lines: Lines) -> Iterator[Lines]:
        """Return the records that are complete; an open quote before a line that is a row of its own is text."""
        numbers: list[int] = []
        texts: list[str] = []
        if self.held and lines.end != self._end:
            yield from self.flush()
        for number, text in zip(lines.numbers, lines.texts, strict=True):
            if self.held:
                record = lines.end.join((*self.held, text))
                if not is_open(record, self._delimiter) and len(split_fields(record, self._delimiter)) == self._width:
                    numbers.append(self._first)
                    texts.append(record)
                    self.held = []
                    continue
                alone = len(split_fields(text, self._delimiter)) == self._width
                if not alone and len(self.held) < LONGEST_RECORD and is_open(record, self._delimiter):
                    self.held.append(text)
                    continue
                numbers += range(self._first, self._first + len(self.held))
                texts += self.held
                self.held = []
            if '"' in text and is_open(text, self._delimiter):
                self._first, self._end, self.held = number, lines.end, [text]
                continue
            numbers.append(number)
            texts.append(text)
        if texts:
            yield Lines(numbers, texts, lines.end)

    def flush(self) -> Iterator[Lines]:
        """Return the lines whose quote never closed, each on its own."""
        if self.held:
            yield Lines(range(self._first, self._first + len(self.held)), self.held, self._end)
            self.held = []
