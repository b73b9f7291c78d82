"""Export of networks with a memory: the file keeps the state as the network does, and a block gives the same."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from keras import layers, ops
from onnx import helper, numpy_helper

from denoise_export.cli import command
from denoise_export.keras_to_onnx.adapting import adapt
from denoise_export.keras_to_onnx.export import export
from denoise_export.keras_to_onnx.network import from_keras
from denoise_export.keras_to_onnx.parity import prove_parity
from denoise_export.smaller.derive import derive
from denoise_stream import ContractError, Denoiser, SourceError, StreamPool
from denoise_stream.block import BLOCK_OF, block_path
from denoise_stream.engine.memory import Memory
from denoise_stream.engine.steps import ask
from denoise_stream.model import Model
from denoise_train.networks import shared_mask
from signals import stream_in_chunks
from speech import save_speech_run

RATE_HZ = 16_000


def test_stateful_network_is_exported_with_its_state(tmp_path):
    noisy, state = keras.Input((150,), name="noisy"), keras.Input((8,), name="state")
    features = layers.Dense(8, activation="tanh")(ops.concatenate([noisy, state], axis=1))
    next_state = 0.9 * state + 0.1 * features
    clean = noisy - layers.Dense(150)(next_state)
    network = keras.Model([noisy, state], [clean, next_state])
    network.save(tmp_path / "memory.keras")
    path, _ = export(tmp_path / "memory.keras")
    assert Denoiser(path).contract.state_size == 8
    rng = np.random.default_rng(0)
    inputs = [rng.random((5, 150), dtype=np.float32), rng.random((5, 8), dtype=np.float32)]
    session = onnxruntime.InferenceSession(path)
    results = session.run(None, {"noisy": inputs[0], "state": inputs[1]})
    for wanted, found in zip(network(inputs), results, strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-5)
    signal = rng.normal(size=700)
    stream = Denoiser(path).stream()
    parts = [stream.process(signal[:333]), stream.process(signal[333:]), stream.flush()]
    np.testing.assert_allclose(np.concatenate(parts), Denoiser(path).denoise(signal), atol=1e-6)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_speech_run(tmp_path_factory.mktemp("runs") / "speech")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The file with a block beside it, and its facts."""
    return export(run, tmp_path_factory.mktemp("exported") / "m.onnx", block=True)


@pytest.fixture(scope="module")
def model(exported: tuple[Path, dict[str, Any]]) -> Path:
    return exported[0]


