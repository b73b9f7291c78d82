"""Report a run: levels, latency and compute time, as facts and in one line."""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.rates.high_band import follows_above_hz
from denoise_stream.files.protocols import Chunk
from denoise_stream.files.tables.preview import FILE_ROWS
from denoise_stream.runs.run import Stream
from denoise_stream.sensors.addresses import is_sensor

MOST_CHANGES = 3
"""Most columns or channels whose changes are listed."""

LEAST_SHARE = 1e-4
"""A smaller share of the variation counts as nothing removed."""

ROUNDING = 1e-12
"""A change by a smaller share of a value is rounding."""

MOST_NUMBERS = 1 << 18
"""Samples that are squared at once."""

WARNING = "warning: "
"""Prefix of notes that must not be overlooked; each gets a line of its own."""

WITHIN = "the variation within its series"
"""That of each series about its own mean, not what sets the series apart."""

LEAST_MISSING = 0.005
"""A smaller share of missing samples may be an inexact rate."""

MOST_NAMES = 12
"""Columns that the line of text names."""


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


def in_one_line(summary: dict[str, Any]) -> str:
    """Summarize a run in one line."""
    rate, sound = summary["sample_rate_hz"], summary["level_unit"] == "dBFS"
    length = (
        f"{_time(summary['samples_in'] / rate)}{rate_in_words(rate)}" if rate else f"{summary['samples_in']} samples"
    )
    missing = _rows_missing(summary)
    if missing:
        span = _time(summary["time_span_s"])
        length = f"{summary['samples_in']} samples over {span}{rate_in_words(rate)}, about {missing} missing in gaps"
    series = series_of(summary)
    if series is not None:
        length = f"{summary['samples_in']} rows of {series} series{rate_in_words(rate) if rate else ''}"
    elif summary.get("rate_from"):
        length += f" (by {summary['rate_from']})"
    if summary["sample_rate_assumed"]:
        length += f" (assumed, as the model {summary['model']} takes no other; state the true one with --rate)"
    engine = engine_in_words(summary)
    if summary["follows_above_hz"]:
        engine += f" (the band above {summary['follows_above_hz']:g} Hz follows its gain)"
    parts = [
        f"{summary['input']} -> {summary['output']}: {length}",
        _columns_in_words(summary) if "columns" in summary else _counted(summary["channels"], "channel"),
        engine,
        f"computed in {_time(summary['compute_time_s'])}"
        + (f" (RTF {summary['rtf']:.2g})" if summary["rtf"] and sound else ""),
    ]
    if summary["input"] == "-" or is_sensor(summary["input"]):
        latency = f"latency {summary['latency_samples']} samples"
        parts.append(latency + (f" ({_time(summary['latency_ms'] / 1000)})" if summary["latency_ms"] else ""))
    if summary["missing_samples"]:
        parts.append(f"{summary['missing_samples']} missing values left as they are")
    if summary.get("rounded"):
        names = _listed(summary["rounded"])
        parts.append(
            f"{names} written as whole numbers, as the decimal mark is unknown (--decimal . gives more digits)"
        )
    if summary.get("markers"):
        parts.append(f"{', '.join(summary['markers'])} treated as missing values")
    if summary.get("bad_rows"):
        parts.append(f"{summary['bad_rows']} bad rows not denoised ({summary['first_bad_row']})")
    if summary["failed_windows"]:
        parts.append(f"{summary['failed_windows']} windows are unchanged, as the model failed on them")
    return "; ".join((", ".join(parts), *(note for note in summary["notes"] if not note.startswith(WARNING))))


def engine_in_words(summary: dict[str, Any]) -> str:
    """Name the model of a report, its hop, and what works beside it."""
    notch = f", notch {summary['notch_hz']:g} Hz and harmonics" if summary["notch_hz"] else ""
    gate = f", gate {summary['gate_db']:g} dB" if summary["gate_db"] else ""
    return f"model {summary['model']}, hop {summary['hop']}{notch}{gate}"


def _rows_missing(summary: dict[str, Any]) -> int:
    """Return how many samples are missing by the first and the last time stamp; 0 if they tell no gaps."""
    rate, span = summary["sample_rate_hz"], summary.get("time_span_s")
    if not rate or span is None or series_of(summary) is not None:
        return 0
    missing = round(span * rate) + 1 - int(summary["samples_in"])
    return missing if missing > LEAST_MISSING * summary["samples_in"] else 0


