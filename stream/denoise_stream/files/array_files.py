"""Array files: ``.npy`` and ``.npz`` come in, their arrays by name go out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import first_line


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Load all arrays of a file; the only one of an ``.npy`` has the name ``""``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is broken, or no such file.
    """
    with path.open("rb") as file:  # which NumPy would leave open when it is broken
        try:
            loaded = np.load(file, allow_pickle=False)
            return {"": loaded} if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
        except Exception as error:  # what NumPy, zipfile and tokenize raise for broken files is not documented
            raise ValueError(first_line(error)) from error
