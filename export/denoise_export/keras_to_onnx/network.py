"""A trained network as a function of tensors, from Keras 3, Keras 2 or a SavedModel."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from denoise_stream import SourceError

Shape = tuple[int | None, ...]
"""Sizes without the batch's; None stands for any size."""

OTHER_PRECISIONS = ("bfloat16", "float16", "float64")


@dataclass(frozen=True)
class Tensor:
    """An input of a network: its name, its shape without the batch, and its type."""

    name: str
    shape: Shape
    dtype: tf.DType = tf.float32


@dataclass(frozen=True)
class Network:
    """A trained network in its own shapes.

    Attributes
    ----------
    call
        Maps the input tensors, in the order of ``inputs``, to the output tensors. Can be traced.
    inputs
        What it takes.
    output_names
        A name for each output; empty where the network gives them none.
    layers
        Its layers, nested ones too; empty for a SavedModel, which no longer has any.
    parameters
        Number of parameters.
    normalized
        Of a SavedModel that begins with a Normalization: the mean and the deviation of the samples it was adapted to.
    """

    call: Callable[[Sequence[tf.Tensor]], list[tf.Tensor]]
    inputs: tuple[Tensor, ...]
    output_names: tuple[str, ...] = ()
    layers: tuple[Any, ...] = ()
    parameters: int = 0
    normalized: tuple[float, float] | None = None


