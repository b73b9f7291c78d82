"""Bound what the text, the lists and the pages of a Parquet file take in memory, before they are unpacked.

A few kilobytes may stand for gigabytes: text is stored once and repeated by number, and pages are compressed. So text
is read as numbers and a dictionary first, and measured. Where it is stored by its differences that is not possible; it
is measured a few rows at a time then, for no text is longer than its page. The other sizes are those of the pages'
headers, or of the footer where it states more.
"""

import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from denoise_stream.errors import SourceError
from denoise_stream.files.parquet_pages import Pages, read_pages
from denoise_stream.files.protocols import MOST_COLUMNS

COLUMN_TEXT_BYTES = 2048
"""Most bytes of text in one reading for each column allowed: 64 MiB with the columns allowed by default."""

COLUMN_LIST_VALUES = 1024
"""Most values in the lists of a row group for each column allowed: 33,554,432 by default."""

COLUMN_UNPACKED_BYTES = 8192
"""Most bytes of an unpacked row group that is far smaller in the file, for each column allowed: 256 MiB by default."""

COLUMN_FOOTER_BYTES = 512
"""Most bytes of a text in a file's footer for each column allowed: 16 MiB by default."""

BATCH_ROWS = 8192
"""Most rows that are read at once."""

LONGEST_NUMBER = 32
"""Bytes of the longest number that is stored as bytes of a fixed length, a decimal one."""

SPELLED_OUT = 8
"""How many times more than a number an object of Python takes, about."""

DIFFERENCES = {6, 7}
"""Encodings of text by its lengths and by its differences, DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY."""

REPEATING = {2, 7, 8}
"""Encodings that store once what is repeated: PLAIN_DICTIONARY, DELTA_BYTE_ARRAY and RLE_DICTIONARY."""

READING = 4
"""How many times more than a text reading it from its differences takes, about."""

LOOKED_UP = 1 << 20
"""Words whose lengths are looked up at once."""

FAR_SMALLER = 100
"""A row group that shrinks further than by this factor holds next to nothing."""


