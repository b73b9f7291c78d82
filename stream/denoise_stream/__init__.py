"""Denoise signals live or from files with one ONNX model; see :class:`Denoiser`."""

from denoise_stream.contract import Contract
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.engine.stream import DenoiseStream
from denoise_stream.errors import (
    ContractError,
    DenoiseError,
    DeviceError,
    MissingExtra,
    SinkError,
    SourceError,
    StreamFull,
)
from denoise_stream.model import bundled_models
from denoise_stream.pool.pool import StreamPool
from denoise_stream.pool.stream import PooledStream

__version__ = "0.1.0"

__all__ = [
    "Contract",
    "ContractError",
    "DenoiseError",
    "DenoiseStream",
    "Denoiser",
    "DeviceError",
    "MissingExtra",
    "PooledStream",
    "SinkError",
    "SourceError",
    "StreamFull",
    "StreamPool",
    "bundled_models",
]
