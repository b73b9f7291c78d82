"""Draw test signals, clean and noisy at each SNR, from recordings or the built-in family."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from denoise_stream import SourceError
from denoise_train.arrays import Array, Draw
from denoise_train.recordings.origins import Crop, Origin
from denoise_train.recordings.pairs import PairedRecordings
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import EVALUATION, seeded
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.mixing import add_noise, mix_at_snr

LEAST_NOISE = 1e-5
"""A recorded pair with less noise than this share of the signal's power, 50 dB below it, counts as clean."""

MOST_DRAWS = 20
"""Rounds in which silent or constant crops are redrawn before a recording counts as empty."""


@dataclass(frozen=True)
class Mixtures:
    """Clean signals ``(n, length)``, and each with noise at each of the SNRs: ``noisy (snrs, n, length)``.

    Recorded pairs have one SNR, the mean that was measured. ``left_out`` counts signals that were dropped because they
    had no noise (at one of the SNRs) or nothing but noise. ``crops`` say where recorded signals come from; they are
    empty for drawn ones.
    """

    clean: Array
    noisy: Array
    snr_db: tuple[float, ...]
    left_out: int = 0
    crops: Sequence[Crop] = ()


def draw_mixtures(
    seed: int,
    count: int,
    length: int,
    snr_db: Sequence[float],
    clean: Recordings | None = None,
    noise: Recordings | None = None,
    kinds: Mapping[str, float] | None = None,
) -> Mixtures:
    """Draw signals and noise for an evaluation.

    Parameters
    ----------
    seed
        Any whole number from 0; the same one gives the same mixtures.
    count, length
        Number of signals and samples per signal.
    snr_db
        Input SNRs in dB; every signal and its noise are mixed at each of them.
    clean, noise
        Recordings to draw crops from; None means the built-in family of signals and no recorded noise.
    kinds
        Kinds of noise with their relative shares, see :data:`denoise_train.synthetic.noise.NOISE_KINDS`; recorded noise
        comes as often as a kind does on average. None of these and no recorded noise means white Gaussian noise.

    Raises
    ------
    SourceError
        If the recordings hold hardly anything but constant stretches, or the noise spares every signal.
    ValueError
        If a kind is not known.
    """
    rng = seeded(seed, EVALUATION)
    crops: list[Crop] = []
    if clean is None:
        signals = draw_lively(draw_signals, rng, count, length)
    else:
        signals, crops = _draw_lively_crops(clean.draw_crops, rng, count, length)
    if noise is None and not kinds:
        kinds = {"white": 1.0}
    recorded = np.zeros(count, dtype=bool)
    recorded_noise = np.zeros((0, length))
    if noise is not None:
        recorded = rng.random(count) < 1 / (1 + len(kinds or ()))
        recorded_noise = draw_lively(noise.draw, rng, int(recorded.sum()), length)
    noise_seed = int(rng.integers(2**32))
    noisy = np.empty((len(snr_db), count, length))
    for rows, snr in zip(noisy, snr_db, strict=True):
        rows[recorded] = mix_at_snr(signals[recorded], recorded_noise, snr)
        if kinds:
            # The same noise at every SNR, so that only its level differs.
            again = np.random.default_rng(noise_seed)
            rows[~recorded] = add_noise(again, signals[~recorded], snr, kinds)
    # Salt and pepper hits no sample of a short signal at a high SNR; without noise there is nothing to improve.
    hit = (np.abs(noisy - signals).max(axis=2) > 0).all(axis=0)
    if not hit.any():
        raise SourceError("the noise hits no sample of any signal at one of the SNRs; use lower ones or longer signals")
    kept = [crop for crop, one in zip(crops, hit, strict=False) if one]
    return Mixtures(signals[hit], noisy[:, hit], tuple(snr_db), int(np.sum(~hit)), kept)


def draw_pairs(seed: int, count: int, length: int, pairs: PairedRecordings) -> Mixtures:
    """Draw crops of recorded pairs for an evaluation; SourceError if nearly all are constant or without noise."""
    rng = seeded(seed, EVALUATION)
    clean, noisy = np.empty((0, length)), np.empty((0, length))
    crops: list[Crop] = []
    left_out = 0
    for _ in range(MOST_DRAWS):
        *drawn, origins = pairs.draw_crops(rng, count, length)
        power = drawn[0].var(axis=1)
        alive = (power > 0) & (np.mean((drawn[1] - drawn[0]) ** 2, axis=1) > LEAST_NOISE * power)
        left_out += int(np.sum(~alive))
        clean, noisy = (
            np.concatenate((kept, new[alive]))[:count] for kept, new in zip((clean, noisy), drawn, strict=True)
        )
        crops = [*crops, *(crop for crop, one in zip(origins, alive, strict=True) if one)][:count]
        if len(clean) == count:
            ratio = clean.var(axis=1) / np.mean((noisy - clean) ** 2, axis=1)
            return Mixtures(clean, noisy[None], (float(np.mean(10 * np.log10(ratio))),), left_out, crops)
    raise SourceError(f"the pairs are constant or without noise almost everywhere, in stretches of {length} samples")


def draw_lively(draw: Draw, rng: np.random.Generator, count: int, length: int) -> Array:
    """Draw rows that are not constant, since silence has no SNR; SourceError if there are hardly any."""

    def from_nowhere(rng: np.random.Generator, count: int, length: int) -> tuple[Array, list[Crop]]:
        return draw(rng, count, length), [Crop(Origin())] * count

    return _draw_lively_crops(from_nowhere, rng, count, length)[0]


def _draw_lively_crops(
    draw: Callable[[np.random.Generator, int, int], tuple[Array, list[Crop]]],
    rng: np.random.Generator,
    count: int,
    length: int,
) -> tuple[Array, list[Crop]]:
    """Draw rows that are not constant, each with where it comes from."""
    rows = np.empty((0, length))
    crops: list[Crop] = []
    for _ in range(MOST_DRAWS):
        drawn, origins = draw(rng, count, length)
        alive = drawn.std(axis=1) > 0
        rows = np.concatenate((rows, drawn[alive]))[:count]
        crops = [*crops, *(crop for crop, one in zip(origins, alive, strict=True) if one)][:count]
        if len(rows) == count:
            return rows, crops
    raise SourceError(f"the recordings are silent or constant almost everywhere, in stretches of {length} samples")
