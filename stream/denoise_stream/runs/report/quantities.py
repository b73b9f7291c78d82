"""Format durations, rates, shares, sizes and changes for people."""

from typing import Any


def duration(seconds: float) -> str:
    """Format a duration.

    >>> duration(0.009375), duration(14.09), duration(200.0), duration(9000.0), duration(200_000.0), duration(3600.0)
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
    return f" at {rate_hz:g} Hz" if rate_hz > 1 / 60 else f", a sample every {duration(round(1 / rate_hz, 3))}"


def percent(share: float) -> str:
    """Format a share in percent.

    >>> percent(0.4321), percent(1.2), percent(0.00001)
    ('43 %', '120 %', 'less than 0.1 %')
    """
    if share < 1e-3:
        return "less than 0.1 %"
    return f"{100 * share:.0f} %" if share > 0.0995 else f"{100 * share:.1f} %"


def file_size(size_bytes: int) -> str:
    """Format a file's size.

    >>> file_size(512), file_size(105_367), file_size(2_400_000)
    ('512 bytes', '105 kB', '2.4 MB')
    """
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size_bytes < 1000 * size or unit == "GB":
            return f"{size_bytes / size:.0f} {unit}" if unit == "kB" else f"{size_bytes / size:.1f} {unit}"
    raise AssertionError


def counted(count: int, noun: str) -> str:
    """Format a number of things, such as ``1 column`` and ``2 columns``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def before_to_after(change: dict[str, Any], digits: int = 6) -> str:
    """Format a sample before and after, with this many digits or as many as distinguish them.

    >>> before_to_after({"before": 1.534, "after": 0.1486124})
    '1.534 to 0.148612'
    >>> before_to_after({"before": 1e9 + 1, "after": 1e9 + 2})
    '1000000001 to 1000000002'
    """
    texts = [f"{change[key]:.{digits}g}" for key in ("before", "after")]
    return " to ".join(texts) if texts[0] != texts[1] or digits > 16 else before_to_after(change, digits + 1)
