"""Denoise pandas objects: values out of a Series or DataFrame, and denoised values back into one like it.

pandas is never imported here: whoever passes a Series has loaded it.
"""

import sys
from typing import Any, Protocol, TypeVar

import numpy as np

from denoise_stream.arrays import Samples, as_dtype


class HasRows(Protocol):
    """What a Series and a DataFrame have, and no array."""

    @property
    def iloc(self) -> Any:
        """The rows by position."""
        ...


Frame = TypeVar("Frame", bound=HasRows)


def is_frame(signal: Any) -> bool:
    """Tell whether a signal is a pandas Series or DataFrame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(signal, pandas.Series | pandas.DataFrame)


def frame_values(signal: Any) -> Samples:
    """Return the values of a Series ``(n,)`` or DataFrame ``(n, columns)`` as float64; missing ones become NaN.

    Raises
    ------
    TypeError
        If a column does not hold real numbers; the sentence names it.
    """
    if signal.ndim == 1:
        return _column_values(signal, f"the Series {signal.name!r}" if signal.name is not None else "the Series", "")
    names = [repr(name) for name in signal.columns]
    wrong = [name for name, dtype in zip(names, signal.dtypes, strict=True) if _kind(dtype) not in "fiu"]
    hint = f"; choose the columns to denoise, such as frame.drop(columns=[{', '.join(wrong)}])"
    columns = [_column_values(signal.iloc[:, at], f"column {name}", hint) for at, name in enumerate(names)]
    return np.column_stack(columns) if columns else np.empty((len(signal), 0))


def frame_like(signal: Any, denoised: Samples) -> Any:
    """Return a Series or DataFrame with denoised values, and the index, names and dtypes of ``signal``.

    Whole numbers are rounded and clipped; what was missing stays missing.
    """
    like = signal.copy()
    if signal.ndim == 1:
        like.iloc[:] = _as_column(signal, denoised)
    for at in range(signal.shape[1] if signal.ndim == 2 else 0):
        like.isetitem(at, _as_column(signal.iloc[:, at], denoised[:, at]))
    return like


def _kind(dtype: Any) -> str:
    """Return NumPy's letter for the kind of a pandas dtype, nullable and Arrow ones included: f, i, u for numbers."""
    return str(getattr(dtype, "numpy_dtype", dtype).kind)


def _column_values(column: Any, what: str, hint: str) -> Samples:
    if _kind(column.dtype) not in "fiu":
        raise TypeError(f"{what} has dtype {column.dtype}; it must hold real numbers (float or integer){hint}")
    values: Samples = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _as_column(column: Any, values: Samples) -> Any:
    """Return values as a Series of a column's dtype."""
    pandas = sys.modules["pandas"]
    missing = np.isnan(values)
    plain = as_dtype(np.where(missing, 0.0, values), np.dtype(getattr(column.dtype, "numpy_dtype", column.dtype)))
    if not missing.any():
        return pandas.Series(plain, index=column.index, dtype=column.dtype)
    if column.dtype.kind == "f" and isinstance(column.dtype, np.dtype):
        return pandas.Series(np.where(missing, np.nan, plain).astype(column.dtype), index=column.index)
    filled = pandas.Series(plain, index=column.index, dtype=column.dtype)
    filled.iloc[np.flatnonzero(missing)] = pandas.NA
    return filled
