"""Common kinds of networks, each a function of the window's length, with random weights."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

Stack = Callable[[int], list[layers.Layer]]


def conv(count: int, kernel: int = 3, padding: str = "same", **settings: Any) -> layers.Conv1D:
    return layers.Conv1D(count, kernel, padding=padding, **settings)


def spread(count: int, kernel: int, padding: str = "same", **settings: Any) -> layers.Conv1DTranspose:
    return layers.Conv1DTranspose(count, kernel, padding=padding, **settings)


LIMITED = keras.constraints.MaxNorm(2.0)

COLUMNS: dict[str, Stack] = {
    "tutorial": lambda window: [
        layers.Conv1D(16, 3, activation="relu", kernel_initializer="he_uniform", kernel_constraint=LIMITED),
        layers.Conv1D(8, 3, activation="relu", kernel_constraint=LIMITED),
        layers.Conv1DTranspose(8, 3, activation="relu", kernel_constraint=LIMITED),
        layers.Conv1DTranspose(16, 3, activation="relu", kernel_constraint=LIMITED),
        conv(1, activation="sigmoid", kernel_constraint=LIMITED),
    ],
    "code": lambda window: [conv(4, activation="relu"), layers.Flatten(), layers.Dense(16), layers.Dense(window)],
    "code and back": lambda window: [layers.Flatten(), layers.Dense(window), layers.Reshape((window, 1))],
    "causal": lambda window: [
        *(conv(8, padding="causal", dilation_rate=rate, activation="relu") for rate in (1, 2, 4, 8)),
        conv(1, 1),
    ],
    "strided": lambda window: [conv(8, 5, strides=2, activation="relu"), spread(8, 5, strides=2), conv(1)],
    "strided without padding": lambda window: [
        layers.Conv1D(4, 4, strides=2),
        layers.Conv1DTranspose(4, 4, strides=2),
        conv(1),
    ],
    "spread at once": lambda window: [conv(8, strides=2), spread(1, 4, strides=2)],
    "dilated transposed": lambda window: [conv(4), spread(1, 3, dilation_rate=2)],
    "separable": lambda window: [
        layers.SeparableConv1D(8, 5, padding="same", activation="relu"),
        layers.SeparableConv1D(1, 5, padding="same"),
    ],
    "depthwise": lambda window: [conv(4), layers.DepthwiseConv1D(5, padding="same", depth_multiplier=2), conv(1)],
    "grouped": lambda window: [conv(8), conv(8, groups=4, activation="relu"), conv(4, groups=2), conv(1)],
    "grouped and strided": lambda window: [conv(8), conv(8, groups=2, strides=2), layers.UpSampling1D(2), conv(1)],
    "pooled": lambda window: [
        conv(8, activation="relu"),
        layers.MaxPooling1D(2, padding="same"),
        conv(8),
        layers.UpSampling1D(2),
        conv(1),
    ],
    "average pooled": lambda window: [conv(4), layers.AveragePooling1D(2), layers.UpSampling1D(2), conv(1)],
    "padded and cropped": lambda window: [
        layers.ZeroPadding1D(3),
        layers.Conv1D(4, 7),
        layers.ZeroPadding1D((2, 1)),
        layers.Cropping1D((2, 1)),
        conv(1),
    ],
    "two dimensions": lambda window: [
        layers.Reshape((window, 1, 1)),
        layers.Conv2D(4, (3, 1), padding="same", activation="relu"),
        layers.Conv2D(1, (5, 1), padding="same"),
        layers.Reshape((window, 1)),
    ],
    "folded to an image": lambda window: [
        layers.Reshape((2, window // 2, 1)),
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.Conv2DTranspose(1, 3, padding="same"),
        layers.Reshape((window,)),
    ],
    "lstm": lambda window: [layers.LSTM(6, return_sequences=True), layers.Dense(1)],
    "lstm code": lambda window: [
        layers.LSTM(6),
        layers.RepeatVector(window),
        layers.LSTM(6, return_sequences=True),
        layers.TimeDistributed(layers.Dense(1)),
    ],
    "gru": lambda window: [layers.GRU(6, return_sequences=True), layers.Dense(1)],
    "gru, reset before": lambda window: [layers.GRU(6, return_sequences=True, reset_after=False), layers.Dense(1)],
    "gru backwards": lambda window: [layers.GRU(6, return_sequences=True, go_backwards=True), layers.Dense(1)],
    "simple rnn": lambda window: [layers.SimpleRNN(6, return_sequences=True), layers.Dense(1)],
    "bidirectional lstm": lambda window: [
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(1)),
    ],
    "bidirectional gru, summed": lambda window: [
        layers.Bidirectional(layers.GRU(4, return_sequences=True), merge_mode="sum"),
        layers.Dense(1),
    ],
    "cells": lambda window: [
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(4)], return_sequences=True),
        layers.Dense(1),
    ],
    "masked": lambda window: [layers.Masking(0.0), layers.LSTM(4, return_sequences=True), layers.Dense(1)],
    "convolutional lstm": lambda window: [
        layers.Reshape((2, window // 2, 1)),
        layers.ConvLSTM1D(2, 3, padding="same", return_sequences=True),
        layers.Flatten(),
        layers.Dense(window),
    ],
    "time distributed": lambda window: [
        layers.Reshape((2, window // 2, 1)),
        layers.TimeDistributed(conv(3)),
        layers.TimeDistributed(layers.Flatten()),
        layers.TimeDistributed(layers.Dense(window // 2)),
        layers.Reshape((window,)),
    ],
    "batch normalization": lambda window: [
        conv(8, use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.SpatialDropout1D(0.1),
        conv(1),
    ],
    "layer normalization": lambda window: [conv(8), layers.LayerNormalization(), layers.ReLU(), conv(1)],
    "group normalization": lambda window: [conv(8), layers.GroupNormalization(2), conv(1)],
    "rms normalization": lambda window: [conv(8), layers.RMSNormalization(), conv(1)],
    "unit normalization": lambda window: [conv(8), layers.UnitNormalization(), conv(1)],
    "spectral normalization": lambda window: [layers.SpectralNormalization(conv(8)), conv(1)],
    "normalization": lambda window: [
        layers.Normalization(axis=None, mean=3.0, variance=4.0),
        conv(4, activation="relu"),
        conv(1),
        layers.Normalization(axis=None, mean=3.0, variance=4.0, invert=True),
    ],
    "rescaling": lambda window: [layers.Rescaling(2.0, -1.0), conv(4, activation="tanh"), conv(1)],
    "leaky": lambda window: [
        conv(4),
        layers.PReLU(shared_axes=[1]),
        conv(4),
        layers.LeakyReLU(0.2),
        layers.ELU(),
        layers.ReLU(6.0),
        conv(1),
    ],
    "noise and dropout": lambda window: [
        layers.GaussianNoise(0.1),
        conv(4),
        layers.Dropout(0.2),
        layers.GaussianDropout(0.1),
        layers.AlphaDropout(0.1),
        conv(1),
    ],
    "permuted": lambda window: [
        conv(4),
        layers.Softmax(),
        layers.Permute((2, 1)),
        layers.Dense(window),
        layers.Permute((2, 1)),
        conv(1),
    ],
    "einsum": lambda window: [
        conv(4),
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d"),
        layers.Dense(1),
    ],
    "spectrogram": lambda window: [
        layers.STFTSpectrogram(mode="log", frame_length=16, frame_step=8, fft_length=16),
        layers.Flatten(),
        layers.Dense(window),
    ],
    "half precision": lambda window: [conv(4, dtype="mixed_float16"), conv(1, dtype="float32")],
    "double precision": lambda window: [
        conv(4, activation="relu", dtype="float64"),
        layers.BatchNormalization(dtype="float64"),
        layers.LSTM(3, return_sequences=True, dtype="float64"),
        conv(1, dtype="float64"),
    ],
    "nested": lambda window: [keras.Sequential([conv(4), layers.ReLU()]), keras.Sequential([conv(1)])],
    **{
        f"activation {name}": lambda window, name=name: [conv(4, activation=name), conv(1)]  # type: ignore[misc]
        for name in (
            "relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign sigmoid hard_sigmoid hard_silu "
            "hard_tanh tanh tanh_shrink soft_shrink hard_shrink sparse_plus sparse_sigmoid squareplus exponential "
            "linear log_sigmoid log_softmax softmax sparsemax"
        ).split()
    },
}
"""Sequential networks that take ``(window, 1)``."""

VECTORS: dict[str, Stack] = {
    "dense": lambda window: [layers.Dense(24, activation="relu"), layers.Dense(window)],
    "dense and deep": lambda window: [
        layers.Dense(64, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(16, activation="gelu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(window, activation="sigmoid"),
    ],
    "reshaped inside": lambda window: [layers.Reshape((window, 1)), conv(4), conv(1), layers.Reshape((window,))],
}
"""Those that take ``(window,)``."""

ROWS: dict[str, Stack] = {
    "row": lambda window: [layers.Dense(24, activation="tanh"), layers.Dense(window)],
    "row of lstm": lambda window: [layers.LSTM(8, return_sequences=True), layers.Dense(window)],
}
"""Those that take ``(1, window)``."""


def wavenet(signal: Any) -> Any:
    signal, skips = conv(8, 1)(signal), []
    for rate in (1, 2, 4):
        gate, value = (
            conv(8, 2, padding="causal", dilation_rate=rate, activation=kind)(signal) for kind in ("sigmoid", "tanh")
        )
        each = conv(8, 1)(layers.Multiply()([gate, value]))
        skips.append(each)
        signal = layers.Add()([signal, each])
    return conv(1, 1)(layers.Activation("relu")(layers.Add()(skips)))


def u_net(signal: Any) -> Any:
    first = conv(4, activation="relu")(signal)
    second = conv(8, strides=2, activation="relu")(first)
    return conv(1)(layers.Concatenate()([first, spread(4, 3, strides=2)(second)]))


def residual(signal: Any) -> Any:
    return layers.Subtract()([signal, conv(1)(conv(8, activation="relu")(signal))])


def squeeze_and_excite(signal: Any) -> Any:
    features = conv(8)(signal)
    gain = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling1D()(features))
    return conv(1)(layers.Multiply()([features, layers.Reshape((1, 8))(gain)]))


def largest(signal: Any) -> Any:
    features = conv(4)(signal)
    return conv(1)(features - layers.Reshape((1, 4))(layers.GlobalMaxPooling1D()(features)))


def merged(signal: Any) -> Any:
    one, other = conv(3)(signal), conv(3, 5)(signal)
    pairs = [layers.Maximum()([one, other]), layers.Minimum()([one, other]), layers.Average()([one, other])]
    alike = layers.Dot(axes=-1)([layers.Dense(1)(one), layers.Dense(1)(other)])
    return conv(1)(layers.Concatenate()([*pairs, alike[:, :, :1]]))


def self_attention(signal: Any) -> Any:
    features = conv(8)(signal)
    return layers.Dense(1)(layers.LayerNormalization()(features + layers.MultiHeadAttention(2, 4)(features, features)))


def causal_attention(signal: Any) -> Any:
    features = conv(8)(signal)
    return layers.Dense(1)(layers.MultiHeadAttention(2, 4)(features, features, use_causal_mask=True))


def grouped_attention(signal: Any) -> Any:
    features = conv(8)(signal)
    return layers.Dense(1)(layers.GroupQueryAttention(4, 4, 2)(features, features))


def dot_attention(signal: Any) -> Any:
    features = conv(8)(signal)
    return layers.Dense(1)(layers.Attention()([features, features]))


def additive_attention(signal: Any) -> Any:
    features = conv(4, strides=2)(signal)
    features = layers.AdditiveAttention()([features, features])
    return layers.Dense(signal.shape[1])(layers.Flatten()(features))


def transformer(signal: Any) -> Any:
    features = layers.Dense(8)(signal) + layers.Embedding(signal.shape[1], 8)(ops.arange(signal.shape[1]))
    inside = layers.LayerNormalization()(features)
    features = features + layers.MultiHeadAttention(2, 4)(inside, inside)
    inside = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(features))
    return layers.Dense(1)(features + layers.Dense(8)(inside))


def shared(signal: Any) -> Any:
    layer = conv(1, 5)
    return layer(layer(signal))


def coder_and_decoder(signal: Any) -> Any:
    shape = signal.shape[1:]
    coder = keras.Sequential([keras.Input(shape), conv(4, activation="relu"), layers.MaxPooling1D(2)], name="coder")
    decoder = keras.Sequential([keras.Input((shape[0] // 2, 4)), layers.UpSampling1D(2), conv(1)], name="decoder")
    return decoder(coder(signal))


def operations(signal: Any) -> Any:
    features = conv(4)(signal)
    features = ops.softmax(features, axis=-1) * ops.sqrt(ops.abs(features) + 1e-3)
    return ops.mean(features, axis=-1) + 0.1 * ops.roll(ops.squeeze(signal, -1), 1, axis=1)


def robust(signal: Any) -> Any:
    return ops.log1p(ops.abs(signal - ops.median(signal, axis=1, keepdims=True)))


def spectral_mask(signal: Any) -> Any:
    real, imaginary = ops.stft(signal[:, :, 0], 16, 4, 32)
    mask = conv(17, activation="sigmoid")(ops.sqrt(real**2 + imaginary**2 + 1e-6))
    return ops.istft((mask * real, mask * imaginary), 16, 4, 32, length=signal.shape[1])


def fourier(signal: Any) -> Any:
    """Transforms of an odd length, of fewer and of more samples than there are, and of complex numbers."""
    row = signal[:, :, 0]
    odd = ops.irfft(ops.rfft(row[:, 1:]), fft_length=signal.shape[1] - 1)
    shorter = ops.irfft(ops.rfft(row, fft_length=30), fft_length=signal.shape[1])
    longer = ops.irfft(ops.rfft(row, fft_length=2 * signal.shape[1]), fft_length=signal.shape[1])
    real, imaginary = ops.fft((row, 0.5 * ops.flip(row, axis=1)))
    return longer + 0.5 * shorter + 0.1 * ops.pad(odd, ((0, 0), (1, 0))) + 0.01 * real - 0.02 * imaginary


def nearest_code(signal: Any) -> Any:
    codes = np.linspace(0, 1, 5, dtype=np.float32)
    nearest = ops.argmin(ops.abs(signal - codes), axis=-1)
    return conv(1)(ops.expand_dims(ops.take(codes, nearest, axis=0), -1))


def levels(signal: Any) -> Any:
    features = layers.Embedding(4, 3)(layers.Discretization([0.2, 0.5, 0.7])(signal[:, :, 0]))
    return conv(1)(features)


def blanks(signal: Any) -> Any:
    features = layers.Conv1D(4, 3, padding="same", name="first layer (3 taps)")(signal)
    return layers.Conv1D(1, 3, padding="same", name="out put")(features)


FUNCTIONAL: tuple[Callable[[Any], Any], ...] = (
    wavenet,
    u_net,
    residual,
    squeeze_and_excite,
    largest,
    merged,
    self_attention,
    causal_attention,
    grouped_attention,
    dot_attention,
    additive_attention,
    transformer,
    shared,
    coder_and_decoder,
    operations,
    robust,
    spectral_mask,
    fourier,
    nearest_code,
    levels,
    blanks,
)
"""Functional networks that take ``(window, 1)``: from the tensor of the input to that of the output."""


def names() -> Iterable[str]:
    return (*COLUMNS, *VECTORS, *ROWS, *(build.__name__ for build in FUNCTIONAL))


def build(name: str, window: int, seed: int = 0) -> keras.Model:
    """Build a network by name, with random biases too."""
    keras.utils.set_random_seed(seed)
    for kinds, shape in ((COLUMNS, (window, 1)), (VECTORS, (window,)), (ROWS, (1, window))):
        if name in kinds:
            model = keras.Sequential([keras.Input(shape), *kinds[name](window)])
            break
    else:
        (make,) = (each for each in FUNCTIONAL if each.__name__ == name)
        signal = keras.Input((window, 1), name="my input" if make is blanks else None)
        model = keras.Model(signal, make(signal))
    for variable in model.trainable_variables:
        if variable.name in ("bias", "beta"):
            variable.assign(keras.random.normal(variable.shape, stddev=0.1))
    return model
