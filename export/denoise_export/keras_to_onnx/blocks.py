"""Export the graph that runs a network with a memory over many consecutive windows at once.

It lies beside the model's file and computes the same: see :mod:`denoise_stream.block`.
"""

from pathlib import Path
from typing import Any

import keras
import onnx
import tensorflow as tf

from denoise_export.graph.probes import TOLERANCE, difference_of_block
from denoise_export.keras_to_onnx.conversion import convert_function, write_metadata
from denoise_stream import Contract, ContractError, SourceError
from denoise_stream.block import BLOCK_OF, BLOCK_WINDOWS, digest
from denoise_train.networks.recurrence import holding
from denoise_train.networks.registry import Architecture, build_architecture
from denoise_train.recipe import Recipe
from denoise_train.training.start import copy_weights, load_start

MOST_WINDOWS = 64
"""Most windows in a block. Measured on a network of two cells (onnxruntime 1.31, one core): in blocks of 16 a window
takes 45 us, of 32 41, of 64 38; one by one 157. Beyond some hundred the averages in a network lose accuracy."""


class CellOverTime(keras.layers.Layer):  # type: ignore[misc]
    """Run a ``GRUCell`` over time by the operator that becomes ONNX' own GRU.

    The only operator of TensorFlow that is a whole GRU is the one for graphics cards; it is converted and never run.
    """

    def __init__(self, cell: keras.layers.GRUCell) -> None:
        super().__init__()
        self._cell = cell

    def call(self, rows: tf.Tensor, before: tf.Tensor, held: tf.Tensor) -> tf.Tensor:
        """Return the outputs ``(steps, rows, units)`` for inputs ``(steps, rows, inputs)`` after ``(rows, units)``.

        Where ``held (steps, rows, 1)`` is 1, as a further input of the gates, the output stays as it was.
        """
        kernel, recurrent_kernel, bias = (tf.convert_to_tensor(weight) for weight in self._cell.weights)
        kernel = tf.concat([kernel, holding(self._cell.units)[None]], axis=0)
        rows = tf.concat([rows, held], axis=-1)
        parts = tf.transpose(kernel), tf.transpose(recurrent_kernel), bias
        parameters = tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)
        outputs = tf.raw_ops.CudnnRNN(
            input=rows, input_h=before[None], input_c=[0.0], params=parameters, rnn_mode="gru", is_training=False
        )
        return tf.ensure_shape(outputs[0], (*rows.shape[:2], self._cell.units))

    def compute_output_shape(self, rows_shape: Any, before_shape: Any, held_shape: Any) -> Any:
        """Return the shape of one output of the cell per step and row."""
        return (*rows_shape[:2], self._cell.units)


def architecture_over_blocks(network: Path | None, recipe: Recipe | None) -> Architecture:
    """Build the architecture of a run whose network can run over blocks.

    Parameters
    ----------
    network
        Its ``.keras`` file; None if it comes from no file.
    recipe
        The recipe beside it.

    Raises
    ------
    SourceError
        If its architecture cannot run over blocks.
    """
    architecture = None if recipe is None else build_architecture(recipe.window, recipe.hop, recipe.architecture)
    if network is None or architecture is None or architecture.over_block is None:
        raise SourceError(
            f"{network or 'the network'} is not of a run with the architecture 'shared_mask', the only one with blocks"
        )
    return architecture


def convert_block(
    network: str, architecture: Architecture, model: onnx.ModelProto, contract: Contract
) -> onnx.ModelProto:
    """Convert the network of a run to the graph of a block.

    Parameters
    ----------
    network
        Its ``.keras`` file.
    architecture
        From :func:`architecture_over_blocks`; it gets the file's weights.
    model, contract
        What was exported of it; the block is compared with that.

    Returns
    -------
    The graph ``noisy (count, window)``, ``state (1, state_size)`` to ``clean`` and ``state_out``.

    Raises
    ------
    ContractError
        If the graph computes something else than the model.
    """
    assert architecture.over_block is not None
    copy_weights(architecture.network, load_start(network), network)
    over_block = architecture.over_block(lambda cell, *rows: CellOverTime(cell)(*rows))
    sizes = {"noisy": (None, contract.window), "state": (1, contract.state_size)}
    signature = [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in sizes.items()]
    function = tf.function(lambda *tensors: list(over_block(tensors)), input_signature=signature)
    block = convert_function(function.get_concrete_function(), {}, ["clean", "state_out"], "windows")
    metadata = {BLOCK_OF: digest(model.SerializeToString()), BLOCK_WINDOWS: str(MOST_WINDOWS)}
    write_metadata(block, f"{contract.name}-block", metadata)
    largest = difference_of_block(model, block, contract, MOST_WINDOWS)
    if not largest <= TOLERANCE:
        raise ContractError(
            f"the graph of a block differs from the model by {largest:.2g}; needed: at most {TOLERANCE:g}; nothing was "
            "written"
        )
    return block
