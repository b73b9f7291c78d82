"""The interface of a program that enhances speech, and a runner for those that work block by block."""

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
        Its usual name.
    latency_ms
        Algorithmic latency, the sample itself included; None if it needs the whole recording.
    enhance
        ``noisy (n,) -> (n,)``, float64 at 16 kHz, aligned to the sample.
    """

    name: str
    latency_ms: float | None
    enhance: Callable[[Array], Array]


def run_blocks(signal: Array, block: int, delay: int, process: Callable[[Array], Array]) -> Array:
    """Run a program block by block over a signal and remove its delay. Zeros are appended to flush the delayed end.

    Parameters
    ----------
    signal
        float64 array ``(n,)``.
    block
        Samples per block.
    delay
        Delay of the output in samples.
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
