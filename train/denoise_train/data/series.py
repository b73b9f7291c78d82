"""Windows of series, to reduce or to forecast."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.engine.windows import normalize
from denoise_train.arrays import Windows
from denoise_train.data.code_figures import Map, check_packages, measure_codes
from denoise_train.data.protocol import Pairs
from denoise_train.recipe import RecipeError, check_number
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings, load_recordings
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded

ROWS_PER_BLOCK = 4096


@dataclass(frozen=True)
class SeriesData:
    """Windows of series, min-max scaled as the engine does it; the target is the window itself.

    Redrawn for every block of a training. ``path`` is a file or folder of recordings or tables, given by ``--data``.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    held_out_windows: int
    path: str = ""

    windows_per_signal = 1
    windows_per_block = ROWS_PER_BLOCK
    judges_own = False

    def __post_init__(self) -> None:
        check_packages()
        if self.own or not self.path:
            raise RecipeError("series come with --data PATH, a file or folder; give it, and no other recordings")
        check_number("data: held_out_windows", self.held_out_windows, 1, whole=True)

    @property
    def row_samples(self) -> int:
        """One window."""
        return self.window

    def block(self, number: int) -> Pairs:
        """Draw the training windows of a block."""
        return self.pairs(TRAINING, number, ROWS_PER_BLOCK)[0]

    def validation(self) -> Pairs:
        """Draw the validation windows."""
        return self.pairs(VALIDATION, 0, self.held_out_windows)[0]

    def examples(self, count: int) -> Pairs:
        """Draw some test windows."""
        return self.pairs(TEST, 0, count)[0]

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Say what was measured on; the figures are those of the code."""
        return {
            "how": f"{self.held_out_windows} windows of {len(self.series.signals)} series, later than the training's"
        }

    def code_figures(self, encode: Map, autoencode: Map | None) -> dict[str, Any]:
        """Measure the codes beside principal components, and by the series that they tell."""
        training, test = (self.pairs(split, 0, self.held_out_windows) for split in (TRAINING, TEST))
        return measure_codes((training[0].noisy, training[1]), (test[0].noisy, test[1]), encode, autoencode)

    def pairs(self, split: int, index: int, count: int) -> tuple[Pairs, NDArray[np.int64]]:
        """Draw windows, and the series that each comes from."""
        crops, series = self.crops(split, index, count, self.window)
        rows = normalize(crops)[0]
        return Pairs(rows, rows), series

    def crops(self, split: int, index: int, count: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Cut out pieces ``(count, length)`` of series, longer series more often."""
        part = self.series.part(split)
        places = part.places(seeded(self.seed, split, index), count, length)
        return part.crops(places, length), np.array([number for number, _ in places], dtype=np.int64)

    @functools.cached_property
    def series(self) -> Recordings:
        """All series, whole."""
        return load_recordings([Path(self.path)])


@dataclass(frozen=True)
class ForecastData(SeriesData):
    """Windows of series and the value that follows each, scaled by its window's minimum and range."""

    def pairs(self, split: int, index: int, count: int) -> tuple[Pairs, NDArray[np.int64]]:
        """Draw windows and next values ``(count, 1)``, and the series that each comes from."""
        crops, series = self.crops(split, index, count, self.window + 1)
        scaled, minimum, span = normalize(crops[:, :-1])
        following = (crops[:, -1:] - minimum) / np.where(span > 0, span, 1.0)
        return Pairs(scaled, following.astype(np.float32)), series

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure the forecast beside "tomorrow equals today", in units of each series' standard deviation."""
        crops, series = self.crops(TEST, 0, self.held_out_windows, self.window + 1)
        scaled, minimum, span = normalize(crops[:, :-1])
        unit = np.array([signal.std() for signal in self.series.signals])[series]
        forecast = (denoise(scaled).astype(np.float64) * span + minimum)[:, 0]
        errors = [(guess - crops[:, -1]) / unit for guess in (forecast, crops[:, -2])]
        each = [[float(np.sqrt(np.mean(error[series == number] ** 2))) for error in errors] for number in set(series)]
        whole = [float(np.sqrt(np.mean(error**2))) for error in errors]
        return {
            "forecast_rmse": whole,
            "forecast_rmse_by_series": each,
            "summary": f"RMSE {whole[0]:.3f} standard deviations, by 'tomorrow equals today' {whole[1]:.3f}",
            "how": f"{len(crops)} windows, later than the training's; each pair is [network, tomorrow equals today]",
        }

    def code_figures(self, encode: Map, autoencode: Map | None) -> dict[str, Any]:
        """Measure the codes by the series that they tell; the network gives no window back."""
        return super().code_figures(encode, None)
