"""Conclude from the estimates on one signal whether a model is better than the best plain filter, if one can tell.

A verdict is given only where the noise is of the kind that the estimates take it for, where the estimates do not
contradict each other, and where the difference is larger than its scatter. How often such verdicts are right was
measured on signals whose clean version is known, by ``benchmarks/bench_verdict.py``, on other cases than those that the
limits here were chosen on.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from denoise_train.evaluation.blind import WHITE_CORRELATION
from denoise_train.evaluation.one_file.estimates import Comparison

Answer = Literal["better", "not better", "cannot tell"]

WIDEST_RATIO = 1.4
"""Noise whose level at half the sample rate is further from that at the full rate, by this factor, is not white."""

HEAVIEST_TAILS = 2.0
"""What is removed comes in impulses or gusts if it is more times as strong as its median tells."""

LEAST_DEVIATIONS = 2.0
"""A difference of fewer standard deviations may be chance."""

MOST_OPPOSED = 1.0
"""Masking, which is the coarser estimate, may speak against the answer by fewer standard deviations."""

RIGHT_OF_100 = 96
"""Of a hundred verdicts so many were right where the clean signal is known; from docs/results/verdict.json."""

WITHIN_DB = 3
"""In nine of ten of them the difference was estimated to so many decibels."""


@dataclass(frozen=True)
class Conclusion:
    """The answer, and in sentences without a full stop why none can be given."""

    answer: Answer
    reasons: tuple[str, ...] = ()


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
    if found.autocorrelation > WHITE_CORRELATION or not 1 / WIDEST_RATIO <= found.level_ratio <= WIDEST_RATIO:
        reasons.append(
            "the noise is not independent from sample to sample (hum, pink noise, drifts), or the signal is as fine as "
            "the noise"
        )
    if found.heavy_tails > HEAVIEST_TAILS:
        reasons.append("the noise comes in impulses or gusts, or peaks of the signal are lowered")
    if reasons:
        return Conclusion("cannot tell", tuple(reasons))
    if abs(found.deviations) < LEAST_DEVIATIONS:
        return Conclusion("cannot tell", ("the difference is no larger than its scatter over the signal",))
    if found.masked_deviations * np.sign(found.deviations) < -MOST_OPPOSED:
        return Conclusion("cannot tell", ("two kinds of estimate disagree",))
    return Conclusion("better" if found.deviations > 0 else "not better")
