"""Denoise the files of an archive one after the other.

The same code works in a process of this machine and on a node of a Ray cluster; all it needs can be pickled.
"""

import contextlib
import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from denoise_stream.archive.folders.protocol import Entry, Folder
from denoise_stream.archive.manifest import Outcome
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.settings import Settings
from denoise_stream.errors import DenoiseError, shortened
from denoise_stream.files.formats import format_of
from denoise_stream.files.protocols import Reading, check_columns
from denoise_stream.model import Models
from denoise_stream.runs.run import Stream, notes_of, run
from denoise_stream.runs.series import open_stream


@dataclass(frozen=True)
class Work:
    """The settings of a worker; they can be pickled.

    Attributes
    ----------
    source, target
        The archive and where its results go.
    scratch
        Folder for files in the making: on the target's file system if that is local.
    models
        The model of each kind of file.
    settings
        How to denoise.
    reading
        How to read tables and arrays.
    """

    source: Folder
    target: Folder
    scratch: Path
    models: Models
    settings: Settings = field(default_factory=Settings)
    reading: Reading = field(default_factory=Reading)

    def denoiser(self, model: str) -> Denoiser:
        """Load a model with the settings; the gate is for sound, so a model that is for tables alone has none."""
        settings = self.settings if model == self.models.audio else replace(self.settings, gate_db=None)
        return settings.denoiser(model)

    def options(self) -> str:
        """Describe the options that the results depend on, besides inputs and model."""
        facts = {
            "hop": self.settings.hop,
            "mix": self.settings.mix,
            "attenuation": self.settings.max_attenuation_db,
            "lookahead": None if self.settings.lookahead_samples == "auto" else self.settings.lookahead_samples,
            "notch": self.settings.notch_hz,
            "gate": self.settings.gate_db,
            "columns": self.reading.columns and ",".join(self.reading.columns),
            "rate": self.reading.sample_rate_hz,
            "series": self.reading.series_column,
            "table": self.reading.table if self.reading.table != Reading().table else None,
            "salvage": self.reading.salvage or None,
        }
        return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)


class Worker:
    """Hold the models and denoise file by file."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._denoisers = {model: work.denoiser(model) for model in {*work.models} if model}
        work.scratch.mkdir(parents=True, exist_ok=True)

    def denoise(self, entry: Entry) -> Outcome:
        """Denoise one file; an error becomes part of the outcome."""
        started = time.perf_counter()
        work = self._work
        try:
            with (
                work.source.fetch(entry, work.scratch) as noisy,
                work.target.put(entry.name, work.scratch, replace=entry.replaces) as clean,
            ):
                stream, rate, notes = self._denoise(noisy, clean)
                size = clean.stat().st_size
        except (DenoiseError, ValueError) as error:
            return self._failed(entry, str(error), started)
        except OSError as error:
            return self._failed(entry, f"{error.filename or 'input or output'}: {error.strerror or error}", started)
        except Exception as error:  # whatever is wrong with one file must not stop the others
            return self._failed(entry, f"{type(error).__name__}: {error}", started)
        return Outcome(
            entry.name,
            entry.fingerprint,
            output_bytes=size,
            samples=stream.samples_in,
            signal_s=stream.samples_in / rate if rate else None,
            seconds=time.perf_counter() - started,
            failed_windows=stream.failed_windows,
            note="; ".join(notes),
        )

    def _failed(self, entry: Entry, reason: str, started: float) -> Outcome:
        sentence = shortened(reason) or "failed without a message"
        return Outcome(entry.name, entry.fingerprint, sentence, seconds=time.perf_counter() - started)

    def _denoise(self, noisy: Path, clean: Path) -> tuple[Stream, float | None, list[str]]:
        """Denoise a local file into another; return the stream, at its end, the sample rate, and what is to be said."""
        work = self._work
        with contextlib.ExitStack() as stack:
            format = format_of(noisy.name)
            signal = stack.enter_context(contextlib.closing(format.open(noisy, work.reading)))
            check_columns(signal, work.reading)
            rate = signal.sample_rate_hz
            denoiser = self._denoisers[work.models.audio if format.kind == "audio" else work.models.table]
            stream = open_stream(denoiser, signal, work.reading.series_column if format.kind == "table" else None)
            sink = format.create(signal, clean, rate, stack)
            try:
                run(signal, stream, sink)
            finally:
                sink.close()
            return stream, rate, notes_of(signal, sink)


def model_fingerprint(path: Path) -> str:
    """Compute the fingerprint of a model file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
