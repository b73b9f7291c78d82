"""Run a network with a memory over many consecutive windows at once: faster in files, the same numbers.

Window by window, every layer multiplies one row. Over a block of windows only the recurrence goes step by step; all
else is one product each. The graph for that lies beside the model's file, and states which file it belongs to.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.contract import Contract
from denoise_stream.errors import ContractError, first_line, quoted
from denoise_stream.onnx_file import load_session

Rows = NDArray[np.float32]

BLOCK_SUFFIX = ".block.onnx"
"""End of the file's name; what precedes it is the model's, without ``.onnx``."""

BLOCK_OF, BLOCK_WINDOWS = "block_of", "block_windows"
"""Keys of its metadata: :func:`digest` of the model's file, and the most windows that it takes."""


class Block:
    """The graph of a block: ``noisy (windows, window)``, ``state (1, state_size)`` to ``clean`` and ``state_out``.

    Attributes
    ----------
    most_windows : int
        How many consecutive windows it takes at most.
    """

    def __init__(self, session: Any, most_windows: int, name: str) -> None:
        self.most_windows = most_windows
        self._session = session
        self._name = name

    def run(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Denoise consecutive windows; return them and the state after the last one.

        Raises
        ------
        ContractError
            If the network fails, or answers with another shape.
        """
        try:
            clean, next_state = self._session.run(["clean", "state_out"], {"noisy": noisy, "state": state})
        except Exception as error:  # onnxruntime's exceptions have no common base class but Exception
            raise ContractError(f"{self._name} fails on {len(noisy)} windows: {first_line(error)}") from error
        if clean.shape != noisy.shape or next_state.shape != state.shape:
            raise ContractError(
                f"{self._name} answers {len(noisy)} windows with shapes {clean.shape} and {next_state.shape}; needed: "
                f"{noisy.shape} and {state.shape}: the model is wrong, not the signal"
            )
        return clean, next_state


def block_path(model: Path) -> Path:
    """Return where the graph of a block lies, ``speech.block.onnx`` for ``speech.onnx``."""
    return model.with_name(model.stem + BLOCK_SUFFIX)


def digest(model: bytes) -> str:
    """Return what tells a model's file from others, its SHA-256 in hexadecimal."""
    return hashlib.sha256(model).hexdigest()


def find_block(model: Path, contract: Contract, model_digest: str) -> Block | None:
    """Open the graph of a block beside a model's file; return None if there is none, or it belongs to another file.

    Parameters
    ----------
    model
        Where the model's file lies.
    contract
        What it says about itself.
    model_digest
        Its :func:`digest` when it was loaded; empty if no block lay beside it then.

    Raises
    ------
    ContractError
        If it is not an ONNX file, or states that it belongs to the model, but lacks a block's inputs or metadata.
    """
    path = block_path(model)
    if not (model_digest and contract.state_size and path.is_file()):
        return None
    session = load_session(path)
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get(BLOCK_OF) != model_digest:
        return None
    windows = metadata.get(BLOCK_WINDOWS, "")
    if not (windows.isdecimal() and int(windows) > 0):
        raise ContractError(f"{path.name}: metadata {BLOCK_WINDOWS}={quoted(windows)}; needed: a number of windows")
    shapes = {tensor.name: list(tensor.shape) for tensor in session.get_inputs()}
    needed = {"noisy": ["windows", contract.window], "state": [1, contract.state_size]}
    if shapes != needed:
        raise ContractError(f"{path.name}: the graph's inputs are {shapes}; needed: {needed}")
    return Block(session, int(windows), path.name)
