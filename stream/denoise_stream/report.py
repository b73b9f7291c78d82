"""Run a signal through a stream and say what happened: source, stream and sink come in, facts go out."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from denoise_stream.engine import Denoiser, DenoiseStream
from denoise_stream.errors import SourceError
from denoise_stream.sinks import Sink
from denoise_stream.sources import Chunk, Source


class Observer(Protocol):
    """Sees every sample of the input and the output once, aligned."""

    def observe(self, noisy: Chunk, clean: Chunk) -> None:
        """Look at the next samples, both ``(n, channels)``."""
        ...


@dataclass
class LevelMeter:
    """Measure the root mean square of input and output per channel, missing values left out."""

    channels: int
    _squares: Chunk = field(init=False)
    _counts: Chunk = field(init=False)

    def __post_init__(self) -> None:
        self._squares = np.zeros((2, self.channels))
        self._counts = np.zeros((2, self.channels))

    def observe(self, noisy: Chunk, clean: Chunk) -> None:
        """Add the next samples of both signals."""
        for index, samples in enumerate((noisy, clean)):
            self._squares[index] += np.nansum(samples**2, axis=0)
            self._counts[index] += np.count_nonzero(samples == samples, axis=0)

    def rms(self) -> tuple[list[float], list[float]]:
        """Give the root mean square of input and output, one number per channel; 0 without samples."""
        values = np.sqrt(self._squares / np.maximum(self._counts, 1))
        return values[0].tolist(), values[1].tolist()


@dataclass
class Totals:
    """What a run counted and measured.

    Attributes
    ----------
    samples_in, samples_out
        Samples per channel.
    missing_samples
        Missing values over all channels.
    compute_time_s
        Seconds spent inside the stream, in wall-clock time.
    """

    samples_in: int = 0
    samples_out: int = 0
    missing_samples: int = 0
    compute_time_s: float = 0.0


def run(
    source: Source,
    stream: DenoiseStream,
    sink: Sink,
    observers: Sequence[Observer] = (),
    on_progress: Callable[[int], None] = lambda samples_in: None,
) -> Totals:
    """Move a whole signal from its source through the stream into the sink.

    Parameters
    ----------
    source, stream, sink
        They agree on the number of channels. The sink is not closed here.
    observers
        Each sees input and output, aligned, as the output comes.
    on_progress
        Called after every chunk with the samples taken so far.

    Raises
    ------
    SourceError, SinkError
        If either fails, or a sample is infinite.
    """
    totals = Totals()
    waiting: Chunk = np.empty((0, stream.channels))

    def pass_on(noisy: Chunk, step: Callable[[], Any]) -> None:
        nonlocal waiting
        started = time.perf_counter()
        clean = step()
        totals.compute_time_s += time.perf_counter() - started
        sink.write(clean)
        if observers:
            waiting = np.concatenate((waiting, noisy))
            for observer in observers:
                observer.observe(waiting[: len(clean)], clean)
            waiting = waiting[len(clean) :]

    try:
        for chunk in source:
            pass_on(chunk, lambda chunk=chunk: stream.process(chunk))  # type: ignore[misc]
            on_progress(stream.samples_in)
        pass_on(waiting[:0], stream.flush)
    except SourceError as error:
        if str(error).startswith(source.name):
            raise
        raise SourceError(f"{source.name}: {error}") from error
    finally:
        totals.samples_in = stream.samples_in
        totals.samples_out = stream.samples_out
        totals.missing_samples = stream.missing_samples
    return totals


def facts(
    denoiser: Denoiser, stream: DenoiseStream, totals: Totals, meter: LevelMeter, *, audio: bool
) -> dict[str, Any]:
    """Put together what ``--report`` writes.

    Levels are root mean squares per channel: in dBFS for audio (full scale 1.0; None for silence), in the
    signal's own units otherwise. ``rtf`` is compute time over signal time, None without a sample rate.
    """
    rate = stream.sample_rate_hz
    before, after = meter.rms()
    signal_time_s = totals.samples_in / rate if rate else 0.0
    return {
        "model": denoiser.contract.name,
        "window": denoiser.contract.window,
        "hop": denoiser.hop,
        "mix": denoiser.mix,
        "latency_samples": stream.latency_samples,
        "latency_ms": 1000 * stream.latency_samples / rate if rate else None,
        "sample_rate_hz": rate,
        "channels": stream.channels,
        "samples_in": totals.samples_in,
        "samples_out": totals.samples_out,
        "missing_samples": totals.missing_samples,
        "compute_time_s": totals.compute_time_s,
        "rtf": totals.compute_time_s / signal_time_s if signal_time_s else None,
        "level_unit": "dBFS" if audio else "signal units",
        "input_level": [_level(value, audio=audio) for value in before],
        "output_level": [_level(value, audio=audio) for value in after],
    }


def _level(rms: float, *, audio: bool) -> float | None:
    if not audio:
        return rms
    return 20 * math.log10(rms) if rms > 0 else None
