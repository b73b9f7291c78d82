"""Load Keras and TensorFlow quietly, or say what to install."""

import contextlib
import os
from collections.abc import Iterator

from denoise_stream.errors import needs_extra
from denoise_stream.native_messages import native_messages_hidden


@contextlib.contextmanager
def loading_backend(feature: str, extra: str) -> Iterator[None]:
    """Import Keras, TensorFlow and what is built on them inside this block.

    TensorFlow writes to the process's standard error, past Python's, while it is loaded; that is hidden.

    Raises
    ------
    MissingExtra
        If a package is not installed; the sentence says which extra brings it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_hidden(), needs_extra(feature, extra):
        yield
