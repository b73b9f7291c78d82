"""Put the network of a run folder among the bundled models.

python -m tools.shipping RUN [--fp16] [--block] [--trained-on TEXT]

The model takes the recipe's name, whatever the run started from. If a training can start from the bundled network of
that name (``--from NAME``), that one is replaced, too, without the optimiser's state.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from denoise_export.keras_to_onnx.export import export
from denoise_export.smaller.derive import derive
from denoise_stream import DenoiseError, bundled_models
from denoise_stream.block import block_path
from denoise_stream.files.paths import whole_file
from denoise_train.recipe import load_recipe
from denoise_train.training.run_folder import BEST, RECIPE
from denoise_train.training.start import bundled_weights, load_start

REPORT = "report.json"


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
    """
    recipe = dataclasses.replace(load_recipe(run / RECIPE), start="")
    model = bundled_models()[recipe.name]
    block_path(model).unlink(missing_ok=True)  # of the model that this one replaces
    network = load_start(str(run))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / RECIPE).write_text(recipe.to_toml())
        network.save(folder / BEST)
        if (run / REPORT).is_file():
            (folder / REPORT).write_bytes((run / REPORT).read_bytes())
        exported = folder / "model.onnx" if fp16 else model
        export(
            folder, exported, name=recipe.name, license=recipe.license, trained_on=trained_on, block=block, force=True
        )
        if fp16:
            derive(exported, model, fp16=True, force=True)
    weights = bundled_weights().get(recipe.name)
    if weights is None:
        return [model]
    with whole_file(weights) as partial:
        network.save(partial)
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
