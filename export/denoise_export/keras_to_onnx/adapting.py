"""Adapt a network's shapes to the contract: rows of samples in, rows of samples out, one row of numbers as state.

The contract's tensors are ``(batch, window)``; networks are built for ``(window, 1)``, ``(1, window)`` and the like,
for any length, or with several states. Each change is described in a sentence.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from denoise_export.keras_to_onnx.network import Network, Shape
from denoise_stream import SourceError
from denoise_stream.contract import LONGEST_WINDOW

ANY_LENGTH = 150
"""The window of a network that takes any length, unless another one is asked for."""

SMALLEST_SPAN = 1e-30
"""Least divisor, for the range or deviation of a constant window; smaller than that of any signal."""

SMALLEST_VARIANCE = 1e-5
"""An output of less variance is flat and has no shape to fit; windows are scaled to 0 ... 1."""

TRIAL_ROWS = 2

DIVISORS = (2, 3, 4, 5, 8, 10, 16, 32, 64)
"""A network of strides or pools may need windows that one of these divides."""


@dataclass(frozen=True)
class Adapted:
    """A network with the contract's inputs and outputs.

    Attributes
    ----------
    call
        Maps ``noisy (batch, window)`` to the denoised window; with ``state (batch, state_size)`` to that and the next
        state; with ``context (batch, context_size)`` to the window. Can be traced.
    window, output_size, state_size, context_size
        Samples that it takes, numbers that it gives for them, numbers that it keeps from window to window, and numbers
        that describe what surrounds a window.
    layers
        The network's layers.
    parameters
        Number of parameters.
    notes
        What was changed, in sentences.
    """

    call: Callable[..., list[tf.Tensor]]
    window: int
    output_size: int
    state_size: int = 0
    context_size: int = 0
    layers: tuple[Any, ...] = ()
    parameters: int = 0
    notes: tuple[str, ...] = ()


def adapt(network: Network, window: int | None = None, *, own_size: bool = False) -> Adapted:
    """Bring a network's inputs and outputs into the contract's shapes.

    Parameters
    ----------
    network
        One input of ``(window,)``, ``(window, 1)``, ``(1, window)`` or the like, and an output of as many samples.
        Further inputs are states, of any fixed shape, with an output of the same shape each, in the same order; but one
        named ``context``, of shape ``(context_size,)``, beside ``(window,)``, is a context.
    window
        Samples per window of a network that takes any length; None for 150.
    own_size
        The output may have another size than the window, as codes and forecasts have.

    Raises
    ------
    SourceError
        If the shapes cannot be adapted; the sentence says what was found, what is needed, and what to change.
    """
    names = [each.name for each in network.inputs]
    if "context" in names:
        return _in_context(network, names.index("context"))
    order = _first("noisy", names)
    shapes = [network.inputs[place].shape for place in order]
    samples, note = _window(shapes[0], window)
    any_length = None in shapes[0]
    shapes[0] = tuple(samples if size is None else size for size in shapes[0])
    if any(size is None for shape in shapes[1:] for size in shape):
        raise SourceError(f"the network's states have shapes {shapes[1:]}; needed: fixed sizes")
    sizes = [math.prod(size or 1 for size in shape) for shape in shapes]
    output_order = _first("clean", network.output_names)

    def call(noisy: tf.Tensor, state: tf.Tensor | None = None) -> list[tf.Tensor]:
        rows = [noisy] if state is None else [noisy, *tf.split(state, sizes[1:], axis=1)]
        tensors: list[Any] = [None] * len(rows)
        for place, row, shape in zip(order, rows, shapes, strict=True):
            shaped = row if len(shape) == 1 else tf.reshape(row, (-1, *shape))
            tensors[place] = tf.cast(shaped, network.inputs[place].dtype)
        found = network.call(tensors)
        outputs = [found[place] for place in output_order] if len(output_order) == len(found) else found
        flat = [
            tf.cast(output if output.shape.rank == 2 else tf.reshape(output, (-1, _size(output))), tf.float32)
            for output in outputs
        ]
        return flat if len(flat) < 3 else [flat[0], tf.concat(flat[1:], axis=1)]

    try:
        found = [tuple(output.shape[1:]) for output in _try(network, shapes, order)]
    except Exception as error:  # Keras and TensorFlow have no common error but Exception
        if any_length and (advice := _advise_length(network, shapes, order, samples)):
            raise SourceError(f"the network does not run on windows of {samples} samples{advice}") from error
        raise
    found = [found[place] for place in output_order] if len(output_order) == len(found) else found
    if len(found) != len(shapes) or found[1:] != shapes[1:]:
        raise SourceError(f"the network's outputs have shapes {found}; needed: {shapes}{_advise_outputs(shapes)}")
    if not own_size:
        advice = _advise_length(network, shapes, order, samples) if any_length else ""
        _check_output(found[0], samples, advice)
    output_size = math.prod(found[0])
    notes = [note] if note else []
    for side, shape in (("takes", shapes[0]), ("gives", found[0])):
        if len(shape) > 1 and not own_size:
            notes.append(f"the network {side} windows of shape {shape}; the file {side} ({samples},)")
    if len(shapes) > 2 or any(len(shape) > 1 for shape in shapes[1:]):
        notes.append(f"the network's states of shapes {shapes[1:]} are one state of {sum(sizes[1:])} numbers")
    return Adapted(call, samples, output_size, sum(sizes[1:]), 0, network.layers, network.parameters, tuple(notes))


def _in_context(network: Network, place: int) -> Adapted:
    """Take a network with a context as it is; its shapes have to be those of the contract."""
    shapes = [each.shape for each in network.inputs]
    if len(shapes) != 2 or any(len(shape) != 1 or shape[0] is None for shape in shapes):
        raise SourceError(
            f"the network takes a context and inputs of shapes {shapes}; needed: (window,), (context_size,)"
        )
    found = [tuple(output.shape[1:]) for output in _try(network, shapes, (0, 1))]
    window, size = (int(shapes[each][0] or 0) for each in (1 - place, place))
    if found != [(window,)]:
        raise SourceError(f"the network's outputs have shapes {found}; needed with a context: {[(window,)]}")

    def call(noisy: tf.Tensor, context: tf.Tensor) -> list[tf.Tensor]:
        return network.call([context, noisy] if place == 0 else [noisy, context])

    return Adapted(call, window, window, 0, size, network.layers, network.parameters)


def scaled_inside(network: Adapted, by: str) -> Adapted:
    """Wrap a network of scaled windows in its scaling, so that it takes the samples as they are.

    Parameters
    ----------
    network
        A network of scaled windows; its state is left as it is.
    by
        ``"minmax"``: each window's minimum is subtracted and its range divided by; ``"zscore"``: its mean and its
        standard deviation. Both are undone after the network, in float32.
    """

    def call(noisy: tf.Tensor, *state: tf.Tensor) -> list[tf.Tensor]:
        if by == "zscore":
            middle = tf.reduce_mean(noisy, axis=1, keepdims=True)
            unit = tf.sqrt(tf.reduce_mean(tf.square(noisy - middle), axis=1, keepdims=True))
        else:
            middle = tf.reduce_min(noisy, axis=1, keepdims=True)
            unit = tf.reduce_max(noisy, axis=1, keepdims=True) - middle
        clean, *next_state = network.call((noisy - middle) / tf.maximum(unit, SMALLEST_SPAN), *state)
        return [clean * unit + middle, *next_state]

    return replace(network, call=call)


def fitted_to_window(network: Adapted) -> Adapted:
    """Wrap a network so that its output is brought to its window by a gain and an offset, by least squares.

    For networks whose targets were scaled each by its own minimum and range: such a network knows the clean signal's
    shape, but not its amplitude, which noise makes smaller relative to the noisy window's range.
    """

    def call(noisy: tf.Tensor, *state: tf.Tensor) -> list[tf.Tensor]:
        clean, *next_state = network.call(noisy, *state)
        middles = [tf.reduce_mean(rows, axis=1, keepdims=True) for rows in (noisy, clean)]
        given, shape = noisy - middles[0], clean - middles[1]
        covariance = tf.reduce_mean(given * shape, axis=1, keepdims=True)
        variance = tf.reduce_mean(tf.square(shape), axis=1, keepdims=True)
        return [shape * covariance / tf.maximum(variance, SMALLEST_VARIANCE) + middles[0], *next_state]

    return replace(network, call=call)


def _first(name: str, names: Sequence[str]) -> list[int]:
    """Return the places of names, that of ``name`` first if it is among them."""
    places = list(range(len(names)))
    return sorted(places, key=lambda place: names[place] != name) if name in names else places


def _size(tensor: tf.Tensor) -> Any:
    """Count the numbers in a row of a tensor: a number, or a tensor where it is only known when it runs."""
    fixed = tensor.shape[1:].num_elements()
    return tf.reduce_prod(tf.shape(tensor)[1:]) if fixed is None else fixed


def _window(shape: Shape, wanted: int | None) -> tuple[int, str]:
    """Find how many samples a window has, in the shape of the input, and a sentence where that was a choice."""
    long = [size for size in shape if size != 1]
    if len(long) > 1 or not shape:
        values = f": {long[-1]} values for each sample" if len(shape) == 2 else ""
        raise SourceError(
            f"the network takes windows of shape {shape}{values}; "
            "needed: one signal, of shape (window,), (window, 1) or (1, window)"
        )
    fixed = long[0] if long else 1
    if fixed is None:
        samples = wanted or ANY_LENGTH
        note = "" if wanted else f"the network takes any length; the file takes {samples} samples (--window for others)"
    elif wanted not in (None, fixed):
        raise SourceError(f"the network takes windows of {fixed} samples; --window {wanted} is for one of any length")
    else:
        samples, note = fixed, ""
    if not 2 <= samples <= LONGEST_WINDOW:
        raise SourceError(f"the network takes windows of {samples} samples; needed: 2 to {LONGEST_WINDOW}")
    return samples, note


def _try(network: Network, shapes: Sequence[Shape], order: Sequence[int]) -> list[tf.Tensor]:
    """Run a network once: its output has sizes that tracing may not know."""
    tensors: list[Any] = [None] * len(shapes)
    for place, shape in zip(order, shapes, strict=True):
        tensors[place] = tf.zeros((TRIAL_ROWS, *shape), network.inputs[place].dtype)
    return network.call(tensors)


def _advise_outputs(shapes: Sequence[Shape]) -> str:
    """Say what to do with a network whose outputs are not those that its inputs need."""
    if len(shapes) == 1:
        return "; make one of its denoised output alone: keras.Model(model.inputs, model.outputs[0])"
    return (
        " (the denoised window, then the next value of each state); a stream gives a network its window and its states "
        "alone: make a reference or a noise level a constant inside the network"
    )


def _advise_length(network: Network, shapes: Sequence[Shape], order: Sequence[int], samples: int) -> str:
    """Name the lengths nearest to ``samples`` for which a network of any length gives as many samples as it takes."""
    for divisor in DIVISORS:
        lower = samples // divisor * divisor
        lengths = [length for length in (lower, lower + divisor) if 2 <= length <= LONGEST_WINDOW]
        if all(_keeps(network, [_of(shapes[0], samples, length), *shapes[1:]], order, length) for length in lengths):
            return f"; it does so for {' and '.join(map(str, lengths))}: choose one with --window"
    return ""


def _of(shape: Shape, samples: int, length: int) -> Shape:
    return tuple(length if size == samples else size for size in shape)


def _keeps(network: Network, shapes: Sequence[Shape], order: Sequence[int], length: int) -> bool:
    """Tell whether a network runs on windows of a length and gives as many samples."""
    with contextlib.suppress(Exception):  # Keras and TensorFlow have no common error but Exception
        return bool(math.prod(_try(network, shapes, order)[0].shape[1:]) == length)
    return False


def _check_output(shape: Shape, window: int, length_advice: str = "") -> None:
    long = [size for size in shape if size != 1]
    if long == [window] or (window == 1 and not long):
        return
    if length_advice:
        raise SourceError(
            f"the network gives {shape} for a window of {window} samples; needed: as many samples as it takes"
            + length_advice
        )
    if window in long and len(long) == 2:
        advice = "end in a layer that gives one value for each sample, such as Conv1D(1, 3, padding='same') or Dense(1)"
    elif not long:
        advice = "give recurrent layers return_sequences=True, or end in Dense(window)"
    elif len(shape) == 1:
        advice = "end in Dense(window); a forecast or a class is not a denoised window"
    elif len(long) < 2:
        advice = (
            "convolutions with padding='valid' shorten a window and strides divide it; use padding='same' and a "
            "window that the strides divide, or crop or pad the end"
        )
    else:
        advice = "end in Flatten() and Dense(window), or in a layer that gives one value for each sample"
    raise SourceError(
        f"the network gives {shape} for a window of {window} samples; needed: as many samples as it takes; {advice}"
    )
