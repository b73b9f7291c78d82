"""Denoise the files of an archive, one after the other: entries come in, outcomes go out.

The same code works in a process of this machine and on a node of a Ray cluster; all it needs can be pickled.
"""

import contextlib
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from denoise_stream.archive.folders.protocol import Entry, Folder
from denoise_stream.archive.manifest import Outcome
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.errors import DenoiseError
from denoise_stream.files.audio import AudioSink, AudioSource
from denoise_stream.files.opening import open_file, open_table_sink
from denoise_stream.files.protocols import Sink
from denoise_stream.model import Models
from denoise_stream.runs.run import Stream, run
from denoise_stream.runs.series import open_stream


@dataclass(frozen=True)
class Work:
    """All that a worker needs to know.

    Attributes
    ----------
    source, target
        The archive and where its results go.
    scratch
        Folder for files in the making: on the target's file system if that is local.
    models
        The model of each kind of file.
    hop, mix, max_attenuation_db
        As for :class:`~denoise_stream.Denoiser`.
    columns, sample_rate_hz, series_column
        How to read tables.
    """

    source: Folder
    target: Folder
    scratch: Path
    models: Models
    hop: int | None = None
    mix: float = 1.0
    max_attenuation_db: float | None = None
    columns: tuple[str, ...] | None = None
    sample_rate_hz: float | None = None
    series_column: str | None = None

    def denoiser(self, model: str) -> Denoiser:
        """Load one of the models.

        Raises
        ------
        ContractError, ValueError
            If the model is wrong, or an option does not go with it.
        """
        return Denoiser(model, hop=self.hop, mix=self.mix, max_attenuation_db=self.max_attenuation_db)

    def options(self) -> str:
        """Say in words what the results depend on besides inputs and model."""
        facts = {
            "hop": self.hop,
            "mix": self.mix,
            "attenuation": self.max_attenuation_db,
            "columns": self.columns and ",".join(self.columns),
            "rate": self.sample_rate_hz,
            "series": self.series_column,
        }
        return " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)


class Worker:
    """Hold the models and denoise file by file."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._denoisers = {model: work.denoiser(model) for model in {*work.models} if model}
        work.scratch.mkdir(parents=True, exist_ok=True)

    def denoise(self, entry: Entry) -> Outcome:
        """Denoise one file; what goes wrong with it is part of the outcome."""
        started = time.perf_counter()
        work = self._work
        try:
            with (
                work.source.fetch(entry, work.scratch) as noisy,
                work.target.put(entry.name, work.scratch) as clean,
            ):
                stream, rate = self._denoise(noisy, clean)
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
        )

    def _failed(self, entry: Entry, reason: str, started: float) -> Outcome:
        sentence = " ".join(reason.split()) or "failed without a word"
        return Outcome(entry.name, entry.fingerprint, sentence, seconds=time.perf_counter() - started)

    def _denoise(self, noisy: Path, clean: Path) -> tuple[Stream, float | None]:
        """Denoise a local file into another; return the stream, at its end, and the file's sample rate."""
        work = self._work
        with contextlib.ExitStack() as stack:
            opened = open_file(
                noisy, columns=work.columns, sample_rate_hz=work.sample_rate_hz, series_column=work.series_column
            )
            signal = stack.enter_context(contextlib.closing(opened))
            rate = signal.sample_rate_hz
            sink: Sink
            if isinstance(signal, AudioSource):
                stream: Stream = self._denoisers[work.models.audio].stream(signal.channels, rate)
                sink = AudioSink(clean, signal.format, rate or 0.0, signal.channels)
            else:
                stream = open_stream(self._denoisers[work.models.table], signal, work.series_column)
                sink = open_table_sink(signal, clean, stack)
            try:
                run(signal, stream, sink)
            finally:
                sink.close()
            return stream, rate


def model_fingerprint(path: Path) -> str:
    """Give a text that changes when a model file does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
