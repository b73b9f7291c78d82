"""Small ONNX files with the inputs and outputs of other people's networks.

All multiply their input by a factor: ``identity`` by 1, ``counting`` by the number of the frame, which a state
counts, ``mean`` by a mean over the frame, so that all of a frame depends on all of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CACHES = {"gtcrn": "tra_cache", "ul-unas": "tfa_cache"}
STATE = (1, 2, 4, 2)


def save(
    path: Path,
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
    nodes: Sequence[onnx.NodeProto],
    **constants: np.ndarray,
) -> Path:
    """Save a graph on float32 tensors."""
    sides = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "peer", *sides, [numpy_helper.from_array(v, k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def node(operator: str, inputs: str, output: str, **attributes: int) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


FACTORS = {
    "identity": [node("Identity", "one", "factor")],
    "counting": [node("ReduceMax", "counted", "factor", keepdims=0)],
    "mean": [node("Abs", "noisy", "size"), node("ReduceMean", "size", "factor", keepdims=0)],
}
ONE = {"one": np.array(1, np.float32)}


def spectral(path: Path, peer: str, kind: str = "identity") -> Path:
    """Save a streaming GTCRN or UL-UNAS, its caches out of order among the outputs."""
    caches = ("conv_cache", CACHES[peer], "inter_cache")
    nodes = [
        node("Identity", "mix", "noisy"),
        *(node("Add", f"{name} one", f"{name}_out") for name in caches),
        node("Identity", "inter_cache_out", "counted"),
        *FACTORS[kind],
        node("Mul", "noisy factor", "enh"),
    ]
    sizes = {name: (1, 3 + number) for number, name in enumerate(caches)}
    returned = {f"{name}_out": size for name, size in reversed(sizes.items())}
    spectrum = (1, 257, 1, 2)
    return save(path, {"mix": spectrum, **sizes}, {"enh": spectrum, **returned}, nodes, **ONE)


def dtln(folder: Path, kind: str = "identity") -> Path:
    """Save both networks of DTLN; the second one lets four frames that overlap sum to the signal."""
    folder.mkdir(parents=True, exist_ok=True)
    first = [
        node("Identity", "input_2", "noisy"),
        node("Add", "input_3 one", "stack_2"),
        node("Identity", "stack_2", "counted"),
        *FACTORS[kind],
        node("Mul", "noisy nothing", "zeros"),
        node("Add", "zeros factor", "activation_2"),
    ]
    second = [node("Mul", "input_4 quarter", "conv1d_3"), node("Identity", "input_5", "stack_5")]
    magnitudes, samples, nothing = (1, 1, 257), (1, 1, 512), np.array(0, np.float32)
    tensors = {"input_2": magnitudes, "input_3": STATE}, {"activation_2": magnitudes, "stack_2": STATE}
    save(folder / "model_1.onnx", *tensors, first, **ONE, nothing=nothing)
    tensors = {"input_4": samples, "input_5": STATE}, {"conv1d_3": samples, "stack_5": STATE}
    save(folder / "model_2.onnx", *tensors, second, quarter=np.array(0.25, np.float32))
    return folder


def fastenhancer(path: Path, hop: int = 256, size: int = 512) -> Path:
    """Save a wave-to-wave FastEnhancer whose STFT of ``size`` samples gives the signal back, ``size - hop`` late."""
    nodes = [
        node("Concat", "cache_in_0 wav_in", "heard", axis=1),
        node("Slice", "heard start hop along", "wav_out"),
        node("Slice", "heard hop size along", "cache_out_0"),
        node("Identity", "cache_in_1", "cache_out_1"),
    ]
    numbers = {"start": 0, "hop": hop, "size": size, "along": 1}
    block, held = (1, hop), (1, size - hop)
    inputs = {"wav_in": block, "cache_in_0": held, "cache_in_1": held}
    outputs = {"wav_out": block, "cache_out_0": held, "cache_out_1": held}
    return save(path, inputs, outputs, nodes, **{name: np.array([value]) for name, value in numbers.items()})


def dnsmos(path: Path) -> Path:
    """Save a DNSMOS P.835 whose raw ratings are the mean, the largest and the smallest sample."""
    nodes = [
        node("ReduceMean", "input_1", "mean", keepdims=0),
        node("ReduceMax", "input_1", "most", keepdims=0),
        node("ReduceMin", "input_1", "least", keepdims=0),
        *(node("Reshape", f"{name} one_by_one", f"{name}_column") for name in ("mean", "most", "least")),
        node("Concat", "mean_column most_column least_column", "Identity:0", axis=1),
    ]
    tensors = {"input_1": ("batch", 144_160)}, {"Identity:0": ("batch", 3)}
    return save(path, *tensors, nodes, one_by_one=np.array([1, 1]))
