"""Derived files on the command line: smaller models, other opsets, C sources and test vectors."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnx_models
from denoise_export.cli import main
from denoise_export.smaller.derive import derive
from denoise_export.vectors import probe_signals, write_vectors
from denoise_stream import ContractError, Denoiser, bundled_models

SIGNAL = np.cumsum(np.random.default_rng(0).normal(size=900))


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return the program as a function: exit status, what it prints and its errors."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["denoise-export", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize(("option", "size", "loss_db"), [("--fp16", 0.55, 0.05), ("--int8", 0.85, 1.5)])
@pytest.mark.parametrize("name", [name for name in bundled_models() if name != "speech"])  # its weights have 16 bits
def test_smaller_model_keeps_the_contract_and_most_of_the_gain(tmp_path, export, name, option, size, loss_db):
    status, printed, _ = export(name, option, "--output", tmp_path / "m.onnx")
    assert status == 0
    assert "raises the SNR of synthetic signals by" in printed
    facts = json.loads((tmp_path / "m.json").read_text())
    assert facts["file"]["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert facts["file"]["bytes"] < size * bundled_models()[name].stat().st_size
    assert facts["loss_db"] < loss_db
    assert facts["difference_db"] < (-60 if option == "--fp16" else -10)
    assert Denoiser(tmp_path / "m.onnx").contract == Denoiser(name).contract


@pytest.mark.parametrize("option", ["fp16", "int8"])
def test_stateful_model_is_made_smaller_too(models, tmp_path, option):
    derive(models["recurrent"], tmp_path / "m.onnx", **{option: True})
    wanted, found = (Denoiser(path).denoise(SIGNAL) for path in (models["recurrent"], tmp_path / "m.onnx"))
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.ptp(SIGNAL))


@pytest.mark.parametrize("opset", [9, 13, 21])
def test_model_of_another_opset_computes_the_same(tmp_path, export, opset):
    assert export("general-small", "--opset", opset, "-o", tmp_path / "m.onnx")[0] == 0
    (entry,) = onnx.load(tmp_path / "m.onnx").opset_import
    assert entry.version == opset
    found, wanted = (Denoiser(model).denoise(SIGNAL) for model in (tmp_path / "m.onnx", "general-small"))
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.ptp(SIGNAL))


def test_constant_that_a_loop_uses_too_stays_in_a_model_of_an_older_opset(tmp_path):
    make, tensor = onnx.helper.make_node, onnx_models.tensor
    kinds = {"n": onnx.TensorProto.INT64, "go": onnx.TensorProto.BOOL, "goes": onnx.TensorProto.BOOL}
    n, go, goes = (onnx.helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items())
    inside = [
        make("Gather", ["sum", "one"], ["part"], axis=1),
        make("Add", ["sum", "part"], ["larger"]),
        make("Identity", ["go"], ["goes"]),
    ]
    body = onnx.helper.make_graph(inside, "body", [n, go, tensor("sum", 150)], [goes, tensor("larger", 150)])
    nodes = [
        make("Unsqueeze", ["noisy", "one"], ["wide"]),
        make("Squeeze", ["wide", "one"], ["narrow"]),
        make("Loop", ["twice", "yes", "narrow"], ["clean"], body=body),
    ]
    constants = {"one": np.array([1]), "twice": np.array(2), "yes": np.array(True)}
    path = onnx_models.save(tmp_path / "m.onnx", nodes, [tensor("noisy", 150)], [tensor("clean", 150)], constants)
    derive(path, tmp_path / "old.onnx", opset=12)
    found, wanted = (Denoiser(model).denoise(SIGNAL) for model in (tmp_path / "old.onnx", path))
    np.testing.assert_array_equal(found, wanted)


def test_operator_that_an_old_opset_does_not_have_is_refused_in_one_sentence(tmp_path):
    nodes = [onnx.helper.make_node("HardSwish", ["noisy"], ["clean"])]
    path = onnx_models.save(
        tmp_path / "m.onnx", nodes, [onnx_models.tensor("noisy", 150)], [onnx_models.tensor("clean", 150)]
    )
    with pytest.raises(ContractError, match=r"cannot be written for opset 11: .*; try a newer one") as caught:
        derive(path, tmp_path / "old.onnx", opset=11)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]


def test_c_sources_and_test_vectors_of_a_bundled_model(tmp_path, export):
    status, printed, _ = export("x2", "--c", tmp_path / "c", "--test-vectors", tmp_path / "vectors")
    assert status == 0
    assert "KiB of constants" in printed
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["denoise.c", "denoise.h"]
    content = json.loads((tmp_path / "vectors" / "vectors.json").read_text())
    for case in content["cases"]:
        for kind in ("noisy", "expected"):
            assert (tmp_path / "vectors" / case[kind]).stat().st_size == 4 * case["samples"]
    status, _, said = export("x2", "--test-vectors", tmp_path / "vectors")
    assert (status, said.count("\n")) == (1, 1)
    assert "exists; use --force to replace it" in said


def test_test_vectors_hold_odd_ends_short_signals_and_constant_windows():
    signals = probe_signals(150, 75)
    lengths = [len(signal) for signal in signals.values()]
    assert {1, 149, 150, 151} <= set(lengths)
    assert any(length % 75 for length in lengths if length > 1000)
    assert np.ptp(signals["constant"]) == 0
    assert all(np.isfinite(signal).all() for signal in signals.values())


def test_test_vectors_of_a_model_with_a_context_are_live_and_with_a_stated_look_ahead(tmp_path):
    model = onnx_models.in_context(tmp_path / "in_context.onnx")
    content = json.loads(write_vectors(model, tmp_path / "vectors").read_text())
    scales = {key: content["contract"][key] for key in ("contract_version", "context_past", "context_ahead")}
    assert scales == {"contract_version": "2", "context_past": "5x6,25x4", "context_ahead": "5x4,40x3"}
    outputs = {0: [], 61: []}  # half of 3 blocks of 40, and one more
    for case in content["cases"]:
        signal = np.fromfile(tmp_path / "vectors" / case["noisy"], "<f4")
        found = np.fromfile(tmp_path / "vectors" / case["expected"], "<f4")
        stream = Denoiser(model, lookahead_samples=case["lookahead_samples"]).stream()
        assert len(stream.process(signal)) == case["samples_before_flush"]
        outputs[case["lookahead_samples"]].append(found)
    assert max(map(len, outputs[0])) > 100 + 150 + 120  # what the context covers
    assert [np.array_equal(*pair) for pair in zip(*outputs.values(), strict=True)].count(False) > 3


def test_a_bundled_model_is_written_as_it_is_and_replaces_nothing(tmp_path, export):
    written = tmp_path / "mine.onnx"
    assert export("x2", "-o", written)[0] == 0
    bundled = bundled_models()["x2"]
    assert written.read_bytes() == bundled.read_bytes()
    assert written.with_suffix(".json").read_bytes() == bundled.with_suffix(".json").read_bytes()
    status, _, said = export("general", "-o", written)
    assert status == 1
    assert "exists; use --force to replace it" in said
    assert written.read_bytes() == bundled.read_bytes()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x2", "--fp16", "--int8", "-o", "m.onnx"], "--fp16 and --int8 exclude each other; choose one"),
        (["x2", "--fp16"], "--fp16, --int8 and --opset need an --output beside an exported model"),
        (
            ["x2"],
            "x2 is exported already; add --output, --fp16, --int8, --opset, --c, --wasm, --test-vectors, --streaming, "
            "--ladspa or --lv2",
        ),
        (["x2", "--self-normalizing", "--c", "c"], "--self-normalizing needs the network itself"),
        (["x2", "--opset", "3", "-o", "m.onnx"], "opset=3 is out of range; use 9 to 21"),
    ],
)
def test_wrong_usage_is_reported_in_one_sentence(tmp_path, export, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    status, _, said = export(*words)
    assert status == 2
    assert sentence in said
    assert said.count("\n") == 1
    assert list(Path(tmp_path).iterdir()) == []


def test_missing_file_is_reported_in_one_sentence(tmp_path, export):
    status, _, said = export(tmp_path / "none.onnx", "--c", tmp_path / "c")
    assert (status, said.count("\n")) == (1, 1)
    assert "none.onnx: no such file" in said


def test_model_whose_weights_are_not_finite_is_not_quantized(tmp_path):
    model = onnx.load(bundled_models()["x2"])
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor).copy()
        if array.dtype == np.float32 and array.size > 1:
            array.flat[0] = np.nan
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    onnx.save(model, tmp_path / "broken.onnx")
    with pytest.raises(ContractError, match="cannot be quantized: .*; check that its weights and answers are finite"):
        derive(tmp_path / "broken.onnx", tmp_path / "small.onnx", int8=True)
    assert not (tmp_path / "small.onnx").exists()
