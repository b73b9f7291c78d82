"""Recordings: files and folders of audio, tables and arrays come in, crops of them go out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from denoise_stream import SourceError
from denoise_stream.sources import AudioSource, read_blocks
from denoise_stream.tables import TableSource
from denoise_train.signals import Array, standardize

AUDIO = frozenset({".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3", ".au", ".caf", ".w64"})
TABLES = {".csv": None, ".tsv": "\t"}
ARRAYS = frozenset({".npz", ".npy"})


@dataclass(frozen=True)
class Recordings:
    """Real signals, each a float64 array ``(n,)`` without gaps, with the file it comes from."""

    signals: Sequence[Array]
    files: Sequence[str]

    def draw(self, rng: np.random.Generator, count: int, length: int) -> Array:
        """Draw standardized crops ``(count, length)``; longer recordings are drawn more often.

        A recording shorter than a crop is continued by reflection.
        """
        sizes = np.array([len(signal) for signal in self.signals], dtype=np.float64)
        chosen = rng.choice(len(sizes), size=count, p=sizes / sizes.sum())
        crops = np.empty((count, length))
        for row, index in enumerate(chosen):
            signal = self.signals[index]
            if len(signal) < length:
                signal = np.pad(signal, (0, length - len(signal)), mode="reflect")
            start = rng.integers(len(signal) - length + 1)
            crops[row] = signal[start : start + length]
        return standardize(crops)


def load_recordings(paths: Sequence[Path]) -> Recordings:
    """Read every recording in the given files and folders.

    Parameters
    ----------
    paths
        Audio files, ``.csv``/``.tsv`` tables (every signal column), ``.npz``/``.npy`` arrays (every numeric array
        of more than one sample), or folders that are searched for them. Missing values are bridged.

    Raises
    ------
    SourceError
        If a path does not exist or cannot be read, or none holds a signal of at least two samples.
    """
    signals: list[Array] = []
    files: list[str] = []
    for path in _find_files(paths):
        for signal in _read(path):
            known = ~np.isnan(signal)
            if known.sum() < 2:
                continue
            bridged = np.interp(np.arange(len(signal)), np.flatnonzero(known), signal[known])
            signals.append(bridged)
            files.append(str(path))
    if not signals:
        raise SourceError(f"no signal found in {', '.join(str(path) for path in paths)}")
    return Recordings(signals, files)


def _find_files(paths: Sequence[Path]) -> list[Path]:
    known = AUDIO | set(TABLES) | ARRAYS
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in known and file.is_file())
            if not inside:
                raise SourceError(f"{path} holds no recording (audio, .csv, .tsv, .npz, .npy)")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(f"cannot read {path}: no such file or folder")
    return found


def _read(path: Path) -> Iterator[Array]:
    """Give every channel of a file as an array ``(n,)``."""
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        yield from _read_arrays(path)
    elif suffix in TABLES:
        with path.open("rb") as file:
            table = TableSource(read_blocks(file.fileno()), path.name, delimiter=TABLES[suffix])
            yield from np.concatenate(list(table)).T
    else:
        audio = AudioSource(path)
        chunks = list(audio)
        audio.close()
        if chunks:
            yield from np.concatenate(chunks).T


def _read_arrays(path: Path) -> Iterator[Array]:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[key] for key in loaded.files]
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} is no array file: {error}") from error
    for array in arrays:
        if array.dtype.kind in "fiu" and array.ndim in (1, 2) and array.size > 1:
            columns = array.reshape(len(array), -1).T if array.ndim == 2 else array[None]
            if np.isinf(columns.astype(np.float64)).any():
                raise SourceError(f"{path.name} holds an infinity; every sample must be finite")
            yield from columns.astype(np.float64)
