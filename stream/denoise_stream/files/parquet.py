"""Read and write the signal columns of Parquet tables, batch by batch."""

import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream.arrays import as_dtype
from denoise_stream.errors import SinkError, SourceError, first_line, needs_extra
from denoise_stream.files.columns.assign import Facts
from denoise_stream.files.columns.choose import choose_columns
from denoise_stream.files.columns.names import named_column
from denoise_stream.files.parquet_sizes import BATCH_ROWS, ParquetSizes, footer_bytes, footer_too_long
from denoise_stream.files.paths import check_readable
from denoise_stream.files.protocols import MOST_COLUMNS, Chunk, Format, Reading

PREVIEW_ROWS = 300
"""Rows that decide what the columns are."""

LOOKED_AT = 1000
"""Characters of a cell of text that decide what its column is."""


class ParquetSource:
    """The chosen columns of a Parquet file, as channels; a null is a missing value.

    Kept between chunks: the batches that wait for their denoised values.
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Sequence[str] | None = None,
        sample_rate_hz: float | None = None,
        series_column: str | None = None,
        max_columns: int = MOST_COLUMNS,
    ) -> None:
        """Open the file and find the columns: all numeric ones except time stamps, indices and the series' names.

        Raises
        ------
        MissingExtra
            If pyarrow is not installed.
        SourceError
            If it cannot be read, takes more memory than is allowed, or a column is unknown or holds no numbers.
        """
        with needs_extra("reading Parquet", "parquet"):
            import pyarrow
            import pyarrow.parquet
        check_readable(path)
        self.name = path.name
        self.sample_rate_hz = sample_rate_hz
        self.waiting: deque[Any] = deque()
        self._series: deque[str] = deque()
        try:
            self._file: Any = pyarrow.parquet.ParquetFile(str(path), thrift_string_size_limit=footer_bytes(max_columns))
            self.schema: Any = self._file.schema_arrow
        except (pyarrow.ArrowInvalid, OSError) as error:
            if "Exceeded size limit" in str(error):
                raise footer_too_long(self.name, max_columns) from error
            raise SourceError(f"{self.name} is not a Parquet file: {first_line(error)}") from error
        self.length_samples: int | None = self._file.metadata.num_rows
        twice = next((name for name, number in Counter(self.schema.names).items() if number > 1), None)
        if twice is not None:
            raise SourceError(f"{self.name} has several columns called {twice!r}; give each a name of its own")
        names = self.schema.names
        columns = None if columns is None else [named_column(column, names, self.name) for column in columns]
        series_column = None if series_column is None else named_column(series_column, names, self.name)
        self._series_column = series_column
        for name in columns or ():
            if _kind(self.schema.field(name).type) != "number" or name == series_column:
                raise SourceError(
                    f"{self.name}, column {name!r} is not a signal: it holds {self.schema.field(name).type}"
                )
        self._sizes = ParquetSizes(path, self._file, max_columns)
        try:
            first = next(self._batches(PREVIEW_ROWS), pyarrow.RecordBatch.from_pylist([], self.schema))
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceError(f"{self.name} cannot be read: {first_line(error)}") from error
        self._layout = choose_columns(_facts(first), self.name, columns, series_column)
        self.column_names = [self._layout.names[index] for index in self._layout.chosen]
        self.all_column_names = self._layout.names
        self.sparse = self._layout.sparse if series_column is None else ()
        self.start = self._layout.start
        if sample_rate_hz is None:
            self.sample_rate_hz = self._layout.rate_hz
        self.channels = len(self.column_names)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the values ``(rows, channels)`` of each batch; NaN where one is missing."""
        import pyarrow

        done = 0
        try:
            for batch in self._batches():
                self.waiting.append(batch)
                if self._series_column is not None:
                    self._series.extend(self._names(batch.column(self._series_column)))
                done += len(batch)
                columns = [batch.column(name).cast("float64", safe=False) for name in self.column_names]
                yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in columns]).astype(np.float64)
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceError(f"{self.name} is damaged after row {done}: {first_line(error)}") from error

    def _batches(self, rows: int = BATCH_ROWS, column: str | None = None) -> Iterator[Any]:
        """Read batches of so many rows, or fewer where a row group ends; too long a text is refused before."""
        texts = self._sizes.check_text(rows, column)
        batches = self._file.iter_batches(rows, columns=None if column is None else [column])
        read = measured = 0
        while True:
            while measured < read + rows and (more := next(texts, 0)):
                measured = more
            batch = next(batches, None)
            if batch is None:
                return
            read += len(batch)
            yield batch

    def count_series(self) -> Counter[str]:
        """Count the rows of each series, reading their column only."""
        counts: Counter[str] = Counter()
        for batch in self._batches(column=self._series_column):
            counts.update(self._names(batch.column(0)))
        return counts

    def _names(self, column: Any) -> list[str]:
        self._sizes.check_names(column)
        return as_names(column)

    def take_series(self, rows: int) -> list[str]:
        """Return the series of the next rows that were read."""
        return [self._series.popleft() for _ in range(rows)]

    def facts(self) -> dict[str, Any]:
        """Return what reports say about the table."""
        return self._layout.facts(self.sample_rate_hz)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ParquetSink:
    """A Parquet file like the source's with denoised values in the place of the chosen columns."""

    def __init__(self, source: ParquetSource, path: Path) -> None:
        import pyarrow.parquet

        self._source = source
        self._kept: Chunk = np.empty((0, source.channels))
        try:
            self._writer: Any = pyarrow.parquet.ParquetWriter(str(path), source.schema)
        except OSError as error:
            raise SinkError(f"cannot write {path}: {first_line(error)}") from error

    def write(self, samples: Chunk) -> None:
        """Write the next rows, given their values ``(rows, channels)``, batch by batch."""
        self._kept = np.concatenate((self._kept, samples))
        while self._source.waiting and len(self._kept) >= len(self._source.waiting[0]):
            batch = self._source.waiting.popleft()
            values, self._kept = self._kept[: len(batch)], self._kept[len(batch) :]
            for name, column in zip(self._source.column_names, values.T, strict=True):
                index = batch.schema.get_field_index(name)
                batch = batch.set_column(index, batch.schema.field(index), _like(batch.column(index), column))
            try:
                self._writer.write_batch(batch)
            except OSError as error:
                raise SinkError(f"the output could not be written whole: {first_line(error)}") from error

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()


