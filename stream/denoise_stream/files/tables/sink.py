"""Write a table back with denoised values in the place of its signal columns."""

import numpy as np

from denoise_stream.files.dialect.fields import join_fields, split_fields, unquote
from denoise_stream.files.pipes import ByteWriter, write_through
from denoise_stream.files.protocols import Chunk
from denoise_stream.files.tables.rows import Passed, Rows
from denoise_stream.files.tables.source import MOST_CELLS, TableSource

_ROUNDING_ULPS = 4
"""Overlap-add moves a value that the model leaves alone by this many units in its last place (measured)."""


class TableSink:
    """Write a table back with denoised values in the place of the signal columns.

    ``file`` takes bytes, or is None to forget the rows; every row is written as soon as its values are there.
    """

    def __init__(self, source: TableSource, file: ByteWriter | None) -> None:
        self._source = source
        self._file = file
        self._begun = False
        self._done = 0  # rows of the first batch in the queue that are written

    def write(self, samples: Chunk) -> None:
        """Write the next rows, given their values ``(rows, channels)``."""
        waiting, start = self._source.waiting, 0
        size = max(1, MOST_CELLS // self._source.dialect.width)
        while waiting:
            head = waiting[0]
            if isinstance(head, Passed):
                self._put(head.text)
                waiting.popleft()
                continue
            count = min(len(head.texts) - self._done, len(samples) - start, size)
            if count == 0:
                break
            rows = slice(self._done, self._done + count)
            if self._file is not None:
                texts = self._render(head, rows, samples[start : start + count])
                self._put(head.end.join([*texts, ""]) if head.end else "".join(texts))
            start += count
            self._done += count
            if self._done == len(head.texts):
                waiting.popleft()
                self._done = 0

    def close(self) -> None:
        """Write what follows the last row of numbers."""
        self.write(np.empty((0, self._source.channels)))

    def _render(self, rows: Rows, part: slice, values: Chunk) -> list[str]:
        """Return the texts of rows with new values; what did not change, or is missing, stays as it was written."""
        layout, styles, noisy = self._source.layout, self._source.styles, rows.values[part]
        rounding = np.where(noisy == np.rint(noisy), 0, _ROUNDING_ULPS * np.spacing(np.abs(noisy)))
        changed = ~(np.isnan(values) | (np.abs(values - noisy) <= rounding))
        if rows.plain:
            delimiter = self._source.dialect.delimiter
            fields = [self._source.split(text) for text in rows.texts[part]]
            for channel, (index, style) in enumerate(zip(layout.chosen, styles, strict=True)):
                numbers = style.format_column(values[:, channel].tolist())
                if changed[:, channel].all():
                    for row, number in zip(fields, numbers, strict=True):
                        row[index] = number
                else:
                    for place in np.flatnonzero(changed[:, channel]).tolist():
                        fields[place][index] = numbers[place]
            return list(map(delimiter.join, fields))
        return [
            self._render_row(text, row.tolist(), new.tolist())
            for text, row, new in zip(rows.texts[part], values, changed, strict=True)
        ]

    def _render_row(self, text: str, values: list[float], changed: list[bool]) -> str:
        layout, styles, delimiter = self._source.layout, self._source.styles, self._source.dialect.delimiter
        fields = split_fields(text, delimiter)
        for index, style, value, new in zip(layout.chosen, styles, values, changed, strict=True):
            if not new:
                continue
            text = unquote(fields[index])
            attached = style.attached
            number = style.format_like(value, attached.take_off(text) or text)
            cell = f"{attached.before}{number}{attached.behind}"
            if delimiter and delimiter in cell and '"' not in fields[index]:
                cell = f'"{cell}"'
            fields[index] = fields[index].replace(text, cell, 1)
        return join_fields(fields, delimiter)

    def _put(self, text: str) -> None:
        if self._file is None:
            return
        data = self._source.encoding.encode(text)
        if not self._begun:
            data = self._source.encoding.bom + data
            self._begun = True
        write_through(self._file, data)
