"""Architectures defined in the user's own module: ``--architecture my_module:build``."""

import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

from denoise_stream.errors import first_line
from denoise_train.recipe import RecipeError


def is_own(kind: str) -> bool:
    """Tell whether an architecture is named ``module:function``."""
    return ":" in kind


def own_architecture(reference: str) -> Callable[..., keras.Model]:
    """Import a function that builds a network, and adapt its network to rows ``(batch, window)``.

    Parameters
    ----------
    reference
        ``module:function``. The module is imported from the folder in which the program runs, or from wherever Python
        finds it. The function takes the window's samples, and the recipe's further keys of ``[architecture]``, and
        returns a Keras model of windows of shape ``(window,)``, ``(window, 1)`` or ``(1, window)``.

    Raises
    ------
    RecipeError
        If there is no such module or function, or the module cannot be imported; the function it returns raises it if
        the network cannot be built or has other shapes.
    """
    name, _, function = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = name.removesuffix(".py")
    try:
        build = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # the user's module may raise anything
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        advice = "; run the program in its folder" if missing else ""
        raise RecipeError(f"architecture {reference!r}: cannot import {name!r}: {first_line(error)}{advice}") from error
    if not callable(build):
        raise RecipeError(f"architecture {reference!r}: {name!r} has no function {function!r}")

    @functools.wraps(build)
    def build_flat(window: int, **settings: Any) -> keras.Model:
        try:
            network = build(window, **settings)
        except Exception as error:
            raise RecipeError(f"architecture {reference!r}: {type(error).__name__}: {first_line(error)}") from error
        return _flat(network, window, reference)

    return build_flat


def _flat(network: Any, window: int, reference: str) -> keras.Model:
    if not isinstance(network, keras.Model):
        raise RecipeError(f"architecture {reference!r} returned a {type(network).__name__}; needed: a Keras model")
    shape = network.input_shape[1:] if network.built and isinstance(network.input_shape, tuple) else (window, 1)
    fixed = [window if size is None else size for size in shape]
    if sorted(fixed) != sorted([window, *[1] * (len(fixed) - 1)]):
        raise RecipeError(
            f"architecture {reference!r} takes windows of shape {shape}; needed: ({window},) or ({window}, 1)"
        )
    noisy = keras.Input((window,), name="noisy")
    clean = network(noisy if len(fixed) == 1 else layers.Reshape(fixed)(noisy))
    found = getattr(clean, "shape", ())[1:]
    if sorted(size or 0 for size in found) != sorted([window, *[1] * (len(found) - 1)]):
        raise RecipeError(
            f"architecture {reference!r} gives windows of shape {tuple(found)}; needed: as many samples as it takes, "
            f"({window},) or ({window}, 1)"
        )
    return keras.Model(noisy, clean if len(found) == 1 else layers.Reshape((window,))(clean), name=network.name)
