"""Derive smaller models, and models of other opsets, from an ONNX file, without TensorFlow."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from denoise_export.graph.complexity import complexity
from denoise_export.graph.probes import TOLERANCE, difference_of_block
from denoise_export.smaller.float16 import to_fp16
from denoise_export.smaller.int8 import to_int8
from denoise_export.smaller.loss import losses_db
from denoise_export.smaller.opset import to_opset
from denoise_stream import Contract, SourceError, bundled_models
from denoise_stream.block import BLOCK_OF, BLOCK_WINDOWS, block_path, digest
from denoise_stream.files.paths import check_outputs, whole_file
from denoise_stream.model import Model


def find_model(source: Path) -> Path | None:
    """Return the ONNX file of a path or of a bundled model's name; None if it is neither."""
    if source.suffix == ".onnx":
        if not source.is_file():
            raise SourceError(f"cannot read {source}: no such file")
        return source
    return None if source.exists() else bundled_models().get(str(source))


def copy_model(source: Path, output: Path, *, force: bool = False) -> None:
    """Write a model as it is, with the files beside it: the facts as JSON, and the graph of a block if it has one.

    Raises
    ------
    ContractError, SinkError
        If the model breaks the contract, or an output cannot be written. Nothing is left behind then.
    """
    names = {source: output, source.with_suffix(".json"): output.with_suffix(".json")}
    if Model(source).block is not None:
        names[block_path(source)] = block_path(output)
    names = {path: copy for path, copy in names.items() if path.exists()}
    check_outputs(*names.values(), force=force, inputs=tuple(names))
    with contextlib.ExitStack() as files:
        for path, copy in names.items():
            shutil.copyfile(path, files.enter_context(whole_file(copy, replace=force)))


def derive(
    source: Path,
    output: Path,
    *,
    fp16: bool = False,
    int8: bool = False,
    opset: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a model with smaller numbers or another opset.

    Parameters
    ----------
    source
        The ONNX file.
    output
        The new one. The same name with ``.json`` gets the facts.
    fp16
        Store weights as 16-bit floats. Without ``opset``, the graph of a block beside the source is converted, too,
        unless it would then differ from the new model.
    int8
        Compute with 8-bit integers.
    opset
        The opset to write; None keeps it.
    force
        Replace files that exist.

    Returns
    -------
    What the ``.json`` holds. ``difference_db`` and ``loss_db`` compare the new model with the source: see
    :func:`losses_db`; the source's parity with Keras is kept as ``parity_of_original``.

    Raises
    ------
    ContractError, SinkError
        If the model breaks the contract or cannot be converted, or an output cannot be written. Nothing is left
        behind then.
    """
    facts_file = output.with_suffix(".json")
    source_model = Model(source)
    contract = source_model.contract
    block_file = block_path(output) if fp16 and opset is None and source_model.block is not None else None
    outputs = (output, facts_file) if block_file is None else (output, facts_file, block_file)
    check_outputs(*outputs, force=force, inputs=(source, block_path(source)))
    model = original = onnx.load(source)
    if opset is not None:
        model = to_opset(model, opset)
    if fp16:
        model = to_fp16(model)
    if int8:
        model = to_int8(model, contract)
    block = None if block_file is None else _block_of(model, block_path(source), contract)
    with contextlib.ExitStack() as files:
        partial_model, partial_facts = (files.enter_context(whole_file(path)) for path in (output, facts_file))
        if block_file is not None and block is not None:
            files.enter_context(whole_file(block_file)).write_bytes(block.SerializeToString())
        partial_model.write_bytes(model.SerializeToString())
        costs = complexity(model, original)
        facts = _facts(source, costs) | contract.to_metadata()
        facts |= {"window": contract.window, "hop": contract.hop, "state_size": contract.state_size}
        facts |= {"sample_rate_hz": contract.sample_rate_hz or "any", "file": costs}
        facts |= {"numbers": "float16" if fp16 else "int8" if int8 else "float32"}
        facts |= losses_db(source, partial_model)
        partial_facts.write_text(json.dumps(facts, indent=2) + "\n")
    return facts


def _block_of(model: onnx.ModelProto, original: Path, contract: Contract) -> onnx.ModelProto | None:
    """Store the weights of the graph of a block as the model's are; return None where that rounds other numbers.

    The two graphs join the same weights differently, and only large constants are rounded.
    """
    block = to_fp16(onnx.load(original))
    metadata = {each.key: each.value for each in block.metadata_props}
    helper.set_model_props(block, metadata | {BLOCK_OF: digest(model.SerializeToString())})
    largest = difference_of_block(model, block, contract, int(metadata[BLOCK_WINDOWS]))
    return block if largest <= TOLERANCE else None


def _facts(source: Path, costs: dict[str, Any]) -> dict[str, Any]:
    """Return the facts in the ``.json`` beside a model, if there is one; correct the number of parameters by it."""
    try:
        found = json.loads(source.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    facts = found if isinstance(found, dict) else {}
    if "parity_with_keras" in facts:
        facts["parity_of_original"] = facts.pop("parity_with_keras")
    if isinstance(facts.get("file"), dict):
        costs["parameters"] = facts["file"].get("parameters", costs["parameters"])
    return facts
