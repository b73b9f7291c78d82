"""Encodings of raw samples: bytes to float64 with full scale 1.0, and back."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from denoise_stream.files.protocols import Chunk


class Decoder(Protocol):
    """Turns bytes into samples."""

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        ...

    def decode(self, data: bytes, channels: int) -> Chunk:
        """Read interleaved samples; return ``(n, channels)``."""
        ...


@dataclass(frozen=True)
class Encoding:
    """Samples that NumPy has a type for: the type, and the numbers that 1.0 and 0.0 become."""

    dtype: np.dtype[Any]
    full_scale: float
    zero: float = 0.0

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return self.dtype.itemsize

    def decode(self, data: bytes, channels: int) -> Chunk:
        """Read interleaved samples; return ``(n, channels)``."""
        samples = np.frombuffer(data, self.dtype).reshape(-1, channels)
        with np.errstate(invalid="ignore"):  # copying a signalling NaN warns
            return (samples.astype(np.float64) - self.zero) / self.full_scale

    def encode(self, samples: Chunk) -> bytes:
        """Store samples ``(n, channels)``; integers are rounded and clipped, missing values become 0."""
        if self.dtype.kind == "f":
            return bytes(samples.astype(self.dtype).tobytes())
        scaled = np.clip(np.rint(samples * self.full_scale), -self.full_scale, self.full_scale - 1)
        return bytes(np.nan_to_num(scaled).astype(self.dtype).tobytes())


@dataclass(frozen=True)
class Packed24:
    """Integers of 24 bits in three bytes."""

    big_endian: bool = False
    sample_bytes: int = 3

    def decode(self, data: bytes, channels: int) -> Chunk:
        """Read interleaved samples; return ``(n, channels)``."""
        packed = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(packed), 4), np.uint8)  # above a fourth byte that is 0
        wide[:, slice(0, 3) if self.big_endian else slice(1, 4)] = packed
        samples = wide.view(">i4" if self.big_endian else "<i4").reshape(-1, channels)
        return samples.astype(np.float64) / 2.0**31


@dataclass(frozen=True, eq=False)
class Companded:
    """Samples of 8 bits on a logarithmic scale, after ITU-T G.711: one value for each byte."""

    values: NDArray[np.float64]
    sample_bytes: int = 1

    def decode(self, data: bytes, channels: int) -> Chunk:
        """Read interleaved samples; return ``(n, channels)``."""
        return self.values[np.frombuffer(data, np.uint8)].reshape(-1, channels)


def frames(blocks: Iterator[bytes], encoding: Decoder, channels: int) -> Generator[Chunk, None, bytes]:
    """Decode blocks of bytes into samples ``(n, channels)``, each block as soon as it is there.

    Returns
    -------
    The bytes of a sample that the last block did not complete, as the iterator's value.
    """
    frame = encoding.sample_bytes * channels
    rest = b""
    for block in blocks:
        data = rest + block
        whole = len(data) - len(data) % frame
        rest = data[whole:]
        if whole:
            yield encoding.decode(data[:whole], channels)
    return rest


def mu_law() -> Companded:
    """Return the decoder of G.711 µ-law: sign, 3 bits of exponent, 4 of mantissa, all inverted."""
    code = ~np.arange(256, dtype=np.uint8)
    size = ((((code & 0x0F).astype(np.int64) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return Companded(np.where(code & 0x80, -size, size) / 2.0**15)


def a_law() -> Companded:
    """Return the decoder of G.711 A-law: like µ-law, with every other bit inverted and a linear start."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int64)
    mantissa = ((code & 0x0F).astype(np.int64) << 4) + 8
    size = np.where(exponent > 0, (mantissa + 0x100) << np.maximum(exponent - 1, 0), mantissa)
    return Companded(np.where(code & 0x80, size, -size) / 2.0**15)


ENCODINGS = {
    "s16le": Encoding(np.dtype("<i2"), 2.0**15),
    "s32le": Encoding(np.dtype("<i4"), 2.0**31),
    "f32le": Encoding(np.dtype("<f4"), 1.0),
}

RAW_FORMATS = ("s16le", "f32le")
"""Encodings of pipes without a header."""


def decoder(subtype: str, *, big_endian: bool = False) -> Decoder:
    """Return the decoder of an uncompressed subtype, by libsndfile's name.

    Raises
    ------
    KeyError
        If it is compressed.
    """
    order = ">" if big_endian else "<"
    decoders: dict[str, Callable[[], Decoder]] = {
        "PCM_S8": lambda: Encoding(np.dtype("i1"), 2.0**7),
        "PCM_U8": lambda: Encoding(np.dtype("u1"), 2.0**7, 2.0**7),
        "PCM_16": lambda: Encoding(np.dtype(f"{order}i2"), 2.0**15),
        "PCM_24": lambda: Packed24(big_endian),
        "PCM_32": lambda: Encoding(np.dtype(f"{order}i4"), 2.0**31),
        "FLOAT": lambda: Encoding(np.dtype(f"{order}f4"), 1.0),
        "DOUBLE": lambda: Encoding(np.dtype(f"{order}f8"), 1.0),
        "ULAW": mu_law,
        "ALAW": a_law,
    }
    return decoders[subtype]()


SAMPLE_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1,
}  # fmt: skip
"""Bytes per sample of the uncompressed subtypes."""
