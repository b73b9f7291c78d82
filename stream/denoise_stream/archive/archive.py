"""Denoise an archive: plan the work, give it to a dispatcher, keep the manifest and a summary.

    list -> plan (what is missing or changed) -> dispatch -> record each outcome -> summary

The same for every dispatcher: processes here, or a Ray cluster.
"""

import contextlib
import dataclasses
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from denoise_stream.archive.folders.local import LocalFolder
from denoise_stream.archive.folders.patterns import matcher, whole_name
from denoise_stream.archive.folders.protocol import Entry, Folder, lies_in
from denoise_stream.archive.manifest import Manifest, Outcome
from denoise_stream.archive.plan import Plan, make_groups, make_plan
from denoise_stream.archive.processes import Dispatcher
from denoise_stream.archive.worker import Work, model_fingerprint
from denoise_stream.engine.settings import Settings
from denoise_stream.errors import SinkError, SourceError
from denoise_stream.files.formats import format_of
from denoise_stream.files.protocols import Reading
from denoise_stream.model import Models, bundled_models, choose_models, model_path

DENOISED = ".denoised"
"""What result names have before the extension: ``NAME.denoised.EXT``."""


@dataclass(frozen=True)
class Selection:
    """Which files of an archive belong to the work.

    Attributes
    ----------
    pattern
        Pattern of whole relative names; empty for all.
    include, exclude
        Patterns as for :func:`~denoise_stream.archive.folders.patterns.matcher`.
    shard
        Number of this part of the work, from 1, and of all parts.

    Raises
    ------
    ValueError
        If a pattern is not valid.
    """

    pattern: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self.wanted()

    def excluded(self, folder: str) -> bool:
        """Tell whether a subfolder, its name ending in ``/``, is excluded as a whole."""
        chosen = matcher((), self.exclude)
        return not chosen(folder.rstrip("/")) or not chosen(folder)

    def wanted(self) -> Callable[[str], bool]:
        """Return the function that tests a relative name."""
        chosen, whole = matcher(self.include, self.exclude), whole_name(self.pattern or "**")
        return lambda name: whole.fullmatch(name) is not None and chosen(name)

    def wanted_denoised(self) -> Callable[[str], bool]:
        """Return the test for results of this program: they belong to the work if a pattern names ``.denoised``."""
        naming = [pattern for pattern in self.include if DENOISED in pattern]
        chosen = matcher(naming, ())
        return lambda name: DENOISED in self.pattern or (bool(naming) and chosen(name))


