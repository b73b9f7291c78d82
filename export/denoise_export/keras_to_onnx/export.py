"""Export a trained network to ``model.onnx`` and ``model.json``: load, adapt, convert, prove, write."""

import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import onnx
import tensorflow as tf

from denoise_export.graph.complexity import complexity
from denoise_export.keras_to_onnx.adapting import Adapted, adapt, fitted_to_window, scaled_inside
from denoise_export.keras_to_onnx.blocks import architecture_over_blocks, convert_block
from denoise_export.keras_to_onnx.conversion import convert
from denoise_export.keras_to_onnx.facts import Overrides, Scaling, assemble_contract, find_scaling, kind_of
from denoise_export.keras_to_onnx.loading import find_network, load_model, load_network
from denoise_export.keras_to_onnx.network import Network, from_keras, in_float32
from denoise_export.keras_to_onnx.parity import prove_parity
from denoise_stream import Contract, ContractError, DenoiseError, SourceError
from denoise_stream.block import block_path
from denoise_stream.contract import Kind
from denoise_stream.errors import first_line
from denoise_stream.files.paths import check_outputs, whole_file
from denoise_stream.model import Model
from denoise_train.networks.encoders import encoder_of
from denoise_train.recipe import load_recipe


def export(
    source: Any,
    output: str | Path | None = None,
    *,
    name: str | None = None,
    license: str | None = None,
    trained_on: str | None = None,
    normalization: Scaling | None = None,
    window: int | None = None,
    hop: int | None = None,
    sample_rate_hz: float | None = None,
    fit_output: bool = False,
    self_normalizing: bool = False,
    encoder: bool = False,
    block: bool = False,
    force: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Export a network and prove that the file computes the same.

    Parameters
    ----------
    source
        Run folder of a training; ``.keras`` or ``.h5`` file of Keras 3 or 2; SavedModel folder; or a Keras model. The
        recipe and the report beside a file are used.
    output
        The ONNX file; default ``model.onnx`` beside the network, or here. The same name with ``.json`` gets the facts.
    name, license, trained_on
        What the file states; default: what the run says, or nothing, and the name of the network's file.
    normalization
        How the training windows were scaled: ``"minmax"``, each to 0 ... 1; ``"zscore"``, each
        to mean 0 and standard deviation 1, which becomes part of the graph; ``"none"``, samples as they are. Default:
        the run's; otherwise ``"none"`` if a Normalization layer was adapted to other samples, or ``"minmax"``.
    window
        Samples per window of a network that takes any length; default 150.
    hop
        Samples between window starts; default the run's, or half a window.
    sample_rate_hz
        The rate that the network is for, in Hz; default the run's, or any.
    fit_output
        Fit each output to its window by a gain and an offset, in the graph: for a network whose clean windows were
        scaled each by its own minimum and range, so that it knows shapes but not amplitudes.
    self_normalizing
        Bake the scaling into the graph of a network of windows alone, for programs that have only the graph.
    encoder
        Export the encoder of an autoencoder alone, by default as ``encoder.onnx``.
    block
        Write beside the file, as ``model.block.onnx``, the graph that runs a network with a memory over many
        consecutive windows at once: files go three times as fast.
    force
        Replace files that exist.

    Returns
    -------
    path, facts
        The ONNX file, and what its ``.json`` holds: the contract, ``file`` (size, nodes, parameters, ...), ``parity``,
        the ``report`` of the training, and ``notes``: what was adapted, in sentences.

    Raises
    ------
    SourceError, ContractError, SinkError
        If the network cannot be read or converted or breaks the contract, the file differs from it, an output cannot
        be written, or Keras runs on another backend than TensorFlow. Nothing is left behind then.
    MissingExtra
        If Keras 2 wrote the network, and ``tf-keras`` is not installed.
    ValueError
        If the output's own name ends in ``.json``.
    """
    if keras.backend.backend() != "tensorflow":
        raise SourceError(f"Keras runs on {keras.backend.backend()}; to export, set KERAS_BACKEND=tensorflow first")
    file = find_network(Path(source)) if isinstance(source, str | Path) else None
    folder = file.parent if file is not None else Path()
    output = Path(output) if output is not None else folder / ("encoder.onnx" if encoder else "model.onnx")
    facts_file = output.with_suffix(".json")
    recipe_file, report_file = folder / "recipe.toml", folder / "report.json"
    inputs = (file, recipe_file, report_file) if file is not None else ()
    block_file = block_path(output) if block else None
    check_outputs(output, facts_file, block_file, force=force, inputs=inputs)
    network = _load(source, file, encoder=encoder)
    recipe = load_recipe(recipe_file) if file is not None and recipe_file.is_file() else None
    report = _read_report(report_file) if file is not None and report_file.is_file() else None
    kind = kind_of(recipe, encoder=encoder)
    if normalization == "zscore" and kind != "signal":
        raise SourceError(f"--normalization zscore is for signals, which this {kind} is not")
    label = str(file) if file is not None else f"the network {source.name!r}"
    scaling: str | None = normalization or (None if recipe is None else recipe.normalization)
    notes: list[str] = []
    if scaling is None:
        scaling, note = find_scaling(network)
        notes += [note] if note else []
    overrides = Overrides(name, license, trained_on, hop, sample_rate_hz)
    own_name = _own_name(file, output, source, recipe is not None)
    with _one_kind_of_error(label), in_float32(network.layers) as other_precisions:
        notes += [f"the network's {policy} is computed in float32" for policy in sorted(other_precisions)]
        adapted = adapt(network, window, own_size=kind in ("code", "forecast"))
        contract = assemble_contract(adapted, scaling, recipe, own_name, kind, overrides)
        if self_normalizing:
            contract = _without_scaling(contract, label)
        if fit_output:
            if scaling == "none" or kind != "signal":
                raise SourceError(f"{label} takes samples as they are or no signals; --fit-output needs scaled ones")
            adapted = fitted_to_window(adapted)
            notes += ["each output is fitted to its window by a gain and an offset, in the graph"]
        if scaling == "zscore" or self_normalizing:
            adapted = scaled_inside(adapted, scaling)
            notes += [f"the {scaling} scaling is a part of the graph"]
        # Refuse before the conversion, not after it.
        architecture = architecture_over_blocks(file, recipe) if block else None
        model, parity = _convert(adapted, contract)
        block_graph = None if architecture is None else convert_block(str(file), architecture, model, contract)
        # Count in the network: the graph may repeat some.
        costs = complexity(model) | {"parameters": network.parameters}
    facts = {"contract_version": contract.version} | contract.facts()
    facts |= {
        "sample_rate_hz": contract.sample_rate_hz or "any",
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "file": costs,
        "parity_with_keras": parity,
        "report": report,
        "notes": [*notes, *adapted.notes],
    }
    with contextlib.ExitStack() as files:
        partial_model, partial_facts = (files.enter_context(whole_file(path)) for path in (output, facts_file))
        if block_file is not None and block_graph is not None:
            files.enter_context(whole_file(block_file)).write_bytes(block_graph.SerializeToString())
        partial_model.write_bytes(model.SerializeToString())
        _check_file(partial_model, output.name, contract.kind)
        partial_facts.write_text(json.dumps(facts, indent=2) + "\n")
    return output, facts


@contextlib.contextmanager
def _one_kind_of_error(label: str) -> Iterator[None]:
    """State in a line why a network cannot be converted, without TensorFlow's warnings before it."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except DenoiseError:
        raise
    except Exception as error:  # Keras, tf2onnx, onnxslim and onnx have no common error but Exception
        raise SourceError(f"{label} cannot be converted: {_reason(error)}") from error
    finally:
        logger.setLevel(level)


def _load(source: Any, file: Path | None, *, encoder: bool) -> Network:
    if file is not None:
        return from_keras(encoder_of(load_model(file))) if encoder else load_network(file)
    if not (callable(source) and hasattr(source, "count_params")):
        raise TypeError(f"source is a {type(source).__name__}; give a path or a Keras model")
    return from_keras(encoder_of(source) if encoder else source)


def _own_name(file: Path | None, output: Path, model: Any, trained_here: bool) -> str:
    """Name a model by its run folder, its file, or what it is exported as."""
    if file is not None:
        return file.resolve().parent.name if trained_here else file.stem
    return output.stem if output.stem != "model" else str(model.name)


def _without_scaling(contract: Contract, label: str) -> Contract:
    for applies, what in (
        (contract.state_size, "is stateful"),
        (contract.context_size, "takes a context"),
        (contract.kind != "signal", f"is for {contract.kind}s"),
    ):
        if applies:
            raise SourceError(f"{label} {what}; --self-normalizing works on networks that take nothing but windows")
    if contract.normalization == "none":
        raise SourceError(f"{label} takes samples as they are; --self-normalizing works on scaled windows")
    return dataclasses.replace(contract, normalization="none")


def _convert(network: Adapted, contract: Contract) -> tuple[onnx.ModelProto, float]:
    """Convert, simplified if that computes the same, and return how much it differs from the network."""
    try:
        model = convert(network, contract)
        return model, prove_parity(network, model, contract)
    except SourceError:
        raise
    except Exception:  # a rewriting rule may fail on an unforeseen graph
        model = convert(network, contract, simplified=False)
        return model, prove_parity(network, model, contract)


def _read_report(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise SourceError(f"{file} is not valid JSON: {error}") from error


def _reason(error: Exception) -> str:
    """Return the line of an error that states the cause; Keras and TensorFlow put several lines before it."""
    text = re.sub(r"\x1b\[\d*m|^\{\{function_node \S+\}\} ?|(?<=\S) \[Op:\w+\].*", "", str(error))
    if found := re.search(r"Exception encountered when calling .*\n\s*(.+)", text):
        return found[1].strip()
    if found := re.search(r"^Graph execution error:(?s:.*)\n(.+)\n\s*\[\[\{\{node", text):
        return found[1].strip()
    if text.startswith("in user code:") and (
        lines := re.findall(r"^\s*\w*(?:Error|Exception): (.+)", text, re.MULTILINE)
    ):
        return str(lines[-1]).strip()
    return first_line(error)


def _check_file(partial: Path, name: str, kind: Kind) -> None:
    """Refuse a file that breaks the contract; errors use its final name."""
    try:
        Model(partial, kind)
    except ContractError as error:
        raise ContractError(str(error).replace(partial.name, name)) from error
