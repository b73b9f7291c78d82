"""Predict listeners' ratings of speech without the clean signal: DNSMOS P.835, from its ONNX file.

C. K. A. Reddy, V. Gopal, R. Cutler: DNSMOS P.835: a non-intrusive perceptual objective speech quality metric to
evaluate noise suppressors, ICASSP 2022. The file, ``sig_bak_ovr.onnx``, is published with the DNS challenges.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from denoise_stream.errors import ContractError, first_line
from denoise_train.arrays import Array
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.evaluation.speech.peers.network import FLOAT, describe_tensors, open_network

SEGMENT = 144_160
"""Samples that the network takes at once, 9.01 s; longer signals are rated in segments that start every second."""

SIG, BAK, OVRL = "dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"
"""How good the speech is, how little the background disturbs, and the whole: from 1 (bad) to 5 (excellent)."""

FITS = {
    SIG: (-0.08397278, 1.22083953, 0.0052439),
    BAK: (-0.13166888, 1.60915514, -0.39604546),
    OVRL: (-0.06766283, 1.11546468, 0.04602535),
}
"""The published polynomials, highest power first, that take the network's outputs, in this order, to ratings."""

NEEDED = f"DNSMOS P.835 (sig_bak_ovr.onnx): samples [batch, {SEGMENT}] -> three ratings [batch, 3]"

Rate = Callable[[Array], dict[str, Array]]
"""``estimate (n, length) -> {SIG: (n,), BAK: (n,), OVRL: (n,)}``."""


def load_dnsmos(path: Path) -> Rate:
    """Load the network; it takes float64 arrays ``(n, length)`` at 16 kHz, full scale 1, and levels matter.

    A signal shorter than 9.01 s is repeated, as in the published program; a longer one is rated in segments that
    begin a second apart, and the ratings' means are returned.

    Raises
    ------
    ContractError
        If the file cannot be read, or is another network.
    """
    session = open_network(path, NEEDED)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    one_each = len(inputs) == len(outputs) == 1 and inputs[0].type == outputs[0].type == FLOAT
    if not (one_each and _fits(inputs[0].shape, SEGMENT) and _fits(outputs[0].shape, len(FITS))):
        raise ContractError(f"{path.name} is not DNSMOS P.835: it has {describe_tensors(session)}; needed: {NEEDED}")

    def run(segment: Array) -> Array:
        try:
            (ratings,) = session.run(None, {inputs[0].name: segment.astype(np.float32)[None]})
        except Exception as error:  # onnxruntime's exceptions share no base class but Exception
            raise ContractError(f"{path.name} fails: {first_line(error)}") from error
        if ratings.shape != (1, len(FITS)):
            raise ContractError(f"{path.name} gives {list(ratings.shape)} numbers; needed: {NEEDED}")
        return np.asarray(ratings[0], dtype=np.float64)

    def rate(estimate: Array) -> dict[str, Array]:
        ratings = np.stack([_rate(run, signal) for signal in estimate])
        return dict(zip(FITS, ratings.T, strict=True))

    return rate


def _fits(shape: Sequence[int | str | None], wanted: int) -> bool:
    """Tell whether a tensor may be ``(1, wanted)``."""
    return len(shape) == 2 and all(
        size == one or not isinstance(size, int) for size, one in zip(shape, (1, wanted), strict=True)
    )


def _rate(run: Callable[[Array], Array], signal: Array) -> Array:
    """Return the three ratings of a signal ``(length,)``, the mean over its segments."""
    while len(signal) < SEGMENT:
        signal = np.concatenate((signal, signal))
    second = int(RATE_HZ)
    # The published program counts whole seconds: a segment that ends within the last, broken one is left out.
    last = max(0, len(signal) // second * second - SEGMENT)
    segments = [signal[start : start + SEGMENT] for start in range(0, last + 1, second)]
    raw = np.stack([run(segment) for segment in segments])
    return np.array([np.polyval(fit, raw[:, column]).mean() for column, fit in enumerate(FITS.values())])
