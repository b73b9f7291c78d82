"""Write constants as C: as numbers, or packed into bytes that the program unpacks once.

Packing loses nothing. Each array takes the smallest of three forms: 32-bit floats, 16-bit floats where all of its
values are such, or a list of its distinct values and the place of each element in it (a Fourier matrix has a few
hundred). The lowest bytes of all elements come first, then the next: that compresses better on the way to a browser.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from denoise_export.to_c.program import numbers
from denoise_export.to_c.templates import functions

Constants = Mapping[str, NDArray[np.float32]]

NUMBERS_PER_LINE = 8
TEMPLATE = Path(__file__).with_name("packed.c")
ROW = 100
"""Digits of packed text per line."""


class Step(NamedTuple):
    """A call that unpacks one constant; ``distinct`` is the length of its list of values, 0 for none."""

    function: str
    arguments: str
    distinct: int = 0


class Written(NamedTuple):
    """Constants in C: their declarations, and what ``denoise_init`` calls before they are read ("" for nothing)."""

    declarations: str
    loading: str = ""


def as_numbers(constants: Constants) -> Written:
    """Write each constant as an array of numbers."""
    return Written("\n".join(_array(name, array) for name, array in constants.items()))


def as_text(constants: Constants) -> Written:
    """Write all constants as rows of base-85 text, unpacked into RAM: about a sixth of the size."""
    data, steps = pack(constants)
    rows = ",\n".join(f'    "{row}"' for row in _base_85(data))
    return _unpacking(constants, steps, "text", f"static const char packed[][{ROW + 1}] = {{\n{rows}\n}};\n")


def as_linked(constants: Constants) -> Written:
    """Write a program that unpacks the bytes of :func:`pack`, linked to it under the name ``denoise_weights``."""
    return _unpacking(constants, pack(constants)[1], "bytes", "")


def pack(constants: Constants) -> tuple[bytes, list[Step]]:
    """Pack constants; return the bytes, and how they are unpacked."""
    data, steps = bytearray(), []
    for name, array in constants.items():
        values = array.reshape(-1)
        distinct, places = np.unique(values, return_inverse=True)
        places = places.astype("<u1" if len(distinct) <= 1 << 8 else "<u2")
        form, kind = ("take_halves", "<f2") if _all_halves(values) else ("take", "<f4")
        if len(distinct) <= 1 << 16 and 4 * len(distinct) + places.nbytes < values.size * np.dtype(kind).itemsize:
            steps.append(
                Step("take_places", f"{name}, {values.size}, {places.itemsize}, {len(distinct)}", len(distinct))
            )
            data += _planes(distinct.astype("<f4")) + _planes(places)
        else:
            steps.append(Step(form, f"{name}, {values.size}" + (", 4" if form == "take" else "")))
            data += _planes(values.astype(kind))
    return bytes(data), steps


def lines_of(values: NDArray[Any]) -> str:
    """Write values as lines of C constants."""
    texts = numbers(values)
    lines = [", ".join(texts[at : at + NUMBERS_PER_LINE]) for at in range(0, len(texts), NUMBERS_PER_LINE)]
    return ",\n".join(f"    {line}" for line in lines)


def _array(name: str, array: NDArray[Any]) -> str:
    return f"static const float {name}[{max(1, array.size)}] = {{\n{lines_of(array.reshape(-1))}\n}};"


def _unpacking(constants: Constants, steps: list[Step], source: str, rows: str) -> Written:
    """Write empty arrays, and the function that fills them."""
    used = {source, *(step.function for step in steps)}
    values = {"ROW": str(ROW), "MOST": str(max((step.distinct for step in steps), default=0))}
    calls = "\n".join(f"    {step.function}({step.arguments});" for step in steps)
    arrays = "\n".join(f"static float {name}[{max(1, array.size)}];" for name, array in constants.items())
    return Written(
        "#include <stdint.h>\n\n"
        "/* The weights, unpacked by the first denoise_init; no other thread may call it meanwhile. */\n"
        f"{arrays}\n\n{rows}{functions(TEMPLATE, used, values)}\n"
        "static void unpack(void)\n{\n    static int unpacked;\n    if (unpacked)\n        return;\n    unpacked = 1;\n"
        f"{calls}\n}}",
        "    unpack();\n",
    )


def _all_halves(values: NDArray[np.float32]) -> bool:
    """Return whether 16-bit floats hold all values exactly."""
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    return bool(np.isfinite(halves).all()) and np.array_equal(halves.astype(np.float32), values)


def _planes(values: NDArray[Any]) -> bytes:
    """Return the lowest bytes of all values, then the next ones."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _base_85(data: bytes) -> list[str]:
    """Encode each four bytes as five digits, in rows; question marks and backslashes would mean something else in C."""
    groups = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.int64)
    digits = groups[:, None] // 85 ** np.arange(4, -1, -1) % 85
    alphabet = np.frombuffer(bytes(range(35, 120)).replace(b"?", b"x").replace(b"\\", b"y"), np.uint8)
    text = alphabet[digits].tobytes().decode("ascii")
    return [text[at : at + ROW] for at in range(0, len(text), ROW)]
