"""Run another program's ONNX file step by step and carry its states from one step to the next."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise_stream.errors import ContractError, first_line
from denoise_stream.onnx_file import load_session

FLOAT = "tensor(float)"
Shape = tuple[int | None, ...]
"""Shape of a tensor; None stands for any size."""


def open_network(path: Path, needed: str) -> Any:
    """Open an ONNX file in onnxruntime; a ContractError says what is needed if there is none."""
    if not path.is_file():
        raise ContractError(f"cannot read {path}: no such file; needed: {needed}")
    return load_session(path)


class Network:
    """A recurrent network in an ONNX file: one tensor in, one out, and states that are fed back.

    Kept between calls: the states.

    Parameters
    ----------
    path
        The ONNX file.
    name
        Name of the expected network, for errors.
    needed
        The inputs and outputs that it should have, for errors.
    signal
        Shape of the one input and the one output that are not states.
    states
        Names of the inputs that are states; empty if any name will do.

    Attributes
    ----------
    shapes : dict[str, tuple[int, ...]]
        Shape of each input by its name, the signal's first.
    tensors : str
        Inputs and outputs as the file has them, for errors.

    Raises
    ------
    ContractError
        If the file is missing, is not an ONNX file, or has other inputs and outputs; or, from ``run``, if it fails.
    """

    def __init__(self, path: Path, name: str, needed: str, signal: Shape, states: Sequence[str] = ()) -> None:
        self._file = path.name
        self._session = open_network(path, f"{name}: {needed}")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self.tensors = describe_tensors(self._session)
        fed_back = _pair(inputs, outputs, signal, states)
        if fed_back is None:
            raise ContractError(f"{path.name} is not {name}: it has {self.tensors}; needed: {needed}")
        self._fed_back = fed_back
        self.shapes = {node.name: _shape(node) for node in inputs}
        (self._signal,) = self.shapes.keys() - fed_back.values()
        self.shapes = {self._signal: self.shapes.pop(self._signal), **self.shapes}
        (self._result,) = {node.name for node in outputs} - fed_back.keys()
        self.reset()

    def reset(self) -> None:
        """Forget everything: states of zeros."""
        self._states = {name: np.zeros(self.shapes[name], np.float32) for name in self._fed_back.values()}

    def run(self, signal: NDArray[Any]) -> NDArray[np.float32]:
        """Run one step on a signal of the network's shape, in any float type."""
        names = [self._result, *self._fed_back]
        try:
            result, *states = self._session.run(names, {self._signal: signal.astype(np.float32), **self._states})
        except Exception as error:  # onnxruntime's exceptions share no base class but Exception
            raise ContractError(f"{self._file} fails: {first_line(error)}") from error
        if not np.isfinite(result).all():
            raise ContractError(f"{self._file} gives numbers that are not finite")
        self._states = dict(zip(self._fed_back.values(), states, strict=True))
        return np.asarray(result)


def _pair(inputs: Sequence[Any], outputs: Sequence[Any], signal: Shape, states: Sequence[str]) -> dict[str, str] | None:
    """Return for each output that is a state the input it is fed back to; None if the tensors do not fit.

    A state comes back as ``NAME_out`` where there are such names, otherwise in the order of the inputs.
    """
    if any(node.type != FLOAT for node in (*inputs, *outputs)) or len(inputs) != len(outputs):
        return None
    noisy, enhanced = (_first(nodes, signal, states) for nodes in (inputs, outputs))
    if noisy is None or enhanced is None or _shape(noisy) != _shape(enhanced):
        return None
    taken = [node for node in inputs if node is not noisy]
    given = [node for node in outputs if node is not enhanced]
    if not taken or (states and {node.name for node in taken} != set(states)):
        return None
    by_name = {node.name: node for node in given}
    if by_name.keys() == {f"{node.name}_out" for node in taken}:
        given = [by_name[f"{node.name}_out"] for node in taken]
    if any(_shape(one) != _shape(other) for one, other in zip(taken, given, strict=True)):
        return None
    return {one.name: other.name for one, other in zip(given, taken, strict=True)}


def _first(nodes: Sequence[Any], signal: Shape, states: Sequence[str]) -> Any:
    """Return the first tensor of the signal's shape that is not a state; None if there is none."""
    return next((node for node in nodes if node.name not in states and _fits(node.shape, signal)), None)


def _fits(shape: Sequence[int | str | None], wanted: Shape) -> bool:
    """Tell whether a tensor has a shape; a size that the file leaves open counts as 1."""
    return len(shape) == len(wanted) and all(
        size == one if isinstance(size, int) and one is not None else isinstance(size, int) or one == 1
        for size, one in zip(shape, wanted, strict=True)
    )


def _shape(node: Any) -> tuple[int, ...]:
    """Return a tensor's shape, 1 where the file leaves a size open (the batch)."""
    return tuple(size if isinstance(size, int) else 1 for size in node.shape)


def describe_tensors(session: Any) -> str:
    """Describe a session's inputs and outputs with their shapes, for an error."""
    sides = (session.get_inputs(), session.get_outputs())
    return " -> ".join(", ".join(f"{node.name} {list(node.shape)}" for node in nodes) for nodes in sides)
