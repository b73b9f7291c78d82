"""A mask predicted by recurrent layers over all bands at once: the network of one window, and of whole signals."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from denoise_train.networks.frames import cut, overlap_add, running_mean
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.spectra import Analysis

LEVEL_FRAMES = 128.0
"""Frames over which the level is averaged: 0.6 s at 16 kHz and a hop of 75."""


class SpectralMask:
    """Predict a spectral suppression mask from past frames.

    The spectrum is that of the last ``analysis`` samples, of which only the newest ``window`` are returned, so that its
    bins are narrower than the latency would allow (:class:`~denoise_train.networks.spectra.Analysis`). Recurrent layers
    see log powers, of single bins where the harmonics of a voice lie apart and of bands above, less their common
    running mean; the shares that they predict are removed from the window.

    The state holds the samples before the window, the level and the frames it was averaged over, and the recurrent
    layers' outputs.

    Parameters
    ----------
    window, hop
        Samples per window and from one to the next.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Bins from the lowest on that are seen and masked each by itself.
    bands
        Bands for the bins above, evenly apart in critical bands; between their centres the shares are interpolated.
    width
        Outputs of each recurrent layer.
    depth
        Number of recurrent layers.

    Attributes
    ----------
    step
        The network of one window, ``[noisy (batch, window), state (batch, state_size)]`` to ``[clean, state_out]``.
    """

    def __init__(
        self, window: int, hop: int, analysis: int, single_bins: int, bands: int, width: int, depth: int
    ) -> None:
        self._window, self._hop, self._past = window, hop, analysis - window
        self._width = width
        self._analysis = Analysis(window, analysis, single_bins, bands)
        self._dense = layers.Dense(width, activation="relu", name="dense")
        self._mask = layers.Dense(single_bins + bands, activation="sigmoid", name="mask")
        self._cells = [layers.GRUCell(width, name=f"recurrent_{number}") for number in range(depth)]
        self.step = self._build_step()

    def unrolled(self, samples: int) -> keras.Model:
        """Build the network to train: the same layers over whole signals, with the engine's taper and overlap-add.

        Parameters
        ----------
        samples
            Length of the signals, a multiple of the hop.

        Returns
        -------
        Network from ``(batch, samples)`` to ``(batch, samples)`` that shares the weights.
        """
        signal = keras.Input((samples,), name="signal")
        frames = cut(signal, self._hop, self._past, self._window)
        log_power, spectrum = self._analysis.log_powers(frames)
        level = ops.matmul(running_mean(frames.shape[0], LEVEL_FRAMES), ops.mean(log_power, axis=-1))
        clean = frames[:, :, self._past :] - self._taken_away(
            log_power - level[:, :, None], spectrum, lambda number, hidden: OverSequences(self._cells[number])(hidden)
        )
        return keras.Model(signal, overlap_add(clean, self._hop), name=f"{self.step.name}_unrolled")

    def _build_step(self) -> keras.Model:
        width, past = self._width, self._past
        noisy = keras.Input((self._window,), name="noisy")
        state = keras.Input((past + 2 + len(self._cells) * width,), name="state")
        samples = layers.Concatenate(name="samples")([state[:, :past], noisy])
        log_power, spectrum = self._analysis.log_powers(samples)
        frames = ops.minimum(state[:, past + 1 : past + 2] + 1, LEVEL_FRAMES)
        level = state[:, past : past + 1]
        level = level + (ops.mean(log_power, axis=-1, keepdims=True) - level) / frames
        outputs: list[Any] = []

        def recur(number: int, hidden: Any) -> Any:
            start = past + 2 + number * width
            output, _ = self._cells[number](hidden, [state[:, start : start + width]])
            outputs.append(output)
            return output

        clean = noisy - self._taken_away(log_power - level, spectrum, recur)
        kept = samples[:, self._hop : self._hop + past]
        state_out = layers.Concatenate(name="state_out")([kept, level, frames, *outputs])
        return keras.Model([noisy, state], [clean, state_out], name="spectral_mask")

    def _taken_away(self, features: Any, spectrum: list[Any], recur: Callable[[int, Any], Any]) -> Any:
        """Run the layers, and transform the removed part of the spectrum back to the newest samples."""
        hidden = self._dense(features)
        for number in range(len(self._cells)):
            hidden = hidden + recur(number, hidden)
        return self._analysis.taken_away(self._mask(hidden), spectrum)
