"""Mixtures: clean signals of many families, synthetic or recorded, under noise of many kinds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from denoise_train.arrays import Array, Windows
from denoise_train.data.protocol import MOST_SNR_DB, PICTURE_SNR_DB, Pairs
from denoise_train.dsp.metrics import snr_improvement_db
from denoise_train.recipe import RecipeError, check_number, check_range
from denoise_train.recordings.pairs import OwnData
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded
from denoise_train.synthetic.drawing import draw_signals
from denoise_train.synthetic.mixing import add_noise, mix_at_snr, scale_by_noisy
from denoise_train.targets import WindowTarget

SIGNALS_PER_BLOCK = 2048
"""Signals that are drawn together: families are drawn faster in bulk."""

TEST_SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)


@dataclass(frozen=True)
class MixtureData:
    """Clean signals and noise, mixed at random SNR and redrawn for every block of a training.

    The target is a packed :class:`~denoise_train.targets.WindowTarget`.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
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

    judges_own = False

    def __post_init__(self) -> None:
        where = "data 'mixtures': "
        for key in ("windows_per_signal", "validation_signals", "test_signals"):
            check_number(where + key, getattr(self, key), 1, whole=True)
        check_number(f"{where}gentle_blocks", self.gentle_blocks, 0, whole=True)
        for key in ("overlays", "altered", "blends", "clean_share", "recordings_share", "noise_recordings_share"):
            check_number(where + key, getattr(self, key), 0, 1)
        check_range(f"{where}snr_db", self.snr_db, -MOST_SNR_DB, MOST_SNR_DB)
        try:
            for split in (TRAINING, VALIDATION, TEST):
                self._draw(split, 0, 0, None)
        except (TypeError, ValueError) as error:
            # Nothing was drawn yet: only the recipe's values can be wrong.
            raise RecipeError(f"{where}{error}") from error

    @property
    def row_samples(self) -> int:
        """One window."""
        return self.window

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
        return Pairs(test.noisy[first], WindowTarget.unpack(test.target).clean[first])

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network at each SNR, signal by signal."""
        tests = ((snr_db, self.test(snr_db)) for snr_db in TEST_SNR_DB)
        improvements = {
            snr_db: improvement_db(test, denoise(test.noisy), self.windows_per_signal) for snr_db, test in tests
        }
        return {
            "snr_improvement_db": float(np.mean([improvements[snr_db] for snr_db in TEST_SNR_DB if snr_db <= 25])),
            "snr_improvement_db_by_input_snr": {f"{snr_db:g}": gain for snr_db, gain in improvements.items()},
            "how": "single windows without overlap-add, noise as in the recipe, test split; mean over -5 ... 25 dB",
        }

    def _draw(self, split: int, index: int, count: int, fixed_snr_db: float | None) -> Pairs:
        rng = seeded(self.seed, split, index)
        length = self.windows_per_signal * self.window
        clean = draw_signals(rng, count, length, tuple(self.families), self.overlays, self.altered)
        if self.own.clean is not None:
            chosen = rng.random(count) < self.recordings_share
            clean[chosen] = self.own.clean.part(split).draw(rng, int(chosen.sum()), length)
        gentleness = gentleness_of(index, self.gentle_blocks) if split == TRAINING else 0.0
        snr_db = draw_snr_db(rng, self.snr_db, gentleness, (count, 1))
        if fixed_snr_db is not None:
            snr_db = np.full((count, 1), fixed_snr_db)
        noisy = add_noise(rng, clean, snr_db, self.noise, self.blends)
        if self.own.noise is not None:
            chosen = rng.random(count) < self.noise_recordings_share
            noise = self.own.noise.part(split).draw(rng, int(chosen.sum()), length)
            noisy[chosen] = mix_at_snr(clean[chosen], noise, snr_db[chosen])
        untouched = rng.random(count) < (self.clean_share if fixed_snr_db is None and not gentleness else 0.0)
        noisy[untouched] = clean[untouched]
        if self.own.pairs is not None and fixed_snr_db is None:
            chosen = rng.random(count) < self.recordings_share
            clean[chosen], noisy[chosen] = self.own.pairs.part(split).draw(rng, int(chosen.sum()), length)
        level = noise_level(clean, noisy, clean.std(axis=1))
        return scaled_pairs(clean.reshape(-1, self.window), noisy.reshape(-1, self.window), clean.std(axis=1), level)


def gentleness_of(block: int, gentle_blocks: int) -> float:
    """Return how gentle a training still is at a block: from 1 at the first down to 0 after ``gentle_blocks``.

    A network that starts with signals of high SNR learns to do nothing, and never recovers.
    """
    return max(0.0, 1 - block / gentle_blocks) if gentle_blocks else 0.0


def draw_snr_db(
    rng: np.random.Generator, snr_db: tuple[float, float], gentleness: float, shape: int | tuple[int, ...]
) -> Array:
    """Draw SNRs evenly from a range; a gentleness of 1 leaves out its upper half, a smaller one a smaller part."""
    least, most = snr_db
    return rng.uniform(least, most - gentleness * (most - least) / 2, shape)


def noise_level(clean: Array, noisy: Array, deviation: Array) -> Array:
    """Measure the noise of each signal; without noise the error is measured against noise 40 dB below the signal."""
    level = np.sqrt(np.mean((noisy - clean) ** 2, axis=1))
    return np.maximum(level, 0.01 * np.maximum(deviation, 1e-6))


def scaled_pairs(clean: Array, noisy: Array, deviation: Array, level: Array) -> Pairs:
    """Scale windows ``(signals * windows, window)``, and pack their targets by their signals' deviation and noise."""
    scaled_noisy, scaled_clean, span = scale_by_noisy(noisy, clean)
    each = len(clean) // max(1, len(level))
    relative_span, relative_level = (
        values / np.repeat(level, each) for values in (span[:, 0], np.repeat(deviation, each))
    )
    return Pairs(scaled_noisy, WindowTarget(scaled_clean, relative_span, relative_level).pack())


def improvement_db(test: Pairs, denoised: Windows, windows_per_signal: int) -> float:
    """Compute the mean SNR improvement in dB over signals of several windows, in units of their noise."""
    target = WindowTarget.unpack(test.target)
    relative_span: Array = target.span[:, None].astype(np.float64)

    def signals(windows: Windows) -> Array:
        """Put the windows of a signal side by side."""
        return (windows * relative_span).reshape(-1, windows_per_signal * windows.shape[1])

    clean, noisy = signals(target.clean), signals(test.noisy)
    improvement = snr_improvement_db(clean, noisy, signals(denoised))
    # Salt and pepper hits no sample of some signals: nothing can improve there.
    hit = np.abs(noisy - clean).max(axis=1) > 0
    return float(improvement[hit].mean())
