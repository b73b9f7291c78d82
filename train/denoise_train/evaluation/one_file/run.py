"""Judge every signal of a file: read it, compare, conclude."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from denoise_stream import SourceError
from denoise_stream.contract import Contract
from denoise_train.arrays import Array
from denoise_train.dsp.filters import Filter
from denoise_train.evaluation.lengths import piece_samples
from denoise_train.evaluation.one_file.conclusion import RIGHT_OF_100, Conclusion, conclude
from denoise_train.evaluation.one_file.estimates import SHORTEST_SIGNAL, Comparison, Gain, compare_blindly
from denoise_train.recordings.origins import Origin
from denoise_train.recordings.recordings import load_recordings

MOST_SIGNALS = 8
"""Most signals of a file that are judged; each takes seconds."""

WHOLE, PIECES, PIECE, PIECE_SECONDS = 60_000, 4, 30_000, 2.0
"""A signal of up to ``WHOLE`` samples is judged whole, a longer one by ``PIECES`` of this many samples, or seconds.

A model with a memory needs longer pieces; half as many are judged then.
"""


@dataclass(frozen=True)
class Judged:
    """One signal of a file and its verdict.

    Attributes
    ----------
    origin
        File and column, unit and rate.
    samples
        How many there are in all.
    starts
        Number of the first sample of each piece.
    pieces
        What was judged, ``(pieces, length)``.
    found, conclusion
        The estimates (None if no noise was found), and the conclusion.
    """

    origin: Origin
    samples: int
    starts: tuple[int, ...]
    pieces: Array
    found: Comparison | None
    conclusion: Conclusion

    def figures(self) -> dict[str, Any]:
        """Return everything in a form for JSON."""
        found = self.found
        figures: dict[str, Any] = {
            "signal": self.origin.name,
            "unit": self.origin.unit or None,
            "sample_rate_hz": self.origin.rate_hz,
            "samples": self.samples,
            "samples_judged": int(self.pieces.size),
            "answer": self.conclusion.answer,
            "reasons": list(self.conclusion.reasons),
        }
        if found is None:
            return figures
        snr_db = found.input_snr_db if self.conclusion.noise_is_white else None
        return figures | {
            "right_of_100": None if self.conclusion.answer == "cannot tell" else RIGHT_OF_100,
            "noise_level": found.level if self.conclusion.noise_is_white else None,
            "estimated_snr_db": snr_db,
            "input_snr_db": snr_db,
            "margin_db": found.margin_db,
            "margin_in_deviations": found.deviations,
            "masked_margin_in_deviations": found.masked_deviations,
            "noise_level_ratio_at_half_rate": found.level_ratio,
            "residual_autocorrelation": found.autocorrelation,
            "residual_tails": found.heavy_tails,
            "estimated_improvement_db": [_gain(one) for one in (found.model, *found.filters)],
        }


def judge_file(
    model: Filter,
    path: Path,
    rate_hz: float | None,
    columns: Sequence[str] | None,
    say: Callable[[str], object] = lambda text: None,
    contract: Contract | None = None,
) -> list[Judged]:
    """Judge the first signals of a file.

    Parameters
    ----------
    model
        In the engine at the file's rate.
    path
        Audio, table or arrays.
    rate_hz
        Sample rate in Hz of a file that states none.
    columns
        Names of a table's columns; None means every one that is a signal.
    say
        Gets progress messages.
    contract
        The model's facts: one with a memory is judged on longer pieces. None means that it has none.

    Raises
    ------
    SourceError
        If the file cannot be read, or every signal is too short or constant.
    """
    recordings = load_recordings([path], None, columns)
    judged = []
    pairs = list(zip(recordings.origins, recordings.signals, strict=True))
    long = [(origin, signal) for origin, signal in pairs if len(signal) >= SHORTEST_SIGNAL and np.ptp(signal) > 0]
    if not long:
        most = max(len(signal) for _, signal in pairs)
        raise SourceError(
            f"{path.name} has {most} samples, or does not change; a verdict needs {SHORTEST_SIGNAL} or more"
        )
    for origin, signal in long[:MOST_SIGNALS]:
        origin = dataclasses.replace(origin, rate_hz=origin.rate_hz or rate_hz)
        say(origin.name)
        usual = _usual_samples(origin.rate_hz)
        needed = usual if contract is None else piece_samples(contract, origin.rate_hz, usual)
        starts, pieces = cut(signal, needed, PIECES if needed == usual else PIECES // 2)
        found = compare_blindly(model, pieces)
        judged.append(Judged(origin, len(signal), starts, pieces, found, conclude(found)))
    return judged


def _usual_samples(rate_hz: float | None) -> int:
    """Return the samples of a piece for a model without a memory."""
    return max(PIECE, int(PIECE_SECONDS * (rate_hz or 0)))


def cut(signal: Array, length: int, most: int) -> tuple[tuple[int, ...], Array]:
    """Cut pieces out of a long signal at even distances, ``most`` at most; a short one is a piece by itself.

    >>> cut(np.zeros(500_000), 30_000, 4)[0]
    (0, 156666, 313333, 470000)
    >>> cut(np.zeros(700), 30_000, 4)[0], cut(np.zeros(70_000), 96_000, 4)[0]
    ((0,), (0,))
    """
    if len(signal) <= WHOLE:
        return (0,), signal[None]
    length = min(len(signal), length)
    count = min(most, len(signal) // length)
    starts = tuple(int(start) for start in np.linspace(0, len(signal) - length, count))
    return starts, np.stack([signal[start : start + length] for start in starts])


def _gain(one: Gain) -> dict[str, Any]:
    method = one.method
    return {
        "name": method.filter.name,
        "setting": method.setting,
        "setting_unit": method.filter.unit or None,
        "gain_db": one.gain_db,
    }
