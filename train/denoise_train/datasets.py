"""Data sets: a recipe's data section comes in, scaled windows for training, validation and test go out.

Every kind of data is one class with the methods of :class:`Data`. To add one, write the class and list it in
``DATA_KINDS``; its fields after the common ones are the keys of a recipe's ``[data]``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from denoise_stream.windows import normalize
from denoise_train.arrays import Array
from denoise_train.metrics import rmse, snr_improvement_db
from denoise_train.mixing import add_noise, mix_at_snr, scale_by_noisy
from denoise_train.pairs import PairSource
from denoise_train.recipe import RecipeError, build_section, check_number
from denoise_train.recordings import Recordings
from denoise_train.signals import draw_signals
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded

SIGNALS_PER_BLOCK = 2048
"""Signals that are drawn together: families are drawn faster in bulk."""

MOST_SNR_DB = 200.0
TEST_SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
PICTURE_SNR_DB = 5.0

Windows = NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """Scaled windows: ``noisy (n, window)`` and what the loss compares with, ``target``."""

    noisy: Windows
    target: Windows


class Data(Protocol):
    """What a training asks of its data."""

    @property
    def windows_per_signal(self) -> int:
        """Consecutive windows that belong to one signal."""
        ...

    @property
    def windows_per_block(self) -> int:
        """Windows in each block."""
        ...

    def block(self, number: int) -> Pairs:
        """Give the training windows of one block; a training takes them in turn, from 0."""
        ...

    def validation(self) -> Pairs:
        """Give the windows that choose the best epoch."""
        ...

    def examples(self, count: int) -> Pairs:
        """Give the first test windows of ``count`` signals, for a picture; the target is the clean window."""
        ...

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network on the test windows; ``snr_improvement_db`` is always among the figures."""
        ...


