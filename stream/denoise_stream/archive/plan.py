"""Plan a run over an archive: which files are to do, done or impossible, and how they are grouped."""

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from denoise_stream.archive.folders.protocol import Entry, is_safe
from denoise_stream.archive.manifest import Known, Outcome
from denoise_stream.files.formats import format_of, is_signal_file
from denoise_stream.files.paths import is_denoised_name

GROUP_FILES = 64
GROUP_BYTES = 4 << 20
"""Most files sent to a worker at once: about a second of work, which makes dispatching them negligible."""

LARGE_BYTES = 64 << 20
"""Files of this size and more start first, the largest at the head, so that no run ends waiting for one of them."""

UNSAFE = "its name would lead out of the output folder, or to another file: a part of it is empty, '.' or '..'"

Group = list[Entry]


@dataclass
class Plan:
    """What there is to do.

    Attributes
    ----------
    todo
        Files to denoise, in this order.
    unchanged
        How many are done already.
    others
        How many do not hold signals, by their names.
    denoised
        How many are named like results of this program, ``NAME.denoised.EXT``, and not asked for by that name.
    refused
        Files that cannot be done, with the reason.
    """

    todo: list[Entry] = field(default_factory=list)
    unchanged: int = 0
    others: int = 0
    denoised: int = 0
    refused: list[Outcome] = field(default_factory=list)

    @property
    def kinds(self) -> tuple[bool, bool]:
        """Whether there is sound, and whether there are tables or arrays, to denoise."""
        sounds = sum(format_of(entry.name).kind == "audio" for entry in self.todo)
        return sounds > 0, sounds < len(self.todo)

    @property
    def size_bytes(self) -> int:
        """Bytes of input to read."""
        return sum(entry.size_bytes for entry in self.todo)


def make_plan(
    entries: Iterable[Entry],
    wanted_denoised: Callable[[str], bool],
    shard: tuple[int, int] | None,
    outputs: Mapping[str, int],
    known: Mapping[str, Known],
    key: Callable[[str, str], str],
    *,
    force: bool,
) -> Plan:
    """Sort the files of an archive into what is to do, done, or not possible.

    Parameters
    ----------
    entries
        The input folder's files that belong to the work, and its subfolders that cannot be listed.
    wanted_denoised
        Whether a name like ``NAME.denoised.EXT`` belongs to it, too.
    shard
        Number of the part (from 1) and number of parts: a part takes the names that fall to it, whatever else
        the folder holds.
    outputs
        Names and sizes of what the output folder holds.
    known
        What the manifest says.
    key
        Returns the key of an output from the input's name and fingerprint.
    force
        Whether an output that no run made, or that was changed since, may be replaced.
    """
    plan = Plan()
    for entry in entries:
        if entry.is_folder:
            plan.refused.append(Outcome(entry.name, entry.fingerprint, entry.error))
            continue
        if shard and _part(entry.name, shard[1]) != shard[0]:
            continue
        if not is_signal_file(entry.name):
            plan.others += 1
            continue
        if is_denoised_name(entry.name) and not wanted_denoised(entry.name):
            plan.denoised += 1
            continue
        if entry.error:
            plan.refused.append(Outcome(entry.name, entry.fingerprint, entry.error))
            continue
        if not is_safe(entry.name):
            plan.refused.append(Outcome(entry.name, entry.fingerprint, UNSAFE))
            continue
        there, before = outputs.get(entry.name), known.get(entry.name)
        if there is not None and before is not None and there == before.output_bytes:
            if before.key == key(entry.name, entry.fingerprint):
                plan.unchanged += 1
                continue
        elif there is not None and not force and (before is None or before.output_bytes is not None):
            reason = "is not from this program" if before is None else "was changed since it was made"
            refusal = f"the output exists and {reason}; use --force to replace it"
            plan.refused.append(Outcome(entry.name, entry.fingerprint, refusal))
            continue
        plan.todo.append(dataclasses.replace(entry, replaces=force or there is not None))
    plan.todo.sort(key=lambda entry: (-entry.size_bytes if entry.size_bytes >= LARGE_BYTES else 0, entry.name))
    return plan


def _part(name: str, parts: int) -> int:
    """Return the shard, from 1, that a name belongs to; the name need not be UTF-8."""
    return zlib.crc32(name.encode("utf-8", "surrogateescape")) % parts + 1


def make_groups(todo: Sequence[Entry], workers: int) -> Iterator[Group]:
    """Split the work into groups that keep all workers busy to the end.

    >>> [len(group) for group in make_groups([Entry(str(n), 1000, "") for n in range(8)], 2)]
    [1, 1, 1, 1, 1, 1, 1, 1]
    """
    total = sum(entry.size_bytes for entry in todo)
    enough = min(GROUP_BYTES, total // (8 * workers))
    most = min(GROUP_FILES, max(1, len(todo) // (8 * workers)))
    group: Group = []
    size = 0
    for entry in todo:
        group.append(entry)
        size += entry.size_bytes
        if size >= enough or len(group) >= most:
            yield group
            group, size = [], 0
    if group:
        yield group
