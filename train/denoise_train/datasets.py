"""Data sets: a recipe's data section comes in, scaled windows for training, validation and test go out.

Everything is drawn from generators seeded by (recipe seed, split, number of the draw), so the same seed gives
the same data whatever was drawn before, and no seed gives the same data to two splits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_train.mixing import cut_windows, mix_at_snr, scale_by_noisy
from denoise_train.noise import draw_noise
from denoise_train.recipe import RecipeError
from denoise_train.recordings import Recordings
from denoise_train.signals import Array, draw_signals

TRAINING, VALIDATION, TEST, EVALUATION = range(4)
"""Splits; the evaluation command has one of its own."""

SIGNALS_PER_BLOCK = 2048
"""Signals that are drawn together: families are drawn faster in bulk."""

Windows = NDArray[np.float32]


def seeded(seed: int, split: int, index: int = 0) -> np.random.Generator:
    """Give the generator for one draw of one split."""
    return np.random.default_rng([seed, split, index])


@dataclass(frozen=True)
class Pairs:
    """Scaled windows: ``noisy (n, window)`` and what the loss compares with, ``target``."""

    noisy: Windows
    target: Windows


@dataclass(frozen=True)
class X2Data:
    """The tutorial's data: one parabola, many times, under Gaussian noise; 70 % to train, 30 % to test.

    Noisy and clean windows are min-max scaled each by itself, as the tutorial does it.
    """

    window: int
    seed: int
    samples: int
    noise_deviation: float
    test_share: float
    validation_share: float

    windows_per_signal = 1

    def training(self) -> Pairs:
        """Give the training windows, validation left out."""
        return self._pairs(0, self._first_validation)

    def validation(self) -> Pairs:
        """Give the last ``validation_share`` of the training windows, as Keras' ``validation_split`` does."""
        return self._pairs(self._first_validation, self._first_test)

    def test(self) -> Pairs:
        """Give the test windows."""
        return self._pairs(self._first_test, self.samples)

    @property
    def _first_test(self) -> int:
        return round(self.samples * (1 - self.test_share))

    @property
    def _first_validation(self) -> int:
        return round(self._first_test * (1 - self.validation_share))

    def _pairs(self, start: int, stop: int) -> Pairs:
        x = -0.5 + 0.01 * np.arange(self.window)
        clean = np.broadcast_to(x**2, (self.samples, self.window))
        rng = seeded(self.seed, TRAINING)
        noisy = clean + rng.normal(0.0, self.noise_deviation, clean.shape)
        return Pairs(*(_scale_alone(rows[start:stop]).astype(np.float32) for rows in (noisy, clean)))


def _scale_alone(windows: Array) -> Array:
    minimum = windows.min(axis=1, keepdims=True)
    scaled: Array = (windows - minimum) / (windows.max(axis=1, keepdims=True) - minimum)
    return scaled


@dataclass(frozen=True)
class MixtureData:
    """Clean signals and noise, mixed at random SNR and drawn anew for every block of a training.

    The target has one more column than the window: the window's span over its signal's noise level, which
    turns errors of scaled windows into errors relative to the noise.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    clean_recordings: Recordings | None
    noise_recordings: Recordings | None
    families: list[str]
    overlays: float
    windows_per_signal: int
    snr_db: tuple[float, float]
    clean_share: float
    recordings_share: float
    noise_recordings_share: float
    validation_signals: int
    test_signals: int

    def block(self, index: int) -> Pairs:
        """Draw the training windows of block ``index``: ``SIGNALS_PER_BLOCK * windows_per_signal`` rows."""
        return self._draw(seeded(self.seed, TRAINING, index), SIGNALS_PER_BLOCK, None)

    def validation(self) -> Pairs:
        """Draw the validation windows."""
        return self._draw(seeded(self.seed, VALIDATION), self.validation_signals, None)

    def test(self, snr_db: float) -> Pairs:
        """Draw the test windows at one SNR, the same signals and noise for every SNR."""
        return self._draw(seeded(self.seed, TEST), self.test_signals, snr_db)

    def _draw(self, rng: np.random.Generator, count: int, fixed_snr_db: float | None) -> Pairs:
        length = self.windows_per_signal * self.window
        clean = draw_signals(rng, count, length, tuple(self.families), self.overlays)
        noise = draw_noise(rng, count, length, self.noise)
        _replace_some(rng, clean, self.clean_recordings, self.recordings_share)
        _replace_some(rng, noise, self.noise_recordings, self.noise_recordings_share)
        snr_db = rng.uniform(*self.snr_db, (count, 1))
        noisy = mix_at_snr(clean, noise, snr_db if fixed_snr_db is None else fixed_snr_db)
        untouched = rng.random(count) < (self.clean_share if fixed_snr_db is None else 0.0)
        noisy[untouched] = clean[untouched]
        level = np.sqrt(np.mean((noisy - clean) ** 2, axis=1))
        # Without noise the error is measured against noise 40 dB below the signal.
        level = np.maximum(level, 0.01 * np.maximum(clean.std(axis=1), 1e-6))
        scaled_noisy, scaled_clean, span = scale_by_noisy(
            cut_windows(noisy, self.window), cut_windows(clean, self.window)
        )
        relative_span = span / np.repeat(level, self.windows_per_signal)[:, None]
        target = np.concatenate((scaled_clean, relative_span), axis=1)
        return Pairs(scaled_noisy.astype(np.float32), target.astype(np.float32))


def _replace_some(rng: np.random.Generator, rows: Array, recordings: Recordings | None, share: float) -> None:
    if recordings is not None:
        chosen = rng.random(len(rows)) < share
        rows[chosen] = recordings.draw(rng, int(chosen.sum()), rows.shape[1])


def build_data(
    section: Mapping[str, Any],
    noise: Mapping[str, float],
    window: int,
    seed: int,
    clean_recordings: Recordings | None = None,
    noise_recordings: Recordings | None = None,
) -> X2Data | MixtureData:
    """Make the data set of a recipe's ``[data]`` and ``[noise]``.

    Raises
    ------
    RecipeError
        If its kind or one of its keys is not known.
    """
    settings = dict(section)
    kind = settings.pop("kind")
    try:
        if kind == "x2":
            if clean_recordings or noise_recordings:
                raise RecipeError("data kind 'x2' has its own signal; it takes no --clean and no --noise")
            return X2Data(window=window, seed=seed, **settings)
        if kind == "mixtures":
            data = MixtureData(
                window=window,
                seed=seed,
                noise=noise,
                clean_recordings=clean_recordings,
                noise_recordings=noise_recordings,
                **settings,
            )
            draw_signals(seeded(seed, TRAINING), 0, window, tuple(data.families))
            draw_noise(seeded(seed, TRAINING), 0, window, noise)
            return data
    except (TypeError, ValueError) as error:
        raise RecipeError(f"data {kind!r}: {error}") from error
    raise RecipeError(f"data kind {kind!r} is not known; use 'x2' or 'mixtures'")