@dataclass(frozen=True)
class X2Data:
    """The tutorial's data: one parabola, many times, under Gaussian noise; 70 % to train, 30 % to test.

    Noisy and clean windows are min-max scaled each by itself, as the tutorial does it.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    clean_recordings: Recordings | None
    noise_recordings: Recordings | None
    pairs: PairSource | None
    samples: int
    noise_deviation: float
    test_share: float
    validation_share: float

    windows_per_signal = 1

    def __post_init__(self) -> None:
        if self.clean_recordings or self.noise_recordings or self.pairs:
            raise RecipeError("data kind 'x2' has its own signal; it takes no --clean, --noise, --pairs or --noisy")
        where = "data 'x2': "
        check_number(f"{where}samples", self.samples, 1, whole=True)
        check_number(f"{where}noise_deviation", self.noise_deviation, 0)
        check_number(f"{where}test_share", self.test_share, 0, 1)
        check_number(f"{where}validation_share", self.validation_share, 0, 1)
        if not 0 < self._first_validation < self._first_test < self.samples:
            raise RecipeError(
                f"{where}samples={self.samples}, test_share={self.test_share} and "
                f"validation_share={self.validation_share} leave training, validation or test without a window"
            )

    @property
    def windows_per_block(self) -> int:
        """All training windows: a block is an epoch."""
        return self._first_validation

    def block(self, number: int) -> Pairs:
        """Give all training windows, in an order that each block draws anew."""
        pairs = self.training()
        order = np.random.default_rng([self.seed, number]).permutation(len(pairs.noisy))
        return Pairs(pairs.noisy[order], pairs.target[order])

    def training(self) -> Pairs:
        """Give the training windows, validation left out."""
        return self._pairs(0, self._first_validation)

    def validation(self) -> Pairs:
        """Give the last ``validation_share`` of the training windows, as Keras' ``validation_split`` does."""
        return self._pairs(self._first_validation, self._first_test)

    def test(self) -> Pairs:
        """Give the test windows."""
        return self._pairs(self._first_test, self.samples)

    def examples(self, count: int) -> Pairs:
        """Give the first test windows."""
        return self._pairs(self._first_test, self._first_test + count)

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network, and the least cross-entropy that any network can reach."""
        test = self.test()
        # One signal that is as long as all windows together.
        clean, noisy, denoised = (
            windows.astype(np.float64).reshape(1, -1) for windows in (test.target, test.noisy, denoise(test.noisy))
        )
        inside = np.clip(clean, 1e-12, 1 - 1e-12)
        floor = float(np.mean(-clean * np.log(inside) - (1 - clean) * np.log(1 - inside)))
        return {
            "bce_floor": floor,
            "excess_bce": None if val_loss is None else val_loss - floor,
            "rmse_noisy": float(rmse(clean, noisy)[0]),
            "rmse_denoised": float(rmse(clean, denoised)[0]),
            "snr_improvement_db": float(snr_improvement_db(clean, noisy, denoised)[0]),
            "how": f"{len(test.noisy)} test windows, noisy and clean each min-max scaled by itself",
        }

    @property
    def _first_test(self) -> int:
        return round(self.samples * (1 - self.test_share))

    @property
    def _first_validation(self) -> int:
        return round(self._first_test * (1 - self.validation_share))

    def _pairs(self, start: int, stop: int) -> Pairs:
        x = -0.5 + 0.01 * np.arange(self.window)
        clean = np.broadcast_to(x**2, (self.samples, self.window))
        noisy = clean + seeded(self.seed, TRAINING).normal(0.0, self.noise_deviation, clean.shape)
        return Pairs(normalize(noisy[start:stop])[0], normalize(clean[start:stop])[0])


@dataclass(frozen=True)
class MixtureData:
    """Clean signals and noise, mixed at random SNR and drawn anew for every block of a training.

    The target has two more columns than the window: the window's span over its signal's noise level, which turns
    errors of scaled windows into errors relative to the noise, and the signal's level over its noise level.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    clean_recordings: Recordings | None
    noise_recordings: Recordings | None
    pairs: PairSource | None
    families: list[str]
    overlays: float
    altered: float
    blends: float
    windows_per_signal: int
    snr_db: tuple[float, float]
    clean_share: float
    gentle_blocks: int
    recordings_share: float
    noise_recordings_share: float
    validation_signals: int
    test_signals: int

    def __post_init__(self) -> None:
        where = "data 'mixtures': "
        for key in ("windows_per_signal", "validation_signals", "test_signals"):
            check_number(where + key, getattr(self, key), 1, whole=True)
        check_number(f"{where}gentle_blocks", self.gentle_blocks, 0, whole=True)
        for key in ("overlays", "altered", "blends", "clean_share", "recordings_share", "noise_recordings_share"):
            check_number(where + key, getattr(self, key), 0, 1)
        try:
            least, most = self.snr_db
            check_number(f"{where}snr_db, from", least, -MOST_SNR_DB, MOST_SNR_DB)
            check_number(f"{where}snr_db, to", most, least, MOST_SNR_DB)
            for split in (TRAINING, VALIDATION, TEST):
                self._draw(split, 0, 0, None)
        except (TypeError, ValueError) as error:
            # No signal was drawn: only the recipe's values can be wrong.
            raise RecipeError(f"data 'mixtures': {error}") from error

    @property
    def windows_per_block(self) -> int:
        """Windows that are drawn together."""
        return SIGNALS_PER_BLOCK * self.windows_per_signal

    def block(self, number: int) -> Pairs:
        """Draw the training windows of a block."""
        return self._draw(TRAINING, number, SIGNALS_PER_BLOCK, None)

    def validation(self) -> Pairs:
        """Draw the validation windows."""
        return self._draw(VALIDATION, 0, self.validation_signals, None)

    def test(self, snr_db: float) -> Pairs:
        """Draw the test windows at one SNR, the same signals and noise for every SNR."""
        return self._draw(TEST, 0, self.test_signals, snr_db)

    def examples(self, count: int) -> Pairs:
        """Draw the first test window of each signal."""
        test, first = self.test(PICTURE_SNR_DB), slice(0, count * self.windows_per_signal, self.windows_per_signal)
        return Pairs(test.noisy[first], test.target[first, : self.window])

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network at each SNR, signal by signal."""
        improvements = {snr_db: self._improvement_db(self.test(snr_db), denoise) for snr_db in TEST_SNR_DB}
        return {
            "snr_improvement_db": float(np.mean([improvements[snr_db] for snr_db in TEST_SNR_DB if snr_db <= 25])),
            "snr_improvement_db_by_input_snr": {f"{snr_db:g}": gain for snr_db, gain in improvements.items()},
            "how": "single windows without overlap-add, noise as in the recipe, test split; mean over -5 ... 25 dB",
        }

    def _improvement_db(self, test: Pairs, denoise: Callable[[Windows], Windows]) -> float:
        relative_span = test.target[:, self.window : self.window + 1].astype(np.float64)

        def signals(windows: Windows) -> Array:
            """Put the windows of a signal side by side, in units of its noise."""
            return (windows * relative_span).reshape(-1, self.windows_per_signal * self.window)

        clean, noisy, denoised = test.target[:, : self.window], test.noisy, denoise(test.noisy)
        improvement = snr_improvement_db(signals(clean), signals(noisy), signals(denoised))
        # Salt and pepper hits no sample of some signals: nothing can improve there.
        hit = np.abs(signals(noisy) - signals(clean)).max(axis=1) > 0
        return float(improvement[hit].mean())

    def _draw(self, split: int, index: int, count: int, fixed_snr_db: float | None) -> Pairs:
        rng = seeded(self.seed, split, index)
        length = self.windows_per_signal * self.window
        clean = draw_signals(rng, count, length, tuple(self.families), self.overlays, self.altered)
        if self.clean_recordings is not None:
            chosen = rng.random(count) < self.recordings_share
            clean[chosen] = self.clean_recordings.part(split).draw(rng, int(chosen.sum()), length)
        # A network that begins with signals of high SNR learns to do nothing, and stays at that.
        gentleness = max(0.0, 1 - index / self.gentle_blocks) if split == TRAINING and self.gentle_blocks else 0.0
        least, most = self.snr_db
        snr_db = rng.uniform(least, most - gentleness * (most - least) / 2, (count, 1))
        if fixed_snr_db is not None:
            snr_db = np.full((count, 1), fixed_snr_db)
        noisy = add_noise(rng, clean, snr_db, self.noise, self.blends)
        if self.noise_recordings is not None:
            chosen = rng.random(count) < self.noise_recordings_share
            noise = self.noise_recordings.part(split).draw(rng, int(chosen.sum()), length)
            noisy[chosen] = mix_at_snr(clean[chosen], noise, snr_db[chosen])
        untouched = rng.random(count) < (self.clean_share if fixed_snr_db is None and not gentleness else 0.0)
        noisy[untouched] = clean[untouched]
        if self.pairs is not None and fixed_snr_db is None:
            chosen = rng.random(count) < self.recordings_share
            clean[chosen], noisy[chosen] = self.pairs.part(split).draw(rng, int(chosen.sum()), length)
        level = np.sqrt(np.mean((noisy - clean) ** 2, axis=1))
        # Without noise the error is measured against noise 40 dB below the signal.
        level = np.maximum(level, 0.01 * np.maximum(clean.std(axis=1), 1e-6))
        scaled_noisy, scaled_clean, span = scale_by_noisy(
            noisy.reshape(-1, self.window), clean.reshape(-1, self.window)
        )
        relative_span, relative_level = (
            values / np.repeat(level, self.windows_per_signal)[:, None]
            for values in (span, np.repeat(clean.std(axis=1), self.windows_per_signal)[:, None])
        )
        target = np.concatenate((scaled_clean, relative_span, relative_level), axis=1)
        return Pairs(scaled_noisy, target.astype(np.float32))


DATA_KINDS: dict[str, Callable[..., Data]] = {"x2": X2Data, "mixtures": MixtureData}
"""The kinds of data by name."""


def build_data(
    section: Mapping[str, Any],
    noise: Mapping[str, float],
    window: int,
    seed: int,
    clean_recordings: Recordings | None = None,
    noise_recordings: Recordings | None = None,
    pairs: PairSource | None = None,
) -> Data:
    """Make the data set of a recipe's ``[data]`` and ``[noise]``.

    Raises
    ------
    RecipeError
        If its kind, one of its keys or one of its values is wrong.
    """
    return build_section("data", section, DATA_KINDS, window, seed, noise, clean_recordings, noise_recordings, pairs)
