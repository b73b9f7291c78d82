"""Check recordings before a training: constant, clipped, too short, or pairs that are shifted."""

from collections.abc import Iterator, Sequence

import numpy as np

from denoise_stream import SourceError
from denoise_train.arrays import Array

FEWEST_WINDOWS = 20
"""Fewer windows teach a network little."""

CLIPPED_RUN = 3
"""Samples in a row at the largest or smallest value that count as clipped; a peak has one or two."""
CLIPPED_SHARE = 0.002
"""Above this share of samples in such runs a recording counts as clipped."""
FEWEST_VALUES = 64
"""A signal with fewer distinct values is coarse by nature, such as a counter or a switch."""

LONGEST_SHIFT = 48_000
CLEARLY_BETTER = 0.8
"""A shift counts only if it reduces the residual error below this share."""
SIGNIFICANT = 5.0
"""A shift counts only if it raises the correlation by this many standard deviations, sqrt(residual error / samples)."""


def refuse_constant(signals: Sequence[Array], where: str) -> None:
    """Raise a SourceError if no signal changes at all."""
    if signals and all(np.ptp(signal) == 0 for signal in signals):
        raise SourceError(
            f"every signal in {where} is constant, so there is nothing to learn from; give recordings that change, or "
            "other columns of the file"
        )


def refuse_short(signals: Sequence[Array], window: int, where: str) -> None:
    """Raise a SourceError if not even the longest signal fills a window."""
    longest = max(map(len, signals), default=0)
    if longest < window:
        raise SourceError(
            f"the longest signal in {where} has {longest} samples, which do not fill one window of {window}; give "
            f"{FEWEST_WINDOWS * window} samples or more in all, the more the better"
        )


def warnings_about(signals: Sequence[Array], window: int) -> Iterator[str]:
    """Yield a warning for each fault of these signals that spoils a training.

    Parameters
    ----------
    signals
        float64 arrays ``(n,)`` without gaps.
    window
        Samples per window of the network.
    """
    constant = sum(np.ptp(signal) == 0 for signal in signals)
    if constant:
        yield f"{constant} of {len(signals)} signals are constant and teach nothing"
    clipped = [share for share in map(clipped_share, signals) if share > CLIPPED_SHARE]
    if clipped:
        yield (
            f"{len(clipped)} of {len(signals)} signals look clipped (up to {100 * max(clipped):.1f} % of the samples "
            "lie flat at the largest or smallest value), and a network learns to keep that: record with less gain"
        )
    samples = sum(map(len, signals))
    if samples < FEWEST_WINDOWS * window:
        yield (
            f"{samples} samples make {samples / window:.1f} windows of {window}; a network learns little from fewer "
            f"than {FEWEST_WINDOWS}: give more recordings"
        )


def clipped_share(signal: Array) -> float:
    """Return the share of samples that lie in a row of three or more at the signal's largest or smallest value.

    >>> wave = np.sin(np.arange(1000) / 7)
    >>> clipped_share(wave), round(clipped_share(np.clip(wave, -0.9, 0.9)), 1)
    (0.0, 0.3)
    """
    if len(np.unique(signal)) < FEWEST_VALUES:
        return 0.0
    share = 0
    for limit in (signal.min(), signal.max()):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (signal == limit).astype(np.int8), [0]))))
        lengths = edges[1::2] - edges[::2]
        share += int(lengths[lengths >= CLIPPED_RUN].sum())
    return share / len(signal)


def find_shift(clean: Array, noisy: Array) -> tuple[int, float]:
    """Estimate by how many samples the noisy signal of a pair is late.

    Parameters
    ----------
    clean, noisy
        float64 arrays ``(n,)`` and ``(m,)``.

    Returns
    -------
    shift, correlation
        The shift at which the signals agree most, negative if the noisy one is early; 0 if no other place is clearly
        better than none. And their correlation there.
    """
    from scipy import signal as scipy_signal  # imported here: --help must work without the extra

    size = min(len(clean), len(noisy))
    ones, others = (_standardized(signal[:size]) for signal in (clean, noisy))
    products = scipy_signal.correlate(others, ones, method="fft") / size
    most = min(LONGEST_SHIFT, size // 2)
    near = products[size - 1 - most : size + most]
    shift = int(np.argmax(near)) - most
    best, here = float(near[shift + most]), float(near[most])
    error_here, error_there = 1 - max(here, 0.0) ** 2, 1 - min(best, 1.0) ** 2
    chance = np.sqrt(error_there / size)
    if error_there < CLEARLY_BETTER * error_here and best - here > SIGNIFICANT * chance:
        return shift, best
    return 0, here


def refuse_shifted(clean: Array, noisy: Array, clean_name: str, noisy_name: str) -> None:
    """Raise a SourceError if the signals of a pair agree clearly better when one is moved."""
    shift, correlation = find_shift(clean, noisy)
    if shift:
        late, early = (noisy_name, clean_name) if shift > 0 else (clean_name, noisy_name)
        raise SourceError(
            f"{late} is about {abs(shift)} samples behind {early} (correlation {correlation:.2f} when moved); a pair "
            f"must be aligned to the sample: cut the first {abs(shift)} off {late} and the last off {early}"
        )


def _standardized(signal: Array) -> Array:
    centred = signal - signal.mean()
    deviation = centred.std()
    return np.asarray(centred / deviation if deviation > 0 else centred)
