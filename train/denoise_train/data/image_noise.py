"""Add noise to images in [0, 1]."""

from collections.abc import Mapping

import numpy as np

from denoise_train.arrays import Windows
from denoise_train.synthetic.mixing import check_shares, choose_kinds, draw_additive
from denoise_train.synthetic.noise import ADDITIVE, replace_samples

REPLACING = "salt_and_pepper"
ROWS_AT_ONCE = 4096
"""Rows whose noise is drawn together, to bound the memory."""


def check_pixel_noise(shares: Mapping[str, float]) -> None:
    """Refuse kinds of noise that images do not have, with a ValueError."""
    check_shares(shares)
    for kind in shares:
        if kind not in (*ADDITIVE, REPLACING):
            raise ValueError(f"noise kind {kind!r} is for signals; use {', '.join((*ADDITIVE, REPLACING))}")


def disturb_pixels(
    rng: np.random.Generator, clean: Windows, shares: Mapping[str, float], deviation: float, replaced: float
) -> Windows:
    """Disturb each image by noise of a kind drawn for it, and clip to [0, 1].

    Parameters
    ----------
    rng
        Source of all randomness.
    clean
        float32 array ``(count, pixels)``, values 0 to 1.
    shares
        Kind of noise to its relative share of the images; the kinds are those of signals.
    deviation
        Standard deviation of additive noise.
    replaced
        Share of the pixels, 0 to 1, that salt and pepper makes white or black.

    Returns
    -------
    float32 array ``(count, pixels)``.
    """
    noisy = np.empty_like(clean)
    for start in range(0, len(clean), ROWS_AT_ONCE):
        part = clean[start : start + ROWS_AT_ONCE].astype(np.float64)
        chosen = choose_kinds(rng, len(part), shares)
        additive = chosen != REPLACING
        if additive.any():
            part[additive] += deviation * draw_additive(rng, chosen[additive], part.shape[1])
        part[~additive] = replace_samples(rng, part[~additive], replaced, 0.0, 1.0)
        noisy[start : start + ROWS_AT_ONCE] = np.clip(part, 0.0, 1.0)
    return noisy
