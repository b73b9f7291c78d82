"""Compare autoencoders of a window alone at equal numbers of batches: ``make search``.

Every variant sees the same training windows in the same order, drawn as the recipe ``general-small`` says, and is
measured on unseen windows: dB of improvement with white noise by SNR and by family, without overlap-add. The time is
that of the exported graph in onnxruntime on one core. The rows are kept in ``docs/models/general.md``.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
from keras import layers, ops

from denoise_export.graph.complexity import complexity
from denoise_export.keras_to_onnx.adapting import adapt
from denoise_export.keras_to_onnx.conversion import convert
from denoise_export.keras_to_onnx.network import from_keras
from denoise_stream import Contract
from denoise_train.data.registry import build_data
from denoise_train.dsp.metrics import snr_improvement_db
from denoise_train.losses.registry import build_loss
from denoise_train.networks.registry import build_network
from denoise_train.recipe import Optimizer, Schedule, load_recipe
from denoise_train.synthetic.families import FAMILIES
from denoise_train.training.optimizers import build_optimizer

WINDOW, HOP = 150, 75
BATCH = 512
SNR_DB = (-5.0, 5.0, 15.0, 25.0)
SIGNALS_PER_FAMILY = 40
ROUNDS = 15


def conv(count: int, kernel: int, stride: int = 1, **settings: Any) -> layers.Layer:
    return layers.Conv1D(count, kernel, strides=stride, padding="same", **{"activation": "relu", **settings})


def residual_output(noisy: Any, signal: Any, kernel: int, stride: int) -> keras.Model:
    noise = layers.Conv1DTranspose(1, kernel, strides=stride, padding="same")(signal)
    return keras.Model(noisy, layers.Subtract()([noisy, layers.Reshape((WINDOW,))(noise)]))


def started() -> tuple[Any, Any]:
    noisy = keras.Input((WINDOW,), name="noisy")
    return noisy, layers.Reshape((WINDOW, 1))(noisy)


def strided(**changes: Any) -> keras.Model:
    """Build the recipe's own architecture with twice the filters, and with other settings."""
    return build_network(
        WINDOW, HOP, {**load_recipe("general-small").architecture, "filters": [32, 64, 128], **changes}
    )


def hourglass(
    refine: Callable[[Any, int], Any], join: Callable[[Any, Any, int], Any], noisy: Any = None, signal: Any = None
) -> keras.Model:
    """Build the recipe's shape with another layer on each level and another way to use the skips."""
    if noisy is None:
        noisy, signal = started()
    skips = []
    for stride, count, kernel in ((3, 32, 9), (2, 64, 5), (5, 128, 5)):
        signal = conv(count, kernel, stride)(signal)
        skips.append(signal)
        signal = refine(signal, count)
    signal = refine(layers.Add()([signal, skips.pop()]), 128)
    for stride, count, kernel in ((5, 64, 5), (2, 32, 2)):
        signal = layers.Conv1DTranspose(count, kernel, strides=stride, padding="same", activation="relu")(signal)
        signal = refine(join(skips.pop(), signal, count), count)
    return residual_output(noisy, signal, 9, 3)


def plain(signal: Any, count: int) -> Any:
    return conv(count, 5)(signal)


def added(skip: Any, signal: Any, count: int) -> Any:
    return layers.Add()([skip, signal])


def gated(skip: Any, signal: Any, count: int) -> Any:
    gate = layers.Conv1D(count, 1, activation="sigmoid")(signal)
    return layers.Add()([layers.Multiply()([skip, gate]), signal])


def residual(signal: Any, count: int) -> Any:
    return layers.Add()([signal, conv(count, 5)(signal)])


def separable(signal: Any, count: int) -> Any:
    wide = layers.DepthwiseConv1D(9, padding="same")(signal)
    wide = conv(2 * count, 1)(wide)
    return layers.Add()([signal, conv(count, 1, activation=None)(wide)])


def dilated() -> keras.Model:
    """Build a stack of dilated residual convolutions on a third of the rate, without narrowing further."""
    noisy, signal = started()
    signal = conv(48, 9, 3)(signal)
    for dilation in (1, 2, 4, 8, 1, 2, 4, 8):
        signal = layers.Add()([signal, conv(48, 3, dilation_rate=dilation)(signal)])
    return residual_output(noisy, signal, 9, 3)


def mixer(attention: bool) -> keras.Model:
    """Build patches of 30 samples every 10, mixed across patches by dense layers or attention, and across channels."""
    noisy, signal = started()
    patches, width = WINDOW // 10, 128
    signal = conv(width, 30, 10, activation=None)(signal)
    for _ in range(3):
        if attention:
            mixed = layers.MultiHeadAttention(4, 32)(signal, signal)
        else:
            mixed = layers.Dense(2 * patches, activation="relu")(layers.Permute((2, 1))(signal))
            mixed = layers.Permute((2, 1))(layers.Dense(patches)(mixed))
        signal = layers.Add()([signal, mixed])
        mixed = layers.Dense(width)(layers.Dense(2 * width, activation="relu")(signal))
        signal = layers.Add()([signal, mixed])
    return residual_output(noisy, signal, 30, 10)


def dense() -> keras.Model:
    noisy = keras.Input((WINDOW,), name="noisy")
    signal = layers.Dense(640, activation="relu")(noisy)
    for _ in range(3):
        signal = layers.Add()([signal, layers.Dense(640, activation="relu")(signal)])
    return keras.Model(noisy, layers.Subtract()([noisy, layers.Dense(WINDOW)(signal)]))


