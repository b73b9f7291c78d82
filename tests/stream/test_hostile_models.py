"""Untrusted models: none reads other files, and no output of a wrong shape passes as a signal."""

import contextlib
import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnx_models
from denoise_stream import ContractError, Denoiser, StreamPool, bundled_models
from denoise_stream.onnx_file import MESSAGES, read_model


def outside(name: str, location: str, count: int = 150) -> TensorProto:
    """Make a tensor whose numbers lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[count], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", str(4 * count))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def hide_in(model: onnx.ModelProto, place: str, tensor: TensorProto) -> None:
    """Put a tensor into a part of a model."""
    graph = model.graph
    if place == "initializer":
        graph.initializer.append(tensor)
    elif place == "attribute":
        graph.node.append(helper.make_node("Constant", [], ["never"], value=tensor))
    elif place == "sparse initializer":
        graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor))
    elif place == "function":
        node = helper.make_node("Constant", [], ["out"], value=tensor)
        opsets = [helper.make_opsetid("", 17)]
        model.functions.append(helper.make_function("mine", "Read", [], ["out"], [node], opsets))
    else:
        inner = helper.make_graph([], "inner", [], [], [tensor])
        for _ in range(3):
            node = helper.make_node("If", ["never"], ["x"], then_branch=inner, else_branch=inner)
            inner = helper.make_graph([node], "outer", [], [])
        graph.node.append(inner.node[0])


@pytest.mark.parametrize("place", ["initializer", "attribute", "sparse initializer", "function", "branch of a branch"])
@pytest.mark.parametrize("location", ["../../../etc/passwd", "weights.bin", "/etc/passwd"])
def test_model_that_reads_another_file_is_refused(folder, models, place, location):
    (folder / "weights.bin").symlink_to("/etc/passwd")
    model = onnx.load(models["identity"])
    hide_in(model, place, outside("secret", location))
    (folder / "hostile.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ContractError, match=r"hostile\.onnx takes the tensor 'secret' from another file"):
        Denoiser("hostile.onnx")


def test_bytes_of_another_file_never_come_out(folder, call, models):
    (folder / "secret.txt").write_bytes(bytes(range(256)) * 3)
    model = onnx.load(models["identity"])
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Add", ["noisy", "secret"], ["clean"]))
    model.graph.initializer.append(outside("secret", "secret.txt"))
    (folder / "hostile.onnx").write_bytes(model.SerializeToString())
    (folder / "a.csv").write_text("v\n" + "1.5\n2.5\n" * 200)
    status, said = call("--input", "a.csv", "--model", "hostile.onnx")
    assert status == 1
    assert "takes the tensor 'secret' from another file, which is not read; save the model as one file" in said
    assert not (folder / "a.denoised.csv").exists()


def test_every_way_to_a_tensor_is_known():
    """Compare the table with onnx's own description of its files."""
    kinds = {
        "ModelProto": "model",
        "TrainingInfoProto": "training",
        "GraphProto": "graph",
        "FunctionProto": "function",
        "NodeProto": "node",
        "AttributeProto": "attribute",
        "SparseTensorProto": "sparse",
        "TensorProto": "tensor",
    }

    def leads_to_tensor(message, seen=()) -> bool:
        return message.name == "TensorProto" or any(
            field.message_type is not None
            and field.message_type.name not in seen
            and leads_to_tensor(field.message_type, (*seen, message.name))
            for field in message.fields
        )

    for name, kind in kinds.items():
        if kind == "tensor":
            continue
        fields = getattr(onnx, name).DESCRIPTOR.fields
        leading = {
            field.number: kinds[field.message_type.name]
            for field in fields
            if field.message_type is not None and leads_to_tensor(field.message_type)
        }
        assert MESSAGES[kind] == leading, name


def test_shipped_models_are_read_byte_for_byte():
    for path in bundled_models().values():
        assert read_model(path) == path.read_bytes()


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_cut_model_is_refused_in_words(folder, cut):
    data = bundled_models()["general"].read_bytes()
    (folder / "cut.onnx").write_bytes(data[:-cut])
    with pytest.raises(ContractError, match=r"cut\.onnx is not an ONNX model: it is cut short"):
        Denoiser("cut.onnx")


