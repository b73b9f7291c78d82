"""Scores of speech and the programs that are scored: known values, known delays, and silence everywhere."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from denoise_stream import Denoiser
from denoise_train.dsp.hop_tone import hop_tone_db
from denoise_train.evaluation.speech.enhancers import engine_enhancer
from denoise_train.evaluation.speech.metrics import pesq, stoi
from denoise_train.evaluation.speech.peers.registry import INSTALLED
from denoise_train.evaluation.speech.peers.rnnoise import run_rnnoise
from denoise_train.evaluation.speech.scores import ABOVE, Judge

RATE = 16_000
SPEECH = soundfile.read(Path(__file__).parents[4] / "samples" / "speech_clean.wav")[0][: 3 * RATE]
HISS = np.random.default_rng(0).normal(0, 1, len(SPEECH))


def in_hiss(snr_db: float) -> np.ndarray:
    return SPEECH + HISS * SPEECH.std() * 10 ** (-snr_db / 20)


# ------------------------------------------------------------------------------------------ PESQ and STOI


def test_speech_itself_gets_the_best_scores_and_less_noise_gets_better_ones() -> None:
    degraded = np.stack([SPEECH, 0.2 * SPEECH, in_hiss(15), in_hiss(8), in_hiss(0)])
    clean = np.tile(SPEECH, (5, 1))
    for score, best in ((pesq(clean, degraded), 4.644), (stoi(clean, degraded), 1.0)):
        np.testing.assert_allclose(score[:2], best, atol=2e-3)
        assert (np.diff(score[1:]) < -0.01).all()


def test_silence_has_no_quality() -> None:
    silence, faint = np.zeros_like(SPEECH), 1e-7 * HISS
    clean = np.stack([SPEECH, SPEECH, silence, faint, SPEECH])
    estimate = np.stack([silence, faint, SPEECH, SPEECH, SPEECH])
    np.testing.assert_array_equal(np.isnan(pesq(clean, estimate)), [True, True, True, True, False])


def test_too_little_speech_has_no_scores() -> None:
    syllable = np.where(np.arange(len(SPEECH)) < 3000, np.sin(np.arange(len(SPEECH)) / 5), 0.0)[None]
    assert np.isnan(stoi(syllable, syllable + 0.01 * HISS))
    short = SPEECH[None, RATE : RATE + 2000]
    assert np.isnan(pesq(short, short))


# ------------------------------------------------------------------------------------------ above 50 Hz


def test_rumble_counts_in_raw_scores_only() -> None:
    rumble = 0.2 * np.sin(2 * np.pi * 20 * np.arange(len(SPEECH)) / RATE)
    noisy = in_hiss(10)
    plain = Judge(SPEECH[None]).measure(noisy[None])
    clean_rumbles = Judge((SPEECH + rumble)[None]).measure(noisy[None])
    estimate_rumbles = Judge(SPEECH[None]).measure((noisy + rumble)[None])
    for rumbling in (clean_rumbles, estimate_rumbles):
        assert rumbling["si_sdr_db"] < plain["si_sdr_db"] - 5
        for above in ABOVE.values():
            assert above in rumbling
            np.testing.assert_allclose(rumbling[above], plain[above], atol=0.02)


def test_raw_scores_are_those_of_the_signals_as_they_are() -> None:
    found = Judge(SPEECH[None]).measure(in_hiss(10)[None])
    for name, measure in (("pesq", pesq), ("stoi", stoi)):
        np.testing.assert_array_equal(found[name], measure(SPEECH[None], in_hiss(10)[None]))
    assert found["si_sdr_db"] == pytest.approx(10, abs=0.3)


# ------------------------------------------------------------------------------------------ the hop tone


@pytest.mark.parametrize("hop", [50, 75, 75 * 16_000 / 44_100])
def test_a_flutter_at_the_hop_rate_stands_out_and_one_beside_it_does_not(hop: float) -> None:
    signals = np.stack([in_hiss(10), in_hiss(0)])
    time = np.arange(signals.shape[1])
    at, beside = (1 + 0.2 * np.sin(2 * np.pi * time / period) for period in (hop, 1.2 * hop))
    assert hop_tone_db(signals, hop) < 3
    assert hop_tone_db(signals * beside, hop) < 3
    assert hop_tone_db(signals * at, hop) > 10


def test_a_tone_in_the_pauses_counts_however_loud_the_words_are() -> None:
    loud = np.repeat(np.arange(12) % 2, len(HISS) // 12)
    flutter = np.where(loud, 1.0, 1 + 0.5 * np.sin(2 * np.pi * np.arange(len(HISS)) / 75))
    assert hop_tone_db((np.where(loud, 1.0, 0.01) * flutter * HISS)[None], 75) > 10


def test_silence_and_a_model_that_does_nothing_have_no_hop_tone(models: dict[str, Path]) -> None:
    assert hop_tone_db(np.zeros((2, RATE)), 75) <= 0
    given = engine_enhancer(Denoiser(models["identity_16k"])).enhance(in_hiss(5))
    assert hop_tone_db(given[None], 75) == pytest.approx(hop_tone_db(in_hiss(5)[None], 75), abs=0.01)


# --------------------------------------------------------------------------------------- the enhancers


@pytest.mark.parametrize("enhancer", INSTALLED, ids=lambda enhancer: enhancer.name)
@pytest.mark.parametrize("length", [len(SPEECH), 40_001, 1500])
def test_output_is_as_long_as_the_input_and_aligned(enhancer, length: int) -> None:
    noisy = in_hiss(25)[:length]
    enhanced = enhancer.enhance(noisy)
    assert enhanced.shape == noisy.shape
    assert np.isfinite(enhanced).all()
    if length > RATE:
        spectra = np.fft.rfft(enhanced, 2 * length) * np.conj(np.fft.rfft(SPEECH[:length], 2 * length))
        assert np.argmax(np.fft.irfft(spectra)) == 0


@pytest.mark.parametrize("enhancer", INSTALLED, ids=lambda enhancer: enhancer.name)
def test_silence_stays_silence(enhancer) -> None:
    np.testing.assert_allclose(enhancer.enhance(np.zeros(20_000)), 0.0, atol=1e-3)


def test_rnnoise_hears_the_last_samples() -> None:
    late = np.concatenate((np.zeros(RATE), SPEECH))
    ends_with_a_word = late[: np.argmax(np.abs(late)) + 100]
    assert np.abs(run_rnnoise(ends_with_a_word)[-300:]).max() > 0.3 * np.abs(ends_with_a_word).max()


def test_latencies_are_those_of_the_algorithms(models: dict[str, Path]) -> None:
    assert engine_enhancer(Denoiser(models["identity_16k"])).latency_ms == 9.375
    assert engine_enhancer(Denoiser(models["identity"])).latency_ms == 9.375


@pytest.mark.parametrize("kind", ["leaky_mean_16k", "recurrent_16k", "smoother"])
def test_a_model_fed_hop_by_hop_gives_what_the_engine_gives(kind: str, models: dict[str, Path]) -> None:
    noisy = in_hiss(5)[:20_011]
    denoiser = Denoiser(models[kind])
    np.testing.assert_allclose(engine_enhancer(denoiser).enhance(noisy), denoiser.denoise(noisy, RATE), atol=1e-6)
