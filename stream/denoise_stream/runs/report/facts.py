"""Collect the facts of a run: the model and its settings, levels, latency and compute time."""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.rates.high_band import follows_above_hz
from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.run import Stream

MOST_NUMBERS = 1 << 18
"""Samples that are squared at once."""


class Measured(Protocol):
    """What has measured the changes of a signal, or of many series."""

    def facts(self) -> list[dict[str, Any]]:
        """Return what is known of each channel."""
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

    def observe(self, noisy: Chunk, denoised: Chunk) -> None:
        """Add the next samples of both signals."""
        rows = max(1, MOST_NUMBERS // self.channels)  # squares of many channels at once would take as much memory again
        for index, samples in enumerate((noisy, denoised)):
            for start in range(0, len(samples), rows):
                part = samples[start : start + rows]
                with np.errstate(over="ignore"):
                    self._squares[index] += np.nansum(part**2, axis=0)
                self._counts[index] += np.count_nonzero(part == part, axis=0)

    def rms(self) -> tuple[list[float], list[float]]:
        """Return the root mean square of input and output, one number per channel; 0 without samples."""
        values = np.sqrt(self._squares / np.maximum(self._counts, 1))
        return values[0].tolist(), values[1].tolist()


def engine_facts(
    denoiser: Denoiser, sample_rate_hz: float | None, latency_samples: int, lookahead_samples: int
) -> dict[str, Any]:
    """Return what every report says of the model and its settings, for a signal of that rate in Hz."""
    return {
        "model": denoiser.contract.name,
        "window": denoiser.contract.window,
        "hop": denoiser.hop,
        "mix": denoiser.mix,
        "max_attenuation_db": denoiser.max_attenuation_db,
        "follows_above_hz": follows_above_hz(sample_rate_hz, denoiser.contract.sample_rate_hz),
        "notch_hz": denoiser.notch_hz,
        "gate_db": denoiser.gate_db,
        "lookahead_samples": lookahead_samples,
        "latency_samples": latency_samples,
        "latency_ms": 1000 * latency_samples / sample_rate_hz if sample_rate_hz else None,
        "sample_rate_hz": sample_rate_hz,
    }


def facts(
    denoiser: Denoiser,
    stream: Stream,
    compute_time_s: float,
    meter: LevelMeter,
    changes: Measured,
    *,
    audio: bool,
) -> dict[str, Any]:
    """Assemble what ``--report`` writes.

    Levels are root mean squares per channel: in dBFS for audio (full scale 1.0; None for silence), in the
    signal's own units otherwise. ``rtf`` is compute time over signal time, None without a sample rate. Above
    ``follows_above_hz`` the model hears nothing, and the signal follows its gain; None if it hears all. ``changes``
    says per channel what was removed: :meth:`~denoise_stream.runs.changes.ChangeMeter.facts`.
    """
    before, after = meter.rms()
    rate = stream.sample_rate_hz
    signal_time_s = stream.samples_in / rate if rate else 0.0
    return engine_facts(denoiser, rate, stream.latency_samples, stream.lookahead_samples) | {
        "channels": stream.channels,
        "samples_in": stream.samples_in,
        "samples_out": stream.samples_out,
        "missing_samples": stream.missing_samples,
        "failed_windows": stream.failed_windows,
        "compute_time_s": compute_time_s,
        "rtf": compute_time_s / signal_time_s if signal_time_s else None,
        "level_unit": "dBFS" if audio else "signal units",
        "input_level": [_level(value, audio=audio) for value in before],
        "output_level": [_level(value, audio=audio) for value in after],
        "changes": changes.facts(),
        "kept_peaks": getattr(stream, "kept_peaks", None),
    }


def _level(rms: float, *, audio: bool) -> float | None:
    if not math.isfinite(rms):  # the squares of numbers around 1e200 overflow
        return None
    if not audio:
        return rms
    return 20 * math.log10(rms) if rms > 0 else None
