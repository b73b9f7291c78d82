"""Load a trained network from a file or folder, in safe mode: code that a file holds is never run."""

import contextlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from denoise_export.keras_to_onnx.freezing import normalized_first
from denoise_export.keras_to_onnx.network import (
    OTHER_PRECISIONS,
    Network,
    Tensor,
    count_parameters,
    from_keras,
    refuse_numberless,
)
from denoise_stream import SourceError
from denoise_stream.errors import first_line, needs_extra
from denoise_stream.native_messages import native_messages_hidden

NETWORK = "model.keras"
SAVED_MODEL = "saved_model.pb"
KINDS = "a run folder, a .keras or .h5 file, or a SavedModel folder"

HDF5 = b"\x89HDF"
ZIP = b"PK"

KERAS_MODULES = frozenset({"builtins", "keras", "tf_keras"})
"""Where the classes that a file names may come from."""

UNSAFE = frozenset({"EagerPyFunc", "MatchingFiles", "PyFunc", "PyFuncStateless", "ReadFile", "WriteFile"})
"""Operators of a SavedModel that run Python or touch files."""

PRODUCTS = frozenset({"BatchMatMulV2", "Conv2D", "Conv2DBackpropInput", "Conv3D", "DepthwiseConv2dNative", "MatMul"})
"""Operators whose type of numbers is that of the network."""


def find_network(source: Path) -> Path:
    """Return the file or folder that holds the network: a run folder's ``model.keras``, otherwise ``source`` itself.

    Raises
    ------
    SourceError
        If it is not there, or a folder holds no network.
    """
    if not source.exists():
        raise SourceError(f"cannot read {source}: no such file; name {KINDS}")
    if source.is_file() or (source / SAVED_MODEL).is_file() or (source / "config.json").is_file():
        return source
    if (source / NETWORK).exists():
        return source / NETWORK
    others = sorted(file.name for file in source.iterdir() if file.suffix in (".keras", ".h5", ".hdf5"))
    there = f"it holds {', '.join(others)}; name that file" if others else f"name {KINDS}"
    raise SourceError(f"{source} is a folder without {NETWORK} or {SAVED_MODEL}; {there}")


def load_model(file: Path) -> Any:
    """Load a Keras model, as Keras 3 or, if Keras 2 wrote it, as ``tf_keras`` reads it.

    Parameters
    ----------
    file
        A ``.keras`` file, or one unpacked into a folder, or an HDF5 file.

    Raises
    ------
    SourceError
        If it cannot be read, holds Python code, weights alone, or a class that is not known here.
    MissingExtra
        If Keras 2 wrote it and ``tf_keras`` is not installed.
    """
    try:
        config, version = _read_config(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"{file} is not a Keras model: {first_line(error)}; name {KINDS}") from error
    _refuse_code(file, config)
    keras_2 = not version.startswith(tuple("3456789"))
    if keras_2:
        _refuse_foreign_modules(file, config)
        with native_messages_hidden(), needs_extra("reading networks that Keras 2 saved", "export"):
            import tf_keras
    try:
        with _named_by_content(file) as named:
            return (tf_keras if keras_2 else keras).models.load_model(named, compile=False)
    except Exception as error:  # zip, json and Keras errors have no common base class but Exception
        unknown = re.search(r"(?:Could not locate (?:class|function)|Unknown \w+:) '?([\w>]+)'?", str(error))
        if unknown and not _is_operation(unknown[1]):
            raise SourceError(
                f"{file} holds {unknown[1].rpartition('>')[2]}, which is not part of Keras; export it in the program "
                'that defines it: denoise_export.export(model, "model.onnx")'
            ) from error
        if not file.is_dir() and _first_bytes(file).startswith(HDF5):
            raise SourceError(
                f"Keras cannot read {file} back: {first_line(error).partition('. ')[0]}; HDF5 does not hold every "
                'network: save it with model.save("my.keras")'
            ) from error
        raise SourceError(f"{file} is not a Keras model: {first_line(error)}") from error


def load_network(file: Path) -> Network:
    """Load a network from a file or folder that :func:`find_network` found; SourceError says why it cannot be."""
    return _load_saved_model(file) if (file / SAVED_MODEL).is_file() else from_keras(load_model(file))


def _read_config(file: Path) -> tuple[Any, str]:
    """Return a Keras file's description of the network, and the version of the Keras that wrote it."""
    if file.is_dir():
        metadata = json.loads((file / "metadata.json").read_text())
        return json.loads((file / "config.json").read_text()), str(metadata["keras_version"])
    first = _first_bytes(file)
    if first.startswith(HDF5):
        with h5py.File(file) as data:
            if "model_config" not in data.attrs:
                raise ValueError('it holds weights alone; save the whole network with model.save("my.keras")')
            return json.loads(data.attrs["model_config"]), str(data.attrs.get("keras_version", "2"))
    if not first.startswith(ZIP):
        raise ValueError("it is neither a .keras file nor HDF5")
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("config.json")), str(json.loads(archive.read("metadata.json"))["keras_version"])


@contextlib.contextmanager
def _named_by_content(file: Path) -> Iterator[Path]:
    """Yield the file, or a copy with the extension of its format: Keras goes by the extension."""
    endings = (".h5", ".hdf5") if file.is_file() and _first_bytes(file).startswith(HDF5) else (".keras",)
    if file.is_dir() or file.name.endswith(endings):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(file, Path(folder) / f"network{endings[0]}"))


