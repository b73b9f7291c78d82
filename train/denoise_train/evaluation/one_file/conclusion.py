"""Decide from the estimates on one signal whether a model is better than the best plain filter, or that it is unclear.

A verdict is given only where the noise is of the kind that the estimates take it for, where both estimates agree, and
where the difference is larger than its scatter. How often such verdicts are right was measured on signals whose clean
version is known, by ``benchmarks/bench_verdict.py``, on other cases than those that the limits here were chosen on.
Looser limits (tails to 2, level ratio to 1.4, masking up to one deviation against it) gave a third more verdicts, of
which, of an earlier model, 91 of 100 were right in place of 96.
"""

from dataclasses import dataclass
from typing import Literal

from denoise_stream.runs.noise_level import HEAVY_TAILS
from denoise_train.evaluation.blind import WHITE_CORRELATION, WHITE_RATIO
from denoise_train.evaluation.one_file.estimates import Comparison

Answer = Literal["better", "not better", "cannot tell"]

LEAST_DEVIATIONS = 2.0
"""A difference of fewer standard deviations may be due to chance."""

RIGHT_OF_100 = 97
"""Right verdicts in a hundred, on signals whose clean version is known; from docs/results/verdict.json."""

WITHIN_DB = 3
"""Error in dB of the estimated difference, not exceeded in nine of ten of them."""


@dataclass(frozen=True)
class Conclusion:
    """The answer, or the reasons why there is none, as sentences without a full stop."""

    answer: Answer
    reasons: tuple[str, ...] = ()
    noise_is_white: bool = True


def conclude(found: Comparison | None) -> Conclusion:
    """Answer whether the model is better than the best plain filter.

    Parameters
    ----------
    found
        From :func:`~denoise_train.evaluation.one_file.estimates.compare_blindly`; None for a signal without noise.
    """
    if found is None:
        return Conclusion("cannot tell", ("no noise was found in the signal",))
    reasons = []
    if found.autocorrelation > WHITE_CORRELATION or not 1 / WHITE_RATIO <= found.level_ratio <= WHITE_RATIO:
        reasons.append(
            "the noise is not independent from sample to sample (hum, pink noise, drifts), or the signal varies as "
            "fast as the noise"
        )
    if found.heavy_tails > HEAVY_TAILS:
        reasons.append("the noise comes in impulses or gusts, or peaks of the signal are lowered")
    if reasons:
        return Conclusion("cannot tell", tuple(reasons), noise_is_white=False)
    if abs(found.deviations) < LEAST_DEVIATIONS:
        return Conclusion("cannot tell", ("the difference is smaller than its uncertainty",))
    if found.margin_db == 0:
        return Conclusion("cannot tell", ("both gains are at the most that can be estimated",))
    if (found.deviations > 0) != (found.masked_deviations > 0):
        return Conclusion("cannot tell", ("two kinds of estimate disagree",))
    return Conclusion("better" if found.deviations > 0 else "not better")