def level_aware() -> keras.Model:
    """Add a measure of the noise level to the network: the mean absolute second difference, at every sample."""
    noisy, signal = started()
    kernel = np.array([1.0, -2.0, 1.0], np.float32).reshape(3, 1, 1)
    rough = layers.Conv1D(1, 3, use_bias=False, trainable=False, kernel_initializer=lambda *_, **__: kernel)(signal)
    level = layers.GlobalAveragePooling1D()(ops.abs(rough))
    level = layers.Reshape((WINDOW, 1))(layers.Flatten()(layers.RepeatVector(WINDOW)(level)))
    return hourglass(plain, added, noisy, layers.Concatenate()([signal, level]))


VARIANTS: dict[str, tuple[Callable[[], keras.Model], str, float]] = {
    "filters 32-64-128": (strided, "muon", 0.0025),
    "the same by Adam": (strided, "adam", 0.002),
    "general-small": (lambda: strided(filters=[16, 32, 64]), "muon", 0.0025),
    "filters 48-96-192": (lambda: strided(filters=[48, 96, 192]), "muon", 0.0025),
    "strides 5-6": (
        lambda: strided(strides=[5, 6], filters=[64, 128], kernels=[15, 11], up_kernels=[15, 6], refine_kernels=[5, 5]),
        "muon",
        0.0025,
    ),
    "all kernels 5": (lambda: hourglass(plain, added), "muon", 0.0025),
    "all kernels 5, residual": (lambda: hourglass(residual, added), "muon", 0.0025),
    "all kernels 5, gated skips": (lambda: hourglass(plain, gated), "muon", 0.0025),
    "depthwise separable, residual": (lambda: hourglass(separable, added), "muon", 0.0025),
    "dilated, no narrowing": (dilated, "muon", 0.0025),
    "mixer of patches": (lambda: mixer(attention=False), "muon", 0.0025),
    "attention over patches": (lambda: mixer(attention=True), "muon", 0.0025),
    "dense 640": (dense, "muon", 0.0025),
    "all kernels 5, noise level as input": (level_aware, "muon", 0.0025),
}


def train(network: keras.Model, optimizer: str, rate: float, batches: int) -> None:
    recipe = load_recipe("general-small")
    data = build_data(recipe.data, recipe.noise, WINDOW, recipe.seed)
    schedule = Schedule(epochs=1, batch_size=BATCH, warm_up_batches=100, decay="cosine")
    network.compile(
        optimizer=build_optimizer(Optimizer(optimizer, rate), schedule, batches),
        loss=build_loss(recipe.loss, WINDOW, data.windows_per_signal),
    )
    per_block = data.windows_per_block // BATCH
    for number in range(batches):
        if number % per_block == 0:
            block = data.block(number // per_block)
        rows = slice(number % per_block * BATCH, (number % per_block + 1) * BATCH)
        network.train_on_batch(block.noisy[rows], block.target[rows])


def gains_db(network: keras.Model) -> dict[str, float]:
    """Measure the improvement by SNR, mean over families, and by family, mean over SNRs."""
    recipe = load_recipe("general-small")
    table = np.empty((len(FAMILIES), len(SNR_DB)))
    for row, family in enumerate(FAMILIES):
        section = {**recipe.data, "families": [family], "overlays": 0.0, "altered": 0.0}
        data: Any = build_data(section | {"test_signals": SIGNALS_PER_FAMILY}, {"white": 1.0}, WINDOW, recipe.seed)
        for column, snr_db in enumerate(SNR_DB):
            test = data.test(snr_db)
            span = test.target[:, WINDOW : WINDOW + 1].astype(np.float64)
            denoised = network.predict(test.noisy, batch_size=1024, verbose=0)
            clean, noisy, denoised = (
                (windows * span).reshape(SIGNALS_PER_FAMILY, -1)
                for windows in (test.target[:, :WINDOW], test.noisy, denoised)
            )
            table[row, column] = snr_improvement_db(clean, noisy, denoised).mean()
    return (
        {f"{snr_db:g} dB": gain for snr_db, gain in zip(SNR_DB, table.mean(axis=0), strict=True)}
        | {"mean": table.mean()}
        | {family: gain for family, gain in zip(FAMILIES, table.mean(axis=1), strict=True)}
    )


def microseconds_per_window(model: bytes, batch: int) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    rows = np.random.default_rng(0).random((batch, WINDOW), dtype=np.float32)
    calls = max(3, 400 // batch)
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            session.run(None, {"noisy": rows})
        times.append((time.perf_counter() - begun) / calls / batch)
    return min(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=2400)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    arguments = parser.parse_args()
    contract = Contract(name="variant", window=WINDOW, hop=75, normalization="minmax")
    first = True
    for name in arguments.variants:
        build, optimizer, rate = VARIANTS[name]
        keras.utils.set_random_seed(1)
        network = build()
        model = convert(adapt(from_keras(network)), contract)
        facts = complexity(model)
        times = [microseconds_per_window(model.SerializeToString(), batch) for batch in (1, 64)]
        train(network, optimizer, rate, arguments.batches)
        row = {
            "variant": name,
            "parameters": f"{network.count_params():,}",
            "MMACs": f"{facts['macs_per_window'] / 1e6:.2f}",
            "us at 1": f"{times[0]:.0f}",
            "us at 64": f"{times[1]:.0f}",
            **{key: f"{gain:.1f}" for key, gain in gains_db(network).items()},
        }
        if first:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row), flush=True)
            first = False
        print("| " + " | ".join(row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
