"""Denoise tables in memory."""

import io
from dataclasses import dataclass
from typing import Any

from denoise_stream import Denoiser
from denoise_stream.files.dialect.options import TableOptions
from denoise_stream.files.protocols import Reading
from denoise_stream.files.tables.preview import FILE_ROWS
from denoise_stream.files.tables.sink import TableSink
from denoise_stream.files.tables.source import TableSource
from denoise_stream.runs.run import run
from denoise_stream.runs.series import open_stream

GENERAL = Denoiser("general", lookahead_samples="auto")


@dataclass
class Done:
    """A denoised table: its bytes, the denoised columns, and the report."""

    data: bytes
    columns: list[str]
    facts: dict[str, Any]
    source: TableSource


def denoise_table(
    data: bytes,
    *,
    block: int = 1 << 16,
    rows: int = FILE_ROWS,
    columns: list[str] | None = None,
    mix: float = 1.0,
    **options: Any,
) -> Done:
    """Denoise a table of a file as the command line does; its bytes arrive in blocks of this size."""
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    reading = Reading(None if columns is None else tuple(columns), table=TableOptions(**options))
    source = TableSource(blocks, "t.csv", reading, preview_rows=rows)
    file = io.BytesIO()
    sink = TableSink(source, file)
    try:
        denoiser = GENERAL if mix == 1 else Denoiser("general", mix=mix, lookahead_samples="auto")
        run(source, open_stream(denoiser, source, None), sink)
    finally:
        sink.close()
    return Done(file.getvalue(), source.column_names, source.facts(), source)
