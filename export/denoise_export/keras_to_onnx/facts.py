"""The facts that an exported file states about itself: from options, from the run, from the network, from its name."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np

from denoise_export.keras_to_onnx.adapting import Adapted
from denoise_export.keras_to_onnx.network import Network
from denoise_stream import Contract, SourceError, bundled_models
from denoise_stream.contract import Kind, Normalization
from denoise_train.recipe import Recipe, model_name

Scaling = Literal["minmax", "none", "zscore"]
"""How the training windows of a network were scaled."""

KINDS_OF_DATA: dict[str, Kind] = {"images": "image", "image_codes": "image", "forecasts": "forecast"}
"""The kind of a model by its recipe's data; models of other data are for signals."""

WIDEST_DEVIATION = 0.6
"""Largest deviation of windows scaled to 0 ... 1: half of the samples at each end."""


@dataclass(frozen=True)
class Overrides:
    """What the user states about a model; None leaves it to the run, the network or the file's name.

    Attributes
    ----------
    name, license, trained_on
        What the file states.
    hop
        Samples between window starts.
    sample_rate_hz
        The rate that it was trained for, in Hz.
    """

    name: str | None = None
    license: str | None = None
    trained_on: str | None = None
    hop: int | None = None
    sample_rate_hz: float | None = None


def kind_of(recipe: Recipe | None, *, encoder: bool) -> Kind:
    """Return what a network is for."""
    if encoder:
        return "code"
    return KINDS_OF_DATA.get(recipe.data["kind"], "signal") if recipe is not None else "signal"


def find_scaling(network: Network) -> tuple[Scaling, str]:
    """Find how a network's training windows were scaled: to 0 ... 1, unless it normalizes samples itself.

    Returns
    -------
    scaling, note
        ``"none"`` if a Normalization layer was adapted to samples that windows scaled to 0 ... 1 do not hold; then a
        sentence says so.
    """
    found = [("the network", *network.normalized)] if network.normalized else []
    for layer in network.layers:
        if type(layer).__name__ == "Normalization" and not getattr(layer, "invert", False):
            deviation = math.sqrt(float(np.mean(np.asarray(layer.variance))))
            found.append((f"the layer {layer.name!r}", float(np.mean(np.asarray(layer.mean))), deviation))
    for what, middle, deviation in found:
        if (middle, deviation) != (0, 1) and not (0 <= middle <= 1 and deviation <= WIDEST_DEVIATION):
            return "none", (
                f"{what} was adapted to samples of mean {middle:.4g} and deviation {deviation:.4g}, "
                "so the file takes samples as they are (--normalization minmax if the windows were scaled to 0 ... 1)"
            )
    return "minmax", ""


def assemble_contract(
    network: Adapted, scaling: str, recipe: Recipe | None, name: str, kind: Kind, overrides: Overrides
) -> Contract:
    """Assemble the facts that the file will state.

    Parameters
    ----------
    network
        The sizes.
    scaling
        How its windows were scaled.
    recipe
        The recipe of the run that trained it, if it has one.
    name
        The name of its file or folder.
    kind
        What it is for.
    overrides
        What the user states instead.

    Raises
    ------
    SourceError
        If the overriding name is that of a bundled model, and this is another model; or the hop is longer than the
        window; or the recipe does not know the network's context.
    """
    if overrides.hop is not None and not 1 <= overrides.hop <= network.window:
        raise SourceError(
            f"--hop {overrides.hop} does not fit windows of {network.window} samples; use 1 to {network.window}"
        )
    facts: dict[str, Any] = {"hop": max(1, network.window // 2)}
    if recipe is None:
        name = f"{name}-own" if name in bundled_models() else name
    else:
        facts = {"hop": recipe.hop, "sample_rate_hz": recipe.sample_rate_hz, "trained_on": recipe.trained_on}
        facts |= {"training_recipe": _describe_training(recipe), "shape": recipe.image_shape}
        name = model_name(recipe, name)
        if name == recipe.name:
            facts["license"] = recipe.license
    if overrides.name in bundled_models() and not (
        recipe is not None and recipe.name == overrides.name and not recipe.start
    ):
        raise SourceError(
            f"--name {overrides.name} is the name of a bundled model, which this is not; choose another name"
        )
    if network.context_size:
        stated = recipe.contract if recipe is not None else None
        if stated is None or stated.context_size != network.context_size:
            known = "no recipe.toml is beside it" if stated is None else f"its recipe's has {stated.context_size}"
            raise SourceError(
                f"the network takes a context of {network.context_size} numbers, but {known}; export its run folder"
            )
        facts |= {"context_past": stated.context_past, "context_ahead": stated.context_ahead}
    said = {key: value for key, value in asdict(overrides).items() if value is not None}
    return Contract(
        window=network.window,
        normalization=cast(Normalization, "minmax" if scaling == "zscore" else scaling),
        state_size=network.state_size,
        kind=kind,
        output_size=network.output_size if kind in ("code", "forecast") else 0,
        **{"name": name} | facts | said,
    )


def _describe_training(recipe: Recipe) -> str:
    schedule = recipe.schedule
    long = f"{schedule.minutes:g} minutes" if schedule.minutes else f"{schedule.epochs} epochs"
    return f"{recipe.name}.toml, seed {recipe.seed}, {long}" + (f", from {recipe.start}" if recipe.start else "")
