"""The manifest of an archive: a log with a row for each file, from which a run resumes.

A log lies in the output folder, one JSON object a line, and only grows. ``planned`` rows name the files that
a run is about to write, so that their outputs are recognized as ours even if it is killed; then each file gets a
``done`` or ``failed`` row. The last row about a file counts.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from denoise_stream.archive.folders.protocol import Entry, Folder

NAME = "denoise-manifest"
PLANNED_PER_ROW = 1000

LAST_YEAR = 9999
"""After it no later time could be written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes
    ----------
    name, input
        The file and its fingerprint.
    error
        One sentence if it failed, else empty.
    output_bytes, samples
        Size of the output, and samples per channel in it; 0 if it failed.
    signal_s
        Length of the signal in seconds; None if it failed, or has no sample rate.
    seconds
        Time it took, reading and writing included.
    failed_windows
        Windows that passed unchanged, as the network failed on them.
    note
        A remark for the user, such as what was salvaged; else empty.
    """

    name: str
    input: str
    error: str = ""
    output_bytes: int = 0
    samples: int = 0
    signal_s: float | None = None
    seconds: float = 0.0
    failed_windows: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the manifest says of one file: the key of its last good run, and the size of its output.

    ``output_bytes`` is None while a later run has it planned, and its output may be the old or the new one; ``earlier``
    is what was known before, which holds again when that run says that it failed.
    """

    key: str
    output_bytes: int | None
    time: str
    earlier: "Known | None" = None


class Manifest:
    """The log of one run, and what all earlier ones said.

    Parameters
    ----------
    folder
        The output folder.
    model, options
        What the outputs depend on besides their inputs: the fingerprint of a file's model, by the file's name, and
        options in words.
    shard
        Number of this part of the work and of all parts; each part has a log of its own.
    """

    def __init__(
        self, folder: Folder, model: Callable[[str], str], options: str, shard: tuple[int, int] | None = None
    ) -> None:
        self._folder = folder
        self._model = model
        self._options = options
        self._latest = ""
        self.name = NAME if shard is None else f"{NAME}-{shard[0]}-of-{shard[1]}"

    def key(self, name: str, fingerprint: str) -> str:
        """Combine all that the output of a file depends on into one text, from the file's name and fingerprint."""
        return f"{fingerprint} {self._model(name)} {self._options}"

    def read(self) -> dict[str, Known]:
        """Return what is known of each file; lines that no run finished, or wrote, are passed over."""
        known: dict[str, Known] = {}
        for line in self._folder.read_logs(NAME):
            with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
                row = json.loads(line)
                if datetime.fromisoformat(row["time"]).year >= LAST_YEAR:
                    continue
                _learn(known, row)
                self._latest = max(self._latest, row["time"])
        return known

    def open(self) -> None:
        """Open the log of this run; close it at the end.

        Raises
        ------
        SinkError
            If the output folder cannot be written, or another run is writing to it.
        """
        self._log = self._folder.open_log(self.name, NAME)

    def plan(self, entries: Sequence[Entry]) -> None:
        """Record files that are about to be denoised; call this before any of their outputs appears."""
        names = [entry.name for entry in entries]
        starts = range(0, len(names), PLANNED_PER_ROW)
        rows: Iterable[dict[str, object]] = (
            {"state": "planned", "files": names[start : start + PLANNED_PER_ROW]} for start in starts
        )
        self._add(rows, at_once=True)

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of files."""
        self._add(
            {
                "file": outcome.name,
                "state": "failed" if outcome.error else "done",
                "input": outcome.input,
                "model": self._model(outcome.name),
                "options": self._options,
                "seconds": round(outcome.seconds, 6),
                "samples": outcome.samples,
                "signal_s": outcome.signal_s,
                "failed_windows": outcome.failed_windows,
                "output_bytes": outcome.output_bytes,
                "error": outcome.error,
                "note": outcome.note,
            }
            for outcome in outcomes
        )

    def _add(self, rows: Iterable[dict[str, object]], *, at_once: bool = False) -> None:
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        if time <= self._latest:  # the clock was set back; what is said later must count
            time = (datetime.fromisoformat(self._latest) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
        self._latest = time
        self._log.append([json.dumps({**row, "time": time}) for row in rows], at_once=at_once)

    def close(self) -> None:
        """Make all rows safe."""
        self._log.close()


def _learn(known: dict[str, Known], row: dict[str, Any]) -> None:
    """Update what is known of a file by a row, unless a later row was read before."""
    state, time = row["state"], row["time"]
    for name in row["files"] if state == "planned" else [row["file"]]:
        before = known.get(name)
        if before is not None and before.time > time:
            continue
        if state == "planned":
            known[name] = Known("", None, time, before)
        elif state == "done":
            key = f"{row['input']} {row['model']} {row['options']}"
            known[name] = Known(key, int(row["output_bytes"]), time)
        elif before is not None and before.output_bytes is None:  # it failed: the planned output was not written
            known.pop(name)
            if before.earlier is not None:
                known[name] = before.earlier
