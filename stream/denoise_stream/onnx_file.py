"""Open an ONNX file in onnxruntime, once it is known that it does not read its weights from other files.

An ONNX file may name files for its weights. A malicious model could thus read any file that the user
can, and return its bytes as samples. Models that keep the contract hold their weights themselves.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from denoise_stream.errors import ContractError, first_line

# The messages of onnx.proto that lead to tensors: the numbers of their fields, and what these hold.
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14
"""Fields of a tensor."""

MOST_DEEP = 64
MOST_BYTES = (1 << 31) - 1
"""Protobuf holds no more."""

HDF5, ZIP, KERAS_MEMBER = b"\x89HDF", b"PK\x03\x04", b"config.json"
"""How the files begin that Keras saves, and the member that tells its own zip archives from others."""


def load_session(path: Path) -> Any:
    """Open an ONNX file in onnxruntime, on one thread that does not spin.

    Raises
    ------
    ContractError
        If it cannot be read, as :func:`read_model` says, or onnxruntime cannot run it.
    """
    return open_session(read_model(path), path.name)


def open_session(data: bytes, name: str) -> Any:
    """Open the bytes of an ONNX file as :func:`load_session` does; ``name`` is the file's in messages."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A stream keeps one core busy for microseconds per hop: more threads, or threads that spin
    # while they wait, only burn power (16 kHz stream: 93 % of a core with the defaults, 5 % so).
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base class but Exception
        raise ContractError(f"{name} is not an ONNX model that onnxruntime can run: {first_line(error)}") from error


def read_model(path: Path) -> bytes:
    """Return the bytes of an ONNX file that holds all its numbers itself.

    Raises
    ------
    ContractError
        If it cannot be read, is not an ONNX file, or takes a tensor from another file; of a Keras network it says how
        to export it.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ContractError(f"{path.name} is not an ONNX model: it has more bytes than one file of it may, 2 GiB")
        data = path.read_bytes()
    except OSError as error:
        raise ContractError(f"cannot read the model {path}: {error.strerror}") from error
    if data.startswith(HDF5) or (data.startswith(ZIP) and KERAS_MEMBER in data):
        raise export_first(path)
    try:
        outside = next(_outside(memoryview(data), "model", 0), None)
    except (ValueError, IndexError) as error:
        raise ContractError(f"{path.name} is not an ONNX model: {error}") from error
    if outside is not None:
        raise ContractError(
            f"{path.name} takes the tensor {outside!r} from another file, which is not read; save the model as one file"
        )
    return data


def export_first(path: Path) -> ContractError:
    """Return the error for a trained network that was not exported yet."""
    whole = path.absolute()  # the name of '.' is that of the present folder
    command = f"denoise-export {shlex.quote(str(path))} --output {shlex.quote(f'{whole.stem}.onnx')}"
    return ContractError(f"{whole.name} is a network that is not exported yet; export it first: {command}")


def _outside(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    """Return the names of a message's tensors that lie in other files."""
    if depth > MOST_DEEP:
        raise ValueError(f"its graphs are nested more than {MOST_DEEP} deep")
    if kind == "tensor":
        fields = list(_fields(message))
        if any(number == EXTERNAL_DATA or (number == DATA_LOCATION and value) for number, value in fields):
            names = [bytes(value) for number, value in fields if number == NAME and isinstance(value, memoryview)]
            yield (names or [b""])[-1].decode("utf-8", "replace")
        return
    inside = MESSAGES[kind]
    for number, value in _fields(message):
        if number in inside and isinstance(value, memoryview):
            yield from _outside(value, inside[number], depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the fields of a protobuf message: their numbers and contents."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field of its protobuf has the number 0")
        value: int | memoryview
        if wire == 0:
            value, at = _varint(message, at)
        elif wire in (1, 2, 5):
            size, at = (8, at) if wire == 1 else (4, at) if wire == 5 else _varint(message, at)
            if at + size > len(message):
                raise ValueError("it is cut short")
            value, at = message[at : at + size], at + size
        else:
            raise ValueError(f"a field of its protobuf is of the unknown kind {wire}")
        yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte; return it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it is cut short")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number in it never ends")
