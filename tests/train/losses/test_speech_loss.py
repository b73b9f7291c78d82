"""The loss of speech, and its agreement with STOI and PESQ."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from denoise_train.evaluation.speech.metrics import pesq, stoi
from denoise_train.losses.intelligibility import lost_envelope
from denoise_train.losses.quality import lost_quality
from denoise_train.losses.registry import build_loss
from denoise_train.recipe import load_recipe
from speech_scenes import voice


def signals_with_noise(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return speech and noise ``(4, 8000)``, the noise at -20 dB."""
    return np.stack([voice(rng, 0.5) for _ in range(4)]), 0.01 * rng.normal(size=(4, 8000))


def test_loss_falls_with_the_error_and_wants_speech_kept():
    loss = build_loss(load_recipe("speech").loss, 150, 1)
    clean, noise = signals_with_noise(np.random.default_rng(0))
    levels = [np.sqrt(np.mean(part**2, axis=1, keepdims=True)) for part in (noise, clean)]
    target = np.concatenate((clean, *levels), axis=1).astype(np.float32)
    for worse_and_worse in ((0 * noise, 0.3 * noise, noise), (0 * clean, -0.3 * clean, -clean)):
        losses = [float(loss(target, (clean + error).astype(np.float32))) for error in worse_and_worse]
        assert losses == sorted(losses)
        assert losses[2] - losses[0] > 1


@pytest.mark.parametrize("quality_weight", [0.0, 1.0])
def test_loss_and_its_gradient_are_finite_for_silence(quality_weight):
    loss = build_loss({**load_recipe("speech").loss, "quality_weight": quality_weight}, 150, 1)
    silence = tf.zeros((2, 8000))
    with tf.GradientTape() as tape:
        tape.watch(silence)
        found = loss(np.zeros((2, 8002), np.float32), silence)
    assert np.isfinite(float(found))
    assert np.isfinite(tape.gradient(found, silence).numpy()).all()


@pytest.fixture(scope="module")
def stoi_speech() -> np.ndarray:
    """Return real speech ``(1, n)`` of power 1."""
    signal, _ = soundfile.read(Path(__file__).parents[3] / "samples" / "speech_clean.wav")
    return (signal / signal.std())[None]


def test_envelope_is_lost_as_stoi_says(stoi_speech):
    lost, missed = [], []
    for snr_db in (-5, 5, 15):
        noisy = stoi_speech + np.random.default_rng(0).normal(size=stoi_speech.shape) * 10 ** (-snr_db / 20)
        lost.append(float(lost_envelope(stoi_speech.astype(np.float32), noisy.astype(np.float32))))
        missed.append(1 - float(stoi(stoi_speech, noisy).mean()))
    assert lost == pytest.approx(missed, abs=0.08)
    assert lost == sorted(lost, reverse=True)


def test_envelope_keeps_its_worth_at_another_level_and_counts_only_speech(stoi_speech):
    clean = stoi_speech.astype(np.float32)
    assert float(lost_envelope(clean, 0.5 * clean)) == pytest.approx(0, abs=0.01)
    assert float(lost_envelope(0 * clean, clean)) == 0
    pause = np.zeros((len(clean), 16_000), np.float32)
    noise = np.random.default_rng(0).normal(size=pause.shape).astype(np.float32)
    spoilt = clean + 0.5 * np.roll(clean, 5000, axis=1)
    alone = float(lost_envelope(clean, spoilt))
    before_noise = lost_envelope(np.concatenate((clean, pause), axis=1), np.concatenate((spoilt, noise), axis=1))
    assert 0.05 < alone == pytest.approx(float(before_noise), abs=0.03)


def test_quality_is_lost_as_pesq_says(stoi_speech):
    rng = np.random.default_rng(0)
    lost, missed = [], []
    for snr_db in (0, 15, 25, 35, 50):
        noisy = stoi_speech + 10 ** (-snr_db / 20) * rng.normal(size=stoi_speech.shape)
        lost.append(float(lost_quality(stoi_speech.astype(np.float32), noisy.astype(np.float32))))
        missed.append(4.64 - float(pesq(stoi_speech, noisy).mean()))
    assert lost == sorted(lost, reverse=True)
    assert lost == pytest.approx(missed, abs=0.2)
    assert float(lost_quality(*[stoi_speech.astype(np.float32)] * 2)) == pytest.approx(0, abs=1e-3)
