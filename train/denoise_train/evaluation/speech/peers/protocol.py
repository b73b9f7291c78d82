"""What a program that cleans speech is to an evaluation, and how one that works block by block is fed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from denoise_train.arrays import Array


@dataclass(frozen=True)
class Enhancer:
    """A way to clean speech.

    Attributes
    ----------
    name
        What people call it.
    latency_ms
        Until a sample is given back, itself included, by the algorithm alone; None where it sees the whole recording.
    enhance
        ``noisy (n,) -> (n,)``, float64 at 16 kHz, aligned to the sample.
    """

    name: str
    latency_ms: float | None
    enhance: Callable[[Array], Array]


def run_blocks(signal: Array, block: int, delay: int, process: Callable[[Array], Array]) -> Array:
    """Run a program block by block over a signal and take its delay away.

    Zeros appended to the end bring out what the delay holds back.

    Parameters
    ----------
    signal
        float64 array ``(n,)``.
    block
        Samples per block.
    delay
        By how many samples the output is late.
    process
        ``(block,) -> (block,)``, called in order.

    Returns
    -------
    float64 array ``(n,)``, aligned to the sample.

    Examples
    --------
    >>> late = iter([np.zeros(2), np.array([1.0, 2.0]), np.array([3.0, 0.0])])
    >>> run_blocks(np.array([1.0, 2.0, 3.0]), 2, 2, lambda block: next(late))
    array([1., 2., 3.])
    """
    count = -(-(len(signal) + delay) // block)
    blocks = np.pad(signal, (0, count * block - len(signal))).reshape(count, block)
    return np.concatenate([process(each) for each in blocks])[delay : delay + len(signal)]
