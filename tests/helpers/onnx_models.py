"""Small hand-made ONNX files that keep, or break, the contract."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

METADATA = {
    "contract_version": "1",
    "name": "test",
    "window": "150",
    "hop": "75",
    "normalization": "minmax",
    "sample_rate_hz": "any",
}


def tensor(name: str, size: int | str, batch: int | str = "batch") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, size])


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
    **metadata: str | None,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "test",
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    facts = {key: value for key, value in {**METADATA, **metadata}.items() if value is not None}
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    return path


def with_facts(path: Path, **metadata: str) -> Path:
    """Make the same model with other facts, beside it."""
    name = "_".join(f"{key}_{value}" for key, value in metadata.items())
    made = path.with_name(f"{path.stem}_{name}.onnx")
    if not made.exists():
        model = onnx.load(path)
        facts = {entry.key: entry.value for entry in model.metadata_props} | metadata
        del model.metadata_props[:]
        helper.set_model_props(model, facts)
        onnx.save(model, made)
    return made


def identity(path: Path, **metadata: str | None) -> Path:
    nodes = [helper.make_node("Identity", ["noisy"], ["clean"])]
    return save(path, nodes, [tensor("noisy", 150)], [tensor("clean", 150)], **metadata)


def smoother(path: Path, seed: int = 0, **metadata: str | None) -> Path:
    """Mix all samples of a window with a fixed random matrix: sensitive to every shift and swap."""
    matrix = np.random.default_rng(seed).normal(0, 0.05, (150, 150)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["noisy", "matrix"], ["mixed"]),
        helper.make_node("Tanh", ["mixed"], ["clean"]),
    ]
    return save(path, nodes, [tensor("noisy", 150)], [tensor("clean", 150)], {"matrix": matrix}, **metadata)


CONTEXT = {"contract_version": "2", "context_past": "5x6,25x4", "context_ahead": "5x4,40x3"}
CONTEXT_SIZE = 2 * (6 + 4 + 4 + 3)


def looped(path: Path) -> Path:
    """Halve windows three times, in a Loop whose body uses a constant of the graph around it."""
    body = helper.make_graph(
        [helper.make_node("Mul", ["before", "half"], ["after"]), helper.make_node("Identity", ["go"], ["go_on"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            tensor("before", 150),
        ],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), tensor("after", 150)],
    )
    nodes = [helper.make_node("Loop", ["turns", "", "noisy"], ["clean"], body=body)]
    constants = {"turns": np.array(3), "half": np.array(0.5, np.float32)}
    return save(path, nodes, [tensor("noisy", 150)], [tensor("clean", 150)], constants)


def in_context(path: Path, seed: int = 0, size: int = CONTEXT_SIZE, **metadata: str | None) -> Path:
    """Mix all samples of a window and all numbers of its context: sensitive to every shift and swap.

    Other scales than those of ``CONTEXT`` need another ``size``.
    """
    rng = np.random.default_rng(seed)
    constants = {
        "matrix": rng.normal(0, 0.05, (150, 150)).astype(np.float32),
        "around": rng.normal(0, 0.05, (size, 150)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["noisy", "matrix"], ["inside"]),
        helper.make_node("MatMul", ["context", "around"], ["outside"]),
        helper.make_node("Add", ["inside", "outside"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["clean"]),
    ]
    inputs = [tensor("noisy", 150), tensor("context", size)]
    return save(path, nodes, inputs, [tensor("clean", 150)], constants, **{**CONTEXT, **metadata})


def leaky_mean(path: Path, **metadata: str | None) -> Path:
    """Subtract a state that follows the window means: state' = 0.8 state + 0.2 [mean, max]."""
    constants = {
        "keep": np.array(0.8, np.float32),
        "take": np.array(0.2, np.float32),
        "to_offset": np.array([[1.0], [0.5]], np.float32),
    }
    nodes = [
        helper.make_node("ReduceMean", ["noisy"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("ReduceMax", ["noisy"], ["top"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["mean", "top"], ["seen"], axis=1),
        helper.make_node("Mul", ["state", "keep"], ["kept"]),
        helper.make_node("Mul", ["seen", "take"], ["taken"]),
        helper.make_node("Add", ["kept", "taken"], ["state_out"]),
        helper.make_node("MatMul", ["state", "to_offset"], ["offset"]),
        helper.make_node("Sub", ["noisy", "offset"], ["clean"]),
    ]
    return save(
        path,
        nodes,
        [tensor("noisy", 150), tensor("state", 2)],
        [tensor("clean", 150), tensor("state_out", 2)],
        constants,
        **{"state_size": "2", **metadata},
    )


def fragile(path: Path, **metadata: str | None) -> Path:
    """Count the windows in the state; a window above 1 makes the state, and all that follows, NaN."""
    constants = {"limit": np.array(1.0, np.float32), "zero": np.array(0.0, np.float32)}
    nodes = [
        helper.make_node("ReduceMax", ["noisy"], ["top"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["limit", "top"], ["room"]),
        helper.make_node("Sqrt", ["room"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),
        helper.make_node("Sum", ["state", "limit", "nothing"], ["state_out"]),
        helper.make_node("Sub", ["noisy", "state"], ["clean"]),
    ]
    return save(
        path,
        nodes,
        [tensor("noisy", 150), tensor("state", 1)],
        [tensor("clean", 150), tensor("state_out", 1)],
        constants,
        **{"state_size": "1", "normalization": "none", **metadata},
    )


def recurrent(path: Path, **metadata: str | None) -> Path:
    """Keep a GRU's state of 6 numbers from window to window, as a stateful speech model does."""
    rng = np.random.default_rng(3)
    constants = {
        "by_frame": np.array([-1, 6, 25]),
        "weights": rng.normal(0, 0.3, (1, 18, 25)).astype(np.float32),
        "recurrent": rng.normal(0, 0.3, (1, 18, 6)).astype(np.float32),
        "bias": rng.normal(0, 0.3, (1, 36)).astype(np.float32),
        "state_3d": np.array([1, -1, 6]),
        "state_2d": np.array([-1, 6]),
        "to_window": rng.normal(0, 0.1, (6, 150)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["noisy", "by_frame"], ["frames"]),
        helper.make_node("Transpose", ["frames"], ["sequence"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["state", "state_3d"], ["before"]),
        helper.make_node(
            "GRU",
            ["sequence", "weights", "recurrent", "bias", "", "before"],
            ["", "after"],
            hidden_size=6,
            linear_before_reset=1,
        ),
        helper.make_node("Reshape", ["after", "state_2d"], ["state_out"]),
        helper.make_node("MatMul", ["state_out", "to_window"], ["noise"]),
        helper.make_node("Sub", ["noisy", "noise"], ["clean"]),
    ]
    return save(
        path,
        nodes,
        [tensor("noisy", 150), tensor("state", 6)],
        [tensor("clean", 150), tensor("state_out", 6)],
        constants,
        **{"state_size": "6", **metadata},
    )
