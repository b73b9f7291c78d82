"""Report a run: levels, latency and compute time, as facts and in one line."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.high_band import follows_above_hz
from denoise_stream.files.protocols import Chunk
from denoise_stream.runs.run import Stream

MOST_NAMES = 12
"""Columns that the line of text names."""


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
        for index, samples in enumerate((noisy, denoised)):
            with np.errstate(over="ignore"):
                self._squares[index] += np.nansum(samples**2, axis=0)
            self._counts[index] += np.count_nonzero(samples == samples, axis=0)

    def rms(self) -> tuple[list[float], list[float]]:
        """Return the root mean square of input and output, one number per channel; 0 without samples."""
        values = np.sqrt(self._squares / np.maximum(self._counts, 1))
        return values[0].tolist(), values[1].tolist()


def engine_facts(denoiser: Denoiser, sample_rate_hz: float | None, latency_samples: int) -> dict[str, Any]:
    """Return what every report says of the model and its settings, for a signal of that rate in Hz."""
    return {
        "model": denoiser.contract.name,
        "window": denoiser.contract.window,
        "hop": denoiser.hop,
        "mix": denoiser.mix,
        "max_attenuation_db": denoiser.max_attenuation_db,
        "follows_above_hz": follows_above_hz(sample_rate_hz, denoiser.contract.sample_rate_hz),
        "latency_samples": latency_samples,
        "latency_ms": 1000 * latency_samples / sample_rate_hz if sample_rate_hz else None,
        "sample_rate_hz": sample_rate_hz,
    }


def facts(
    denoiser: Denoiser, stream: Stream, compute_time_s: float, meter: LevelMeter, *, audio: bool
) -> dict[str, Any]:
    """Put together what ``--report`` writes.

    Levels are root mean squares per channel: in dBFS for audio (full scale 1.0; None for silence), in the
    signal's own units otherwise. ``rtf`` is compute time over signal time, None without a sample rate. Above
    ``follows_above_hz`` the model hears nothing, and the signal follows its gain; None if it hears all.
    """
    before, after = meter.rms()
    rate = stream.sample_rate_hz
    signal_time_s = stream.samples_in / rate if rate else 0.0
    return engine_facts(denoiser, rate, stream.latency_samples) | {
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
    }


def _level(rms: float, *, audio: bool) -> float | None:
    if not math.isfinite(rms):  # the squares of numbers around 1e200 are beyond counting
        return None
    if not audio:
        return rms
    return 20 * math.log10(rms) if rms > 0 else None


def in_one_line(summary: dict[str, Any]) -> str:
    """Say in one line what was done."""
    rate = summary["sample_rate_hz"]
    length = f"{summary['samples_in'] / rate:.2f} s at {rate:g} Hz" if rate else f"{summary['samples_in']} samples"
    if summary.get("rate_from"):
        length += f" (by {summary['rate_from']})"
    parts = [
        f"{summary['input']} -> {summary['output']}: {length}",
        _columns_in_words(summary) if "columns" in summary else f"{summary['channels']} channel(s)",
        f"model {summary['model']}, hop {summary['hop']}",
        f"latency {summary['latency_samples']} samples"
        + (f" ({summary['latency_ms']:.1f} ms)" if summary["latency_ms"] else ""),
        f"RTF {summary['rtf']:.4f}" if summary["rtf"] else f"{summary['compute_time_s']:.2f} s of compute",
    ]
    if summary["follows_above_hz"]:
        parts[2] += f" (by its gain above {summary['follows_above_hz']:g} Hz)"
    if summary["sample_rate_assumed"]:
        parts[0] += f" (assumed, as the model {summary['model']} takes no other; state the true one with --rate)"
    if summary["missing_samples"]:
        parts.append(f"{summary['missing_samples']} missing values kept")
    if summary.get("rounded"):
        names = _listed(summary["rounded"])
        parts.append(
            f"{names} written as whole numbers, as nothing tells the decimal mark (--decimal . gives more digits)"
        )
    if summary.get("markers"):
        parts.append(f"{', '.join(summary['markers'])} taken for missing values")
    if summary.get("bad_rows"):
        parts.append(f"{summary['bad_rows']} bad rows not denoised ({summary['first_bad_row']})")
    if summary["failed_windows"]:
        parts.append(f"{summary['failed_windows']} windows passed unchanged, as the model failed on them")
    return "; ".join((", ".join(parts), *summary["notes"]))


def _columns_in_words(summary: dict[str, Any]) -> str:
    """Say which columns were denoised and which were left, with the reason."""
    left = [f"{column['name']} ({column['reason']})" for column in summary.get("left", [])]
    denoised = f"columns {_listed(summary['columns'])}"
    if summary.get("sparse"):
        denoised += f" ({_listed(summary['sparse'])} over the known values alone, as more than a third are missing)"
    return f"{denoised}; left as they are: {_listed(left)}" if left else denoised


def _listed(names: list[str]) -> str:
    """Join names with commas, of many the first ones."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"