def _time(seconds: float) -> str:
    """Format a duration.

    >>> _time(0.009375), _time(14.09), _time(200.0), _time(9000.0), _time(200_000.0), _time(3600.0)
    ('9.4 ms', '14.09 s', '3 min 20 s', '2 h 30 min', '2 d 7 h', '1 h')
    """
    if seconds < 0.1:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    for name, size, part, part_size in (("min", 60, "s", 1), ("h", 3600, "min", 60), ("d", 86400, "h", 3600)):
        if name == "d" or seconds < {"min": 3600, "h": 2 * 86400}[name]:
            whole = int(seconds // size)
            rest = int((seconds - whole * size) // part_size)
            return f"{whole} {name}" + (f" {rest} {part}" if rest else "")
    raise AssertionError


def rate_in_words(rate_hz: float) -> str:
    """Format a sample rate that follows a length; a slow one as the time between samples.

    >>> rate_in_words(16000.0), rate_in_words(0.5), rate_in_words(1 / 300)
    (' at 16000 Hz', ' at 0.5 Hz', ', a sample every 5 min')
    """
    return f" at {rate_hz:g} Hz" if rate_hz > 1 / 60 else f", a sample every {_time(round(1 / rate_hz, 3))}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def series_of(summary: dict[str, Any]) -> int | None:
    """Return the number of series that a table was denoised as; None if as one."""
    for change in summary["changes"]:
        if "series" in change:
            return int(change["series"]["number"])
    return None


def changes_in_words(summary: dict[str, Any]) -> list[str]:
    """Describe in a few lines what was removed, and warn of isolated peaks that were lowered."""
    series = series_of(summary)
    channels, noun = summary["channels"], "column" if "columns" in summary else "channel"
    names = summary.get("columns") or ([""] if channels == 1 else [f"channel {index + 1}" for index in range(channels)])
    changed = [(name, change) for name, change in zip(names, summary["changes"], strict=True) if change["removed_rms"]]
    changed.sort(key=lambda pair: pair[1]["removed_share"] or 0.0, reverse=True)
    lines = [note for note in summary["notes"] if note.startswith(WARNING)]
    lines += [_change_in_words(name, change, summary) for name, change in changed[:MOST_CHANGES]]
    if len(changed) > MOST_CHANGES:
        lines.append(f"smaller shares were removed from {_counted(len(changed) - MOST_CHANGES, f'more {noun}')}")
    lowered = [(name, change) for name, change in changed if change["lowered_peaks"]]
    if lowered:
        name, change = max(lowered, key=lambda pair: pair[1]["lowered_peaks"])
        peak, count = change["largest_lowered_peak"], sum(change["lowered_peaks"] for _, change in lowered)
        peaks = "1 isolated peak was lowered" if count == 1 else f"{count} isolated peaks were lowered"
        lines.append(
            f"{WARNING}{peaks}{f', most in {name}' if len(changed) > 1 else ''}, {'the largest ' * (count > 1)}"
            f"from {before_to_after(peak)} {_place(peak, summary)}; "
            "if such peaks are data and not disturbances, use --keep-peaks"
        )
    if summary["kept_peaks"]:
        lines.append(f"{summary['kept_peaks']} samples of isolated peaks kept as they were")
    if summary["output_bytes"] is not None:
        lines.append(
            f"wrote {summary['output']} ({_size(summary['output_bytes'])}): "
            f"{effect_in_words(changed, channels, noun, 'the variation' if series is None else WITHIN)}"
        )
    return lines


def effect_in_words(changed: list[tuple[str, dict[str, Any]]], channels: int, noun: str, variation: str) -> str:
    """Describe how much was removed, from the largest share to the smallest one."""
    shares = [change["removed_share"] or 0.0 for _, change in changed]
    if not shares or shares[0] < LEAST_SHARE:
        return "hardly anything removed"
    if channels == 1:
        return f"{percent(shares[0])} of {variation} removed"
    if len(shares) == 1:
        return f"{percent(shares[0])} of {variation} removed from 1 of {channels} {noun}s"
    most, least = percent(shares[0]), percent(shares[-1])
    if most == least:
        return f"{most} of {variation} removed from each {noun}"
    span = f"up to {most}" if least == percent(0.0) else f"{least} to {most}"
    return f"{span} of {variation} removed, by {noun}"


def percent(share: float) -> str:
    """Format a share in percent.

    >>> percent(0.4321), percent(1.2), percent(0.00001)
    ('43 %', '120 %', 'less than 0.1 %')
    """
    if share < 1e-3:
        return "less than 0.1 %"
    return f"{100 * share:.0f} %" if share > 0.0995 else f"{100 * share:.1f} %"


def _size(size_bytes: int) -> str:
    """Format a file's size.

    >>> _size(512), _size(105_367), _size(2_400_000)
    ('512 bytes', '105 kB', '2.4 MB')
    """
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size_bytes < 1000 * size or unit == "GB":
            return f"{size_bytes / size:.0f} {unit}" if unit == "kB" else f"{size_bytes / size:.1f} {unit}"
    raise AssertionError


def _change_in_words(name: str, change: dict[str, Any], summary: dict[str, Any]) -> str:
    """Describe what was removed from one column or channel."""
    removed, share_of_all, series = change["removed_rms"], change["removed_share"], change.get("series")
    from_name = f" from {name}" if name else ""
    if change["input_deviation"] == 0 and removed <= ROUNDING * abs(change["largest_change"]["before"]):
        return f"nothing removed{from_name}: all values are the same"
    if share_of_all is not None and share_of_all < LEAST_SHARE:
        return f"hardly anything removed{from_name}, less than {100 * LEAST_SHARE:g} % of its variation"
    amount = f"{20 * math.log10(removed):.1f} dBFS" if summary["level_unit"] == "dBFS" else f"{removed:.3g} RMS"
    share = f", {percent(share_of_all)} of {'its variation' if not series else WITHIN}" if share_of_all else ""
    if series and series["number"] > 1 and series["most_changed"] is not None:
        most = f"series {series['most_changed']}" if series["most_changed"] else "the series without a name"
        share += f" (most in {most}, {percent(series['largest_removed_share'])})"
    snr, hum = change["estimated_snr_db"], change["hum"]
    estimate = f" (estimated SNR before {round(snr)} dB)" if snr is not None else ""
    if hum and not summary["notch_hz"]:
        estimate = (
            f" (no SNR estimate: a steady tone at {hum['tone_hz']} Hz may be mains hum; "
            f"if it is, --notch {hum['mains_hz']} removes it)"
        )
    largest = change["largest_change"]
    where = f"; largest change {before_to_after(largest)} {_place(largest, summary)}"
    return f"removed{from_name} {amount}{share}{estimate}{where}"


def before_to_after(change: dict[str, Any], digits: int = 6) -> str:
    """Format a sample before and after, with this many digits or as many as distinguish them.

    >>> before_to_after({"before": 1.534, "after": 0.1486124})
    '1.534 to 0.148612'
    >>> before_to_after({"before": 1e9 + 1, "after": 1e9 + 2})
    '1000000001 to 1000000002'
    """
    texts = [f"{change[key]:.{digits}g}" for key in ("before", "after")]
    return " to ".join(texts) if texts[0] != texts[1] or digits > 16 else before_to_after(change, digits + 1)


def _place(change: dict[str, Any], summary: dict[str, Any]) -> str:
    """Describe where a change is: its time and row."""
    sample, rate = change["sample"], summary["sample_rate_hz"]
    if "columns" in summary:
        when = f"at {summary['time_column']} {change['time']}, " if change["time"] else ""
        return f"{when}in row {sample + 1} of the data"
    return f"at {sample / rate:.3f} s" if rate else f"at sample {sample + 1}"


def _columns_in_words(summary: dict[str, Any]) -> str:
    """List the columns that were denoised, and those that were left, with the reasons."""
    left = [f"{column['name']} ({column['reason']})" for column in summary.get("left", [])]
    denoised = f"column{'s' if len(summary['columns']) > 1 else ''} {_listed(summary['columns'])}"
    if summary.get("sparse"):
        denoised += f" ({_listed(summary['sparse'])} over the known values alone, as more than a third are missing)"
    judged = f", judged by the first {FILE_ROWS} rows" if summary["samples_in"] > FILE_ROWS else ""
    return f"{denoised}; not denoised{judged}: {_listed(left)}" if left else denoised


def _listed(names: list[str]) -> str:
    """Join names with commas, of many the first ones."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"
