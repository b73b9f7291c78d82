"""Train: a recipe and a folder come in, a network, its history, pictures and a report go out."""

import csv
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from denoise_stream import SinkError
from denoise_stream.sinks import whole_file
from denoise_train import plots
from denoise_train.architectures import build_network
from denoise_train.datasets import SIGNALS_PER_BLOCK, MixtureData, Pairs, X2Data, build_data
from denoise_train.losses import build_loss
from denoise_train.recipe import Recipe, RecipeError
from denoise_train.recordings import Recordings

TEST_SNR_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
BEST, LAST, HISTORY = "model.keras", "last.weights.h5", "history.csv"
HISTORY_COLUMNS = ("epoch", "loss", "val_loss", "learning_rate", "seconds")


def train(
    recipe: Recipe,
    folder: Path,
    *,
    clean: Recordings | None = None,
    noise: Recordings | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train a network and fill a run folder.

    The folder gets ``recipe.toml``, ``model.keras`` (the best network so far, by ``val_loss``), ``last.weights.h5``
    (with the optimiser's state, for ``resume``), ``history.csv``, ``history.png``, ``samples.png`` and ``report.json``.

    Parameters
    ----------
    recipe
        What to train.
    folder
        The run folder; it is created.
    clean, noise
        Recordings to draw from beside the synthetic family.
    resume
        Go on with an interrupted run in this folder.
    say
        Gets one line per epoch.

    Returns
    -------
    The report. A KeyboardInterrupt ends the training after the running batch; the best network is kept and
    reported.

    Raises
    ------
    RecipeError
        If the recipe holds a wrong key or value.
    SinkError
        If the folder holds a run and ``resume`` is false, or none and it is true.
    """
    _prepare_folder(folder, recipe, resume=resume)
    keras.utils.set_random_seed(recipe.seed)
    data = build_data(recipe.data, recipe.noise, recipe.window, recipe.seed, clean, noise)
    network = build_network(recipe.window, recipe.architecture)
    batches = _batches(data, recipe)
    network.compile(
        optimizer=_build_optimizer(recipe, len(batches)),
        loss=build_loss(recipe.loss, recipe.window, data.windows_per_signal),
    )
    keeper = _Keeper(folder, say, recipe.schedule.epochs)
    if resume:
        keeper.restore(network)
    batches.epoch = len(keeper.rows)
    validation = data.validation()
    interrupted = False
    try:
        network.fit(
            batches,
            initial_epoch=len(keeper.rows),
            epochs=recipe.schedule.epochs,
            validation_data=(validation.noisy, validation.target),
            validation_batch_size=recipe.schedule.batch_size,
            shuffle=False,
            verbose=0,
            callbacks=[keeper],
        )
    except KeyboardInterrupt:
        interrupted = True
    if not keeper.rows:
        _save(network, folder / BEST)
    best = keras.models.load_model(folder / BEST, compile=False)
    report = _report(recipe, data, best, keeper.rows)
    report |= {"interrupted": interrupted, "backend": keras.backend.backend(), "keras": keras.__version__}
    _write_results(folder, recipe, data, best, keeper.rows, report)
    return report


def _prepare_folder(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    if resume and not (folder / LAST).is_file():
        raise SinkError(f"{folder} holds no interrupted run to resume")
    if not resume and folder.is_dir() and any(folder.iterdir()):
        raise SinkError(f"{folder} is not empty; choose another --output, or --resume an interrupted run")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot create {folder}: {error.strerror}") from error
    with whole_file(folder / "recipe.toml") as partial:
        partial.write_text(recipe.to_toml())


def _build_optimizer(recipe: Recipe, batches_per_epoch: int) -> keras.Optimizer:
    settings, schedule = recipe.optimizer, recipe.schedule
    if settings.kind != "adam":
        raise RecipeError(f"optimizer kind {settings.kind!r} is not known; use 'adam'")
    if schedule.decay == "none":
        return keras.optimizers.Adam(settings.learning_rate)
    if schedule.decay != "cosine":
        raise RecipeError(f"schedule decay={schedule.decay!r} is not known; use 'none' or 'cosine'")
    warm_up = schedule.warm_up_batches
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / 100 if warm_up else settings.learning_rate,
        decay_steps=max(1, schedule.epochs * batches_per_epoch - warm_up),
        alpha=0.001,
        warmup_target=settings.learning_rate if warm_up else None,
        warmup_steps=warm_up,
    )
    return keras.optimizers.Adam(rate)


def _batches(data: X2Data | MixtureData, recipe: Recipe) -> "_Batches":
    schedule = recipe.schedule
    if isinstance(data, X2Data):
        return _ShuffledBatches(data.training(), recipe)
    if schedule.batches_per_epoch < 1 or schedule.batch_size % data.windows_per_signal:
        raise RecipeError(
            f"schedule: batches_per_epoch={schedule.batches_per_epoch} must be 1 or more and "
            f"batch_size={schedule.batch_size} a multiple of windows_per_signal={data.windows_per_signal}"
        )
    return _DrawnBatches(data, recipe)


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches whose content depends on the epoch, which Keras does not tell."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self.epoch = 0
        self._recipe = recipe

    def __len__(self) -> int:
        return self._recipe.schedule.batches_per_epoch

    def on_epoch_end(self) -> None:
        self.epoch += 1


class _ShuffledBatches(_Batches):
    """Fixed windows in an order that each epoch draws anew."""

    def __init__(self, pairs: Pairs, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._pairs = pairs

    def __len__(self) -> int:
        limit = self._recipe.schedule.batches_per_epoch
        available = math.ceil(len(self._pairs.noisy) / self._recipe.schedule.batch_size)
        return min(limit, available) if limit else available

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        order = np.random.default_rng([self._recipe.seed, self.epoch]).permutation(len(self._pairs.noisy))
        size = self._recipe.schedule.batch_size
        rows = order[index * size : (index + 1) * size]
        return self._pairs.noisy[rows], self._pairs.target[rows]


class _DrawnBatches(_Batches):
    """Windows that are drawn block by block while the network trains."""

    def __init__(self, data: MixtureData, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._data = data
        self._block: tuple[int, Pairs] | None = None
        self._per_block = max(1, SIGNALS_PER_BLOCK * data.windows_per_signal // recipe.schedule.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        number, part = divmod(self.epoch * len(self) + index, self._per_block)
        if self._block is None or self._block[0] != number:
            self._block = (number, self._data.block(number))
        pairs, size = self._block[1], self._recipe.schedule.batch_size
        rows = slice(part * size, (part + 1) * size)
        return pairs.noisy[rows], pairs.target[rows]


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the best network, the last state and the history after every epoch, each file whole at any time.

    It says one line per epoch, and how far the running one is every half minute.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], epochs: int) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._folder, self._say, self._epochs = folder, say, epochs
        self._epoch = 0
        self._started = self._said = time.monotonic()

    def restore(self, network: keras.Model) -> None:
        """Go back to the end of the last complete epoch in the folder."""
        network.optimizer.build(network.trainable_variables)
        network.load_weights(self._folder / LAST)
        with (self._folder / HISTORY).open(newline="") as file:
            self.rows = [
                {key: int(value) if key == "epoch" else float(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1
        self._started = self._said = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.monotonic() - self._said > 30:
            self._said = time.monotonic()
            self._say(f"epoch {self._epoch}/{self._epochs}: batch {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = dict(logs or {})
        row = {
            "epoch": epoch + 1,
            "loss": float(values["loss"]),
            "val_loss": float(values["val_loss"]),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": round(time.monotonic() - self._started, 2),
        }
        if all(row["val_loss"] < earlier["val_loss"] for earlier in self.rows):
            _save(self.model, self._folder / BEST)
        with whole_file(self._folder / LAST) as partial:
            self.model.save_weights(partial)
        self.rows.append(row)
        with whole_file(self._folder / HISTORY) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, HISTORY_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        self._say(
            f"epoch {epoch + 1}/{self._epochs}: loss {row['loss']:.5f}, val_loss {row['val_loss']:.5f}, "
            f"{row['seconds']:.0f} s, {row['seconds'] * (self._epochs - epoch - 1) / 60:.0f} min to go"
        )


def _save(network: keras.Model, path: Path) -> None:
    with whole_file(path) as partial:
        network.save(partial)


def _report(
    recipe: Recipe, data: X2Data | MixtureData, network: keras.Model, rows: Sequence[dict[str, float]]
) -> dict[str, Any]:
    """Measure the network on test data that neither the training nor the choice of epoch saw."""
    best = min((row["val_loss"] for row in rows), default=None)
    facts: dict[str, Any] = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "parameters": int(network.count_params()),
        "epochs": len(rows),
        "training_seconds": round(sum(row["seconds"] for row in rows), 1),
        "val_loss": best,
    }
    if isinstance(data, X2Data):
        return facts | _x2_figures(data.test(), network, best)
    improvements = {
        f"{snr_db:g}": _improvement_db(data.test(snr_db), network, data.windows_per_signal) for snr_db in TEST_SNR_DB
    }
    up_to_25 = [value for snr_db, value in improvements.items() if float(snr_db) <= 25]
    return facts | {
        "snr_improvement_db": improvements,
        "mean_snr_improvement_db": float(np.mean(up_to_25)),
        "how": "single windows without overlap-add, noise as in the recipe, test split; mean over -5 ... 25 dB",
    }


def _x2_figures(test: Pairs, network: keras.Model, val_loss: float | None) -> dict[str, Any]:
    clean = test.target.astype(np.float64)
    inside = np.clip(clean, 1e-12, 1 - 1e-12)
    floor = float(np.mean(-clean * np.log(inside) - (1 - clean) * np.log(1 - inside)))
    denoised = _predict(network, test.noisy)
    rmse_noisy = float(np.sqrt(np.mean((test.noisy - clean) ** 2)))
    rmse_denoised = float(np.sqrt(np.mean((denoised - clean) ** 2)))
    return {
        "bce_floor": floor,
        "excess_bce": None if val_loss is None else val_loss - floor,
        "rmse_noisy": rmse_noisy,
        "rmse_denoised": rmse_denoised,
        "snr_improvement_db": 20 * math.log10(rmse_noisy / rmse_denoised),
        "how": f"{len(clean)} test windows, noisy and clean each min-max scaled by itself",
    }


def _improvement_db(test: Pairs, network: keras.Model, windows_per_signal: int) -> float:
    window = test.noisy.shape[1]
    clean, relative_span = test.target[:, :window], test.target[:, window:]

    def error(windows: Any) -> Any:
        squares = np.mean(((windows - clean) * relative_span) ** 2, axis=1, dtype=np.float64)
        return squares.reshape(-1, windows_per_signal).mean(axis=1)

    ratio = error(test.noisy) / np.maximum(error(_predict(network, test.noisy)), 1e-12)
    return float(np.mean(10 * np.log10(ratio)))


def _predict(network: keras.Model, noisy: Any) -> Any:
    return np.asarray(network.predict(noisy, batch_size=1024, verbose=0))


def _write_results(
    folder: Path,
    recipe: Recipe,
    data: X2Data | MixtureData,
    network: keras.Model,
    rows: Sequence[dict[str, float]],
    report: dict[str, Any],
) -> None:
    with whole_file(folder / "report.json") as partial:
        partial.write_text(json.dumps(report, indent=2) + os.linesep)
    if rows:
        with whole_file(folder / "history.png") as partial:
            plots.draw_history(rows, partial, recipe.name)
    shown = data.test() if isinstance(data, X2Data) else data.test(5.0)
    # Every kind of signal comes up in the first windows of different signals.
    few = slice(0, 12 * data.windows_per_signal, data.windows_per_signal)
    noisy, target = shown.noisy[few], shown.target[few, : recipe.window]
    with whole_file(folder / "samples.png") as partial:
        plots.draw_samples(noisy, target, _predict(network, noisy), partial, recipe.name)
