"""Speech and noise made up for tests, and the data sets of scenes that they make."""

import numpy as np

from denoise_train.data.registry import build_data
from denoise_train.data.speech.data import SpeechData
from denoise_train.dsp.speech_level import RATE_HZ
from denoise_train.recipe import load_recipe
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings


def voice(rng: np.random.Generator, seconds: float = 3.0) -> np.ndarray:
    """Vowels with pauses between them: harmonics that come and go."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    tone_hz = rng.uniform(100, 250)
    vowel = sum(np.sin(2 * np.pi * tone_hz * number * times) / number for number in range(1, 20))
    return 0.1 * vowel * (np.sin(2 * np.pi * 1.5 * times) > 0)


def made_up_recordings() -> OwnData:
    """Twenty voices and twenty noises."""
    rng = np.random.default_rng(0)
    return OwnData(
        Recordings([voice(rng) for _ in range(20)]), Recordings([rng.normal(0, 0.05, 30_000) for _ in range(20)])
    )


def short_scenes() -> dict:
    """Settings of the recipe `speech` with few scenes of half a second."""
    return {**load_recipe("speech").data, "samples": 7500, "validation_signals": 4, "test_signals": 4}


def data_of(section: dict, own: OwnData, **changes) -> SpeechData:
    data = build_data(section | changes, {}, 150, 1, own)
    assert isinstance(data, SpeechData)
    return data
