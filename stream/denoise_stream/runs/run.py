"""Run a signal from a source through a stream into a sink."""

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from denoise_stream.errors import SourceError
from denoise_stream.files.protocols import Chunk, Sink, Source


class Stream(Protocol):
    """What denoises: one signal (:class:`~denoise_stream.DenoiseStream`) or the many series of a table."""

    channels: int
    sample_rate_hz: float | None

    @property
    def samples_in(self) -> int:
        """Samples taken so far."""
        ...

    @property
    def samples_out(self) -> int:
        """Samples given back so far."""
        ...

    @property
    def missing_samples(self) -> int:
        """Missing values so far."""
        ...

    @property
    def lookahead_samples(self) -> int:
        """Samples after a window that the model uses."""
        ...

    @property
    def failed_windows(self) -> int:
        """Windows that the network failed on, and that passed unchanged."""
        ...

    @property
    def latency_samples(self) -> int:
        """Samples that must arrive before a sample is returned, itself included."""
        ...

    def process(self, chunk: Chunk) -> Chunk:
        """Take the next samples; return those that are finished."""
        ...

    def flush(self) -> Chunk:
        """Return all that is still inside."""
        ...


class Observer(Protocol):
    """Sees every sample of the input and the output once, aligned."""

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Look at the next samples, both ``(n, channels)``."""
        ...


def notes_of(source: Source, sink: Sink) -> list[str]:
    """Return the remarks of source and sink when a run is over."""
    return [*getattr(source, "notes", ()), *getattr(sink, "notes", ())]


def run(
    source: Source,
    stream: Stream,
    sink: Sink,
    observers: Sequence[Observer] = (),
    on_progress: Callable[[int], None] = lambda samples_in: None,
) -> float:
    """Move a whole signal from its source through the stream into the sink.

    What came before a mistake in the source is denoised and written before the error is raised.

    Parameters
    ----------
    source, stream, sink
        They agree on the number of channels. None is closed here.
    observers
        Each sees input and output, aligned, as the output comes.
    on_progress
        Called after every chunk with the samples taken so far.

    Returns
    -------
    Seconds spent inside the stream, in wall-clock time.

    Raises
    ------
    SourceError, SinkError
        If either fails, or a sample is infinite.
    """
    compute_time_s = 0.0
    waiting: Chunk = np.empty((0, stream.channels))

    def pass_on(noisy: Chunk, step: Callable[[], Any]) -> None:
        nonlocal compute_time_s, waiting
        started = time.perf_counter()
        try:
            denoised = step()
        except SourceError as error:
            raise SourceError(f"{source.name}: {error}") from error
        compute_time_s += time.perf_counter() - started
        denoised = denoised.reshape(-1, stream.channels)
        sink.write(denoised)
        if observers:
            waiting = np.concatenate((waiting, noisy))
            for observer in observers:
                observer.observe(waiting[: len(denoised)], denoised)
            waiting = waiting[len(denoised) :]

    try:
        for chunk in source:
            pass_on(chunk, functools.partial(stream.process, chunk))
            on_progress(stream.samples_in)
    except SourceError:
        with contextlib.suppress(SourceError):  # the first error is the one to report
            pass_on(waiting[:0], stream.flush)
        raise
    pass_on(waiting[:0], stream.flush)
    return compute_time_s
