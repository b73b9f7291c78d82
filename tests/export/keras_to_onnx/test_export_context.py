"""A network with a context: exported, and run by the engine as training sees it."""

import dataclasses
import json
import re
import subprocess

import keras
import numpy as np
import pytest

from denoise_export.graph.probes import onnx_runner
from denoise_export.keras_to_onnx import parity
from denoise_export.keras_to_onnx.export import export
from denoise_export.smaller.derive import derive
from denoise_export.to_c.source import write_c
from denoise_stream import ContractError, Denoiser, SourceError
from denoise_stream.model import Model
from denoise_train.networks.registry import build_network
from denoise_train.recipe import load_recipe, with_values
from denoise_train.training.fit import train
from denoise_train.training.network_engine import network_method
from denoise_train.training.start import load_start
from embed import compile_c

SHORT = {
    "optimizer.kind": "adam",
    "architecture.filters": [8, 8, 16],
    "architecture.coarse_filters": [8, 8, 8],
    "schedule.epochs": 1,
    "schedule.batches_per_epoch": 3,
    "schedule.batch_size": 64,
    "schedule.warm_up_batches": 0,
    "data.families": ["polynomials"],
    "data.validation_signals": 16,
    "data.test_signals": 4,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with an untrained network: to train it takes ten times as long, and shows no more about the file."""
    recipe = with_values(load_recipe("general"), SHORT)
    folder = tmp_path_factory.mktemp("context") / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    network = build_network(recipe.window, recipe.hop, recipe.architecture, recipe.contract)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:  # weights that begin at 0 would hide mistakes
        variable.assign(variable + rng.normal(0, 0.05, variable.shape))
    network.save(folder / "model.keras")
    (folder / "recipe.toml").write_text(recipe.to_toml())
    return folder


@pytest.fixture(scope="module")
def exported(run):
    return export(run)[0]


def test_the_file_says_what_context_it_takes(exported):
    contract = Model(exported).contract
    assert contract.to_metadata()["contract_version"] == "2"
    assert contract.to_metadata()["context_past"] == "5x15,25x27,150x30"
    assert (contract.context_size, contract.past_samples, contract.most_lookahead_samples) == (288, 4500, 4500)
    facts = json.loads(exported.with_suffix(".json").read_text())
    assert facts["contract_version"] == "2"
    assert facts["inputs"] == ["noisy", "context"]
    assert facts["parity_with_keras"] < 1e-5


def test_a_difference_that_would_be_one_of_rounding_at_far_means_alone_is_refused(run, tmp_path, monkeypatch):
    def wrong(model):
        right = onnx_runner(model)
        return lambda *inputs: [output + np.float32(3e-5) for output in right(*inputs)]

    monkeypatch.setattr(parity, "onnx_runner", wrong)
    with pytest.raises(ContractError, match=r"differs from Keras by \d\.\de-05; needed: at most 1e-05"):
        export(run, tmp_path / "wrong.onnx")
    assert not list(tmp_path.iterdir())


def test_the_file_denoises_as_the_network_does_in_the_engine(run, exported):
    noisy = 101325 + 0.05 * np.random.default_rng(0).normal(size=(2, 3000)).cumsum(axis=1)
    method = network_method(load_start(str(run)), "it", Model(exported).contract)
    expected = method.apply(noisy, None)
    found = Denoiser(exported).denoise(noisy.T).T
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.ptp(noisy))


@pytest.mark.parametrize("numbers", ["fp16", "int8"])
def test_smaller_numbers_keep_the_context(exported, tmp_path, numbers):
    facts = derive(exported, tmp_path / "small.onnx", **{numbers: True})
    assert Model(tmp_path / "small.onnx").contract == Model(exported).contract
    assert facts["difference_db"] < -15


def test_the_file_denoises_in_c_as_in_the_engine(exported, tmp_path):
    write_c(exported, tmp_path)
    program = compile_c(tmp_path, "gcc", "-O2", "-DDENOISE_SAMPLE=double", "-DDENOISE_LOOKAHEAD=700")
    noisy = 101325 + 0.05 * np.random.default_rng(0).normal(size=6000).cumsum()
    done = subprocess.run([program, "480"], input=noisy.tobytes(), capture_output=True, check=True, timeout=60)
    expected = Denoiser(exported, lookahead_samples=700).denoise(noisy)
    np.testing.assert_allclose(np.frombuffer(done.stdout), expected, atol=2e-5 * np.ptp(noisy))


@pytest.mark.slow
def test_a_network_that_detrends_runs_in_c_as_in_the_engine(tmp_path):
    recipe = with_values(load_recipe("ecg"), {**SHORT, "data.families": ["heart_beats"]})
    report = train(recipe, tmp_path / "run", say=lambda line: None)
    assert set(report["snr_improvement_db_by_stretch"]) == {"live", "files"}
    exported = export(tmp_path / "run", tmp_path / "ecg.onnx")[0]
    write_c(exported, tmp_path / "c")
    program = compile_c(tmp_path / "c", "gcc", "-O2", "-DDENOISE_SAMPLE=double", "-DDENOISE_LOOKAHEAD=700")
    noisy = np.random.default_rng(0).normal(size=20_000).cumsum()
    done = subprocess.run([program, "480"], input=noisy.tobytes(), capture_output=True, check=True, timeout=60)
    expected = Denoiser(exported, lookahead_samples=700).denoise(noisy, 360)
    np.testing.assert_allclose(np.frombuffer(done.stdout), expected, atol=2e-5 * np.ptp(noisy))


def test_no_scaling_is_baked_into_a_graph_with_a_context(run, tmp_path):
    with pytest.raises(SourceError, match="takes a context"):
        export(run, tmp_path / "self.onnx", self_normalizing=True)
    assert not list(tmp_path.iterdir())


def test_a_network_with_a_context_is_exported_with_its_recipe_only(run, tmp_path):
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    with pytest.raises(SourceError, match="takes a context of 288 numbers, but no recipe.toml is beside it"):
        export(tmp_path)
    other = dataclasses.replace(load_recipe(run / "recipe.toml"), context_ahead="")
    (tmp_path / "recipe.toml").write_text(other.to_toml())
    with pytest.raises(SourceError, match=re.escape("its recipe's has 144")):
        export(tmp_path)
