"""The verdict on a training on one's own signals: what is held out, what is said and what is advised."""

import dataclasses

import numpy as np
import pytest

from denoise_stream import Denoiser
from denoise_train.dsp.filters import Filter
from denoise_train.evaluation import verdict
from denoise_train.evaluation.compare import engine_method
from denoise_train.evaluation.verdict import hold_out, judge
from denoise_train.recordings.pairs import OwnData
from denoise_train.recordings.recordings import Recordings
from own_signals import pairs, small

NOTHING = Filter("nothing", lambda noisy, _: noisy, (None,), "")


@pytest.fixture(autouse=True)
def few_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SIGNALS", 25)


def test_a_model_behind_the_filters_is_not_recommended():
    assert "use the filter" in judge([NOTHING], hold_out(small(), pairs())).sentence


def test_a_training_that_gained_nothing_is_reported_as_such():
    general = engine_method(Denoiser("general"))
    found = judge([general, dataclasses.replace(general, name="general")], hold_out(small(), pairs()))
    assert found.sentence.endswith("The training gained nothing: use general as it is, or train on more.")
    assert found.figures["gain_db"] == found.figures["start_gain_db"] > found.figures["best_filter_gain_db"]


def marked(length: int, period: float) -> np.ndarray:
    """Return a triangle wave in what is trained with, and a sine wave in what is held out."""
    time = np.arange(length)
    triangle = np.abs(time % 50 - 25.0)
    return np.where(time < length * 8 // 10, triangle, np.sin(2 * np.pi * time / period))


def test_recordings_and_recorded_noise_are_judged_on_their_held_out_parts():
    own = OwnData(clean=Recordings([marked(30_000, 400.0)]), noise=Recordings([marked(50_000, 6.0)]))
    held_out = hold_out(small(), own)
    for mixtures in (held_out.validation, held_out.test):
        assert len(mixtures.snr_db) == 7
        for rows, period in ((mixtures.clean, 400.0), (mixtures.noisy[0] - mixtures.clean, 6.0)):
            # A crop that the training could see has its peak at a period of 50.
            peak = np.abs(np.fft.rfft(rows * np.hanning(rows.shape[1]), axis=1)).argmax(axis=1)
            np.testing.assert_allclose(peak, rows.shape[1] / period, atol=1)
    found = judge([NOTHING], held_out)
    beginning = "On your held-out recordings with your held-out noise, from -5 to 25 dB SNR, nothing gains"
    assert found.sentence.startswith(beginning)
    assert len(found.figures["gain_db_by_snr"]) == 7


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (OwnData(clean=Recordings([marked(30_000, 400.0)])), "your held-out recordings with synthetic noise of many"),
        (OwnData(noise=Recordings([marked(30_000, 6.0)])), "synthetic signals with your held-out noise"),
    ],
)
def test_the_verdict_names_what_was_synthetic(own, words):
    held_out = hold_out(small(), own)
    assert held_out.what.startswith(words)
    if own.noise:
        noise = held_out.test.noisy[0] - held_out.test.clean
        assert (np.abs(np.fft.rfft(noise, axis=1)).argmax(axis=1) == 250).all()


@pytest.mark.parametrize(
    ("gains", "best", "advice"),
    [
        ((5.0, 6.0), 4.0, "use general as it is, or train on more."),
        ((2.0, 6.0), 4.0, "use general as it is, or train on more."),
        ((4.0, 3.0), 6.0, "use the filter, or train longer or on more."),
        ((6.0, 3.0), 4.0, "gains 3.0 dB."),
        ((-1.0, -2.0), -3.0, "leave such signals as they are."),
    ],
)
def test_the_advice_is_the_best_of_model_start_and_filter(gains, best, advice):
    methods = [NOTHING, dataclasses.replace(NOTHING, name="general")]
    assert verdict._say("Here", gains, "a filter", best, methods).endswith(advice)
