"""Start from a trained network: a bundled name, a run folder or a ``.keras`` file comes in, its weights go out."""

import dataclasses
import sys
from pathlib import Path

import keras

from denoise_stream import SourceError
from denoise_stream.sinks import whole_file
from denoise_train.recipe import Recipe, RecipeError, load_recipe
from denoise_train.run_folder import BEST, RECIPE

GENTLER = 0.25
"""The learning rate of a training that does not begin from nothing, as a share of the recipe's."""

WARM_UP_BATCHES = 50
BATCHES_PER_EPOCH = 250


def bundled_weights() -> dict[str, Path]:
    """Give the networks that ship with the package: name to path.

    >>> sorted(bundled_weights())
    ['general']
    """
    return {path.stem: path for path in sorted(Path(__file__).with_name("weights").glob("*.keras"))}


def starting_from(recipe: Recipe, start: str) -> Recipe:
    """Give the recipe of a training that starts from a trained network: smaller steps, more frequent validation."""
    schedule = dataclasses.replace(
        recipe.schedule,
        batches_per_epoch=min(BATCHES_PER_EPOCH, recipe.schedule.batches_per_epoch or BATCHES_PER_EPOCH),
        warm_up_batches=min(WARM_UP_BATCHES, recipe.schedule.warm_up_batches),
    )
    optimizer = dataclasses.replace(recipe.optimizer, learning_rate=recipe.optimizer.learning_rate * GENTLER)
    # A trained network needs no gentle beginning.
    data = dict(recipe.data) | ({"gentle_blocks": 0} if "gentle_blocks" in recipe.data else {})
    return dataclasses.replace(recipe, start=start, data=data, schedule=schedule, optimizer=optimizer)


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
    except Exception as error:  # zip, json and Keras errors share no base class but Exception
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SourceError(f"{file} is no Keras model: {reason}") from error


def copy_weights(network: keras.Model, trained: keras.Model, start: str) -> None:
    """Give a new network the weights of a trained one of the same architecture.

    Raises
    ------
    RecipeError
        If the architectures differ.
    """
    needed, found = ([tuple(weight.shape) for weight in each.weights] for each in (network, trained))
    if needed != found:
        raise RecipeError(
            f"{start} is another network than the recipe's [architecture] ({trained.count_params():,} parameters in "
            f"{len(found)} arrays, needed: {network.count_params():,} in {len(needed)}); "
            "give the recipe it was trained with, such as recipe.toml in its run folder"
        )
    network.set_weights(trained.get_weights())


def ship(run: Path) -> Path:
    """Put a run's network among the bundled ones, under its recipe's name and without the optimiser's state."""
    target = Path(__file__).with_name("weights") / f"{load_recipe(run / RECIPE).name}.keras"
    with whole_file(target) as partial:
        load_start(str(run)).save(partial)
    return target


if __name__ == "__main__":
    print(ship(Path(sys.argv[1])))
