"""The GRU layer: one product for the inputs of all steps, and a loop over the steps for the rest."""

import numpy as np

from denoise_export.to_c.graph import Node
from denoise_export.to_c.layers import product
from denoise_export.to_c.program import pointer
from denoise_export.to_c.translation import Translation
from denoise_export.to_c.views import View
from denoise_stream import ContractError


def gru(work: Translation, node: Node) -> None:
    """Translate GRU in any direction, with the usual sigmoid and tanh."""
    settings = node.attributes
    for attribute, only in (("clip", None), ("layout", 0)):
        if settings.get(attribute, only) != only:
            raise ContractError(f"GRU with {attribute}={settings[attribute]} cannot be turned into C; the default can")
    if node.input(4):
        raise ContractError("GRU with sequence_lens cannot be turned into C; sequences of one length can")
    program, size = work.program, settings["hidden_size"]
    steps, batch, width = work.view(node.inputs[0]).shape
    if batch > 1:
        raise ContractError(f"GRU over {batch} sequences at once cannot be turned into C; one sequence can")
    rows = _without_batch(program.dense(work.view(node.inputs[0])))
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    backwards = directions[settings.get("direction", b"forward").decode()]
    activations = [name.decode() for name in settings.get("activations", [])]
    if activations not in ([], ["Sigmoid", "Tanh"] * len(backwards)):
        raise ContractError(f"GRU with {', '.join(activations)} cannot be turned into C; Sigmoid, Tanh can")
    weights, recurrent = work.constant(node, 1, "weights"), work.constant(node, 2, "weights")
    biases = work.constant(node, 3, "bias") if node.input(3) else np.zeros((len(backwards), 6 * size), np.float32)
    reset_behind = bool(settings.get("linear_before_reset", 0))
    everything = program.new((steps, len(backwards), 1, size))
    last = program.new((len(backwards), 1, size))
    gates, inner = program.new((steps, 3 * size)), program.new((4 * size,))
    for number, backward in enumerate(backwards):
        outer_bias, inner_bias = np.split(np.array(biases[number], np.float32), 2)
        outer_bias[: 2 * size] += inner_bias[: 2 * size]
        inner_bias[: 2 * size] = 0
        if not reset_behind:
            outer_bias[2 * size :] += inner_bias[2 * size :]
            inner_bias[:] = 0
        product(program, steps, rows, width, weights[number].T[None], 0, outer_bias, gates, 3 * size)
        state = last.sliced(0, number, 1)
        if node.input(5):
            program.copy(work.view(node.inputs[5]).sliced(0, number, 1), state)
        else:
            program.loop("{0} = 0.0f;", state)
        matrix = recurrent[number].T
        parts = (matrix, inner_bias) if reset_behind else (matrix[:, : 2 * size], matrix[:, 2 * size :])
        own = everything.sliced(1, number, 1)
        numbers = (
            *(steps, size, pointer(gates), int(backward), *(pointer(program.constant(part)) for part in parts)),
            *(pointer(inner), pointer(state), pointer(own), len(backwards) * size),
        )
        kernel = "gru" if reset_behind else "gru_reset_first"
        program.add(f"{kernel}({', '.join(map(str, numbers))});", [gates, inner, state, own], kernel)
    for position, view in enumerate((everything, last)):
        if position < len(node.outputs) and node.outputs[position]:
            work.define(node.outputs[position], view)


def _without_batch(view: View) -> View:
    """Return ``(steps, 1, width)`` as ``(steps, width)``."""
    return View(view.buffer, view.shape[::2], view.strides[::2], view.offset)
