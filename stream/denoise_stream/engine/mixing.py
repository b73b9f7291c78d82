"""Blend the input back into the denoised signal, by ``mix`` and ``max_attenuation_db``.

    out = x + m (1 - g) (y - x),    g = 10^(-A / 20)

x is the input, y the denoised signal, m the mix and A the largest attenuation in dB: where y is silent and m is 1,
out is x lowered by A.
"""

import numpy as np

from denoise_stream.arguments import real_number, whole_number
from denoise_stream.arrays import Samples


class Mixer:
    """Blend two aligned signals, with a share that may change while they run.

    Kept between calls: how far a change of the share has progressed.

    Parameters
    ----------
    mix
        Share of the denoised signal, 0 (input unchanged) to 1.
    max_attenuation_db
        Largest attenuation in dB, 0 (input unchanged) or more; None sets no limit.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(self, mix: float = 1.0, max_attenuation_db: float | None = None) -> None:
        check_mix(mix)
        if max_attenuation_db is not None and not real_number("max_attenuation_db", max_attenuation_db) >= 0.0:
            raise ValueError(
                f"max_attenuation_db={max_attenuation_db} is out of range; use 0 (input unchanged) or more, such as 12"
            )
        self._limit = 1.0 if max_attenuation_db is None else 1.0 - 10.0 ** (-max_attenuation_db / 20.0)
        self._mix = self._target = mix
        self._left = 0
        self._change: tuple[float, int] | None = None

    def fade_to(self, mix: float, samples: int) -> None:
        """Change the mix in a straight line over the next samples; 0 samples is at once, with a click."""
        check_mix(mix)
        if whole_number("samples", samples) < 0:
            raise ValueError(f"samples={samples} is less than 0; use 0 (at once) or more")
        self._change = (mix, samples)  # one assignment, as another thread may be at work in blend()

    def blend(self, noisy: Samples, clean: Samples) -> Samples:
        """Take the next samples of both, ``(channels, n)``; return the blend."""
        share = self._limit * self._next_mix(noisy.shape[1])
        if isinstance(share, float) and share == 1.0:
            return clean
        return noisy + share * (clean - noisy)

    def _next_mix(self, count: int) -> float | Samples:
        """Return the mix for the next samples: one number, or one for each while it changes."""
        if self._change is not None:
            (self._target, self._left), self._change = self._change, None
        if self._mix == self._target:
            return self._mix
        left = max(self._left, 1)
        steps = np.minimum(np.arange(1, count + 1), left)
        mixes: Samples = self._mix + (self._target - self._mix) * steps / left
        self._left -= count
        if self._left <= 0:
            self._mix = self._target
        elif count:
            self._mix = float(mixes[-1])
        return mixes


def check_mix(mix: float) -> None:
    """Raise a ValueError if a mix is out of range."""
    if not 0.0 <= real_number("mix", mix, "a number from 0 to 1") <= 1.0:
        raise ValueError(f"mix={mix} is out of range; use 0 (input unchanged) to 1 (all denoised)")
