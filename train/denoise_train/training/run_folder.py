"""The run folder: keep networks, states and figures of a training, each file whole at any time."""

import contextlib
import csv
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from denoise_stream import SinkError, SourceError
from denoise_stream.errors import first_line
from denoise_stream.files.paths import whole_file, write_json
from denoise_train.arrays import Windows
from denoise_train.data.protocol import Pairs
from denoise_train.evaluation import plots
from denoise_train.evaluation.compare import Panels
from denoise_train.recipe import Recipe, Schedule, load_recipe
from denoise_train.training import pictures

BEST, LAST, HISTORY, RECIPE = "model.keras", "last.weights.h5", "history.csv", "recipe.toml"
MAY_DIFFER = ("schedule.epochs", "schedule.minutes")
"""Keys of a recipe that may change when a run is resumed; others would change the learning rate or the state."""
HISTORY_COLUMNS = ("epoch", "loss", "val_loss", "learning_rate", "seconds")
LONGEST_PICTURE = 600
"""Most samples of a signal in a picture."""


def prepare_folder(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Create a run folder, or find the interrupted run of the same recipe in it.

    Raises
    ------
    SinkError
        If the folder holds a run and ``resume`` is false, or none or one of another recipe and it is true, or
        it cannot be written.
    """
    if resume:
        if not all((folder / name).is_file() for name in (BEST, LAST, HISTORY, RECIPE)):
            raise SinkError(f"{folder} holds no interrupted run to resume")
        _refuse_other_recipe(folder, recipe)
    elif folder.is_dir() and not _may_begin_in(folder):
        raise SinkError(f"{folder} is not empty; choose another --output, or --resume an interrupted run")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot create {folder}: {error.strerror}") from error


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the recipe of a run."""
    with whole_file(folder / RECIPE) as partial:
        partial.write_text(recipe.to_toml(), encoding="utf-8")


def _may_begin_in(folder: Path) -> bool:
    """Tell whether a folder holds at most the files of a run that ended within its first epoch."""
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".partial-")}
    # The network is written after the state: a network alone is the user's.
    return names <= {RECIPE} or (LAST in names and names <= {RECIPE, LAST, BEST})


