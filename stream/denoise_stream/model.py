"""Load an ONNX model, bundled or from a file, and run it."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise_stream.arguments import wrong_type
from denoise_stream.block import BLOCK_SUFFIX, Block, block_path, digest, find_block
from denoise_stream.contract import Contract, Kind
from denoise_stream.errors import ContractError, first_line
from denoise_stream.onnx_file import export_first, load_session, open_session, read_model

Rows = NDArray[np.float32]

DEFAULT_MODEL = "general"
SPEECH_MODEL = "speech"

NETWORKS = ("model.keras", "saved_model.pb")
"""What a run folder and a SavedModel hold."""

MOST_ROWS = 128
"""Most windows per run of the network: all channels of a wide table at once would take gigabytes."""


def bundled_models() -> dict[str, Path]:
    """Return the models that ship with the package: name to path of the ONNX file.

    >>> sorted(bundled_models())
    ['general', 'general-small', 'speech', 'x2']
    """
    found = Path(__file__).with_name("models").glob("*.onnx")
    models = sorted(found, key=lambda path: path.stem)
    return {path.stem: path for path in models if not path.name.endswith(BLOCK_SUFFIX)}


class Models(NamedTuple):
    """The models for the two kinds of source, each a bundled name or a path; empty where there is none."""

    audio: str
    table: str


def choose_models(wanted: str | None = None) -> Models:
    """Return the models for sound and for tables: what is wanted, or else the bundled ones that know them best.

    >>> choose_models("general-small")
    Models(audio='general-small', table='general-small')
    >>> choose_models().table
    'general'
    """
    if wanted is not None:
        return Models(wanted, wanted)
    return Models(SPEECH_MODEL if SPEECH_MODEL in bundled_models() else DEFAULT_MODEL, DEFAULT_MODEL)


class Model:
    """One network, loaded and checked; stateless itself, so any number of streams can share it.

    Attributes
    ----------
    contract : Contract
        What the file says about itself.
    path : Path
        The file.
    """

    def __init__(self, name_or_path: str | Path, kind: Kind = "signal") -> None:
        """Load a bundled model by name, or a file by path; ``kind`` is what it must be for.

        Raises
        ------
        ContractError
            If there is no such model, or the file is not an ONNX file, or it breaks the contract or is of another kind.
        """
        self.path = model_path(name_or_path)
        file, data = self.path.name, read_model(self.path)
        self._session = open_session(data, file)
        self.contract = Contract.from_metadata(self._session.get_modelmeta().custom_metadata_map, file)
        self.contract.check_tensors(
            [(node.name, node.type, node.shape) for node in self._session.get_inputs()],
            [(node.name, node.type, node.shape) for node in self._session.get_outputs()],
            file,
        )
        if self.contract.kind != kind:
            raise ContractError(f"{file} is a model of kind {self.contract.kind!r}; needed here: {kind!r}")
        # Of what is loaded: the file may be gone or another one when its block is opened.
        self._digest = digest(data) if block_path(self.path).is_file() else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the name of a bundled model or the absolute path of a file; it is loaded again from there."""
        bundled = bundled_models().get(self.path.stem) == self.path
        return _load_same, (self.path.stem if bundled else self.path.absolute(), self.contract)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Model":
        """Return the model itself: it has no state."""
        return self

    @functools.cached_property
    def block(self) -> Block | None:
        """The graph that computes many windows of one signal at once, from the file beside this one; None without."""
        return find_block(self.path, self.contract, self._digest)

    def initial_state(self, rows: int) -> Rows:
        """Return the state ``(rows, state_size)`` at the start of a signal: zeros."""
        return np.zeros((rows, self.contract.state_size), dtype=np.float32)

    def run(self, noisy: Rows, context: Rows | None = None) -> Rows:
        """Denoise windows ``(rows, window)`` with a stateless model; one with a context takes it for each row.

        Raises
        ------
        ContractError
            If the network fails, or answers with another shape.
        """
        parts = []
        for start in range(0, max(len(noisy), 1), MOST_ROWS):
            inputs = {"noisy": noisy[start : start + MOST_ROWS]}
            inputs |= {} if context is None else {"context": context[start : start + MOST_ROWS]}
            parts.append(self._run({"clean": self.contract.window}, inputs)[0])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def run_stateful(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Denoise one window per row with a stateful model; return it and the next state.

        Raises
        ------
        ContractError
            If the network fails, or answers with another shape.
        """
        sizes = {"clean": self.contract.window, "state_out": self.contract.state_size}
        clean, next_state = self._run(sizes, {"noisy": noisy, "state": state})
        return clean, next_state

    def run_block(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Denoise consecutive windows of one signal by the graph of a block.

        Parameters
        ----------
        noisy
            ``(windows, window)``, at most ``block.most_windows``.
        state
            ``(1, state_size)``.

        Raises
        ------
        ContractError
            If the network fails.
        """
        assert self.block is not None
        return self.block.run(noisy, state)

    def bound(self, rows: int) -> "Model | BoundModel":
        """Bind the model to buffers for one stream; return the model itself if rows are many."""
        return self if rows > MOST_ROWS else BoundModel(self, rows)

    def _run(self, outputs: dict[str, int], inputs: dict[str, Rows]) -> list[Rows]:
        """Run the network; ``outputs`` maps the name of each wanted output to its numbers per row."""
        rows = len(inputs["noisy"])
        try:
            results: list[Rows] = self._session.run([*outputs], inputs)
        except Exception as error:  # onnxruntime's exceptions have no common base class but Exception
            raise ContractError(f"{self.path.name} fails on a batch of {rows}: {first_line(error)}") from error
        for (name, size), result in zip(outputs.items(), results, strict=True):
            if result.shape != (rows, size):  # the file's stated shapes may be wrong
                found = ", ".join(str(count) for count in result.shape)
                raise ContractError(
                    f"{self.path.name} answers a batch of {rows} with {name!r} of shape [{found}]; the contract needs "
                    f"[{rows}, {size}]: the model is wrong, not the signal"
                )
        return results


class BoundModel:
    """A model bound to buffers for one stream, so that a single window costs less.

    Parameters
    ----------
    model
        The model; others may use it meanwhile.
    rows
        Rows of every batch. Batches of other sizes run as the model runs them.
    """

    def __init__(self, model: Model, rows: int) -> None:
        contract = model.contract
        self._model = model
        self._noisy: Rows = np.zeros((rows, contract.window), dtype=np.float32)
        self._clean = np.zeros_like(self._noisy)
        self._context: Rows = np.zeros((rows, contract.context_size), dtype=np.float32)
        self._state, self._next_state = model.initial_state(rows), model.initial_state(rows)
        self._binding = model._session.io_binding()
        self._run: Callable[[Any], None] = model._session.run_with_iobinding
        self._bind(self._binding.bind_input, "noisy", self._noisy)
        self._bind(self._binding.bind_output, "clean", self._clean)
        if contract.context_size:
            self._bind(self._binding.bind_input, "context", self._context)
        if contract.state_size:
            self._bind(self._binding.bind_input, "state", self._state)
            self._bind(self._binding.bind_output, "state_out", self._next_state)

    @staticmethod
    def _bind(bind: Callable[..., None], name: str, array: Rows) -> None:
        bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def run(self, noisy: Rows, context: Rows | None = None) -> Rows:
        """Do what :meth:`Model.run` does; the next call overwrites the result."""
        if len(noisy) != len(self._noisy):
            return self._model.run(noisy, context)
        self._noisy[...] = noisy
        if context is not None:
            self._context[...] = context
        try:
            self._run(self._binding)
        except Exception:  # the unbound model raises the error that says what is wrong
            return self._model.run(noisy, context)
        return self._clean

    def run_stateful(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Do what :meth:`Model.run_stateful` does; the next call overwrites the results."""
        self._noisy[...] = noisy
        self._state[...] = state
        try:
            self._run(self._binding)
        except Exception:  # the unbound model raises the error that says what is wrong
            return self._model.run_stateful(noisy, state)
        return self._clean, self._next_state

    def run_block(self, noisy: Rows, state: Rows) -> tuple[Rows, Rows]:
        """Do what :meth:`Model.run_block` does."""
        return self._model.run_block(noisy, state)


def kind_of(name_or_path: str | Path) -> Kind:
    """Return what a model is for: signals, images, codes or forecasts.

    Raises
    ------
    ContractError
        If there is no such model, or the file is not an ONNX model that keeps the contract.
    """
    path = model_path(name_or_path)
    metadata = load_session(path).get_modelmeta().custom_metadata_map
    return Contract.from_metadata(metadata, path.name).kind


def model_path(name_or_path: str | Path) -> Path:
    """Find the file of a bundled model, or one by its path.

    Raises
    ------
    ContractError
        If there is no such model, or it is the folder of one.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise wrong_type("model", name_or_path, "the name of a bundled model or the path of an ONNX file")
    bundled = bundled_models()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    path = Path(name_or_path)
    if (exported := path / "model.onnx").is_file():
        raise ContractError(f"model {str(name_or_path)!r} is a folder; name the file in it: {exported}")
    if any((path / network).exists() for network in NETWORKS):
        raise export_first(path)
    if not path.is_file():
        raise ContractError(f"model {str(name_or_path)!r} is neither a file nor a bundled model ({', '.join(bundled)})")
    return path


def _load_same(name_or_path: str | Path, contract: Contract) -> Model:
    """Load a pickled model again.

    Raises
    ------
    ContractError
        If its file is gone, or another model by now.
    """
    model = Model(name_or_path, contract.kind)
    if model.contract != contract:
        raise ContractError(f"{model.path} is another model than when it was pickled; load it again")
    return model