def _kind(arrow_type: Any) -> str:
    """Return the kind of a column: ``"number"``, ``"moment"`` or ``"text"``."""
    from pyarrow import types

    if types.is_floating(arrow_type) or types.is_integer(arrow_type):
        return "number"
    return "moment" if types.is_temporal(arrow_type) else "text"


def _facts(batch: Any) -> list[Facts]:
    """Return what the first rows say about each column."""
    from pyarrow import types

    facts = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        kind, values, texts = _kind(field.type), np.empty(0), []
        if types.is_integer(field.type) or kind == "text":
            few = not types.is_nested(field.type) or column.nbytes < LOOKED_AT * PREVIEW_ROWS
            texts = [text[:LOOKED_AT] for text in as_names(column)] if few else []
        if kind == "number":
            values = np.asarray(column.cast("float64", safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
        elif types.is_timestamp(field.type):
            moments = column.cast("int64").drop_null().to_numpy(zero_copy_only=False)
            values = np.asarray(moments / UNITS[field.type.unit], dtype=np.float64)
        facts.append(Facts(field.name, kind, values, texts, digits=0 if types.is_integer(field.type) else 17))
    return facts


UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Steps in a second of what time stamps count."""


def as_names(column: Any) -> list[str]:
    """Return the names of series as text; a missing one is empty, and bytes that are not UTF-8 stay apart."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = [
            None if value is None else value.decode("utf-8", "surrogateescape")
            for value in column.cast("large_binary").to_pylist()
        ]
    return ["" if value is None else str(value) for value in values]


def _like(old: Any, values: Chunk) -> Any:
    """Convert values to the type and the nulls of the column they replace; integers are rounded and clipped."""
    import pyarrow

    missing = old.is_null().to_numpy(zero_copy_only=False)
    if pyarrow.types.is_integer(old.type):
        values = as_dtype(np.nan_to_num(values), np.dtype(old.type.to_pandas_dtype()))
    return pyarrow.array(values, mask=missing).cast(old.type, safe=False)


def _open(path: Path, reading: Reading) -> ParquetSource:
    return ParquetSource(
        path,
        columns=reading.columns,
        sample_rate_hz=reading.sample_rate_hz,
        series_column=reading.series_column,
        max_columns=reading.max_columns,
    )


def _create(
    source: ParquetSource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack
) -> ParquetSink:
    return ParquetSink(source, path)


PARQUET = Format("table", (".parquet", ".pq"), _open, _create)