def _refuse_other_recipe(folder: Path, recipe: Recipe) -> None:
    before = load_recipe(folder / RECIPE)
    if before.schedule.decay != "none" and bool(before.schedule.minutes) != bool(recipe.schedule.minutes):
        unit = "minutes" if before.schedule.minutes else "epochs"
        raise SinkError(
            f"the run in {folder} began with {unit}={before.schedule.minutes or before.schedule.epochs:g}; resume it "
            f"with a number of {unit}, too, because its learning rate falls by them"
        )
    begun, given = (each.flat() for each in (before, recipe))
    for key in [*given, *begun]:
        if key not in MAY_DIFFER and begun.get(key) != given.get(key):
            raise SinkError(
                f"the run in {folder} began with {key}={begun.get(key)!r}, not {given.get(key)!r}; "
                f"resume it with the same recipe and options, only the number of epochs or minutes may differ"
            )


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the best network, the last state and the history after every epoch, each file whole at any time.

    It reports each epoch, and shows the progress after each batch. A network with a memory is trained unrolled over
    whole signals; ``network`` is the part that is saved.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        show: Callable[[str, float], None],
        schedule: Schedule,
        batches_per_epoch: int,
        network: keras.Model,
    ) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._folder, self._say, self._show = folder, say, show
        self._schedule, self._batches, self._network = schedule, batches_per_epoch, network
        self._epoch = 0
        self._started: float | None = None

    @property
    def best_val_loss(self) -> float | None:
        """The least ``val_loss`` so far; None before the first epoch is over."""
        return min((row["val_loss"] for row in self.rows), default=None)

    def seconds(self) -> float:
        """Return the time of all epochs so far, the running one included."""
        running = 0.0 if self._started is None else time.monotonic() - self._started
        return sum(row["seconds"] for row in self.rows) + running

    def restore(self) -> None:
        """Go back to the end of the last complete epoch in the folder.

        Raises
        ------
        SourceError
            If its files cannot be read.
        """
        try:
            self.model.load_weights(self._folder / LAST)
            with (self._folder / HISTORY).open(newline="") as file:
                self.rows = [
                    {key: int(value) if key == "epoch" else float(value) for key, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except Exception as error:  # h5py's, Keras' and csv's errors have no common base class but Exception
            raise SourceError(f"cannot resume the run in {self._folder}: {first_line(error)}") from error

    def load_best(self) -> keras.Model:
        """Load the best weights into the network; there are some as soon as an epoch is complete."""
        self._network.load_weights(self._folder / BEST)
        return self._network

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note when the epoch began."""
        self._epoch = epoch + 1
        self._started = time.monotonic()
        self._show(self._name(), 0.0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Show the progress of the training by the clock, or of the epoch by its batches."""
        share = (batch + 1) / self._batches
        if self._schedule.minutes:
            share = self.seconds() / (60 * self._schedule.minutes)
        self._show(f"{self._name()}, batch {batch + 1} of {self._batches}", min(1.0, share))

    def on_test_begin(self, logs: Any = None) -> None:
        """Show that the epoch is being judged."""
        self._show(f"{self._name()}, judging it", 0.0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write and report the results of the epoch."""
        values = dict(logs or {})
        row = {
            "epoch": epoch + 1,
            "loss": float(values["loss"]),
            "val_loss": float(values["val_loss"]),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": round(self.seconds() - sum(row["seconds"] for row in self.rows), 2),
        }
        self._started = None
        with (
            whole_file(self._folder / LAST) as partial,
            tempfile.TemporaryDirectory(prefix=".partial-", dir=self._folder) as scratch,
        ):
            # HDF5 locks the file that it writes, and so does whole_file().
            self.model.save_weights(Path(scratch) / LAST)
            (Path(scratch) / LAST).replace(partial)
        if all(row["val_loss"] < earlier["val_loss"] for earlier in self.rows):
            with averaged_weights(self.model), whole_file(self._folder / BEST) as partial:
                self._network.save(partial)
        with whole_file(self._folder / HISTORY) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, HISTORY_COLUMNS)
            writer.writeheader()
            writer.writerows([*self.rows, row])
        self.rows.append(row)
        self._say(
            f"{self._name()}: loss {row['loss']:.5f}, val_loss {row['val_loss']:.5f}, "
            f"{row['seconds']:.0f} s, {self._minutes_to_go():.0f} min to go"
        )

    def _name(self) -> str:
        return f"epoch {self._epoch}" + ("" if self._schedule.minutes else f"/{self._schedule.epochs}")

    def _minutes_to_go(self) -> float:
        if self._schedule.minutes:
            return max(0.0, self._schedule.minutes - self.seconds() / 60)
        return self.rows[-1]["seconds"] * (self._schedule.epochs - self._epoch) / 60


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Exchange the weights for their exponential average meanwhile, where the optimizer keeps one."""
    if not model.optimizer.use_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write the figures of a run."""
    write_json(folder / "report.json", report)


def draw_results(
    folder: Path,
    name: str,
    rows: Sequence[dict[str, float]],
    examples: Pairs,
    denoised: Windows,
    image_shape: Sequence[int] = (),
) -> None:
    """Draw the history (if there is one) and examples: images, windows, or the middle of longer signals."""
    samples = examples.noisy.shape[1]
    middle = slice(max(0, (samples - LONGEST_PICTURE) // 2), (samples + LONGEST_PICTURE) // 2)
    if rows:
        with whole_file(folder / "history.png") as partial:
            pictures.draw_history(rows, partial, name)
    with whole_file(folder / "samples.png") as partial:
        three = (examples.noisy, examples.target, denoised)
        if image_shape:
            noisy, clean, cleaned = (rows.reshape(-1, *image_shape) for rows in three)
            pictures.draw_images(noisy, clean, cleaned, partial, name)
        else:
            noisy, clean, cleaned = (rows[:, middle] for rows in three)
            pictures.draw_samples(
                noisy, clean, cleaned, partial, f"{name} on test signals, scaled as the network sees them"
            )


def draw_panels(folder: Path, panels: Panels, title: str) -> None:
    """Draw held-out recordings before and after: noisy, denoised, and clean where it is known."""
    with whole_file(folder / "own.png") as partial:
        plots.draw_panels(panels, partial, title)