class ParquetSizes:
    """The limits of one file.

    Parameters
    ----------
    path
        The file.
    file
        The same as an open ``pyarrow.parquet.ParquetFile``.
    max_columns
        Most columns that the table may have; the limits grow with it.

    Raises
    ------
    SourceError
        If the file holds more values in lists, or larger row groups or pages, than are allowed.
    """

    def __init__(self, path: Path, file: Any, max_columns: int) -> None:
        self._path = path
        self._most_columns = max(max_columns, MOST_COLUMNS)
        self._metadata = file.metadata
        self._leaves = [file.schema.column(index) for index in range(len(file.schema))]
        self._longest_text: dict[str, int] = {}
        twice = next((name for name, count in Counter(leaf.path for leaf in self._leaves).items() if count > 1), None)
        if twice is not None:
            raise SourceError(f"{path.name} has several columns called {twice!r}; give each a name of its own")
        with path.open("rb") as pages:
            for index in range(self._metadata.num_row_groups):
                self._check_group(index, pages)

    def _check_group(self, index: int, pages: BinaryIO) -> None:
        group, number = self._metadata.row_group(index), index + 1
        columns = [group.column(leaf) for leaf in range(len(self._leaves))]
        held = [self._pages(column, pages) for column in columns]
        values = sum(found.values for found, leaf in zip(held, self._leaves, strict=True) if leaf.max_repetition_level)
        self._allow(values, COLUMN_LIST_VALUES, f"the lists of row group {number} hold {values} values")
        self._check_fixed(held, min(group.num_rows, BATCH_ROWS), number)
        self._check_differences(held, number)
        largest = max((found.largest for found in held), default=0)
        self._allow(largest, COLUMN_UNPACKED_BYTES, f"a page of row group {number} takes {largest} bytes")
        unpacked = max(group.total_byte_size, sum(found.unpacked for found in held))
        packed = sum(column.total_compressed_size for column in columns)
        if unpacked > FAR_SMALLER * packed:
            words = f"row group {number} grows from {packed} to {unpacked} bytes when it is unpacked"
            self._allow(unpacked, COLUMN_UNPACKED_BYTES, words)

    def _pages(self, column: Any, pages: BinaryIO) -> Pages:
        """Return what the pages of one column hold, or the footer says that they hold, where it is more."""
        start = column.data_page_offset
        if column.dictionary_page_offset:
            start = min(start, column.dictionary_page_offset)
        try:
            found = read_pages(pages, start, column.num_values)
        except (ValueError, OSError) as error:
            raise SourceError(f"{self._path.name} is damaged: {error}") from error
        return found._replace(values=max(found.values, column.num_values))

    def _check_fixed(self, held: list[Pages], rows: int, number: int) -> None:
        """Refuse long values of a fixed length, of which so many rows are read at once, and all in a list."""
        long = [(leaf, pages) for leaf, pages in zip(self._leaves, held, strict=True) if leaf.length > LONGEST_NUMBER]
        taken = sum(rows * leaf.length for leaf, _ in long if not leaf.max_repetition_level)
        self._allow(taken, COLUMN_TEXT_BYTES, f"the bytes of {rows} rows of its columns take {taken}")
        taken = sum(pages.values * leaf.length for leaf, pages in long if leaf.max_repetition_level)
        self._allow(taken, COLUMN_TEXT_BYTES, f"the bytes in the lists of row group {number} take {taken}")

    def _check_differences(self, held: list[Pages], number: int) -> None:
        """Note how long text may be that is stored by its differences; refuse long ones in lists, read all at once."""
        for leaf, pages in zip(self._leaves, held, strict=True):
            if leaf.physical_type == "BYTE_ARRAY" and pages.encodings & DIFFERENCES:
                self._longest_text[leaf.path] = max(self._longest_text.get(leaf.path, 1), pages.largest)
                if leaf.max_repetition_level and pages.encodings & REPEATING:
                    taken = pages.values * pages.largest
                    words = f"the text in the lists of row group {number} may take {taken} bytes"
                    self._allow(taken, COLUMN_TEXT_BYTES, words)

    def check_text(self, rows: int, column: str | None) -> Iterator[int]:
        """Measure the text of a column, or of all, so many rows at a time; yield how many may be read.

        Raises
        ------
        SourceError
            If the text of these rows takes more than is allowed.
        """
        import pyarrow.parquet

        paths = [leaf.path for leaf in self._leaves if leaf.physical_type == "BYTE_ARRAY"]
        if column is not None:
            paths = [path for path in paths if path == column or path.startswith(f"{column}.")]
        if not paths:
            return
        longest = sum(self._longest_text.get(path, 0) for path in paths)
        repeated = [path for path in paths if path not in self._longest_text]
        options: dict[str, Any] = {"metadata": self._metadata, "read_dictionary": repeated}
        if "arrow_extensions_enabled" in inspect.signature(pyarrow.parquet.ParquetFile).parameters:
            options["arrow_extensions_enabled"] = False  # or JSON would be spelled out
        file = pyarrow.parquet.ParquetFile(self._path, **options)
        at_once = max(1, min(rows, COLUMN_TEXT_BYTES * self._most_columns // (READING * longest or 1)))
        begun = done = taken = 0
        for batch in file.iter_batches(at_once, columns=paths):
            if done + len(batch) > begun + rows:
                begun, taken = done, 0
            done += len(batch)
            taken += sum(map(_text_bytes, batch.columns))
            self._allow(taken, COLUMN_TEXT_BYTES, f"the text of rows {begun + 1} to {done} takes {taken} bytes")
            yield done

    def check_names(self, column: Any) -> None:
        """Refuse series named by lists too large to be spelled out.

        Raises
        ------
        SourceError
            If they take more than is allowed.
        """
        from pyarrow import types

        if types.is_nested(column.type):
            taken = SPELLED_OUT * column.nbytes
            self._allow(taken, COLUMN_TEXT_BYTES, f"the names of {len(column)} rows' series take {taken} bytes")

    def _allow(self, taken: int, for_each_column: int, words: str) -> None:
        if taken > for_each_column * self._most_columns:
            needed = -(-taken // for_each_column)
            raise SourceError(
                f"{self._path.name}: {words}, too much for a table of up to {self._most_columns} columns; "
                f"--max-columns {needed} allows it"
            )


def footer_bytes(max_columns: int) -> int:
    """Return the most bytes that a text in the footer may take; Arrow's own limit is 100 MB."""
    return COLUMN_FOOTER_BYTES * max(max_columns, MOST_COLUMNS)


def footer_too_long(name: str, max_columns: int) -> SourceError:
    """Return the error for a footer that holds a longer text."""
    columns = max(max_columns, MOST_COLUMNS)
    return SourceError(
        f"{name} has a text of more than {footer_bytes(max_columns) >> 20} MiB in its footer, too much for a table of "
        f"up to {columns} columns; --max-columns {2 * columns} allows twice as much"
    )


def _text_bytes(column: Any) -> int:
    """Return the bytes that the text in a column would take if it were spelled out, and not numbers of words."""
    import pyarrow.compute
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        lengths = pyarrow.compute.binary_length(column.dictionary).cast("int64")
        parts = (column.indices[start : start + LOOKED_UP] for start in range(0, len(column), LOOKED_UP))
        return sum(pyarrow.compute.sum(lengths.take(part)).as_py() or 0 for part in parts)
    if types.is_map(kind):
        begin, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
        return sum(_text_bytes(part[begin:end]) for part in (column.keys, column.items))
    if types.is_struct(kind):
        return sum(map(_text_bytes, column.flatten()))
    if types.is_nested(kind):
        return _text_bytes(column.flatten())
    return int(column.nbytes)
