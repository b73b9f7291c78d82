"""NumPy's array files: ``.npy`` as a signal, and all arrays of an ``.npy`` or ``.npz`` by name."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arrays import as_dtype, as_signal
from denoise_stream.errors import SourceError, first_line
from denoise_stream.files.paths import check_readable
from denoise_stream.files.pipes import BLOCK_BYTES, write_through
from denoise_stream.files.protocols import Chunk, Format, Reading

MOST_UNPACKED = 1 << 32
"""Bytes of all arrays of an ``.npz`` archive together."""


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Load all arrays of a file; the only one of an ``.npy`` has the name ``""``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, or not an array file.
    """
    with path.open("rb") as file:  # which NumPy would leave open when it is broken
        try:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile) and loaded.zip is not None:
                _check_unpacked(loaded.zip)
            return {"": loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
        except Exception as error:  # what NumPy, zipfile and tokenize raise for broken files is not documented
            raise ValueError(first_line(error)) from error


def _check_unpacked(archive: zipfile.ZipFile) -> None:
    """Refuse an archive whose arrays take much more memory than a file of its size suggests."""
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST_UNPACKED:
        raise ValueError(
            f"its arrays take {unpacked / 1e9:.1f} GB unpacked, more than {MOST_UNPACKED / 1e9:.1f} GB; save each as a "
            ".npy file"
        )


class ArraySource:
    """The array of an ``.npy`` file, ``(n,)`` or ``(n, channels)``; it is read in blocks, never as a whole.

    Attributes
    ----------
    dtype, shape
        Of the array.
    """

    def __init__(self, path: Path, sample_rate_hz: float | None = None) -> None:
        """Open the file.

        Raises
        ------
        SourceError
            If it cannot be read, or holds no array of real numbers of one or two dimensions.
        """
        check_readable(path)
        self.name = path.name
        self.sample_rate_hz = sample_rate_hz
        try:
            with np.errstate(over="ignore"):  # of the size, which NumPy refuses in its own words
                self._array = np.load(path, mmap_mode="r", allow_pickle=False)
        except Exception as error:  # what NumPy and tokenize raise for broken files is not documented
            raise SourceError(f"{path.name} is not a readable .npy file: {first_line(error)}") from error
        if not isinstance(self._array, np.ndarray):
            self._array.close()
            raise SourceError(f"{path.name} is an archive of several arrays; save the signal alone as .npy")
        try:
            as_signal(self._array)
        except (TypeError, ValueError) as error:
            raise SourceError(f"{path.name}: {error}") from error
        self.dtype, self.shape = self._array.dtype, self._array.shape
        if self._array.ndim == 2 and 0 < self.shape[0] < self.shape[1]:
            raise SourceError(
                f"{path.name} has shape {self.shape}: {self.shape[1]} channels of {self.shape[0]} samples each; "
                "if it is (channels, samples), save its transpose"
            )
        self.channels = 1 if self._array.ndim == 1 else self.shape[1]
        self.length_samples: int | None = len(self._array)

    def __iter__(self) -> Iterator[Chunk]:
        """Read the array block by block."""
        block = BLOCK_BYTES // 8 // self.channels + 1
        for start in range(0, len(self._array), block):
            with np.errstate(over="ignore", invalid="ignore"):  # of numbers that 64 bits cannot hold
                samples = self._array[start : start + block].reshape(-1, self.channels).astype(np.float64)
            yield samples

    def close(self) -> None:
        """Nothing to release: the file is unmapped with the array."""


class ArraySink:
    """An ``.npy`` file with the dtype and shape of the source's array; integers are rounded and clipped."""

    def __init__(self, source: ArraySource, file: BinaryIO) -> None:
        self._file = file
        self._dtype = source.dtype
        header = {"descr": np.lib.format.dtype_to_descr(source.dtype), "fortran_order": False, "shape": source.shape}
        np.lib.format.write_array_header_1_0(file, header)

    def write(self, samples: Chunk) -> None:
        """Write the next samples ``(n, channels)``."""
        write_through(self._file, as_dtype(samples, self._dtype).tobytes())

    def close(self) -> None:
        """Nothing is left to write."""


def _open(path: Path, reading: Reading) -> ArraySource:
    return ArraySource(path, reading.sample_rate_hz)


def _create(source: ArraySource, path: Path, sample_rate_hz: float | None, stack: contextlib.ExitStack) -> ArraySink:
    return ArraySink(source, stack.enter_context(path.open("wb")))


ARRAY = Format("array", (".npy",), _open, _create)
