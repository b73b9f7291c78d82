"""Mixtures at every time scale: windows of long noisy records, with what surrounds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from denoise_stream.contract import Contract
from denoise_stream.engine.context import Starts, Surroundings
from denoise_stream.engine.windows import normalize
from denoise_train.arrays import Array, Windows, log_uniform, standardize
from denoise_train.data.mixtures import draw_snr_db, gentleness_of, improvement_db, noise_level, scaled_pairs
from denoise_train.data.protocol import MOST_SNR_DB, PICTURE_SNR_DB, Inputs, Pairs
from denoise_train.recipe import RecipeError, check_number, check_range
from denoise_train.recordings.pairs import OwnData
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded
from denoise_train.synthetic.drawing import SHORTEST_DRAWN, draw_signals
from denoise_train.synthetic.mixing import add_noise, mix_at_snr
from denoise_train.synthetic.stretching import draw_drift, draw_interpolation, rows_needed, stretch
from denoise_train.targets import WindowTarget

RECORDS_PER_GROUP = 16
"""Records drawn together, with one stretch, length and look-ahead."""

GROUPS_PER_BLOCK = 32
"""The records of a block are shuffled, so that a batch holds many stretches."""

STRETCH_SNR_DB = (0.0, 10.0, 20.0)
TEST_STRETCHES = (1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Setting:
    """What the records of a group have in common: samples per base sample, length and look-ahead in samples."""

    stretch: float
    length: int
    lookahead_samples: int


@dataclass(frozen=True)
class ContextMixtureData:
    """Long records of clean signals and noise at every time scale, drawn afresh for every block of a training.

    A record gives ``windows_per_signal`` windows, spread evenly over it; the loss is over all of them. Some lie near
    the record's ends, where little of the past or of what lies ahead is known. The target is that of
    :class:`~denoise_train.data.mixtures.MixtureData`.

    Attributes
    ----------
    contract
        The window and its context; without a context the windows come alone.
    stretches
        From and to: samples per sample of the families of signals, whose features last 3 to 400.
    unstretched
        Share of the groups that are not stretched at all.
    drifting
        Share of the records with a slow drift, a trend or a jump that noise and signal are small beside.
    live, foreseen
        Shares of the groups with no look-ahead, and with all that the model can use; the others have some.
    record_samples
        Lengths of the records, from and to.
    clean_above_hz
        Slower parts are taken out of the clean recordings before they are used, by
        :meth:`~denoise_train.recordings.recordings.Recordings.above`; 0 leaves them as they are.
    """

    contract: Contract
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    families: list[str]
    overlays: float
    altered: float
    blends: float
    windows_per_signal: int
    stretches: tuple[float, float]
    unstretched: float
    drifting: float
    live: float
    foreseen: float
    record_samples: tuple[int, int]
    snr_db: tuple[float, float]
    clean_share: float
    gentle_blocks: int
    recordings_share: float
    noise_recordings_share: float
    validation_signals: int
    test_signals: int
    clean_above_hz: float = 0.0

    judges_own = False

    def __post_init__(self) -> None:
        where = "data 'mixtures_in_context': "
        for key in ("windows_per_signal", "validation_signals", "test_signals"):
            check_number(where + key, getattr(self, key), 1, whole=True)
        check_number(f"{where}gentle_blocks", self.gentle_blocks, 0, whole=True)
        for key in (
            *("overlays", "altered", "blends", "unstretched", "drifting", "live", "foreseen", "clean_share"),
            *("recordings_share", "noise_recordings_share"),
        ):
            check_number(where + key, getattr(self, key), 0, 1)
        if self.live + self.foreseen > 1:
            raise RecipeError(f"{where}live={self.live} and foreseen={self.foreseen} are more than 1 together")
        check_number(f"{where}clean_above_hz", self.clean_above_hz, 0)
        check_range(f"{where}stretches", self.stretches, 1, 1e6)
        check_range(f"{where}record_samples", self.record_samples, self.contract.window, 1e8)
        check_range(f"{where}snr_db", self.snr_db, -MOST_SNR_DB, MOST_SNR_DB)
        try:
            self._records(seeded(self.seed, TRAINING), TRAINING, 1, Setting(1.0, self.contract.window, 0), np.zeros(1))
        except (TypeError, ValueError) as error:
            raise RecipeError(f"{where}{error}") from error

    @property
    def row_samples(self) -> int:
        """One window."""
        return self.contract.window

    @property
    def windows_per_block(self) -> int:
        """Windows that are drawn together."""
        return GROUPS_PER_BLOCK * RECORDS_PER_GROUP * self.windows_per_signal

    def block(self, number: int) -> Pairs:
        """Draw the training windows of a block."""
        return self._mixed(TRAINING, number, GROUPS_PER_BLOCK, gentleness_of(number, self.gentle_blocks))

    def validation(self) -> Pairs:
        """Draw the validation windows."""
        return self._mixed(VALIDATION, 0, -(-self.validation_signals // RECORDS_PER_GROUP), 0.0)

    def examples(self, count: int) -> Pairs:
        """Draw windows from the middle of test records, one of each."""
        test = self._test(10.0, PICTURE_SNR_DB, self.contract.most_lookahead_samples, count)
        middle = test.part(slice(self.windows_per_signal // 2, None, self.windows_per_signal))
        return Pairs(middle.noisy, WindowTarget.unpack(middle.target).clean, middle.context)

    def figures(self, denoise: Callable[[Inputs], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network in white noise by stretch, without a look-ahead and with all of it."""
        gains: dict[str, dict[str, float]] = {}
        uses = {"live": 0, "files": self.contract.most_lookahead_samples}
        for use, lookahead in uses.items():
            gains[use] = {}
            for factor in TEST_STRETCHES:
                tests = (self._test(factor, snr_db, lookahead, self.test_signals) for snr_db in STRETCH_SNR_DB)
                gains[use][f"{factor:g}"] = float(
                    np.mean([improvement_db(test, denoise(test.inputs), self.windows_per_signal) for test in tests])
                )
        return {
            "snr_improvement_db": float(
                np.mean([gain for by_stretch in gains.values() for gain in by_stretch.values()])
            ),
            "snr_improvement_db_by_stretch": gains,
            "how": "white noise, single windows without overlap-add, test split; mean over 0, 10, 20 dB",
        }

    def _test(self, factor: float, snr_db: float, lookahead_samples: int, count: int) -> Pairs:
        rng = seeded(self.seed, TEST, int(factor))
        setting = Setting(factor, int(self.record_samples[1]), lookahead_samples)
        base = self._base(rng, TEST, count, setting)
        return self._windows(base, mix_at_snr(base, rng.normal(size=base.shape), snr_db), base.std(axis=1), setting)

    def _mixed(self, split: int, index: int, groups: int, gentleness: float) -> Pairs:
        """Draw groups of records and shuffle the records."""
        rng = seeded(self.seed, split, index)
        parts = [self._group(rng, split, gentleness) for _ in range(groups)]
        order = rng.permutation(groups * RECORDS_PER_GROUP)
        rows = (order[:, None] * self.windows_per_signal + np.arange(self.windows_per_signal)).ravel()
        context = [part.context for part in parts if part.context is not None]
        return Pairs(
            np.concatenate([part.noisy for part in parts])[rows],
            np.concatenate([part.target for part in parts])[rows],
            np.concatenate(context)[rows] if context else None,
        )

    def _group(self, rng: np.random.Generator, split: int, gentleness: float) -> Pairs:
        setting = self._setting(rng)
        snr_db = draw_snr_db(rng, self.snr_db, gentleness, RECORDS_PER_GROUP)
        clean, noisy, deviation = self._records(rng, split, RECORDS_PER_GROUP, setting, snr_db)
        untouched = rng.random(len(clean)) < (0.0 if gentleness else self.clean_share)
        noisy[untouched] = clean[untouched]
        if self.own.pairs is not None:
            chosen = rng.random(len(clean)) < self.recordings_share
            pairs = self.own.pairs.part(split).draw(rng, int(chosen.sum()), setting.length)
            clean[chosen], noisy[chosen] = pairs
            deviation[chosen] = pairs[0].std(axis=1)
        return self._windows(clean, noisy, deviation, setting)

    def _setting(self, rng: np.random.Generator) -> Setting:
        factor = 1.0 if rng.random() < self.unstretched else float(log_uniform(rng, *self.stretches)[()])
        shortest, longest = self.record_samples
        # Long records show the whole context, short ones how a signal begins; fine ones take long to draw.
        whole = rng.random() < (0.3 if factor < 3 else 0.7)
        length = longest if whole else int(log_uniform(rng, shortest, longest)[()])
        use, most = rng.random(), self.contract.most_lookahead_samples
        if use < self.live or not most:
            ahead = 0
        else:
            ahead = most if use < self.live + self.foreseen else int(log_uniform(rng, 1, most + 1)[()])
        return Setting(factor, length, ahead)

    def _base(self, rng: np.random.Generator, split: int, count: int, setting: Setting) -> Array:
        """Draw clean records, of mean 0 and deviation 1."""
        needed = rows_needed(setting.stretch, setting.length)
        drawn = max(needed, SHORTEST_DRAWN)
        rows = draw_signals(rng, count, drawn, tuple(self.families), self.overlays, self.altered)
        if self.own.clean is not None:
            chosen = rng.random(count) < self.recordings_share
            rows[chosen] = self.own.clean.part(split).draw(rng, int(chosen.sum()), drawn)
        start = int(rng.integers(drawn - needed + 1))
        kind = draw_interpolation(rng)
        return standardize(stretch(rows[:, start : start + needed], setting.stretch, setting.length, kind))

    def _records(
        self, rng: np.random.Generator, split: int, count: int, setting: Setting, snr_db: Array
    ) -> tuple[Array, Array, Array]:
        """Draw clean and noisy records, and the deviation of each signal without its drift."""
        clean = self._base(rng, split, count, setting)
        noisy = add_noise(rng, clean, snr_db[:, None], self.noise, self.blends)
        if self.own.noise is not None:
            chosen = rng.random(count) < self.noise_recordings_share
            noise = self.own.noise.part(split).draw(rng, int(chosen.sum()), setting.length)
            noisy[chosen] = mix_at_snr(clean[chosen], noise, snr_db[chosen, None])
        drifting = rng.random(count) < self.drifting
        drift = draw_drift(rng, clean) * drifting[:, None]
        return clean + drift, noisy + drift, clean.std(axis=1)

    def _windows(self, clean: Array, noisy: Array, deviation: Array, setting: Setting) -> Pairs:
        """Cut windows, spread evenly over the records, and scale them as the engine does."""
        window, count = self.row_samples, self.windows_per_signal
        hop = (setting.length - window) // max(1, count - 1)
        places = np.arange(count)[:, None] * hop + np.arange(window)
        noisy_windows, clean_windows = (rows[:, places].reshape(-1, window) for rows in (noisy, clean))
        pairs = scaled_pairs(clean_windows, noisy_windows, deviation, noise_level(clean, noisy, deviation))
        if not self.contract.context_size:
            return pairs
        starts = Starts(0, count, hop)
        return replace(pairs, context=self._contexts(noisy, noisy_windows, starts, setting.lookahead_samples))

    def _contexts(self, noisy: Array, windows: Array, starts: Starts, lookahead_samples: int) -> Windows:
        """Compute the contexts; the engine counts channels fastest, a training windows of a record."""
        records, count = len(noisy), starts.number
        by_channel = windows.reshape(records, count, -1).swapaxes(0, 1).reshape(records * count, -1)
        found = Surroundings(self.contract, lookahead_samples).contexts(noisy, starts, *normalize(by_channel))
        return found.reshape(count, records, -1).swapaxes(0, 1).reshape(records * count, -1)