def _first_bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(8)


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every dictionary in a description, outermost first."""
    if isinstance(config, dict):
        yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _objects(item)


def _is_operation(name: str) -> bool:
    """Tell whether a class is an operation of Keras, which HDF5 does not hold."""
    kinds = keras.Operation.__subclasses__()
    return name in {kind.__name__ for kind in kinds if kind.__module__.split(".")[0] in KERAS_MODULES}


def _refuse_code(file: Path, config: Any) -> None:
    for each in _objects(config):
        settings = each.get("config")
        if each.get("class_name") != "Lambda" or not isinstance(settings, dict):
            continue
        function = settings.get("function")
        if isinstance(function, list) or (isinstance(function, dict) and function.get("class_name") == "__lambda__"):
            raise SourceError(
                f"{file}: the layer {settings.get('name')!r} is a Lambda layer, which is Python code, and code in a "
                "file is never run; use layers of Keras instead (Rescaling, Reshape, Activation ...), or export it in "
                'the program that builds it: denoise_export.export(model, "model.onnx")'
            )


def _refuse_foreign_modules(file: Path, config: Any) -> None:
    """Refuse classes and functions outside Keras: Keras 2 imports whatever module a file names."""
    for each in _objects(config):
        module = each.get("module")
        if not isinstance(module, str) or "class_name" not in each:
            continue
        known = module == "builtins" if each["class_name"] == "function" else module.split(".")[0] in KERAS_MODULES
        if not known:
            raise SourceError(f"{file} names {module}.{each.get('class_name')}, which is not part of Keras")


def _load_saved_model(folder: Path) -> Network:
    """Load the serving function of a SavedModel, as ``model.export``, or ``model.save`` of Keras 2, wrote it."""
    try:
        description = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL).read_bytes())
        graphs = [each.graph_def for each in description.meta_graphs]
        nodes = [
            node
            for graph in graphs
            for part in (graph.node, *(function.node_def for function in graph.library.function))
            for node in part
        ]
        if unsafe := sorted({node.op for node in nodes} & UNSAFE):
            raise SourceError(f"{folder} runs code or touches files by {', '.join(unsafe)}; it is not loaded")
        precisions = {tf.as_dtype(node.attr["T"].type).name for node in nodes if node.op in PRODUCTS}
        if other := sorted(precisions.intersection(OTHER_PRECISIONS)):
            raise SourceError(
                f"{folder} computes in {other[0]}, which is fixed in a SavedModel, and the file computes in float32; "
                'save it with model.save("my.keras") and export that'
            )
        loaded = tf.saved_model.load(folder)
    except SourceError:
        raise
    except Exception as error:  # the errors of protobuf and TensorFlow have no common base class but Exception
        raise SourceError(f"{folder} is not a SavedModel: {first_line(error)}") from error
    function = _served(folder, loaded)
    specs = _inputs_in_order(folder, loaded, function.structured_input_signature[1])
    outputs = sorted(function.structured_outputs, key=_place_of_output)
    batches = {spec.shape[0] for spec in specs.values() if spec.shape.rank} - {None}

    def call(tensors: Any) -> list[tf.Tensor]:
        try:
            found = function(**dict(zip(specs, tensors, strict=True)))
        except tf.errors.InvalidArgumentError as error:
            if not batches:
                raise
            raise SourceError(
                f"{folder} takes batches of {max(batches)} windows alone; save it again without a batch_size"
            ) from error
        return [found[name] for name in outputs]

    call.owner = loaded  # type: ignore[attr-defined]  # the function alone does not keep the variables
    inputs = []
    for name, spec in specs.items():
        if spec.shape.rank is None:
            raise SourceError(f"{folder}: the input {name!r} has no fixed number of dimensions; needed: (window, 1)")
        inputs.append(Tensor(name, tuple(spec.shape.as_list()[1:]), spec.dtype))
    refuse_numberless({variable.name: variable for variable in function.variables})
    again = tf.saved_model.load(folder)  # what is frozen may lose the bodies of its loops
    normalized = normalized_first(_served(folder, again))
    parameters = count_parameters(function.variables)
    return Network(call, tuple(inputs), tuple(outputs), parameters=parameters, normalized=normalized)


def _served(folder: Path, loaded: Any) -> Any:
    """Return the function of a SavedModel that serves."""
    functions = dict(loaded.signatures)
    function = functions.get("serving_default") or (next(iter(functions.values())) if len(functions) == 1 else None)
    if function is None:
        found = f"several signatures ({', '.join(functions)})" if functions else "no signature"
        raise SourceError(f"{folder} has {found}; needed: 'serving_default', as model.export(folder) writes it")
    return function


def _inputs_in_order(folder: Path, loaded: Any, specs: dict[str, Any]) -> dict[str, Any]:
    """Sort the inputs of a SavedModel as its network takes them: its signature does not keep their order.

    Raises
    ------
    SourceError
        If nothing tells in which order several states come.
    """
    for function in getattr(getattr(loaded, "serve", None), "concrete_functions", ()):  # of Keras 3
        called = keras.tree.flatten(function.structured_input_signature)
        names = [spec.name for spec in called if isinstance(spec, tf.TensorSpec)]
        if sorted(names) == sorted(specs):
            return {name: specs[name] for name in names}
    if len(specs) > 2:
        raise SourceError(
            f"{folder} takes {len(specs)} inputs ({', '.join(sorted(specs))}) in an order that a SavedModel does not "
            'keep; save it with model.save("my.keras") and export that'
        )
    return dict(sorted(specs.items()))


def _place_of_output(name: str) -> tuple[int, str]:
    """Sort ``output_10`` after ``output_2``, and other names by themselves, as Keras sorts those of a dictionary."""
    number = re.fullmatch(r"output_(\d+)", name)
    return (int(number[1]) if number else 0), name