@pytest.fixture(scope="module")
def alone(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file without the block beside it."""
    return Path(shutil.copy(model, tmp_path_factory.mktemp("alone") / "m.onnx"))


def test_recipe_says_that_the_network_takes_samples_as_they_are(exported):
    path, facts = exported
    contract = Denoiser(path).contract
    assert (contract.name, contract.normalization, contract.sample_rate_hz) == ("speech-own", "none", 16_000)
    assert (contract.window, contract.hop, contract.state_size) == (150, 75, 362 + 3 + 2 * 64 + 8 * 16)
    assert facts["normalization"] == "none"


def test_scaling_is_baked_into_no_graph_that_has_a_memory_or_takes_samples_as_they_are(run, tmp_path):
    with pytest.raises(
        SourceError, match="is stateful; --self-normalizing works on networks that take nothing but windows"
    ):
        export(run, tmp_path / "m.onnx", self_normalizing=True)
    noisy = keras.Input((150,))
    keras.Model(noisy, layers.Dense(150)(noisy)).save(tmp_path / "model.keras")
    (tmp_path / "recipe.toml").write_text((run / "recipe.toml").read_text())
    with pytest.raises(SourceError, match="takes samples as they are; --self-normalizing works on scaled windows"):
        export(tmp_path, self_normalizing=True)


def test_graph_of_recurrent_layers_is_small(exported):
    operators = exported[1]["file"]["operators"]
    assert sum(operators.values()) < 200
    assert (operators["Gemm"], operators["Sigmoid"], operators["Split"]) == (10, 2, 7)


def test_16_bits_change_the_output_little(exported, alone, tmp_path):
    _, facts = exported
    smaller = derive(alone, tmp_path / "small.onnx", fp16=True)
    assert smaller["difference_db"] < -60
    assert smaller["file"]["bytes"] < facts["file"]["bytes"] / 3
    assert smaller["file"]["operators"]["Gather"] == 2  # one for each Fourier matrix


def test_network_gets_an_older_opset_and_16_bits_at_once(alone, tmp_path):
    signal = 0.1 * np.random.default_rng(0).normal(size=2000)
    usual = derive(alone, tmp_path / "usual.onnx", fp16=True)
    facts = derive(alone, tmp_path / "older.onnx", opset=10, fp16=True)
    (entry,) = onnx.load(tmp_path / "older.onnx").opset_import
    assert (entry.version, facts["numbers"]) == (10, "float16")
    found, wanted = (Denoiser(tmp_path / f"{name}.onnx").denoise(signal, RATE_HZ) for name in ("older", "usual"))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert facts["file"]["parameters"] == usual["file"]["parameters"]


def with_mistake(model: onnx.ModelProto, mistake: str) -> onnx.ModelProto:
    """Make a mistake that shows after many windows only, in the state only, or hardly."""
    if mistake == "order of the state":
        (concat,) = [node for node in model.graph.node if "state_out" in node.output]
        concat.input[1], concat.input[2] = concat.input[2], concat.input[1]
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        if mistake == "limit of the count" and array.size == 1 and array == np.float32(shared_mask.SLOW_FRAMES):
            constant.CopyFrom(numpy_helper.from_array(array - 5, constant.name))
        elif mistake == "weights" and array.shape == (16, 8):
            constant.CopyFrom(numpy_helper.from_array(array + np.float32(1e-3), constant.name))
    return model


@pytest.mark.parametrize(
    "mistake",
    ["limit of the count", *(pytest.param(one, marks=pytest.mark.slow) for one in ("order of the state", "weights"))],
)
def test_difference_that_only_a_stream_shows_fails_the_export(run, exported, mistake):
    path, facts = exported
    assert facts["parity_with_keras"] <= 1e-5
    model = with_mistake(onnx.load(path), mistake)
    assert model != onnx.load(path)
    network = keras.models.load_model(run / "model.keras", compile=False)
    with pytest.raises(ContractError, match="differs from Keras by .*; needed: at most 1e-05"):
        prove_parity(adapt(from_keras(network)), model, Denoiser(path).contract)


def noisy(channels: int = 1, samples: int = 30_000) -> np.ndarray:
    rng = np.random.default_rng(4)
    loudness = np.repeat(rng.choice([0.0, 1e-3, 0.03, 0.5], samples // 100), 100)
    loudness[4000:7000] = 0  # muted
    return np.squeeze(rng.normal(size=(samples, channels)) * loudness[:, None])


def windows_one_by_one(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note in the list how many rows go through the network window by window."""
    found: list[int] = []
    run_stateful = type(denoiser.model).run_stateful
    bound = denoiser.model.bound(1)

    def noting(own, rows, state):
        found.append(len(rows))
        return run_stateful(denoiser.model, rows, state)

    for kind in (type(denoiser.model), type(bound)):
        monkeypatch.setattr(kind, "run_stateful", noting)
    return found


@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_change_no_sample(model, alone, monkeypatch, channels):
    signal = noisy(channels)
    expected = Denoiser(alone).denoise(signal, RATE_HZ)
    fast = Denoiser(model)
    one_by_one = windows_one_by_one(fast, monkeypatch)
    np.testing.assert_allclose(fast.denoise(signal, RATE_HZ), expected, atol=1e-6 * np.ptp(signal))
    assert len(one_by_one) < 10
    monkeypatch.undo()
    slow = Denoiser(alone)
    one_by_one = windows_one_by_one(slow, monkeypatch)
    slow.denoise(signal, RATE_HZ)
    assert len(one_by_one) == len(signal) // 75 - 1


def test_any_chunks_give_the_same(model):
    signal, denoiser = noisy(), Denoiser(model)
    whole = denoiser.denoise(signal, RATE_HZ)
    chunks = stream_in_chunks(denoiser, signal, [17, 4000, 75, 700, 1200, 9000], RATE_HZ)
    np.testing.assert_allclose(chunks, whole, atol=1e-6 * np.ptp(signal))


def test_window_that_fails_in_a_block_passes_unchanged_alone(model, alone):
    signal = noisy(2)
    signal[9_000:9_010, 1] = 1e200  # float32 cannot hold it
    results = []
    for path in (model, alone):
        stream = Denoiser(path).stream(channels=2, sample_rate_hz=RATE_HZ)
        results.append(np.concatenate((stream.process(signal), stream.flush())))
        assert 0 < stream.failed_windows < 10
    np.testing.assert_allclose(results[0][:8_000], results[1][:8_000], atol=1e-6)
    np.testing.assert_allclose(results[0][10_000:], results[1][10_000:], atol=1e-6)
    np.testing.assert_allclose(results[0][9_000:9_010, 1], 1e200)


def test_windows_of_a_block_that_failed_go_one_by_one(model):
    rows = np.ones((64, 150), np.float32)
    rows[60] = np.inf
    questions, memory = [], Memory(Model(model), 1)
    steps = memory.predict(rows)
    question = next(steps)
    with contextlib.suppress(StopIteration):
        while True:
            questions.append(len(question.rows))
            question = steps.send(ask(memory._model, question))
    assert questions == [64] + 64 * [1]


def test_model_that_vanishes_or_is_replaced_keeps_to_what_was_loaded(model, alone, tmp_path):
    signal = noisy()
    expected = Denoiser(alone).denoise(signal, RATE_HZ)
    for change in ("vanishes", "is replaced"):
        copied = Path(shutil.copy(model, tmp_path / "m.onnx"))
        shutil.copy(block_path(model), block_path(copied))
        denoiser = Denoiser(copied)
        if change == "vanishes":
            copied.unlink()
        else:
            derive(model, copied, fp16=True, force=True)
        np.testing.assert_allclose(denoiser.denoise(signal, RATE_HZ), expected, atol=1e-6 * np.ptp(signal))


def test_pool_runs_blocks_and_lone_windows_together(model):
    signals = [noisy(samples=samples) for samples in (30_000, 600, 400, 12_000)]
    with StreamPool(model) as pool:
        streams = [pool.open(sample_rate_hz=RATE_HZ) for _ in signals]
        for stream, signal in zip(streams, signals, strict=True):
            stream.push(signal)
            stream.end()
        for stream, signal in zip(streams, signals, strict=True):
            found = np.concatenate([*stream])
            np.testing.assert_allclose(found, Denoiser(model).denoise(signal, RATE_HZ), atol=1e-6)


def test_16_bit_weights_keep_a_block(model, tmp_path):
    derive(model, tmp_path / "small.onnx", fp16=True)
    assert block_path(tmp_path / "small.onnx").stat().st_size < 0.7 * block_path(model).stat().st_size
    small = Denoiser(tmp_path / "small.onnx")
    signal = noisy()
    fast = small.denoise(signal, RATE_HZ)
    block_path(small.model.path).unlink()
    expected = Denoiser(tmp_path / "small.onnx").denoise(signal, RATE_HZ)
    np.testing.assert_allclose(fast, expected, atol=1e-6 * np.ptp(signal))


def test_block_of_another_file_is_left_alone(model, tmp_path):
    derive(model, tmp_path / "small.onnx", fp16=True)
    shutil.copy(block_path(model), block_path(tmp_path / "small.onnx"))
    assert Denoiser(tmp_path / "small.onnx").model.block is None
    assert Denoiser(model).model.block is not None


def test_damaged_block_is_refused(model, tmp_path):
    copied = Path(shutil.copy(model, tmp_path / "m.onnx"))
    facts = {each.key: each.value for each in onnx.load(block_path(model)).metadata_props}
    for graph, wrong, sentence in (
        (block_path(model), {"block_windows": "many"}, "m.block.onnx: metadata block_windows='many'; needed: a number"),
        (model, {}, "m.block.onnx: the graph's inputs are .*'batch'.*; needed: "),
    ):
        block = onnx.load(graph)
        helper.set_model_props(block, facts | wrong)
        block_path(copied).write_bytes(block.SerializeToString())
        with pytest.raises(ContractError, match=sentence):
            Denoiser(copied).denoise(noisy(), RATE_HZ)
    block_path(copied).write_bytes(b"no graph")
    with pytest.raises(ContractError, match="m.block.onnx is not an ONNX model"):
        Denoiser(copied).denoise(noisy(), RATE_HZ)


@pytest.mark.slow
def test_block_that_computes_something_else_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_mask, "continued_mean", lambda values, heard, mean, frames, most: (values, frames))
    with pytest.raises(ContractError, match="the graph of a block differs from the model by"):
        export(run, tmp_path / "m.onnx", block=True)
    assert not [*tmp_path.iterdir()]


