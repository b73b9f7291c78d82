"""Open a file by its extension."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from denoise_stream.files.audio import AudioSource
from denoise_stream.files.protocols import Sink, Source
from denoise_stream.files.tables import TABLE_DELIMITERS, TableSink, TableSource

if TYPE_CHECKING:
    from denoise_stream.files.parquet import ParquetSource


PARQUET = (".parquet", ".pq")


def open_file(
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    sample_rate_hz: float | None = None,
    series_column: str | None = None,
) -> "AudioSource | TableSource | ParquetSource":
    """Open a table or an audio file, by its extension. The caller closes it.

    Raises
    ------
    SourceError
        If it cannot be read as such.
    """
    if path.suffix.lower() in PARQUET:
        from denoise_stream.files.parquet import ParquetSource

        return ParquetSource(path, columns=columns, sample_rate_hz=sample_rate_hz, series_column=series_column)
    if is_table_file(path.name):
        return TableSource.open(path, columns=columns, sample_rate_hz=sample_rate_hz, series_column=series_column)
    return AudioSource(path)


def open_table_sink(signal: Source, partial: Path, stack: contextlib.ExitStack) -> Sink:
    """Open the sink that writes a table like the source into a file."""
    if isinstance(signal, TableSource):
        return TableSink(signal, stack.enter_context(partial.open("wb")))
    from denoise_stream.files.parquet import ParquetSink, ParquetSource

    assert isinstance(signal, ParquetSource)
    return ParquetSink(signal, partial)


def is_table_file(name: str) -> bool:
    """Tell by its extension whether a file is a table."""
    return Path(name).suffix.lower() in (*TABLE_DELIMITERS, *PARQUET)
