"""Mix clean signals with noise at given SNRs, and scale the windows for the network."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from denoise_stream.engine.windows import normalize
from denoise_train.arrays import Array, draw_by_kind
from denoise_train.synthetic.noise import ADDITIVE, DISTORTIONS, NOISE_KINDS


def mix_at_snr(clean: Array, noise: Array, snr_db: NDArray[np.float64] | float) -> Array:
    """Add noise to each clean row, scaled to the wanted signal-to-noise ratio.

    Parameters
    ----------
    clean, noise
        float64 arrays ``(count, length)``.
    snr_db
        Wanted ratio of the clean row's variance to the noise row's mean square, in dB; one
        number or an array ``(count, 1)``. A constant clean row counts as having variance 1.

    Returns
    -------
    float64 array ``(count, length)``. Silent noise stays silent.
    """
    signal_power = clean.var(axis=-1, keepdims=True)
    signal_power = np.where(signal_power > 0, signal_power, 1.0)
    noise_power = np.mean(noise**2, axis=-1, keepdims=True)
    gain = np.sqrt(signal_power / np.maximum(noise_power, 1e-300) / 10 ** (np.asarray(snr_db) / 10))
    return clean + np.where(noise_power > 0, gain, 0.0) * noise


def add_noise(
    rng: np.random.Generator, clean: Array, snr_db: Array | float, shares: Mapping[str, float], blends: float = 0.0
) -> Array:
    """Disturb each row by noise of a kind drawn for it.

    Parameters
    ----------
    rng
        Source of all randomness.
    clean
        float64 array ``(count, length)``.
    snr_db
        Wanted SNR in dB, one number or an array ``(count, 1)``; distortions keep it in expectation.
    shares
        Kind of noise to its relative share of the rows; the shares need not sum to 1.
    blends
        Share of the rows, 0 to 1, whose additive noise is the sum of two kinds.

    Returns
    -------
    float64 array ``(count, length)``, the noisy rows.

    Raises
    ------
    ValueError
        If a kind is not known, or a share is negative, or all are zero.
    """
    check_shares(shares)
    wanted = np.broadcast_to(np.asarray(snr_db, dtype=np.float64), (len(clean), 1))
    noisy = np.empty_like(clean)
    chosen = choose_kinds(rng, len(clean), shares)
    additive = np.isin(chosen, list(ADDITIVE))
    if additive.any():
        noise = draw_additive(rng, chosen[additive], clean.shape[1])
        second = rng.random(len(noise)) < blends
        partners = {kind: share for kind, share in shares.items() if kind in ADDITIVE}
        weight = np.sqrt(rng.uniform(0.1, 0.9, (int(second.sum()), 1)))
        other = draw_additive(rng, choose_kinds(rng, int(second.sum()), partners), clean.shape[1])
        noise[second] = weight * noise[second] + np.sqrt(1 - weight**2) * other
        noisy[additive] = mix_at_snr(clean[additive], noise, wanted[additive])
    for kind, distort in DISTORTIONS.items():
        rows = chosen == kind
        if rows.any():
            noisy[rows] = distort(rng, clean[rows], wanted[rows])
    return noisy


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse impossible shares of kinds of noise, with a ValueError."""
    for kind, share in shares.items():
        if kind not in NOISE_KINDS:
            raise ValueError(f"noise kind {kind!r} is not known; use one of {', '.join(NOISE_KINDS)}")
        if not share >= 0:
            raise ValueError(f"the share of noise kind {kind!r} is {share}; it must be 0 or more")
    if sum(shares.values()) <= 0:
        raise ValueError("no kind of noise has a share above 0")


def choose_kinds(rng: np.random.Generator, count: int, shares: Mapping[str, float]) -> NDArray[np.str_]:
    """Draw a kind of noise for each row, by the kinds' shares."""
    weights = np.array(list(shares.values()), dtype=np.float64)
    return rng.choice(list(shares), size=count, p=weights / weights.sum())


def draw_additive(rng: np.random.Generator, kinds: NDArray[np.str_], length: int) -> Array:
    """Draw noise of unit power ``(len(kinds), length)``, each row of its kind."""
    names = list(ADDITIVE)
    chosen = np.array([names.index(kind) for kind in kinds], dtype=np.intp)
    return draw_by_kind(rng, chosen, list(ADDITIVE.values()), length)


def scale_by_noisy(noisy: Array, clean: Array) -> tuple[NDArray[np.float32], Array, Array]:
    """Scale pairs of windows by the noisy window's minimum and range.

    The noisy window is scaled as the engine scales it before the network, and the target likewise, so that it
    keeps the clean amplitude (scaling the clean window by its own range would lose it).

    Parameters
    ----------
    noisy, clean
        float64 arrays ``(count, window)``.

    Returns
    -------
    noisy, clean, span
        The scaled windows, the noisy ones float32 in [0, 1], the clean ones float64, and the range ``(count, 1)``
        they were divided by; a constant noisy window becomes 0 and has span 1.
    """
    scaled, minimum, span = normalize(noisy)
    span = np.where(span > 0, span, 1.0)
    return scaled, (clean - minimum) / span, span