@dataclass
class Summary:
    """Progress of a run.

    ``files`` and ``size_bytes`` are the totals to do, ``models`` names the model of each kind of file; the rest counts
    what is done. ``failures`` and ``notes`` are pairs of a name and a sentence.
    """

    files: int
    size_bytes: int
    unchanged: int
    others: int
    denoised: int = 0
    models: dict[str, str] = field(default_factory=dict)
    done: int = 0
    done_bytes: int = 0
    samples: int = 0
    signal_s: float = 0.0
    wall_s: float = 0.0
    failed_windows: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome, size_bytes: int = 0) -> None:
        """Count one more outcome."""
        self.done_bytes += size_bytes
        if outcome.error:
            self.failures.append((outcome.name, outcome.error))
            return
        self.done += 1
        if outcome.note:
            self.notes.append((outcome.name, outcome.note))
        self.samples += outcome.samples
        self.signal_s += outcome.signal_s or 0.0
        self.failed_windows += outcome.failed_windows

    @property
    def rtf(self) -> float | None:
        """Wall-clock time over signal time; None without signals of a known rate."""
        return self.wall_s / self.signal_s if self.signal_s else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at the speed so far; None before anything is done."""
        if not self.done_bytes:
            return None
        return self.wall_s * (self.size_bytes - self.done_bytes) / self.done_bytes


class Archive:
    """A run over an archive.

    Parameters
    ----------
    source, target
        Where the files lie and where the results go, in the same tree.
    selection
        Which files.
    model
        As for :class:`~denoise_stream.Denoiser`; None chooses file by file, as
        :func:`~denoise_stream.model.choose_models` does.
    settings
        How to denoise; a model with a context looks ahead as far as it can, unless they say how far.
    reading
        How to read tables and arrays.
    force
        Whether to replace outputs that no run made.

    Raises
    ------
    SinkError
        If results could land on inputs.
    ContractError, ValueError
        If the model or a setting is wrong.
    """

    def __init__(
        self,
        source: Folder,
        target: Folder,
        selection: Selection,
        *,
        model: str | None = None,
        settings: Settings | None = None,
        reading: Reading | None = None,
        force: bool = False,
    ) -> None:
        if lies_in(source.place, target.place):
            where = "is the input" if source.place == target.place else f"holds the input {source.place}"
            raise SinkError(f"--output {target.place} {where}: results could replace inputs; choose another folder")
        models = Models(*(_lasting_name(name) for name in choose_models(model)))
        self.work = Work(source, target, Path(), models, (settings or Settings()).for_files(), reading or Reading())
        self.work.denoiser(models.table)  # plan() loads the other one if there is sound
        self.models: dict[str, str] = {}  # by kind of file, filled in by plan()
        self._selection = selection
        self._force = force
        audio, table = (model_fingerprint(model_path(name)) for name in models)
        self._manifest = Manifest(
            target,
            lambda name: audio if format_of(name).kind == "audio" else table,
            self.work.options(),
            selection.shard,
        )

    def plan(self) -> Plan:
        """Find out what is missing or changed.

        Raises
        ------
        SourceError
            If a folder cannot be listed, or the input holds nothing that is asked for.
        ContractError, ValueError
            If a model that is needed is wrong, or an option does not go with it.
        """
        return self._plan(self._matching())

    def _matching(self) -> list[Entry]:
        """List the input's files that are asked for, and subfolders that cannot be listed."""
        source, target = self.work.source, self.work.target
        inside = lies_in(target.place, source.place)
        wanted, excluded = self._selection.wanted(), self._selection.excluded
        found = [
            entry
            for entry in source.entries(target.place if inside else None)
            if (not excluded(f"{entry.name}/") if entry.is_folder else wanted(entry.name))
        ]
        if not (found or self._selection.shard):
            raise SourceError(f"{source.place} holds no matching file; check --input and the patterns")
        return found

    def _plan(self, entries: list[Entry]) -> Plan:
        work = self.work
        outputs: dict[str, int] = {}
        if not (isinstance(work.target, LocalFolder) and not work.target.path.is_dir()):
            for entry in work.target.entries():
                if entry.is_folder:
                    raise SourceError(entry.error)  # outputs in it could be overwritten unseen
                outputs[entry.name] = entry.size_bytes
        plan = make_plan(
            entries,
            self._selection.wanted_denoised(),
            self._selection.shard,
            outputs,
            self._manifest.read(),
            self._manifest.key,
            force=self._force,
        )
        self.models = {
            kind: work.denoiser(model).contract.name
            for kind, model, needed in zip(("audio", "tables"), work.models, plan.kinds, strict=True)
            if needed
        }
        return plan

    def run(
        self,
        dispatcher: Callable[[Work], Dispatcher],
        on_progress: Callable[[Summary], None] = lambda summary: None,
    ) -> Summary:
        """Do what is missing or changed; a file that fails does not stop the others.

        Parameters
        ----------
        dispatcher
            Makes what shares the work out.
        on_progress
            Called after every file, or some that were ready together.

        Raises
        ------
        SourceError, SinkError
            If the input cannot be listed, or the manifest not written.
        """
        started = time.monotonic()
        entries = self._matching()  # before anything is made: there may be none
        self.work.target.prepare()
        self._manifest.open()
        try:
            plan = self._plan(entries)
            files = len(plan.todo) + len(plan.refused)
            summary = Summary(files, plan.size_bytes, plan.unchanged, plan.others, plan.denoised, self.models)
            for outcome in plan.refused:
                summary.add(outcome)
            self._manifest.plan(plan.todo)
            self._manifest.record(plan.refused)
            sizes = {entry.name: entry.size_bytes for entry in plan.todo}
            on_progress(summary)
            if plan.todo:
                with (
                    self._scratch(plan) as work,
                    contextlib.closing(self._finished(dispatcher(work), plan)) as finished,
                ):
                    for outcomes in finished:
                        for outcome in outcomes:
                            summary.add(outcome, sizes[outcome.name])
                        summary.wall_s = time.monotonic() - started
                        on_progress(summary)
        finally:
            self._manifest.close()
        summary.wall_s = time.monotonic() - started
        return summary

    def _finished(self, dispatcher: Dispatcher, plan: Plan) -> Generator[list[Outcome], None, None]:
        """Record what is finished, and yield it; after Ctrl-C, record what was finished until then."""
        try:
            with contextlib.closing(dispatcher.run(make_groups(plan.todo, dispatcher.workers))) as finished:
                for outcomes in finished:
                    self._manifest.record(outcomes)
                    yield outcomes
        finally:
            self._manifest.record(dispatcher.unreported)

    @contextlib.contextmanager
    def _scratch(self, plan: Plan) -> Iterator[Work]:
        """Yield the work with a scratch folder and the models it needs; remove the scratch folders of killed runs."""
        target = self.work.target
        if isinstance(target, LocalFolder):
            name = f".{self._manifest.name}-"
            for left in target.path.glob(f"{name}{'[0-9a-f]' * 8}"):
                shutil.rmtree(left, ignore_errors=True)
            scratch = target.path / f"{name}{secrets.token_hex(4)}"
            scratch.mkdir()
        else:
            scratch = Path(tempfile.mkdtemp(prefix="denoise-"))
        try:
            models = (model if needed else "" for model, needed in zip(self.work.models, plan.kinds, strict=True))
            yield dataclasses.replace(self.work, scratch=scratch, models=Models(*models))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _lasting_name(model: str) -> str:
    """Return a name that means the same model in every process of this machine."""
    return model if model in bundled_models() else str(model_path(model).resolve())
