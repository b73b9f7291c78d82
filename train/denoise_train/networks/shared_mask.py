"""A mask predicted by cells that all bands of the spectrum share: the network of one window, and of whole signals.

The network is a convolutional autoencoder along frequency with a recurrent bottleneck. Groups of neighbouring bands
become positions; at every position the same gated recurrent unit runs over time, and small dense layers mix the
positions. Small speech enhancers share weights over frequency: X. Rong and others, GTCRN:
a speech enhancement model requiring ultralow computational resources, ICASSP 2024.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from denoise_train.networks.frames import continued_mean, cut, overlap_add, running_mean
from denoise_train.networks.recurrence import OverSequences
from denoise_train.networks.spectra import POWER_FLOOR, Analysis, leading
from denoise_train.recipe import RecipeError

SLOW_FRAMES = 128.0
"""Frames over which the level is averaged: 0.6 s at 16 kHz and a hop of 75."""

FAST_FRAMES = 10.0
"""Frames over which the fast level is averaged, which notices sudden silence."""

MOST_ABOVE = 3.0
"""Most nepers (26 dB) of the slow level above the fast one, so that a loud sound does not deafen for long."""

SILENCE = -7.5
"""Mean log power of silence in nepers, about -90 dBFS: a frame below it, as of a muted microphone, changes no level."""

STEEPNESS = 1e4
"""Slope of the step between sound and silence, per neper."""

Recur = Callable[[int, Any], Any]

RunCell = Callable[[keras.layers.GRUCell, Any, Any, Any], Any]
"""Runs a cell over rows ``(steps, rows, units)`` from an output ``(rows, units)`` on; returns its outputs. Where the
last argument, ``(steps, rows, 1)``, is 1, the output stays as it was."""


class SharedMask:
    """Predict what to remove from the spectrum of the last samples, by cells that all bands share.

    The spectrum is that of the last ``analysis`` samples, of which only the newest ``window`` are returned, so that its
    bins are narrower than the latency would allow (:class:`~denoise_train.networks.spectra.Analysis`). The network sees
    log powers less their running mean and, of the single bins, by how much their phases advanced more than their centre
    frequencies do. It chooses the share of each bin or band to remove and, of the single bins, complex weights of the
    last ``taps`` spectra, removed as well (H. Schröter and others, DeepFilterNet, ICASSP 2022).

    The state holds the samples before the window, the slow and the fast level and the frames they were averaged over,
    the single bins of past spectra, and the recurrent cells' outputs. Levels and outputs stay as they are during
    digital silence, which no room has: a network that adapted to it would swallow the first words after it.

    Parameters
    ----------
    window, hop
        Samples per window and from one to the next; the hop divides the window.
    analysis
        Samples per spectrum, a multiple of 4, at least ``window``.
    single_bins
        Bins from the lowest on that are seen and masked each by itself.
    bands
        Bands for the bins above, evenly apart in critical bands; between their centres the shares are interpolated.
    group
        Neighbouring bins or bands that make a position; it divides both numbers.
    channels
        Outputs of the recurrent cells, per position.
    mixing
        Width of the dense layers that mix the positions.
    depth
        Number of recurrent layers.
    taps
        Spectra, the present one included, that single bins are filtered over, at least 2.
    """

    def __init__(
        self,
        window: int,
        hop: int,
        analysis: int,
        single_bins: int,
        bands: int,
        group: int,
        channels: int,
        mixing: int,
        depth: int,
        taps: int,
    ) -> None:
        if taps < 2 or depth < 1:
            raise RecipeError(f"taps={taps} and depth={depth}; use 2 taps or more, and 1 layer or more")
        if group < 2 or group % 2 or single_bins % group or bands % group:
            raise RecipeError(f"group={group} must be even and divide single_bins={single_bins} and bands={bands}")
        self._window, self._hop, self._past = window, hop, analysis - window
        self._single, self._group, self._channels, self._depth = single_bins, group, channels, depth
        self._positions = (single_bins + bands) // group
        self._taps = taps
        self._analysis = Analysis(window, analysis, single_bins, bands)
        self._parts = self._layers(mixing)
        width = self._positions * channels
        self._state_sizes = [self._past, 1, 1, 1, (taps - 1) * 2 * single_bins, depth * width]
        bins = np.stack([np.arange(0, single_bins, 2), np.arange(1, single_bins, 2)])[:, None]
        back = np.arange(taps)[:, None, None, None]
        self._turns = np.exp(2j * np.pi * hop / analysis * back * bins).astype(np.complex64)
        self.step = self._build_step()

    def _build_step(self) -> keras.Model:
        """Build the network of one window: ``[noisy (batch, window), state]`` to ``[clean, state_out]``."""
        width, kept_spectra = self._positions * self._channels, (self._taps - 1) * 2 * self._single
        noisy = keras.Input((self._window,), name="noisy")
        state = keras.Input((sum(self._state_sizes),), name="state")
        past, slow, fast, frames, spectra, outputs = _split(state, self._state_sizes)
        samples = layers.Concatenate(name="samples")([past, noisy])
        spectrum = self._analysis.spectrum(samples)
        log_power = self._analysis.log_powers(spectrum)
        mean = ops.mean(log_power, axis=-1, keepdims=True)
        silent = ops.minimum(_silent(mean), frames)  # not the first frame
        frames = ops.minimum(frames + 1 - silent, SLOW_FRAMES)
        slow = slow + (1 - silent) * (mean - slow) / frames
        fast = fast + (1 - silent) * (mean - fast) / ops.minimum(frames, FAST_FRAMES)
        present = ops.reshape(self._analysis.singles(spectrum), (-1, 2 * self._single))
        spectra = ops.concatenate([present, spectra], axis=-1)
        later: list[Any] = []

        def recur(number: int, hidden: Any) -> Any:
            before = outputs[:, number * width : (number + 1) * width]
            cell = self._parts[f"recurrent_{number}"]
            rows, last = (ops.reshape(each, (-1, self._channels)) for each in (hidden, before))
            output = ops.reshape(cell(rows, [last])[0], (-1, width))
            later.append(output + silent * (before - output))
            return later[-1]

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)
        singles = ops.reshape(spectra, (-1, self._taps, 2, 2, self._single // 2))
        clean = noisy - self._removed(features, spectrum, singles, recur)
        kept = samples[:, self._hop : self._hop + self._past]
        remembered = spectra[:, :kept_spectra]
        state_out = layers.Concatenate(name="state_out")([kept, slow, fast, frames, remembered, *later])
        return keras.Model([noisy, state], [clean, state_out], name="shared_mask")

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
        count = frames.shape[0]
        spectrum = self._analysis.spectrum(frames)
        log_power = self._analysis.log_powers(spectrum)
        mean = ops.mean(log_power, axis=-1)
        silent = ops.pad(_silent(mean)[1:, ...], ((1, 0), (0, 0)))  # not the first frame
        slow, fast = (running_mean(mean, 1 - silent, most) for most in (SLOW_FRAMES, FAST_FRAMES))
        held = ops.repeat(silent, self._positions, axis=1)[:, :, None]
        present = self._analysis.singles(spectrum)
        earlier = [ops.pad(present, ((back, 0), *((0, 0),) * 4))[:count, ...] for back in range(1, self._taps)]
        singles = ops.stack([present, *earlier], axis=-4)

        def recur(number: int, hidden: Any) -> Any:
            rows = ops.reshape(hidden, (count, -1, self._channels))
            output = OverSequences(self._parts[f"recurrent_{number}"])(rows, held)
            return ops.reshape(output, (count, -1, self._positions * self._channels))

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)[:, :, None]
        clean = frames[:, :, self._past :] - self._removed(features, spectrum, singles, recur)
        return keras.Model(signal, overlap_add(clean, self._hop), name="shared_mask_unrolled")

    def over_block(self, run_cell: RunCell) -> keras.Model:
        """Build the network of consecutive windows of one signal, of which only the recurrence goes step by step.

        Parameters
        ----------
        run_cell
            Runs a cell over time.

        Returns
        -------
        Network ``[noisy (count, window), state (1, state_size)]`` to ``[clean (count, window), state_out]`` that
        computes what :attr:`step` does window by window, each a hop after the one before.
        """
        width, back = self._positions * self._channels, self._taps - 1
        noisy = keras.Input((self._window,), name="noisy")
        state = keras.Input((sum(self._state_sizes),), name="state")
        past, slow, fast, frames, spectra, outputs = _split(state, self._state_sizes)
        whole_hops = max(1, math.ceil(self._past / self._hop))
        unused = whole_hops * self._hop - self._past
        pieces = ops.reshape(ops.pad(past, ((0, 0), (unused, 0))), (whole_hops, self._hop))
        pieces = ops.concatenate([pieces, noisy[:, : self._hop]], axis=0)
        before = [pieces[first : first - whole_hops, :] for first in range(whole_hops)]
        samples = ops.concatenate([before[0][:, unused:], *before[1:], noisy], axis=1)
        spectrum = self._analysis.spectrum(samples)
        log_power = self._analysis.log_powers(spectrum)
        mean = ops.mean(log_power, axis=-1, keepdims=True)
        ones = ops.ones_like(mean)
        silent = ops.minimum(_silent(mean), frames + ops.cumsum(ones, axis=0) - 1)  # not the first frame
        held = ops.tile(silent[:, None], (1, self._positions, 1))
        fast, _ = continued_mean(mean, 1 - silent, fast, frames, FAST_FRAMES)
        slow, frames = continued_mean(mean, 1 - silent, slow, frames, SLOW_FRAMES)
        known = ops.flip(ops.reshape(spectra, (back, 2, 2, self._single // 2)), axis=0)
        spectra = ops.concatenate([known, self._analysis.singles(spectrum)], axis=0)
        singles = ops.stack(
            [spectra[number : number - back or None, ...] for number in reversed(range(back + 1))], axis=1
        )
        later: list[Any] = []

        def recur(number: int, hidden: Any) -> Any:
            last = ops.reshape(outputs[:, number * width : (number + 1) * width], (-1, self._channels))
            rows = ops.reshape(hidden, (-1, self._positions, self._channels))
            output = ops.reshape(run_cell(self._parts[f"recurrent_{number}"], rows, last, held), (-1, width))
            later.append(output[-1:, :])
            return output

        features = log_power - ops.minimum(slow, fast + MOST_ABOVE)
        clean = noisy - self._removed(features, spectrum, singles, recur)
        kept = ops.reshape(pieces[-whole_hops:, :], (1, whole_hops * self._hop))[:, unused:]
        levels = [level[-1:, :] for level in (slow, fast, frames)]
        remembered = ops.reshape(ops.flip(spectra[-back:, ...], axis=0), (1, back * 2 * self._single))
        state_out = layers.Concatenate(name="state_out")([kept, *levels, remembered, *later])
        return keras.Model([noisy, state], [clean, state_out], name="shared_mask_block")

    def _layers(self, mixing: int) -> dict[str, keras.Layer]:
        """Make the layers with trained weights."""
        parts = {"encode": layers.Dense(self._channels, name="encode")}
        parts["advances"] = layers.Dense(self._channels, use_bias=False, name="advances")
        for number in range(self._depth + 1):
            parts[f"gather_{number}"] = layers.Dense(mixing, activation="relu", name=f"gather_{number}")
            parts[f"mix_{number}"] = layers.Dense(self._positions * self._channels, name=f"mix_{number}")
        for number in range(self._depth):
            parts[f"recurrent_{number}"] = layers.GRUCell(self._channels, name=f"recurrent_{number}")
        parts["mask"] = layers.Dense(self._group, activation="sigmoid", name="mask")
        parts["filter"] = layers.Dense(
            2 * self._taps * self._group, activation="tanh", kernel_initializer="zeros", name="filter"
        )
        return parts

    def _removed(self, features: Any, spectrum: Any, singles: Any, recur: Recur) -> Any:
        """Run the layers, and transform the removed part of the spectrum back to the newest samples.

        ``singles`` are those of the last spectra, the newest first, ``(..., taps, 2, 2, single_bins / 2)``.
        """
        parts, positions, lead = self._parts, self._positions, leading(features)
        single_positions = self._single // self._group
        turned = self._turned(singles)
        features = ops.reshape(features, (*lead, 2, positions * self._group // 2))
        hidden = _at_each(parts["encode"], _with_neighbours(_at_positions(features, positions)))
        advances = _at_positions(_advances(*turned), single_positions)
        advances = _at_each(parts["advances"], _with_neighbours(advances))
        hidden = ops.relu(hidden + _padded(advances, 0, positions - single_positions))
        hidden = ops.reshape(hidden, (*lead, positions * self._channels))
        for number in range(self._depth + 1):
            hidden = hidden + parts[f"mix_{number}"](parts[f"gather_{number}"](hidden))
            if number < self._depth:
                hidden = hidden + recur(number, hidden)
        hidden = ops.reshape(hidden, (*lead, positions, self._channels))
        shares = _from_positions(_at_each(parts["mask"], hidden), 2)
        filtered = self._filtered(hidden[..., :single_positions, :], *turned)
        return self._analysis.removed(shares, spectrum, filtered)

    def _turned(self, singles: Any) -> tuple[Any, Any]:
        """Rotate single bins by the phases that their centre frequencies advance until now.

        Returns
        -------
        Real and imaginary parts, ``(..., taps, 2, 1, single_bins / 2)``.
        """
        real, imaginary = singles[..., :1, :], singles[..., 1:, :]
        along, across = self._turns.real, self._turns.imag
        return real * along - imaginary * across, real * across + imaginary * along

    def _filtered(self, hidden: Any, real: Any, imaginary: Any) -> Any:
        """Sum the single bins of the last spectra, each times its complex weight; ``(..., 2, 2, single_bins / 2)``."""
        weights = _from_positions(_at_each(self._parts["filter"], hidden), 4 * self._taps)
        weights = ops.reshape(weights, (*leading(hidden, 2), self._taps, 2, 2, self._single // 2))
        one, other = weights[..., :1, :], weights[..., 1:, :]
        sums = [one * real - other * imaginary, one * imaginary + other * real]
        return ops.sum(ops.concatenate(sums, axis=-2), axis=-4)


def _silent(mean: Any) -> Any:
    """Return 1 where the mean log power is that of silence, else 0."""
    return ops.clip((SILENCE - mean) * STEEPNESS, 0, 1)


def _split(rows: Any, sizes: list[int]) -> list[Any]:
    """Split rows ``(batch, sum of sizes)`` into pieces."""
    ends = np.cumsum(sizes).tolist()
    return [rows[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _advances(real: Any, imaginary: Any) -> Any:
    """Compute cosine and sine of how much more each single bin's phase advanced than its centre frequency.

    The parts are those of the last turned spectra, ``(..., taps, 2, 1, n)``; the result is ``(..., 4, n)``.
    """
    (real, real_before), (imaginary, imaginary_before) = (
        (part[..., :1, :, :, :], part[..., 1:2, :, :, :]) for part in (real, imaginary)
    )
    along = real * real_before + imaginary * imaginary_before
    across = imaginary * real_before - real * imaginary_before
    both = ops.concatenate([along, across], axis=-4)
    both = both / ops.sqrt(ops.sum(ops.square(both), axis=-4, keepdims=True) + POWER_FLOOR**2)
    return ops.reshape(both, (*leading(both, 4), 4, both.shape[-1]))


def _at_each(layer: keras.Layer, positions: Any) -> Any:
    """Run a dense layer at each position ``(..., positions, n)``, as rows: Keras' own way takes more operators."""
    lead = leading(positions, 2)
    rows = layer(ops.reshape(positions, (-1, positions.shape[-1])))
    return ops.reshape(rows, (*lead, positions.shape[-2], rows.shape[-1]))


