"""Measure a model's gap to the optimal estimator on Gaussian processes.

For a stationary Gaussian process whose covariance matrix over a window is C, in white Gaussian noise of power s², the
estimate with the least mean squared error is linear in the noisy window y:

    x = C (C + s² I)^-1 y          with the error covariance          C - C (C + s² I)^-1 C

N. Wiener: Extrapolation, Interpolation, and Smoothing of Stationary Time Series, 1949; S. M. Kay: Fundamentals of
Statistical Signal Processing, vol. 1, 1993, section 12.5. It knows spectrum, mean and noise level; a model knows none
of them, so a gap of 0 cannot be reached. The spectra are 1 / (1 + (f / cut-off)^roll-off): a roll-off of 2 is rough
like a random walk that returns, one of 8 is smooth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from denoise_train.arrays import Array
from denoise_train.dsp.filters import Filter
from denoise_train.splits import EVALUATION, seeded

CUT_OFFS = (0.005, 0.015, 0.05, 0.15)
ROLL_OFFS = (2.0, 4.0, 8.0)
SNR_DB = (0.0, 10.0, 20.0)
GRID = 8192
"""Period of the processes in samples; their covariance is exact for lags up to half of it."""

SIGNALS = 40
LENGTH = 1500
LONGEST_WINDOW = GRID // 3
"""Longest window: signals are at least three windows long."""


@dataclass(frozen=True)
class Gap:
    """The improvements, in dB, of the optimal estimator and of the model for one process at one SNR.

    ``optimum_db`` and ``model_db`` are means over single windows. ``centre_db`` is the optimum at a window's centre,
    where it is best; ``engine_db``, the model after overlap-add, is compared with that.
    """

    cut_off: float
    roll_off: float
    snr_db: float
    optimum_db: float
    model_db: float
    centre_db: float
    engine_db: float

    @property
    def window_gap_db(self) -> float:
        """Gain of the optimum over the model, over single windows."""
        return self.optimum_db - self.model_db

    @property
    def engine_gap_db(self) -> float:
        """Gain of the optimum at a window's centre over the engine."""
        return self.centre_db - self.engine_db


def covariance(cut_off: float, roll_off: float) -> Array:
    """Return the autocovariance ``(GRID,)`` of a process of variance 1, circular.

    Parameters
    ----------
    cut_off
        Frequency in cycles per sample at which the power has fallen to a half.
    roll_off
        Power of the frequency by which the spectrum falls beyond.
    """
    spectrum = 1 / (1 + (np.fft.rfftfreq(GRID) / cut_off) ** roll_off)
    lagged: Array = np.fft.irfft(spectrum, GRID)
    return np.asarray(lagged / lagged[0])


def optimal_error(lagged: Array, window: int, noise_power: float) -> Array:
    """Return the optimal estimator's mean squared error ``(window,)`` at each sample of a window.

    Parameters
    ----------
    lagged
        Autocovariance for lags 0, 1, ..., at least ``window`` of them.
    window
        Samples per window.
    noise_power
        Power of the white noise.
    """
    matrix = linalg.toeplitz(lagged[:window])
    weights = linalg.solve(matrix + noise_power * np.eye(window), matrix, assume_a="pos")
    error: Array = np.diag(matrix - matrix @ weights)
    return error


def draw_process(rng: np.random.Generator, lagged: Array, count: int, length: int) -> Array:
    """Draw ``count`` signals of ``length`` samples, at most half the period, with exactly that covariance."""
    gain = np.sqrt(np.maximum(np.fft.rfft(lagged).real, 0.0))
    white = np.fft.rfft(rng.normal(size=(count, GRID)), axis=1)
    signals: Array = np.fft.irfft(gain * white, GRID, axis=1)[:, :length]
    return signals


def signal_length(window: int) -> int:
    """Return the samples of the signals: whole windows, some 1500 samples and a window more at each end."""
    return (max(1, LENGTH // window) + 2) * window


def measure_gaps(
    model: Filter,
    window: int,
    seed: int = 0,
    signals: int = SIGNALS,
    cut_offs: Sequence[float] = CUT_OFFS,
    roll_offs: Sequence[float] = ROLL_OFFS,
    snr_db: Sequence[float] = SNR_DB,
) -> list[Gap]:
    """Measure a method on every process of the grid, on the mean power of the errors.

    Parameters
    ----------
    model
        The method; signals of ``window`` samples must go through it as one window.
    window
        Samples per window.
    seed
        Draws other signals.
    signals
        Signals per process and SNR; each is cut into single windows too.
    cut_offs, roll_offs, snr_db
        The grid.

    Raises
    ------
    ValueError
        If the window is longer than 2730 samples.
    """
    if window > LONGEST_WINDOW:
        raise ValueError(
            f"the model's window is {window} samples long; the optimum is known for {LONGEST_WINDOW} at most"
        )
    gaps: list[Gap] = []
    rng = seeded(seed, EVALUATION, 0)
    for cut_off in cut_offs:
        for roll_off in roll_offs:
            lagged = covariance(cut_off, roll_off)
            clean = draw_process(rng, lagged, signals, signal_length(window))
            noise = rng.normal(size=clean.shape)
            for snr in snr_db:
                power = 10 ** (-snr / 10)
                noisy = clean + np.sqrt(power) * noise
                error = optimal_error(lagged, window, power)
                optima = (_db(power, float(error.mean())), _db(power, float(error[window // 2])))
                single = _gain(model, clean.reshape(-1, window), noisy.reshape(-1, window), 0)
                gaps.append(
                    Gap(cut_off, roll_off, snr, optima[0], single, optima[1], _gain(model, clean, noisy, window))
                )
    return gaps


def _gain(model: Filter, clean: Array, noisy: Array, margin: int) -> float:
    """Measure the improvement over all samples but ``margin`` at each end, which the engine sees in fewer windows."""
    inside = slice(margin, clean.shape[1] - margin)
    before, after = (rows[:, inside] - clean[:, inside] for rows in (noisy, model.apply(noisy, model.settings[0])))
    return _db(float(np.mean(before**2)), float(np.mean(after**2)))


def _db(before: float, after: float) -> float:
    return float(10 * np.log10(before / after))
