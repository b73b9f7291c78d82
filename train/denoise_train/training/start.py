"""Start from a trained network: bundled, in a run folder or in a ``.keras`` file."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from denoise_stream import SourceError
from denoise_stream.errors import first_line
from denoise_train.arrays import Windows
from denoise_train.recipe import Recipe, RecipeError
from denoise_train.training.run_folder import BEST

WEIGHTS = Path(__file__).parents[1] / "weights"
"""The networks that ship with the package."""

GENTLER = 0.25
"""The learning rate of a training that starts from a trained network, as a share of the recipe's."""

SAME_OUTPUT = 1e-3
"""Absolute tolerance for equal outputs: above float32 rounding for windows in [0, 1]."""

MID_SIGNAL = 1000.0
"""State value above every frame counter's limit, so that differing limits show too."""

WARM_UP_BATCHES = 50
BATCHES_PER_EPOCH = 250


def bundled_weights() -> dict[str, Path]:
    """Return the networks that ship with the package: name to path.

    >>> sorted(bundled_weights())
    ['general', 'speech']
    """
    return {path.stem: path for path in sorted(WEIGHTS.glob("*.keras"))}


def starting_from(recipe: Recipe, start: str) -> Recipe:
    """Return the recipe of a training that starts from a trained network: smaller steps, more frequent validation.

    A recipe that has a start already, as one in a run folder may, has taken those smaller steps.
    """
    schedule = dataclasses.replace(
        recipe.schedule,
        batches_per_epoch=min(BATCHES_PER_EPOCH, recipe.schedule.batches_per_epoch or BATCHES_PER_EPOCH),
        warm_up_batches=min(WARM_UP_BATCHES, recipe.schedule.warm_up_batches),
    )
    gentler = 1.0 if recipe.start else GENTLER
    optimizer = dataclasses.replace(recipe.optimizer, learning_rate=recipe.optimizer.learning_rate * gentler)
    # A trained network needs no gentle beginning.
    data = dict(recipe.data) | ({"gentle_blocks": 0} if "gentle_blocks" in recipe.data else {})
    return dataclasses.replace(recipe, start=start, data=data, schedule=schedule, optimizer=optimizer)


def start_name(start: str) -> str:
    """Return the name of the network that a training started from: bundled, or its run folder's or file's.

    >>> start_name("general"), start_name("runs/mine/"), start_name("runs/mine/model.keras"), start_name("a/b.keras")
    ('general', 'mine', 'mine', 'b')
    """
    path = Path(start)
    return path.resolve().parent.name if path.name == BEST else path.name.removesuffix(".keras")


def load_start(start: str) -> keras.Model:
    """Load the network to start from.

    Parameters
    ----------
    start
        A bundled name, a run folder, or a ``.keras`` file.

    Raises
    ------
    SourceError
        If there is no such network, or it cannot be read.
    """
    path = bundled_weights().get(start, Path(start))
    file = path / BEST if path.is_dir() else path
    if not file.is_file():
        where = f"{start} holds no {BEST}" if path.is_dir() else f"{start!r} is neither a file nor bundled"
        raise SourceError(f"{where}; name a bundled network ({', '.join(bundled_weights())}), a run folder or a .keras")
    if file.suffix != ".keras":
        raise SourceError(f"{file} cannot be trained further; name the .keras file or the run folder it was made from")
    try:
        return keras.models.load_model(file, compile=False)
    except Exception as error:  # zip, json and Keras errors have no common base class but Exception
        raise SourceError(f"{file} is not a Keras model: {first_line(error)}") from error


def copy_weights(network: keras.Model, trained: keras.Model, start: str) -> None:
    """Copy the weights of a trained network of the same architecture into a new one.

    Raises
    ------
    RecipeError
        If the architectures differ: in their weights, or in their output for a window with the same weights.
    """
    needed, found = ([tuple(weight.shape) for weight in each.weights] for each in (network, trained))
    if needed != found:
        raise RecipeError(
            f"{start} is another network than the recipe's [architecture] ({trained.count_params():,} parameters in "
            f"{len(found)} arrays, needed: {network.count_params():,} in {len(needed)}); "
            "give the recipe it was trained with, such as recipe.toml in its run folder"
        )
    network.set_weights(trained.get_weights())
    if trained.input_shape != network.input_shape or not _same_output(network, trained):
        raise RecipeError(
            f"{start} has as many weights as the recipe's [architecture], but is another network (window "
            f"{_window(trained)}, needed: {_window(network)}; or other strides, activations or the like); "
            "give the recipe it was trained with, such as recipe.toml in its run folder"
        )


def _same_output(network: keras.Model, other: keras.Model) -> bool:
    """Tell whether two networks have the same output for a window and, if they have one, two states or contexts."""
    window = np.random.default_rng(0).random((1, _window(network)), dtype=np.float32)
    return all(_same_answer(network, other, window, number) for number in (0.0, MID_SIGNAL))


def _same_answer(network: keras.Model, other: keras.Model, window: Windows, number: float) -> bool:
    """Compare the outputs of two networks for a window and, if they have one, a state or context of one number."""
    inputs = [window, *(np.full((1, tensor.shape[1]), number, np.float32) for tensor in network.inputs[1:])]
    one, another = (each.predict_on_batch(inputs if len(inputs) > 1 else window) for each in (network, other))
    pairs = zip(one, another, strict=True) if isinstance(one, list) else [(one, another)]
    return all(np.allclose(*pair, atol=SAME_OUTPUT, equal_nan=True) for pair in pairs)


def _window(network: keras.Model) -> int:
    return int(network.inputs[0].shape[1])
