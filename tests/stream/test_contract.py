"""The contract: files that keep it load, files that break it are refused in one sentence."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnx_models
from denoise_stream import Contract, ContractError, Denoiser, bundled_models
from denoise_stream.model import Model


def test_facts_are_read(models):
    contract = Model(models["leaky_mean_16k"]).contract
    assert contract == Contract("test", 150, 75, "minmax", 16000.0, 2)


def test_metadata_round_trip():
    contract = Contract("a", 150, 50, "none", 44100.5, 3, "Apache-2.0", "data", "recipe")
    assert Contract.from_metadata(contract.to_metadata(), "file") == contract
    anything = Contract("a", 150, 50)
    assert anything.to_metadata()["sample_rate_hz"] == "any"
    assert Contract.from_metadata(anything.to_metadata(), "file") == anything


@pytest.mark.parametrize("name", ["general", "general-small", "speech", "x2"])
def test_bundled_models_keep_the_contract(name):
    path = bundled_models()[name]
    contract = Denoiser(name).contract
    assert (contract.name, contract.window, contract.hop, contract.license) == (name, 150, 75, "Apache-2.0")
    assert contract.trained_on
    assert contract.training_recipe.startswith(f"{name}.toml")
    assert path.with_suffix(".json").is_file()


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"contract_version": None}, "metadata key 'contract_version' is missing; needed: '1'"),
        ({"contract_version": "3"}, "contract_version='3'; needed: '1' or '2'"),
        ({"name": None}, "'name' is missing"),
        ({"window": None}, "'window' is missing"),
        ({"window": "149"}, r"input 'noisy' has shape \[batch, 150\]; needed: \[batch, 149\]"),
        ({"window": "many"}, "window='many'; needed: a whole number"),
        ({"window": "-150"}, "window='-150'; needed: a whole number"),
        ({"hop": "0"}, "hop='0'; needed: a whole number from 1 to 150"),
        ({"hop": "151"}, "hop='151'; needed: a whole number from 1 to 150"),
        ({"normalization": "zscore"}, "normalization='zscore'; needed: 'minmax' or 'none'"),
        ({"sample_rate_hz": "fast"}, "sample_rate_hz='fast'; needed: a rate in Hz or 'any'"),
        ({"sample_rate_hz": "-1"}, "sample_rate_hz='-1'"),
        ({"state_size": "2"}, "the graph's inputs are noisy; needed: noisy, state"),
    ],
)
def test_wrong_metadata_is_refused_by_key_value_and_need(tmp_path, metadata, words):
    path = onnx_models.identity(tmp_path / "bad.onnx", **metadata)
    with pytest.raises(ContractError, match=words) as caught:
        Denoiser(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("bad.onnx: ")


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([("noisy", 150, 1)], [("clean", 150, 1)], r"input 'noisy' has shape \[1, 150\]; needed: \[batch, 150\]"),
        ([("noisy", "n", "batch")], [("clean", "n", "batch")], r"shape \[batch, n\]; needed: \[batch, 150\]"),
        ([("x", 150, "batch")], [("clean", 150, "batch")], "inputs are x; needed: noisy"),
        ([("noisy", 150, "batch")], [("y", 150, "batch")], "outputs are y; needed: clean"),
    ],
)
def test_wrong_tensors_are_refused(tmp_path, inputs, outputs, words):
    path = onnx_models.save(
        tmp_path / "bad.onnx",
        [helper.make_node("Identity", [inputs[0][0]], [outputs[0][0]])],
        [onnx_models.tensor(*facts) for facts in inputs],
        [onnx_models.tensor(*facts) for facts in outputs],
    )
    with pytest.raises(ContractError, match=words):
        Denoiser(path)


def test_double_precision_is_refused(tmp_path):
    path = tmp_path / "double.onnx"
    tensors = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["b", 150]) for name in ("noisy", "clean")]
    graph = helper.make_graph([helper.make_node("Identity", ["noisy"], ["clean"])], "g", tensors[:1], tensors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, onnx_models.METADATA)
    onnx.save(model, path)
    with pytest.raises(ContractError, match=r"input 'noisy' is tensor\(double\); needed: tensor\(float\)"):
        Denoiser(path)


def pytorch_like(path: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": [1.0, 2.0]}, protocol=2))


def random_bytes(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is no model\n")


@pytest.mark.parametrize("make", [pytorch_like, random_bytes, empty, text])
def test_files_that_are_no_onnx_are_refused_in_one_line(tmp_path, make):
    make(tmp_path / "model.onnx")
    with pytest.raises(ContractError, match="model.onnx") as caught:
        Denoiser(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


def test_unknown_model_is_refused_with_the_bundled_names():
    with pytest.raises(
        ContractError,
        match=r"model 'nope' is neither a file nor a bundled model \(general, general-small, speech, x2\)",
    ):
        Denoiser("nope")
