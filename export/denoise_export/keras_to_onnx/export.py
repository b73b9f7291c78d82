"""Export: a run folder or a Keras file comes in, ``model.onnx`` and ``model.json`` go out."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras

from denoise_export.graph.complexity import complexity
from denoise_export.keras_to_onnx.conversion import convert, with_normalization
from denoise_export.keras_to_onnx.parity import prove_parity
from denoise_stream import Contract, ContractError, DenoiseError, SourceError
from denoise_stream.contract import CONTRACT_VERSION, Kind
from denoise_stream.files.paths import check_outputs, whole_file
from denoise_stream.model import Model
from denoise_train.networks.encoders import encoder_of
from denoise_train.recipe import Recipe, load_recipe

KINDS_OF_DATA: dict[str, Kind] = {"images": "image", "image_codes": "image", "forecasts": "forecast"}
"""What models of a recipe's data are for; those of other data are for signals."""


def export(
    source: Path,
    output: Path | None = None,
    *,
    self_normalizing: bool = False,
    encoder: bool = False,
    force: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Export a network and prove that the file computes the same.

    Parameters
    ----------
    source
        Run folder of a training, or a ``.keras`` file; the recipe and the report beside it are used.
    output
        The ONNX file; default ``model.onnx`` beside the network. The same name with ``.json`` gets the facts.
    self_normalizing
        Bake the min-max scaling into the graph of a stateless network, for programs that have only the graph.
    encoder
        Export the encoder of an autoencoder alone, by default as ``encoder.onnx``.
    force
        Replace files that exist.

    Returns
    -------
    path, facts
        The ONNX file, and what its ``.json`` holds: the contract, ``file`` (size, nodes, parameters, ...), ``parity``
        and the ``report`` of the training.

    Raises
    ------
    SourceError, ContractError, SinkError
        If the network cannot be read or converted or breaks the contract, the file differs from it, or an output
        cannot be written. Nothing is left behind then.
    ValueError
        If the output's own name ends in ``.json``.
    """
    network_file = source / "model.keras" if source.is_dir() else source
    folder = network_file.parent
    output = output or folder / ("encoder.onnx" if encoder else "model.onnx")
    facts_file = output.with_suffix(".json")
    recipe_file, report_file = folder / "recipe.toml", folder / "report.json"
    check_outputs(output, facts_file, force=force, inputs=(network_file, recipe_file, report_file))
    network = _load(network_file)
    if encoder:
        network = encoder_of(network)
    recipe = load_recipe(recipe_file) if recipe_file.is_file() else None
    report = _read_report(report_file) if report_file.is_file() else None
    contract = _contract(network, recipe, network_file.stem, "code" if encoder else None)
    if self_normalizing:
        if contract.state_size or contract.kind != "signal":
            raise SourceError(
                f"{network_file} is stateful or not for signals; --self-normalizing works on stateless networks only"
            )
        if contract.normalization == "none":
            raise SourceError(f"{network_file} takes samples as they are; --self-normalizing works on scaled windows")
        contract = dataclasses.replace(contract, normalization="none")
    try:
        if self_normalizing:
            network = with_normalization(network)
        model = convert(network, contract)
        parity = prove_parity(network, model, contract)
        # Counted in the network: the graph may repeat some.
        costs = complexity(model) | {"parameters": network.count_params()}
    except DenoiseError:
        raise
    except Exception as error:  # the errors of Keras, tf2onnx, onnxslim and onnx share no base class but Exception
        raise SourceError(f"{network_file} cannot be converted: {_reason(error)}") from error
    facts = {"contract_version": CONTRACT_VERSION} | contract.facts()
    facts |= {
        "sample_rate_hz": contract.sample_rate_hz or "any",
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "file": costs,
        "parity_with_keras": parity,
        "report": report,
    }
    with whole_file(output) as partial_model, whole_file(facts_file) as partial_facts:
        partial_model.write_bytes(model.SerializeToString())
        _check_file(partial_model, output.name, contract.kind)
        partial_facts.write_text(json.dumps(facts, indent=2) + "\n")
    return output, facts


def _load(file: Path) -> keras.Model:
    if not file.is_file():
        raise SourceError(f"cannot read {file}: no such file; name a run folder or a .keras file")
    try:
        return keras.models.load_model(file, compile=False)
    except Exception as error:  # zip, json and Keras errors share no base class but Exception
        raise SourceError(f"{file} is no Keras model: {_reason(error)}") from error


def _read_report(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise SourceError(f"{file} is no JSON: {error}") from error


def _check_file(partial: Path, name: str, kind: Kind) -> None:
    """Refuse a file that breaks the contract, by the name that it was to get."""
    try:
        Model(partial, kind)
    except ContractError as error:
        raise ContractError(str(error).replace(partial.name, name)) from error


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _contract(network: keras.Model, recipe: Recipe | None, name: str, kind: Kind | None = None) -> Contract:
    """Take the facts from the network's shapes and its recipe, which also tells the kind if that is None."""
    if kind is None and recipe is not None:
        kind = KINDS_OF_DATA.get(recipe.data["kind"])
    kind = kind or "signal"
    shapes = [tuple(tensor.shape) for tensor in network.inputs]
    sizes = [shape[1] for shape in shapes if len(shape) == 2 and shape[0] is None and shape[1]]
    if len(sizes) != len(shapes) or len(sizes) not in (1, 2):
        raise SourceError(f"the network's inputs have shapes {shapes}; needed: (None, window), and (None, state_size)")
    window, state_size = sizes[0], sizes[1] if len(sizes) == 2 else 0
    if window < 2:
        raise SourceError(f"the network's windows hold {window} sample; needed: 2 or more")
    needed = [(None, size) for size in sizes]
    found = [tuple(tensor.shape) for tensor in network.outputs]
    output_size = 0
    if kind in ("code", "forecast") and len(found) == 1 and len(found[0]) == 2:
        output_size = found[0][1]
        needed = found
    if isinstance(network.output, dict) or found != needed:
        by_name = " in a dictionary" if isinstance(network.output, dict) else ""
        raise SourceError(
            f"the network's outputs have shapes {found}{by_name}; needed: {needed}"
            f"{' (window and next state)' if state_size else ''}"
        )
    if recipe is None:
        return Contract(name, window, max(1, window // 2), state_size=state_size, kind=kind, output_size=output_size)
    return Contract(
        recipe.name,
        window,
        recipe.hop,
        normalization=recipe.normalization,
        sample_rate_hz=recipe.sample_rate_hz,
        state_size=state_size,
        license=recipe.license,
        trained_on=recipe.trained_on,
        training_recipe=_describe_training(recipe),
        kind=kind,
        shape=recipe.image_shape,
        output_size=output_size,
    )


def _describe_training(recipe: Recipe) -> str:
    schedule = recipe.schedule
    long = f"{schedule.minutes:g} minutes" if schedule.minutes else f"{schedule.epochs} epochs"
    return f"{recipe.name}.toml, seed {recipe.seed}, {long}" + (f", from {recipe.start}" if recipe.start else "")
