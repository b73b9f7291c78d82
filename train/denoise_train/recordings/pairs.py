"""Load pairs of recordings, clean and noisy, and draw crops of both at the same place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from denoise_stream import SourceError
from denoise_train.arrays import Array
from denoise_train.recordings.channels import all_columns, find_files, is_table, read_channels, sample_rate_hz
from denoise_train.recordings.checks import refuse_shifted
from denoise_train.recordings.origins import Crop, Origin
from denoise_train.recordings.recordings import Recordings

SHORTEST_PAIR = 10


class PairSource(Protocol):
    """A source of training pairs: targets and inputs."""

    def part(self, split: int) -> "PairSource":
        """Return the part for training, validation or test; no two parts share a sample."""
        ...

    def draw(self, rng: np.random.Generator, count: int, length: int) -> tuple[Array, Array]:
        """Draw targets and inputs, two float64 arrays ``(count, length)``."""
        ...


@dataclass(frozen=True)
class OwnData:
    """The user's recordings for a training; None for kinds that were not given."""

    clean: Recordings | None = None
    noise: Recordings | None = None
    pairs: PairSource | None = None

    def __bool__(self) -> bool:
        return any(source is not None for source in (self.clean, self.noise, self.pairs))

    @property
    def by_kind(self) -> dict[str, Recordings]:
        """What was given of clean signals, noise and noisy signals, those of pairs included."""
        kinds = {
            "clean": self.clean or getattr(self.pairs, "clean", None),
            "noise": self.noise,
            "noisy": getattr(self.pairs, "noisy", None),
        }
        return {kind: recordings for kind, recordings in kinds.items() if recordings is not None}


@dataclass(frozen=True)
class PairedRecordings:
    """The same signals twice, clean and noisy, aligned to the sample."""

    clean: Recordings
    noisy: Recordings

    def part(self, split: int) -> "PairedRecordings":
        """Return the part for training, validation or test, as :meth:`Recordings.part` does for both alike."""
        return PairedRecordings(self.clean.part(split), self.noisy.part(split))

    def draw(self, rng: np.random.Generator, count: int, length: int) -> tuple[Array, Array]:
        """Draw crops ``(count, length)``, the clean ones and the noisy ones, in the unit of the clean crop's deviation.

        Longer recordings are drawn more often; one shorter than a crop is continued by reflection.
        """
        return self.draw_crops(rng, count, length)[:2]

    def draw_crops(self, rng: np.random.Generator, count: int, length: int) -> tuple[Array, Array, list[Crop]]:
        """Draw as :meth:`draw` does, and tell where each crop comes from."""
        places = self.clean.places(rng, count, length)
        clean, noisy = self.clean.crops(places, length), self.noisy.crops(places, length)
        middle = clean.mean(axis=1, keepdims=True)
        deviation = clean.std(axis=1, keepdims=True)
        unit = np.where(deviation > 0, deviation, 1.0)
        origins = self.clean.origins_of(places)
        crops = [Crop(*scale) for scale in zip(origins, middle[:, 0].tolist(), unit[:, 0].tolist(), strict=True)]
        return (clean - middle) / unit, (noisy - middle) / unit, crops


def load_pairs(
    clean: Path, noisy: Path, rate_hz: float | None = None, columns: Sequence[str] | None = None
) -> PairedRecordings:
    """Read clean and noisy recordings that belong together.

    Parameters
    ----------
    clean, noisy
        Two folders, whose files are matched by their path inside the folder without its ending, or two files.
    rate_hz
        The wanted rate: audio of another one is resampled.
    columns
        Names of the columns to take of tables; None means every column that is a signal.

    Raises
    ------
    SourceError
        If a file has no partner, or partners differ in their signals' number or names or samples, are shifted against
        each other, or cannot be read.
    """
    clean_files, noisy_files = _by_name(clean), _by_name(noisy)
    for files, others, folder in ((clean_files, noisy_files, noisy), (noisy_files, clean_files, clean)):
        if missing := sorted(set(files) - set(others)):
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise SourceError(f"{files[missing[0]]} has no partner of the same name in {folder}{more}")
    signals: tuple[list[Array], list[Array]] = ([], [])
    files_of: list[int] = []
    origins: list[Origin] = []
    for number, name in enumerate(sorted(clean_files)):
        for pair, origin in _match(clean_files[name], noisy_files[name], rate_hz, columns):
            files_of.append(number)
            origins.append(origin)
            for kept, signal in zip(signals, pair, strict=True):
                kept.append(signal)
    if not files_of:
        raise SourceError(f"no signal found in {clean}")
    return PairedRecordings(*(Recordings(kept, files_of, origins=origins) for kept in signals))


def _by_name(path: Path) -> dict[str, Path]:
    """Return the files of a folder by their path inside it without its ending; a file alone has no name."""
    if not path.is_dir():
        return {"": find_files([path])[0]}
    files: dict[str, Path] = {}
    for file in find_files([path]):
        name = str(file.relative_to(path).with_suffix(""))
        if name in files:
            raise SourceError(f"{files[name]} and {file} have the same name but for the ending; keep one of them")
        files[name] = file
    return files


def _match(
    clean: Path, noisy: Path, rate_hz: float | None, columns: Sequence[str] | None
) -> Iterator[tuple[tuple[Array, Array], Origin]]:
    """Return the signals of two files that belong together: several columns by their names, if they have names."""
    ones, others = (read_channels(path, rate_hz, columns) for path in (clean, noisy))
    if {one.name for one in ones} != {other.name for other in others}:
        # A column that is not a signal in one of the two tables (empty, say) is left out of both.
        in_one, in_other = (all_columns(path) for path in (clean, noisy))
        ones = [one for one in ones if one.name not in in_other - {other.name for other in others}]
        others = [other for other in others if other.name not in in_one - {one.name for one in ones}]
    if len(ones) != len(others):
        raise SourceError(
            f"{clean} holds {len(ones)} signals and its partner {noisy} {len(others)}; "
            "a pair needs the same columns or channels"
        )
    # Arrays of two files belong together by their order: their names differ as often as not.
    named = is_table(clean) and is_table(noisy)
    names, other_names = ([channel.name for channel in channels] for channels in (ones, others))
    if named and len(names) > 1 and all([*names, *other_names]) and names != other_names:
        if sorted(names) != sorted(other_names) or len(set(names)) < len(names):
            raise SourceError(
                f"{clean} has the columns {', '.join(names)} and its partner {noisy} {', '.join(other_names)}; "
                "a pair needs the same columns"
            )
        others = [others[other_names.index(name)] for name in names]
    for first, second in zip(ones, others, strict=True):
        one, other = first.samples, second.samples
        if one is None or other is None:
            continue
        refuse_shifted(one, other, str(clean), str(noisy))
        if len(one) != len(other):
            rates = sample_rate_hz(clean, columns), sample_rate_hz(noisy, columns)
            why = f" ({rates[0]:g} and {rates[1]:g} Hz)" if all(rates) and rates[0] != rates[1] else ""
            raise SourceError(
                f"{clean} has {len(one)} samples and its partner {noisy} {len(other)}{why}; "
                "a pair must be aligned sample by sample, at one rate: cut or resample one of them"
            )
        if len(one) < SHORTEST_PAIR:
            raise SourceError(f"{clean} has {len(one)} samples; a pair needs {SHORTEST_PAIR} or more")
        column = f", {first.quantity}" if first.name else ""
        yield (one, other), Origin(f"{noisy.name}{column}", first.unit or second.unit, first.rate_hz)