def _at_positions(rows: Any, positions: int) -> Any:
    """Rearrange rows by position: ``(..., rows, positions n)`` to ``(..., positions, rows n)``."""
    lead, count, each = leading(rows, 2), rows.shape[-2], rows.shape[-1] // positions
    parts = ops.swapaxes(ops.reshape(rows, (*lead, count, positions, each)), -3, -2)
    return ops.reshape(parts, (*lead, positions, count * each))


def _from_positions(parts: Any, rows: int) -> Any:
    """Undo :func:`_at_positions`: ``(..., positions, rows n)`` to ``(..., rows, positions n)``."""
    lead, positions, each = leading(parts, 2), parts.shape[-2], parts.shape[-1] // rows
    joined = ops.swapaxes(ops.reshape(parts, (*lead, positions, rows, each)), -3, -2)
    return ops.reshape(joined, (*lead, rows, positions * each))


def _with_neighbours(positions: Any) -> Any:
    """Concatenate each position with its neighbours, zeros at the ends: ``(..., n)`` to ``(..., 3 n)``."""
    padded, count = _padded(positions, 1, 1), positions.shape[-2]
    return ops.concatenate([padded[..., start : start + count, :] for start in range(3)], axis=-1)


def _padded(positions: Any, before: int, after: int) -> Any:
    """Add positions that hold zeros."""
    return ops.pad(positions, (*((0, 0),) * (len(positions.shape) - 2), (before, after), (0, 0)))
