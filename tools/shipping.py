"""Put the network of a run folder among the bundled ones.

python -m tools.shipping RUN
"""

import sys
from pathlib import Path

from denoise_stream import DenoiseError
from denoise_stream.files.paths import whole_file
from denoise_train.recipe import load_recipe
from denoise_train.training.run_folder import RECIPE
from denoise_train.training.start import WEIGHTS, load_start


def ship(run: Path) -> Path:
    """Put a run's network among the bundled ones, under its recipe's name and without the optimiser's state."""
    target = WEIGHTS / f"{load_recipe(run / RECIPE).name}.keras"
    with whole_file(target) as partial:
        load_start(str(run)).save(partial)
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: python -m tools.shipping RUN, a run folder", file=sys.stderr)
        raise SystemExit(2)
    try:
        print(ship(Path(sys.argv[1])))
    except DenoiseError as error:
        raise SystemExit(str(error)) from error
