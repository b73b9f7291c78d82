"""Noisy scenes and the clean speech in them, from recordings of both."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from denoise_train.arrays import Array, Windows, log_uniform
from denoise_train.data.protocol import MOST_SNR_DB, PICTURE_SNR_DB, Pairs
from denoise_train.data.speech import scenes, sounds
from denoise_train.dsp.metrics import si_sdr_db, snr_improvement_db
from denoise_train.dsp.speech_level import QUANTUM, RATE_HZ, SILENT, active_level, at_level_1, level
from denoise_train.losses.intelligibility import SHORTEST
from denoise_train.recipe import RecipeError, check_number, check_range
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.pieces import above_rumble
from denoise_train.recordings.recordings import Recordings
from denoise_train.splits import TEST, TRAINING, VALIDATION, seeded
from denoise_train.targets import SpeechTarget

SCENES_PER_BLOCK = 96
TEST_SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)

LEVEL_DB = (-40.0, -10.0)
"""Level of the speech, or of the noise where that is louder, relative to full scale."""

QUANTIZED_SHARE = 0.3
NARROW_SHARE = 0.1
OFFSET_SHARE = 0.05
CLIPPED_SHARE = 0.04
JUMPING_SHARE = 0.04
TWO_SOUNDS_SHARE = 0.3

COLOURS: tuple[sounds.Sound, ...] = (scenes.draw_coloured, scenes.draw_hum, scenes.draw_impacts)


@dataclass(frozen=True)
class SpeechData:
    """Scenes of speech in noise, redrawn for every block of a training.

    A row is a signal of ``samples``, in units of full scale. The target is a packed
    :class:`~denoise_train.targets.SpeechTarget`: the speech as it is heard in the scene's room, and the levels.

    Speech in folders named in ``training_only`` is used for training only, noise in folders named in ``held_out_noise``
    for validation and tests only, so that scores are on unseen sources. Without such names every ninth and tenth file
    is held out.
    """

    window: int
    seed: int
    noise: Mapping[str, float]
    own: OwnData
    samples: int
    snr_db: tuple[float, float]
    clean_share: float
    noise_share: float
    recorded_share: float
    babble_share: float
    reverberant_share: float
    validation_signals: int
    test_signals: int
    altered_share: float = 0.0
    crowd_share: float = 0.0
    synthetic_sounds: bool = False
    room_tone: bool = False
    training_only: Sequence[str] = ()
    held_out_noise: Sequence[str] = ()

    windows_per_signal = 1
    windows_per_block = SCENES_PER_BLOCK
    judges_own = True

    def __post_init__(self) -> None:
        where = "data 'speech': "
        if self.own.pairs or not (self.own.clean and self.own.noise):
            raise RecipeError("data kind 'speech' is mixed from recordings: give --clean (speech) and --noise")
        check_number(where + "samples", self.samples, SHORTEST, whole=True)
        for key in ("validation_signals", "test_signals"):
            check_number(where + key, getattr(self, key), 1, whole=True)
        for key in (
            "clean_share",
            "noise_share",
            "recorded_share",
            "babble_share",
            "reverberant_share",
            "altered_share",
            "crowd_share",
        ):
            check_number(where + key, getattr(self, key), 0, 1)
        check_number(f"{where}clean_share + noise_share", self.clean_share + self.noise_share, 0, 1)
        people = self.babble_share + self.crowd_share
        check_number(f"{where}recorded_share + babble_share + crowd_share", self.recorded_share + people, 0, 1)
        if self.noise:
            raise RecipeError(
                "data kind 'speech' has its noise from recordings and scenes; leave out the section [noise]"
            )
        check_range(f"{where}snr_db", self.snr_db, -MOST_SNR_DB, MOST_SNR_DB)

    @property
    def row_samples(self) -> int:
        """One signal."""
        return self.samples

    def block(self, number: int) -> Pairs:
        """Draw the training signals of a block."""
        return self._draw(TRAINING, number, SCENES_PER_BLOCK, None)

    def validation(self) -> Pairs:
        """Draw the validation signals, at all SNRs of the training."""
        return self._draw(VALIDATION, 0, self.validation_signals, None)

    def test(self, snr_db: float) -> Pairs:
        """Draw the test signals at one SNR, the same speech and noise for every SNR."""
        return self._draw(TEST, 0, self.test_signals, snr_db)

    def examples(self, count: int) -> Pairs:
        """Draw some test signals."""
        test = self.test(PICTURE_SNR_DB)
        return Pairs(test.noisy[:count], SpeechTarget.unpack(test.target).clean[:count])

    def figures(self, denoise: Callable[[Windows], Windows], val_loss: float | None) -> dict[str, Any]:
        """Measure a network at each SNR on recordings that no training saw."""
        gains: dict[str, dict[str, float]] = {"snr": {}, "si_sdr": {}}
        for snr_db in TEST_SNR_DB:
            test = self.test(snr_db)
            target = SpeechTarget.unpack(test.target)
            heard = target.noise > SILENT  # silent noise has no SNR
            rows = (target.clean, test.noisy, denoise(test.noisy))
            clean, noisy, denoised = (signals[heard].astype(np.float64) for signals in rows)
            gains["snr"][f"{snr_db:g}"] = float(snr_improvement_db(clean, noisy, denoised).mean())
            si_sdr_gain = si_sdr_db(clean, denoised) - si_sdr_db(clean, noisy)
            gains["si_sdr"][f"{snr_db:g}"] = float(si_sdr_gain.mean())
        return {
            "snr_improvement_db": float(np.mean(list(gains["snr"].values()))),
            "snr_improvement_db_by_input_snr": gains["snr"],
            "si_sdr_improvement_db_by_input_snr": gains["si_sdr"],
            "how": f"{self.test_signals} scenes of {self.samples / RATE_HZ:g} s with overlap-add, held-out files",
        }

    @functools.cached_property
    def _recordings(self) -> dict[int, tuple[Recordings, Recordings]]:
        """Speech and noise by split; what lies below 50 Hz in recordings of speech is not speech."""
        assert self.own.clean is not None
        assert self.own.noise is not None
        clean, noise = self.own.clean, self.own.noise
        speech = Recordings([above_rumble(signal) for signal in clean.signals], clean.files, clean.paths)
        training_only, speech = self._apart(speech, "training_only", self.training_only)
        held_out, noise = self._apart(noise, "held_out_noise", self.held_out_noise)
        parts = {}
        for split in (TRAINING, VALIDATION, TEST):
            voices, sounds_of_split = speech.part(split), noise if self.held_out_noise else noise.part(split)
            if split == TRAINING:
                voices = voices.and_also(training_only)
            elif self.held_out_noise:
                sounds_of_split = held_out.every_other(split - VALIDATION)
            parts[split] = (voices, sounds_of_split)
        return parts

    def _apart(self, recordings: Recordings, key: str, names: Sequence[str]) -> tuple[Recordings, Recordings]:
        """Split recordings into those below the named folders and the others; with names, neither may be empty."""
        inside, others = recordings.in_folders(names)
        if names and not (len(inside.signals) > 1 and others.signals):
            raise RecipeError(
                f"data 'speech': {key}={list(names)} leaves {len(inside.signals)} recordings in such folders and "
                f"{len(others.signals)} elsewhere; name folders of two recordings or more, but not all"
            )
        return inside, others

    def _draw(self, split: int, index: int, count: int, fixed_snr_db: float | None) -> Pairs:
        rng = seeded(self.seed, split, index)
        speech, noise = self._recordings[split]
        noisy = np.empty((count, self.samples), np.float32)
        packed = np.empty((count, self.samples + SpeechTarget.columns()), np.float32)
        target = SpeechTarget.unpack(packed)
        for row in range(count):
            snr_db = rng.uniform(*self.snr_db) if fixed_snr_db is None else fixed_snr_db
            # The same speech and noise whatever the SNR.
            scene = np.random.default_rng(rng.integers(2**63))
            voice, sound = self._scene(scene, speech, noise, snr_db, pure=fixed_snr_db is not None)
            noisy[row] = voice + sound
            target.clean[row], target.noise[row], target.level[row] = voice, level(sound), level(voice)
        return Pairs(noisy, packed)

    def _scene(
        self, rng: np.random.Generator, speech: Recordings, noise: Recordings, snr_db: float, *, pure: bool
    ) -> tuple[Array, Array]:
        """Draw the speech and the noise that a microphone hears; a pure scene has both, unaltered."""
        voice = np.zeros(self.samples)
        piece = scenes.draw_piece(rng, speech, self.samples, 1.2)
        voice[: len(piece)] = scenes.with_room_tone(rng, piece) if self.room_tone else piece
        sound = self._sound(rng, speech, noise)
        voice = scenes.equalize(voice, scenes.draw_response(rng, 4.0, 4.0))
        sound = scenes.equalize(sound, scenes.draw_response(rng, 6.0, 6.0))
        if rng.random() < self.reverberant_share:
            voice, sound = scenes.reverberate(rng, (voice, sound))
        voice /= max(active_level(voice), SILENT)
        sound = at_level_1(sound) / 10 ** (snr_db / 20)
        rest = 1.0 if pure else rng.random()
        if rest < self.clean_share:
            sound[:] = 0.0
        elif rest < self.clean_share + self.noise_share:
            voice[:] = 0.0
        loudness = 10 ** (rng.uniform(*LEVEL_DB) / 20) * min(1.0, 10 ** (snr_db / 20))
        voice, sound = voice * loudness, sound * loudness
        return (voice, sound) if pure else self._alter(rng, voice, sound, loudness)

    def _alter(self, rng: np.random.Generator, voice: Array, sound: Array, loudness: float) -> tuple[Array, Array]:
        """Alter some scenes as microphones, codecs and people do."""
        if rng.random() < NARROW_SHARE:
            cut_off_hz = float(log_uniform(rng, 3000, 7000))
            voice, sound = (scenes.limit_band(signal, cut_off_hz) for signal in (voice, sound))
        if rng.random() < JUMPING_SHARE:
            gain = scenes.draw_jump(rng, self.samples)
            voice, sound = voice * gain, sound * gain
        if rng.random() < OFFSET_SHARE:
            sound = sound + rng.choice((-1, 1)) * log_uniform(rng, 0.1, 10.0) * loudness
        if rng.random() < CLIPPED_SHARE:
            noisy = voice + sound
            sound += scenes.clip(rng, noisy) - noisy
        if rng.random() < QUANTIZED_SHARE:
            noisy = voice + sound
            sound += np.round(noisy / QUANTUM) * QUANTUM - noisy
        return voice, sound

    def _sound(self, rng: np.random.Generator, speech: Recordings, noise: Recordings) -> Array:
        """Draw the noise of a scene, at any level."""
        kind = rng.random()
        if kind < self.recorded_share:
            sound = self._recorded(rng, noise)
            if rng.random() < TWO_SOUNDS_SHARE:
                sound += at_level_1(self._recorded(rng, noise)) * (log_uniform(rng, 0.1, 1.0) * level(sound))
            return sound
        kind -= self.recorded_share
        if kind < self.babble_share:
            return scenes.draw_babble(rng, speech, self.samples)
        if kind < self.babble_share + self.crowd_share:
            voices = [scenes.draw_piece(rng, speech, self.samples, 1.4) for _ in range(int(rng.integers(6, 16)))]
            return sounds.crowd_of(rng, voices, self.samples)
        kinds = COLOURS + sounds.SOUNDS if self.synthetic_sounds else COLOURS
        return kinds[int(rng.integers(len(kinds)))](rng, self.samples)

    def _recorded(self, rng: np.random.Generator, noise: Recordings) -> Array:
        """Draw recorded noise, some of it altered beyond colour and speed."""
        sound = scenes.draw_noise(rng, noise, self.samples)
        return sounds.altered(rng, sound) if rng.random() < self.altered_share else sound
