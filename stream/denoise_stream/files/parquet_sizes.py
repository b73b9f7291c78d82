"""Bound what the text, the lists and the pages of a Parquet file take in memory, before they are unpacked.

A few kilobytes may stand for gigabytes: text is stored once and repeated by number, and pages are compressed. So text
is read as numbers and a dictionary, and measured before it is spelled out. The other sizes are those that the file's
footer states.
"""

from typing import Any

from denoise_stream.errors import SourceError
from denoise_stream.files.protocols import MOST_COLUMNS

COLUMN_TEXT_BYTES = 2048
"""Most bytes of text in one reading for each column allowed: 64 MiB with the columns allowed by default."""

COLUMN_LIST_VALUES = 1024
"""Most values in the lists of a row group for each column allowed: 33,554,432 by default."""

COLUMN_UNPACKED_BYTES = 8192
"""Most bytes of an unpacked row group that is far smaller in the file, for each column allowed: 256 MiB by default."""

COLUMN_FOOTER_BYTES = 512
"""Most bytes of a text in a file's footer for each column allowed: 16 MiB by default."""

FAR_SMALLER = 100
"""A row group that shrinks further than by this factor holds next to nothing."""


class ParquetSizes:
    """The limits of one file.

    Parameters
    ----------
    name
        What to call the file in messages.
    file
        The open ``pyarrow.parquet.ParquetFile``.
    max_columns
        Most columns that the table may have; the limits grow with it.

    Raises
    ------
    SourceError
        If the footer states more values in lists, or larger row groups, than are allowed.
    """

    def __init__(self, name: str, file: Any, max_columns: int) -> None:
        self._name = name
        self._most_columns = max(max_columns, MOST_COLUMNS)
        self._schema = file.schema_arrow
        self.text_columns = [field.name for field in self._schema if _is_text(field.type)]
        leaves = [file.schema.column(index) for index in range(len(file.schema))]
        lists = [index for index, leaf in enumerate(leaves) if leaf.max_repetition_level]
        for index in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(index)
            values = sum(group.column(leaf).num_values for leaf in lists)
            self._allow(values, COLUMN_LIST_VALUES, f"the lists of row group {index + 1} hold {values} values")
            unpacked = group.total_byte_size
            if unpacked > COLUMN_UNPACKED_BYTES * self._most_columns:
                packed = sum(group.column(leaf).total_compressed_size for leaf in range(len(leaves)))
                if unpacked > FAR_SMALLER * packed:
                    words = f"row group {index + 1} grows from {packed} to {unpacked} bytes when it is unpacked"
                    self._allow(unpacked, COLUMN_UNPACKED_BYTES, words)

    def check_fixed(self, rows: int) -> None:
        """Refuse columns of long values of a fixed length, of which so many rows are read at once.

        Raises
        ------
        SourceError
            If they take more than is allowed.
        """
        from pyarrow import types

        widths = [field.type.byte_width for field in self._schema if types.is_fixed_size_binary(field.type)]
        taken = rows * sum(widths)
        self._allow(taken, COLUMN_TEXT_BYTES, f"the bytes of {rows} rows of its columns take {taken}")

    def spell_out(self, batch: Any, row: int) -> Any:
        """Return a batch of rows, the first of which is ``row``, with its text in the place of the numbers of words.

        Raises
        ------
        SourceError
            If the text takes more than is allowed.
        """
        import pyarrow
        import pyarrow.compute

        taken = 0
        for column in batch.columns:
            if pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type):
                lengths = pyarrow.compute.binary_length(column.dictionary)
                taken += pyarrow.compute.sum(lengths.cast("int64").take(column.indices)).as_py() or 0
        rows = f"rows {row + 1} to {row + len(batch)}"
        self._allow(taken, COLUMN_TEXT_BYTES, f"the text of {rows} takes {taken} bytes")
        fields = [self._schema.field(name) for name in batch.schema.names]
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(batch.columns, fields, strict=True)
        ]
        return pyarrow.RecordBatch.from_arrays(columns, schema=pyarrow.schema(fields, self._schema.metadata))

    def _allow(self, taken: int, for_each_column: int, words: str) -> None:
        if taken > for_each_column * self._most_columns:
            needed = -(-taken // for_each_column)
            raise SourceError(
                f"{self._name}: {words}, too much for a table of up to {self._most_columns} columns; "
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


def _is_text(arrow_type: Any) -> bool:
    from pyarrow import types

    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(test(arrow_type) for test in tests)