@pytest.mark.parametrize(("size", "words"), [(1000, "has the number 0"), (3_000_000_000, "more bytes than one file")])
def test_file_of_zeros_is_no_model_and_a_huge_one_is_not_read(folder, size, words):
    with Path("zeros.onnx").open("wb") as file:
        file.truncate(size)
    with pytest.raises(ContractError, match=rf"zeros\.onnx is not an ONNX model: .*{words}"):
        read_model(Path("zeros.onnx"))


@pytest.mark.parametrize(
    ("name", "head"), [("my net.keras", b"PK\x03\x04 ... config.json ..."), ("old.h5", b"\x89HDF\r\n")]
)
def test_network_that_is_not_exported_yet_is_refused_with_the_command_that_exports_it(folder, name, head):
    (folder / name).write_bytes(head)
    with pytest.raises(ContractError, match=r"is not exported yet; export it first: denoise-export ") as caught:
        Denoiser(name)
    words = shlex.split(str(caught.value).partition("first: ")[2])
    assert words == ["denoise-export", name, "--output", f"{Path(name).stem}.onnx"]


@pytest.mark.parametrize("network", ["model.keras", "saved_model.pb"])
def test_folder_of_a_network_is_refused_with_what_to_do(folder, network):
    (folder / "mine").mkdir()
    (folder / "mine" / network).write_bytes(b"")
    with pytest.raises(ContractError, match=r"export it first: denoise-export mine --output mine\.onnx$"):
        Denoiser("mine")
    with contextlib.chdir("mine"), pytest.raises(ContractError, match=r"^mine is a network.* --output mine\.onnx$"):
        Denoiser(".")
    (folder / "mine" / "model.onnx").write_bytes(b"")
    with pytest.raises(ContractError, match=r"^model 'mine' is a folder; name the file in it: mine/model\.onnx$"):
        Denoiser("mine")


def test_bytes_that_are_no_model_never_raise_anything_else(folder):
    rng = np.random.default_rng(0)
    whole = bytearray(bundled_models()["x2"].read_bytes())
    for turn in range(300):
        data = bytearray(rng.bytes(int(rng.integers(1, 200)))) if turn % 2 else whole.copy()
        for _ in range(4 if turn % 2 == 0 else 0):
            data[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        (folder / "any.onnx").write_bytes(data)
        with contextlib.suppress(ContractError):
            read_model(folder / "any.onnx")


WRONG = {
    "one row for all": [helper.make_node("ReduceMean", ["noisy"], ["clean"], axes=[0], keepdims=1)],
    "twice the rows": [helper.make_node("Concat", ["noisy", "noisy"], ["clean"], axis=0)],
    "a sample less": [helper.make_node("Slice", ["noisy", "zero", "less", "one"], ["clean"])],
    "another order": [helper.make_node("Transpose", ["noisy"], ["clean"])],
}


@pytest.mark.parametrize("kind", WRONG)
def test_answer_of_another_shape_is_an_error_that_blames_the_model(folder, call, kind):
    constants = {"zero": np.array([0]), "less": np.array([149]), "one": np.array([1])}
    output = helper.make_tensor_value_info("clean", TensorProto.FLOAT, None)
    model = onnx_models.save(
        folder / "wrong.onnx", WRONG[kind], [onnx_models.tensor("noisy", 150)], [output], constants
    )
    loaded = onnx.load(model)
    del loaded.graph.value_info[:]
    loaded.graph.output[0].CopyFrom(onnx_models.tensor("clean", 150))
    onnx.save(loaded, model)
    words = "wrong.onnx answers a batch of "
    try:
        denoiser = Denoiser("wrong.onnx")
    except ContractError:  # onnxruntime sees through some of them beforehand
        return
    with pytest.raises(ContractError, match=words):
        denoiser.denoise(np.random.default_rng(0).normal(size=1000))
    with StreamPool("wrong.onnx") as pool, pool.open() as stream:
        stream.push(np.random.default_rng(0).normal(size=1000))
        with pytest.raises(Exception, match=words):
            stream.pull(10)
    (folder / "a.csv").write_text("v\n" + "1.5\n2.5\n" * 400)
    status, said = call("--input", "a.csv", "--model", "wrong.onnx")
    assert status == 1
    assert "the model is wrong, not the signal" in said
    assert not (folder / "a.denoised.csv").exists()