def from_keras(model: Any) -> Network:
    """Describe a Keras model, of Keras 3 or of Keras 2 (``tf_keras``).

    Raises
    ------
    SourceError
        If a layer keeps its state by itself or is one of Keras 2 in another precision than float32, a weight is not a
        number, or the model does not know its input's shape, because it was neither given one nor called.
    """
    layers = (model, *model._flatten_layers(include_self=False))
    for layer in reversed(layers):  # of Keras 2, a model is stateful as soon as one of its layers is
        if getattr(layer, "stateful", False) is True:
            raise SourceError(
                f"the layer {layer.name!r} keeps a state of its own from window to window (stateful=True); make it a "
                "second input and output of the network (return_state=True, initial_state=...), or stateless"
            )
        if not isinstance(layer, keras.layers.Layer) and layer.compute_dtype in OTHER_PRECISIONS:
            raise SourceError(
                f"the layer {layer.name!r} of Keras 2 computes in {layer.compute_dtype}, and the file computes in "
                "float32; build the network with the policy float32 and call set_weights(old.get_weights())"
            )
    structure = _input_structure(model)
    refuse_numberless({getattr(weight, "path", weight.name): weight for weight in model.weights})
    flat = keras.tree.flatten(structure)
    outputs = _tied(model, "output")

    def call(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return list(keras.tree.flatten(model(keras.tree.pack_sequence_as(structure, list(tensors)), training=False)))

    return Network(
        call,
        tuple(Tensor(name, *_shape_and_type(each)) for name, each in zip(_names(structure), flat, strict=True)),
        tuple(_names(outputs)) if outputs is not None else (),
        layers,
        int(model.count_params()),
    )


def _tied(model: Any, side: str) -> Any:
    """Return a functional model's ``input`` or ``output``, as it was built; None for another model."""
    try:
        return getattr(model, side)
    except AttributeError:  # a Sequential has none by itself, a subclass never
        return None


def _input_structure(model: Any) -> Any:
    structure = _tied(model, "input")
    if structure is None and getattr(model, "inputs", None):
        structure = model.inputs[0]  # of a Sequential, which has one
    if structure is not None:
        return structure
    shape = (model.get_build_config() or {}).get("input_shape") if model.built else None
    if isinstance(shape, dict) and shape and all(map(_is_shape, shape.values())):
        return {name: keras.KerasTensor(each, name=name) for name, each in shape.items()}
    if not _is_shape(shape):
        raise SourceError(
            f"the network {model.name!r} does not know the shape of its input; "
            "begin it with keras.Input((window, 1)), or call it once on data before it is exported"
        )
    return keras.KerasTensor(shape, name="noisy")


def _is_shape(found: Any) -> bool:
    return (
        isinstance(found, tuple | list) and bool(found) and all(size is None or isinstance(size, int) for size in found)
    )


def _shape_and_type(tensor: Any) -> tuple[Shape, tf.DType]:
    return tuple(tensor.shape)[1:], tf.as_dtype(tensor.dtype)


def _names(structure: Any) -> list[str]:
    if isinstance(structure, dict):
        return sorted(structure)
    return [str(each.name).partition(":")[0] for each in keras.tree.flatten(structure)]


class Float32OverVariables(keras.DTypePolicy):  # type: ignore[misc]  # Keras has no types
    """Compute in float32 with variables of another precision, which Keras then casts wherever they are used."""

    def __init__(self, variable_dtype: str) -> None:
        super().__init__("float32")
        self._kept = variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The precision of the variables."""
        return self._kept


@contextlib.contextmanager
def in_float32(layers: Sequence[Any]) -> Iterator[set[str]]:
    """Let layers of 16-bit or 64-bit precision compute in float32 inside this block; yield their policies' names."""
    changed = []
    for layer in layers:
        policy = getattr(layer, "dtype_policy", None)
        if isinstance(policy, keras.DTypePolicy) and policy.compute_dtype in OTHER_PRECISIONS:
            changed.append((layer, policy))
    try:
        for layer, policy in changed:
            layer.dtype_policy = Float32OverVariables(policy.variable_dtype)
        yield {policy.name for _, policy in changed}
    finally:
        for layer, policy in changed:
            layer.dtype_policy = policy


@contextlib.contextmanager
def with_plain_names(layers: Sequence[Any]) -> Iterator[dict[str, str]]:
    """Rename layers inside this block to names that TensorFlow's scopes accept; yield their own names by these.

    A user's name may contain blanks and brackets.
    """
    own = [(layer, layer.name) for layer in layers if isinstance(layer, keras.layers.Layer)]
    plain: dict[str, str] = {}
    try:
        for number, (layer, name) in enumerate(own):
            scope = re.sub(r"[^A-Za-z0-9_.\-]", "_", name)
            if scope != name or scope in plain or not scope[0].isalnum():
                layer.name = scope = f"layer_{number}_{scope}"
            plain[scope] = name
        yield plain
    finally:
        for layer, name in own:
            if layer.name != name:
                layer.name = name


@contextlib.contextmanager
def with_time_folded(layers: Sequence[Any]) -> Iterator[None]:
    """Let TimeDistributed layers treat all steps as one batch inside this block.

    Keras repeats the inner layer for each step, which makes thousands of nodes for a window.
    """
    folded = [layer for layer in layers if isinstance(layer, keras.layers.TimeDistributed)]
    try:
        for layer in folded:
            object.__setattr__(layer, "call", _fold_time(layer))
        yield
    finally:
        for layer in folded:
            object.__delattr__(layer, "call")


def _fold_time(layer: Any) -> Callable[..., tf.Tensor]:
    one_by_one = layer.call

    def call(inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        steps = inputs.shape[1]
        if steps is None or None in inputs.shape[2:] or mask is not None:
            return one_by_one(inputs, training=training, mask=mask)
        settings = {"training": training} if layer.layer._call_has_training_arg else {}
        outputs = layer.layer.call(tf.reshape(inputs, (-1, *inputs.shape[2:])), **settings)
        return tf.reshape(outputs, (-1, steps, *outputs.shape[1:]))

    return call


def refuse_numberless(weights: Mapping[str, Any]) -> None:
    """Refuse weights that hold NaN or infinity, as a failed training leaves them; weights by name."""
    for name, weight in weights.items():
        if not np.isfinite(np.asarray(weight, dtype=np.float32)).all():
            raise SourceError(
                f"the weights {name!r} hold NaN or infinity, as after a failed training; train the network again, with "
                "a smaller learning rate for example"
            )


def count_parameters(variables: Sequence[tf.Variable]) -> int:
    """Count the numbers in variables."""
    return int(sum(np.prod(variable.shape.as_list()) for variable in variables))
