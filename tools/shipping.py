"""Put the network of a run folder among the bundled models.

python -m tools.shipping RUN [--fp16] [--block] [--trained-on TEXT]

The model takes the recipe's name, whatever the run started from. If a training can start from the bundled network of
that name (``--from NAME``), that one is replaced, too, without the optimizer's state.
"""

import argparse
import dataclasses
import shutil
import tempfile
from pathlib import Path

from denoise_export.keras_to_onnx.export import export
from denoise_export.smaller.derive import derive
from denoise_stream import DenoiseError, SourceError, bundled_models
from denoise_stream.block import block_path
from denoise_stream.files.paths import whole_file
from denoise_stream.model import Model
from denoise_train.recipe import load_recipe
from denoise_train.training.run_folder import RECIPE
from denoise_train.training.start import bundled_weights, load_start


def ship(run: Path, *, fp16: bool = False, block: bool = False, trained_on: str | None = None) -> list[Path]:
    """Export a run's network as the bundled model of its recipe's name.

    Parameters
    ----------
    run
        The run folder.
    fp16
        Store weights as 16-bit floats.
    block
        Write the graph that runs many windows at once, too.
    trained_on
        What the model's file states; default: what the run says.

    Returns
    -------
    The files that were replaced, but for those that lie beside the model.

    Raises
    ------
    SourceError
        If no bundled model has the recipe's name, or there is no block that computes the same as the model.
    """
    recipe = dataclasses.replace(load_recipe(run / RECIPE), start="")
    name, license = recipe.name, recipe.license
    model = bundled_models().get(name)
    if model is None:
        raise SourceError(
            f"{run} trained {name}, which is not a bundled model; those are {', '.join(bundled_models())}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = shutil.copytree(run, Path(scratch) / "run")
        (folder / RECIPE).write_text(recipe.to_toml())
        exported = folder / "model.onnx" if fp16 else model
        export(folder, exported, name=name, license=license, trained_on=trained_on, block=block, force=True)
        if fp16:
            derive(exported, model, fp16=True, force=True)
    if Model(model).block is None:
        block_path(model).unlink(missing_ok=True)  # of the model that this one replaces
        if block:
            raise SourceError(f"{model} has no block: with 16-bit weights it would differ from the model")
    weights = bundled_weights().get(name)
    if weights is None:
        return [model]
    with whole_file(weights) as partial:
        load_start(str(run)).save(partial)
    return [model, weights]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--fp16", action="store_true", help="16-bit weights")
    parser.add_argument("--block", action="store_true", help="the graph of many windows at once, too")
    parser.add_argument("--trained-on", help="what the model's file states; default: what the run says")
    chosen = parser.parse_args()
    try:
        for path in ship(chosen.run, fp16=chosen.fp16, block=chosen.block, trained_on=chosen.trained_on):
            print(path)
    except DenoiseError as error:
        raise SystemExit(str(error)) from error
