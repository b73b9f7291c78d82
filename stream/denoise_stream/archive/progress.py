"""Show the progress of a run over an archive: a bar, lines, and a table of failures."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from denoise_stream.archive.archive import Summary
from denoise_stream.errors import printable

LINE_EVERY_S = 30.0
"""Without a terminal (a batch job's log) progress is a line now and then."""

FAILURES_SHOWN = 20


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Summary], None]]:
    """Show progress on standard error while the block lasts."""
    if quiet:
        yield lambda summary: None
    elif sys.stderr.isatty():
        yield from _bar()
    else:
        yield _Lines()


class _Lines:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, summary: Summary) -> None:
        if time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            print(state_in_one_line(summary), file=sys.stderr, flush=True)


def _bar() -> Iterator[Callable[[Summary], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(30), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("listing ...", total=None)
        last = 0.0

        def update(summary: Summary) -> None:
            nonlocal last
            if time.monotonic() - last >= 0.1:
                last = time.monotonic()
                total = max(1, summary.size_bytes)
                bar.update(
                    task,
                    total=total,
                    completed=summary.done_bytes,
                    description=state_in_one_line(summary),
                    refresh=False,
                )

        yield update


def state_in_one_line(summary: Summary) -> str:
    """Describe the progress of a run."""
    parts = [f"{summary.done + len(summary.failures)} of {summary.files} files", f"{_hours(summary)} of signal"]
    if summary.rtf is not None:
        parts.append(f"RTF {summary.rtf:.2g}")
    if summary.left_s is not None:
        parts.append(f"{_clock(summary.left_s)} left")
    if summary.failures:
        parts.append(f"{len(summary.failures)} failed")
    return ", ".join(parts)


def result_in_one_line(summary: Summary, source: str, target: str) -> str:
    """Summarize a run that is over."""
    parts = [f"{source} -> {target}: {summary.done} files denoised"]
    parts += [f"{len(summary.failures)} failed"] if summary.failures else []
    if summary.failed_windows:
        parts.append(f"{summary.failed_windows} windows passed unchanged, as the model failed on them")
    if summary.notes:
        name, note = min(summary.notes)
        more = f" and {len(summary.notes) - 1} more in the manifest" if len(summary.notes) > 1 else ""
        parts.append(f"notes: {printable(f'{name}: {note}')}{more}")
    parts += [f"{summary.unchanged} done before"] if summary.unchanged else []
    others = "other file" if summary.others == 1 else "other files"
    parts += [f"{summary.others} {others} left alone"] if summary.others else []
    parts += [denoised_in_words(summary.denoised)] if summary.denoised else []
    parts += [models_in_words(summary.models)] if summary.models else []
    parts.append(f"{_hours(summary)} of signal" if summary.signal_s else f"{summary.samples} samples")
    parts.append(f"in {_clock(summary.wall_s)}" + (f", RTF {summary.rtf:.2g}" if summary.rtf is not None else ""))
    return ", ".join(parts)


def denoised_in_words(count: int) -> str:
    """Mention the inputs that are results of this program and were left alone."""
    if count == 1:
        return "1 file that is named like a result is left alone (--include '*.denoised.*' takes it)"
    return f"{count} files that are named like results are left alone (--include '*.denoised.*' takes them)"


def models_in_words(models: Mapping[str, str]) -> str:
    """Name the models that an archive needs.

    >>> models_in_words({"audio": "speech", "tables": "general"})
    'models speech (audio) and general (tables)'
    >>> models_in_words({"tables": "general"})
    'model general'
    """
    if len({*models.values()}) == 1:
        return f"model {next(iter(models.values()))}"
    return "models " + " and ".join(f"{model} ({kind})" for kind, model in models.items())


def failures_as_table(summary: Summary, manifest: str) -> str:
    """List the files that failed, each with its sentence; of very many, the first."""
    shown = [(printable(name), printable(reason)) for name, reason in sorted(summary.failures)[:FAILURES_SHOWN]]
    width = min(60, max(len(name) for name, _ in shown))
    lines = [f"{len(summary.failures)} failed:", *(f"  {name:<{width}}  {sentence}" for name, sentence in shown)]
    if len(summary.failures) > len(shown):
        lines.append(f"  and {len(summary.failures) - len(shown)} more, listed in {manifest}")
    return "\n".join(lines)


def _hours(summary: Summary) -> str:
    return f"{summary.signal_s / 3600:.2f} h"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{seconds:.1f} s" if whole < 60 else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
