"""Losses and optimizers."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from denoise_train.losses.registry import build_loss
from denoise_train.recipe import Optimizer, Schedule
from denoise_train.training.optimizers import KernelMuon, build_optimizer
from denoise_train.training.run_folder import averaged_weights

WINDOW = 150
LOSS = {"kind": "snr_db", "floor_db": -30.0, "clean_floor_db": -45.0, "harm_weight": 0.0, "centre_weight": 0.0}


def loss_of(error: float, noise: float, level: float = 1.0, **changes: float) -> float:
    """Return the loss of signals of the given level with errors and noise of the given size."""
    clean = np.zeros((8, WINDOW))
    target = np.concatenate((clean, np.full((8, 1), 1 / noise), np.full((8, 1), level / noise)), axis=1)
    return float(
        build_loss(LOSS | changes, WINDOW, 4)(target.astype(np.float32), np.full((8, WINDOW), error, np.float32))
    )


def test_loss_is_the_error_in_db_relative_to_the_noise():
    assert loss_of(error=0.1, noise=0.1) == pytest.approx(0, abs=0.02)
    assert loss_of(error=0.03, noise=0.1) == pytest.approx(20 * np.log10(0.3), abs=0.3)


def test_nothing_is_gained_far_below_the_noise_or_the_signal():
    assert loss_of(error=0.0, noise=1.0) == pytest.approx(-30, abs=0.2)
    assert loss_of(error=0.0, noise=0.01) == pytest.approx(-5, abs=0.1)


def test_harm_counts_more_than_gain():
    assert loss_of(error=0.2, noise=0.1, harm_weight=1.0) == pytest.approx(2 * loss_of(error=0.2, noise=0.1))
    assert loss_of(error=0.05, noise=0.1, harm_weight=1.0) == loss_of(error=0.05, noise=0.1)


def test_every_signal_counts_alike_whatever_its_noise():
    both = np.array([0.1, 0.1, 0.01, 0.01])
    clean = np.zeros((8, WINDOW))
    spans = np.repeat(1 / both[::2], 4)[:, None]
    target = np.concatenate((clean, spans, 0 * spans), axis=1).astype(np.float32)
    prediction = np.repeat(both[::2] / 2, 4)[:, None] * np.ones((1, WINDOW))
    loss = float(build_loss(LOSS, WINDOW, 4)(target, prediction.astype(np.float32)))
    assert loss == pytest.approx(20 * np.log10(0.5), abs=0.05)


@pytest.mark.parametrize("shape", [(3, 8, 16), (24, 16), (5, 16, 64)])
def test_step_of_muon_goes_as_far_in_rare_directions_as_in_common_ones(shape):
    rng = np.random.default_rng(0)
    matrix = np.linalg.qr(rng.normal(size=(np.prod(shape[:-1]), shape[-1])))[0]
    strengths = np.geomspace(1, 0.05, matrix.shape[1])
    gradient = (matrix * strengths) @ np.linalg.qr(rng.normal(size=(shape[-1], shape[-1])))[0]
    kernel = keras.Variable(np.zeros(shape, np.float32))
    optimizer = KernelMuon(0.01)
    optimizer.apply([ops.convert_to_tensor(gradient.reshape(shape).astype(np.float32))], [kernel])
    step = np.linalg.svd(np.asarray(kernel).reshape(-1, shape[-1]), compute_uv=False)
    size = 0.01 * 0.2 * np.sqrt(max(np.prod(shape[:-1]), shape[-1]))
    assert (np.abs(step / size - 1) < 0.4).all()


@pytest.mark.parametrize("shape", [(16,), (9, 1, 32), (9, 32, 1), (4, 6)])
def test_vectors_and_kernels_of_one_channel_are_adams(shape):
    variable = keras.Variable(np.zeros(shape, np.float32))
    gradient = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    KernelMuon(0.01).apply([ops.convert_to_tensor(gradient)], [variable])
    # Adam's first step has the same size everywhere.
    np.testing.assert_allclose(np.abs(np.asarray(variable)), 0.01, rtol=1e-2)


@pytest.mark.parametrize("name", ["_should_use_adamw", "_muon_update_step"])
def test_keras_still_has_and_calls_the_private_methods_that_muon_overrides(name, monkeypatch):
    """They are not part of Keras' interface: a release that renames them would train by Keras' own Muon, silently."""
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (KernelMuon, keras.optimizers.Muon))
    assert list(ours.parameters) == list(theirs.parameters), f"Keras {keras.__version__} changed {name}"
    called = []
    method = getattr(KernelMuon, name)
    monkeypatch.setattr(KernelMuon, name, lambda *arguments: (called.append(name), method(*arguments))[1])
    kernel = keras.Variable(np.zeros((24, 16), np.float32))
    KernelMuon(0.01).apply([ops.ones((24, 16))], [kernel])
    assert called, f"Keras {keras.__version__} calls {name} no more"


@pytest.mark.parametrize(("clip_norm", "follows"), [(1.0, True), (0.0, False)])
def test_a_clipped_gradient_does_not_set_the_direction_of_later_steps(clip_norm, follows):
    rng = np.random.default_rng(0)
    usual = rng.normal(size=(24, 16)).astype(np.float32)
    usual /= np.linalg.norm(usual)
    kernel = keras.Variable(np.zeros((24, 16), np.float32))
    optimizer = build_optimizer(Optimizer("muon", 0.01, clip_norm=clip_norm), Schedule(epochs=1, batch_size=4), 10)
    optimizer.apply([ops.convert_to_tensor(-1e6 * usual)], [kernel])
    for _ in range(20):
        before = np.array(kernel)
        optimizer.apply([ops.convert_to_tensor(usual)], [kernel])
    assert (np.sum((np.array(kernel) - before) * usual) < 0) == follows


def test_average_of_the_weights_is_judged_and_kept():
    """Whatever the optimizer steps to, the kept network is the exponential average of its weights."""
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    schedule = Schedule(epochs=1, batch_size=4)
    optimizer = build_optimizer(Optimizer("adam", 0.1, averaging=0.5), schedule, 10)
    network.compile(optimizer, "mse")
    rows = np.ones((4, 4), np.float32)
    kernels = []
    for _ in range(3):
        network.train_on_batch(rows, np.ones((4, 1), np.float32))
        kernels.append(network.get_weights()[0])
    expected = 0.5 * (0.5 * kernels[0] + 0.5 * kernels[1]) + 0.5 * kernels[2]
    with averaged_weights(network):
        assert network.get_weights()[0] == pytest.approx(expected, abs=1e-6)
    assert network.get_weights()[0] == pytest.approx(kernels[2], abs=1e-6)
