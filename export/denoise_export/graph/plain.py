"""Refuse graphs that only a whole ONNX runtime understands."""

import onnx

from denoise_stream import ContractError


def check_plain(model: onnx.ModelProto, file: str) -> None:
    """Refuse functions of the model's own and sparse tensors.

    Raises
    ------
    ContractError
        If there are any.
    """
    if model.functions or model.graph.sparse_initializer:
        found = "functions of its own" if model.functions else "sparse tensors"
        raise ContractError(f"{file} holds {found}, which cannot be translated; export the network without them")
