"""Check arguments of the public functions: name the argument, its value and type, and what is needed."""

import math
import numbers
import reprlib
import warnings
from typing import Any

import numpy as np

from denoise_stream.contract import Contract


def whole_number(name: str, value: Any, needed: str = "a whole number") -> int:
    """Return an argument as an int.

    Raises
    ------
    TypeError
        If it is not a whole number: text, a float, a bool, None.

    Examples
    --------
    >>> whole_number("hop", "30")
    Traceback (most recent call last):
    TypeError: hop='30' is of type str; use a whole number
    """
    value = _scalar(value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    raise wrong_type(name, value, needed)


def real_number(name: str, value: Any, needed: str = "a number") -> float:
    """Return an argument as a float.

    Raises
    ------
    TypeError
        If it is not a real number: text, a bool, None, an array.
    ValueError
        If no float is as large.
    """
    value = _scalar(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{name} is a number of hundreds of digits; use {needed}") from error
    raise wrong_type(name, value, needed)


def wrong_type(name: str, value: Any, needed: str) -> TypeError:
    """Return the error for an argument of a wrong type."""
    return TypeError(f"{name}={reprlib.repr(value)} is of type {type(value).__name__}; use {needed}")


SLOWEST_HZ = 1e-100
"""Below this, lengths in seconds could overflow."""


def sample_rate(value: Any) -> float | None:
    """Return a sample rate in Hz as a float; None stays None.

    Raises
    ------
    TypeError, ValueError
        If it is not a number above 0, or far below any rate that there is.
    """
    if value is None:
        return None
    rate = real_number("sample_rate_hz", value, "a number of Hz, such as 48000")
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"sample_rate_hz={value} is not a valid sample rate; use a number above 0")
    if rate < SLOWEST_HZ:
        raise ValueError(f"sample_rate_hz={value} is not a valid sample rate; use {SLOWEST_HZ:g} or more")
    return rate


def rate_or_assumed(contract: Contract, value: Any) -> float | None:
    """Return a sample rate in Hz; without one the model's own, with a warning that it was assumed.

    The warning names the line that called the public function which calls this one.
    """
    rate = sample_rate(value)
    if rate is not None or contract.sample_rate_hz is None:
        return rate
    warnings.warn(
        f"no sample rate was given: the signal is taken for one at {contract.sample_rate_hz:g} Hz, the only rate of "
        f"the model {contract.name}; pass sample_rate_hz={contract.sample_rate_hz:g} if that is right, else its own",
        stacklevel=3,
    )
    return contract.sample_rate_hz


def is_last_axis(axis: Any, dimensions: int) -> bool:
    """Tell whether samples follow each other along the second of two axes.

    Raises
    ------
    TypeError, ValueError
        If the axis is not a whole number, or out of range for a signal of this many dimensions.
    """
    number = whole_number("axis", axis, "0, 1 or -1")
    if not -dimensions <= number < dimensions:
        raise ValueError(f"axis={axis} is out of range for a signal of {dimensions} dimension(s)")
    return dimensions == 2 and number in (1, -1)


def _scalar(value: Any) -> Any:
    """Unpack a NumPy scalar or an array without dimensions."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
