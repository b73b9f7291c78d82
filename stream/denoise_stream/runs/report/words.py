"""Describe the facts of a run: one line for the run, a few lines for what was removed."""

import math
from typing import Any

from denoise_stream.files.tables.preview import FILE_ROWS
from denoise_stream.runs.report.quantities import before_to_after, counted, duration, file_size, percent, rate_in_words
from denoise_stream.sensors.addresses import is_sensor

MOST_CHANGES = 3
"""Most columns or channels whose changes are listed."""

LEAST_SHARE = 1e-4
"""A smaller share of the variation counts as nothing removed."""

ROUNDING = 1e-12
"""A change by a smaller share of a value is rounding."""

WARNING = "warning: "
"""Prefix of notes that must not be overlooked; each gets a line of its own."""

WITHIN = "the variation within its series"
"""That of each series about its own mean, not what sets the series apart."""

LEAST_MISSING = 0.005
"""A smaller share of missing samples may be an inexact rate."""

MOST_NAMES = 12
"""Columns that the line of text names."""


def in_one_line(summary: dict[str, Any]) -> str:
    """Summarize a run in one line."""
    engine = engine_in_words(summary)
    if summary["follows_above_hz"]:
        engine += f" (the band above {summary['follows_above_hz']:g} Hz follows its gain)"
    parts = [
        f"{summary['input']} -> {summary['output']}: {_length_in_words(summary)}",
        _columns_in_words(summary) if "columns" in summary else counted(summary["channels"], "channel"),
        engine,
        f"computed in {duration(summary['compute_time_s'])}"
        + (f" (RTF {summary['rtf']:.2g})" if summary["rtf"] and summary["level_unit"] == "dBFS" else ""),
    ]
    if summary["input"] == "-" or is_sensor(summary["input"]):
        latency = f"latency {summary['latency_samples']} samples"
        parts.append(latency + (f" ({duration(summary['latency_ms'] / 1000)})" if summary["latency_ms"] else ""))
    if summary["missing_samples"]:
        parts.append(f"{counted(summary['missing_samples'], 'missing value')} left unchanged")
    if summary.get("rounded"):
        names = _listed(summary["rounded"])
        parts.append(
            f"{names} written as whole numbers, as the decimal mark is unknown (--decimal . gives more digits)"
        )
    if summary.get("markers"):
        parts.append(f"{', '.join(summary['markers'])} treated as missing values")
    if summary.get("bad_rows"):
        parts.append(f"{counted(summary['bad_rows'], 'bad row')} not denoised ({summary['first_bad_row']})")
    if summary["failed_windows"]:
        parts.append(f"{summary['failed_windows']} windows are unchanged, as the model failed on them")
    return "; ".join((", ".join(parts), *(note for note in summary["notes"] if not note.startswith(WARNING))))


def engine_in_words(summary: dict[str, Any]) -> str:
    """Name the model of a report, its hop, and what works beside it."""
    notch = f", notch {summary['notch_hz']:g} Hz and harmonics" if summary["notch_hz"] else ""
    gate = f", gate {summary['gate_db']:g} dB" if summary["gate_db"] else ""
    return f"model {summary['model']}, hop {summary['hop']}{notch}{gate}"


def _length_in_words(summary: dict[str, Any]) -> str:
    """Describe how long the signal is, and where its sample rate is from."""
    rate, samples, series = summary["sample_rate_hz"], summary["samples_in"], _number_of_series(summary)
    at_rate = rate_in_words(rate) if rate else ""
    if series is not None:
        length = f"{samples} rows of {series} series{at_rate}"
    elif missing := _rows_missing(summary):
        length = f"{samples} samples over {duration(summary['time_span_s'])}{at_rate}, about {missing} missing in gaps"
    else:
        length = f"{duration(samples / rate)}{at_rate}" if rate else f"{samples} samples"
    if series is None and summary.get("rate_from"):
        length += f" (by {summary['rate_from']})"
    if summary["sample_rate_assumed"]:
        length += f" (assumed, as the model {summary['model']} takes no other; state the true one with --rate)"
    return length


def _number_of_series(summary: dict[str, Any]) -> int | None:
    """Return the number of series that a table was denoised as; None if as one."""
    for change in summary["changes"]:
        if "series" in change:
            return int(change["series"]["number"])
    return None


def _rows_missing(summary: dict[str, Any]) -> int:
    """Return how many samples are missing by the first and the last time stamp; 0 if they tell no gaps."""
    rate, span = summary["sample_rate_hz"], summary.get("time_span_s")
    if not rate or span is None:
        return 0
    missing = round(span * rate) + 1 - int(summary["samples_in"])
    return missing if missing > LEAST_MISSING * summary["samples_in"] else 0


def _columns_in_words(summary: dict[str, Any]) -> str:
    """List the columns that were denoised, and those that were left, with the reasons."""
    left = [f"{column['name']} ({column['reason']})" for column in summary.get("left", [])]
    denoised = f"column{'s' if len(summary['columns']) > 1 else ''} {_listed(summary['columns'])}"
    if summary.get("sparse"):
        denoised += f" ({_listed(summary['sparse'])} over the known values alone, as more than a third are missing)"
    judged = f", judged by the first {FILE_ROWS} rows" if summary["samples_in"] > FILE_ROWS else ""
    return f"{denoised}; not denoised{judged}: {_listed(left)}" if left else denoised


def changes_in_words(summary: dict[str, Any]) -> list[str]:
    """Describe in a few lines what was removed, and warn of isolated peaks that were lowered."""
    series = _number_of_series(summary)
    channels, noun = summary["channels"], "column" if "columns" in summary else "channel"
    names = summary.get("columns") or ([""] if channels == 1 else [f"channel {index + 1}" for index in range(channels)])
    changed = [(name, change) for name, change in zip(names, summary["changes"], strict=True) if change["removed_rms"]]
    changed.sort(key=lambda pair: pair[1]["removed_share"] or 0.0, reverse=True)
    lines = [note for note in summary["notes"] if note.startswith(WARNING)]
    lines += [_change_in_words(name, change, summary) for name, change in changed[:MOST_CHANGES]]
    if len(changed) > MOST_CHANGES:
        lines.append(f"smaller shares were removed from {counted(len(changed) - MOST_CHANGES, f'more {noun}')}")
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
            f"wrote {summary['output']} ({file_size(summary['output_bytes'])}): "
            f"{effect_in_words(changed, channels, noun, 'the variation' if series is None else WITHIN)}"
        )
    return lines


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


def _place(change: dict[str, Any], summary: dict[str, Any]) -> str:
    """Describe where a change is: its time and row."""
    sample, rate = change["sample"], summary["sample_rate_hz"]
    if "columns" in summary:
        when = f"at {summary['time_column']} {change['time']}, " if change["time"] else ""
        return f"{when}in row {sample + 1} of the data"
    return f"at {sample / rate:.3f} s" if rate else f"at sample {sample + 1}"


def _listed(names: list[str]) -> str:
    """Join names with commas, of many the first ones."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST_NAMES])} and {more} more"
