"""The tutorial's data: one parabola under Gaussian noise, many times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from denoise_stream.engine.windows import normalize
from denoise_train.arrays import Windows
from denoise_train.data.protocol import Pairs
from denoise_train.dsp.metrics import rmse, snr_improvement_db
from denoise_train.recipe import RecipeError, check_number
from denoise_train.recordings.pairs import OwnData
from denoise_train.splits import TRAINING, seeded


@dataclass(frozen=True)
class X2Data:
    """The tutorial's data: one parabola, many times, under Gaussian noise; 70 % to train, 30 % to test.

    Noisy and clean windows are min-max scaled each by itself, as the tutorial does it.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    samples: int
    noise_deviation: float
    test_share: float
    validation_share: float

    windows_per_signal = 1
    judges_own = False

    def __post_init__(self) -> None:
        if self.own:
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
    def row_samples(self) -> int:
        """One window."""
        return self.window

    @property
    def windows_per_block(self) -> int:
        """All training windows: a block is an epoch."""
        return self._first_validation

    def block(self, number: int) -> Pairs:
        """Return all training windows, in an order that is shuffled for each block."""
        pairs = self.training()
        order = np.random.default_rng([self.seed, number]).permutation(len(pairs.noisy))
        return Pairs(pairs.noisy[order], pairs.target[order])

    def training(self) -> Pairs:
        """Return the training windows, validation left out."""
        return self._pairs(0, self._first_validation)

    def validation(self) -> Pairs:
        """Return the last ``validation_share`` of the training windows, as Keras' ``validation_split`` does."""
        return self._pairs(self._first_validation, self._first_test)

    def test(self) -> Pairs:
        """Return the test windows."""
        return self._pairs(self._first_test, self.samples)

    def examples(self, count: int) -> Pairs:
        """Return the first test windows."""
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