def test_other_networks_have_no_block(run, tmp_path):
    own = Path(shutil.copy(run / "model.keras", tmp_path / "own.keras"))
    with pytest.raises(SourceError, match="is not of a run with the architecture 'shared_mask', the only one with"):
        export(own, tmp_path / "m.onnx", block=True)
    result = CliRunner().invoke(command, ["general", "--block", "--output", str(tmp_path / "m.onnx")])
    assert result.exit_code == 2
    assert "--block needs the network itself; general is exported already" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"own.keras"}


@pytest.mark.parametrize("change", [["--int8"], ["--opset", "18"]])
def test_block_of_a_changed_graph_is_refused(tmp_path, change):
    result = CliRunner().invoke(command, [str(tmp_path), "--block", *change])
    assert result.exit_code == 2
    assert "--block does not go with --int8 or --opset; leave them out, or use --fp16" in result.output


@pytest.mark.slow
def test_block_that_16_bit_weights_would_change_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr("denoise_export.smaller.derive._block_of", lambda model, original, contract: None)
    result = CliRunner().invoke(command, [str(run), "--fp16", "--block", "--output", str(tmp_path / "m.onnx")])
    assert result.exit_code == 0
    assert "no block was written: with 16-bit weights it would differ from the model; leave out --fp16" in result.output
    assert not block_path(tmp_path / "m.onnx").exists()


def test_block_states_which_file_it_belongs_to(model):
    block = onnx.load(block_path(model))
    assert len({each.key: each.value for each in block.metadata_props}[BLOCK_OF]) == 64
    assert [size.dim_param for size in block.graph.input[0].type.tensor_type.shape.dim] == ["windows", ""]
