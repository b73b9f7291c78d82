"""Load, check and change recipes, the TOML files that describe a training.

A recipe holds everything that determines a training: data, noise, architecture, loss, optimizer, schedule and seed.
Sections whose keys depend on their ``kind`` (data, architecture, loss) are passed on as they are to the function of
that kind, whose parameters are the keys it takes: see :func:`build_section`.
"""

import contextlib
import inspect
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from denoise_stream import DenoiseError, bundled_models
from denoise_stream.contract import LONGEST_WINDOW, Contract, Normalization, parse_scales
from denoise_stream.errors import first_line, printable

Built = TypeVar("Built")

DEEPEST = 8
"""Deepest nesting of tables and lists in a recipe."""

LARGEST_SEED = 2**32 - 1
"""Seeds that Keras accepts."""


class RecipeError(DenoiseError):
    """A recipe that is missing, is not TOML, or holds a wrong key or value."""


@dataclass(frozen=True)
class Optimizer:
    """The optimizer, ``"adam"`` or ``"muon"``, and its learning rate, at first or after the warm-up.

    Weights decay by ``weight_decay`` times the learning rate at every step; with Muon only matrices do. With
    ``averaging`` above 0 the network that is judged and kept has the exponential average of the weights, with a factor
    of ``1 - averaging`` for each step's. With ``clip_norm`` above 0 the gradient of all weights is scaled down to that
    norm where it is larger, so that no batch outweighs many: Muon takes steps of one size in the direction of the
    average gradient, and a huge one sets it for a hundred steps.
    """

    kind: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    averaging: float = 0.0
    clip_norm: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """How long the training lasts; ``batches_per_epoch`` of 0 means one block of the data: for ``x2`` all of it.

    With ``minutes`` above 0 it lasts that long, however many epochs that makes.
    """

    epochs: int
    batch_size: int
    batches_per_epoch: int = 0
    warm_up_batches: int = 0
    decay: str = "none"
    minutes: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a training; see the bundled TOML files for the keys.

    ``normalization`` says what the network takes: windows scaled to [0, 1], or samples as they are (``"none"``), or
    images of mean 0 and standard deviation 1 (``"standard"``). ``start`` names the trained network whose weights are
    the first ones; empty means random weights. ``reported`` holds the figures that the recipe's source reports.
    ``context_past`` and ``context_ahead`` are the scales of the context round a window, such as
    ``"5x30,25x30"``; see :mod:`denoise_stream.engine.context`.
    """

    name: str
    data: Mapping[str, Any]
    architecture: Mapping[str, Any]
    loss: Mapping[str, Any]
    schedule: Schedule
    optimizer: Optimizer = field(default_factory=Optimizer)
    noise: Mapping[str, float] = field(default_factory=dict)
    trained_on: str = ""
    license: str = ""
    seed: int = 0
    window: int = 150
    hop: int = 75
    normalization: Normalization = "minmax"
    sample_rate_hz: float | None = None
    start: str = ""
    reported: str = ""
    context_past: str = ""
    context_ahead: str = ""

    @property
    def contract(self) -> Contract:
        """The part of the model's contract that the recipe states."""
        return Contract(
            self.name,
            self.window,
            self.hop,
            normalization=self.normalization,
            sample_rate_hz=self.sample_rate_hz,
            license=self.license,
            trained_on=self.trained_on,
            context_past=parse_scales(self.context_past),
            context_ahead=parse_scales(self.context_ahead),
        )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height and width if rows are images; empty for signals."""
        return tuple(self.data.get("shape", ()))

    def flat(self) -> dict[str, Any]:
        """Return all values by key, with the section before a dot."""
        flat: dict[str, Any] = {}
        for key, value in self.table().items():
            section = isinstance(value, dict)
            flat |= {f"{key}.{inner}": item for inner, item in value.items()} if section else {key: value}
        return flat

    def table(self) -> dict[str, Any]:
        """Return the recipe as a TOML table: its values, and sections that are not empty."""
        return {key: value for key, value in asdict(self).items() if value is not None and value != {}}

    def to_toml(self) -> str:
        """Return the recipe as the text of a TOML file, sections last."""
        import tomli_w  # in an extra, which only writing needs

        return tomli_w.dumps(self.table())


def bundled_recipes() -> dict[str, Path]:
    """Return the recipes that ship with the package: name to path.

    >>> print(*bundled_recipes())  # doctest: +NORMALIZE_WHITESPACE
    ecg faces-conv faces-dense general general-small lstm-predict lstm-reduce mnist-conv-reduce
    mnist-denoise-conv mnist-dense mnist-reduce predict-change speech x2
    """
    found = Path(__file__).with_name("recipes").glob("*.toml")
    return {path.stem: path for path in sorted(found, key=lambda path: path.stem)}


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a bundled recipe by name, or a file by path.

    Raises
    ------
    RecipeError
        If it is missing, is not TOML, or has a wrong key or value; the sentence names it.
    """
    bundled = bundled_recipes()
    path = bundled.get(str(name_or_path), Path(name_or_path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"recipe {str(name_or_path)!r} is neither a readable file nor bundled ({', '.join(bundled)})"
        ) from error
    try:
        table = tomllib.loads(content.decode())
        if _lies_deeper(table, DEEPEST):
            raise RecursionError
    except ValueError as error:
        raise RecipeError(f"{path.name} is not TOML: {error}") from error
    except RecursionError as error:
        raise RecipeError(f"{path.name} is not a recipe: its values are nested too deeply to be read") from error
    return _from_table(table, path.name)


def _lies_deeper(value: Any, levels: int) -> bool:
    """Tell whether tables and lists are nested more than this many levels deep."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inside) and (not levels or any(_lies_deeper(item, levels - 1) for item in inside))


def model_name(recipe: Recipe, run: str) -> str:
    """Return the name of a trained model: its recipe's, or its run's if the recipe's is that of a bundled model.

    Parameters
    ----------
    recipe
        What it was trained by. Only the unchanged recipe of a bundled model makes a model of that name.
    run
        The name of its run folder.
    """
    bundled = bundled_models()
    if recipe.name not in bundled or recipe == load_recipe(recipe.name):
        return recipe.name
    return f"{run}-own" if run in bundled else run


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some of its values changed.

    Parameters
    ----------
    recipe
        Stays as it is.
    values
        Value by key, with its section before a dot: ``"noise.white"``, ``"seed"``.

    Raises
    ------
    RecipeError
        If a key or value is wrong; the sentence names it.
    """
    table = recipe.table()
    for key, value in values.items():
        section, dot, name = key.rpartition(".")
        place = table.setdefault(section, {}) if dot else table
        if not isinstance(place, dict):
            raise RecipeError(f"{recipe.name}: {section!r} is not a section, so it has no {key!r}")
        place[name] = value
    return _from_table(table, recipe.name)


def _from_table(table: dict[str, Any], where: str) -> Recipe:
    for key, kind in (("schedule", Schedule), ("optimizer", Optimizer)):
        if key in table:
            if not isinstance(table[key], dict):
                raise RecipeError(f"{where}: {key}={table[key]!r}; it must be a section [{key}]")
            table[key] = _build(kind, table[key], f"{where}, section [{key}]")
    recipe: Recipe = _build(Recipe, table, where)
    for key in ("data", "architecture", "loss"):
        section = getattr(recipe, key)
        if not isinstance(section, dict) or "kind" not in section:
            raise RecipeError(f"{where}, section [{key}]: the key 'kind' is missing")
    _check(recipe, f"{where}: ")
    return recipe


def check_number(
    name: str, value: Any, least: float, most: float = math.inf, *, whole: bool = False, above: bool = False
) -> None:
    """Check one value of a recipe.

    Parameters
    ----------
    name
        The key, and where it stands, for the error.
    value
        What was found; true and false are not numbers.
    least, most
        The range; with ``above`` the least itself is left out.
    whole
        Take whole numbers only.

    Raises
    ------
    RecipeError
        If the value is not a number, or outside its range.
    """
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if number and least <= value <= most and abs(value) < math.inf and not (above and value == least):
        return
    kind = "a whole number" if whole else "a number"
    span = f"from {least:.12g} to {most:.12g}" if most < math.inf else f"{'above' if above else 'from'} {least:.12g}"
    raise RecipeError(f"{name}={value!r}; it must be {kind} {span}")


def check_range(name: str, pair: Any, least: float, most: float) -> None:
    """Check two numbers of a recipe, from and to.

    Raises
    ------
    RecipeError
        If they are not two numbers within the range, the first one not above the other.
    """
    try:
        low, high = pair
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{name}={pair!r}; it must be two numbers") from error
    check_number(f"{name}, from", low, least, most)
    check_number(f"{name}, to", high, low, most)


@contextlib.contextmanager
def building(section: str) -> Iterator[None]:
    """Turn errors while something is built in this block into one that names the recipe's section.

    Raises
    ------
    RecipeError
        In place of the errors by which Keras and NumPy refuse values.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RecipeError(f"section [{section}] holds a value that cannot be used: {first_line(error)}") from error


def build_section(
    name: str, section: Mapping[str, Any], kinds: Mapping[str, Callable[..., Built]], *arguments: Any
) -> Built:
    """Build what a section of a recipe describes.

    Parameters
    ----------
    name
        The section's name, for errors.
    section
        Its keys; ``kind`` chooses the function, the others are the function's keyword arguments.
    kinds
        The functions by kind.
    arguments
        Positional arguments of every kind.

    Raises
    ------
    RecipeError
        If the kind is not known, or it takes other keys.
    """
    settings = dict(section)
    kind = settings.pop("kind")
    if kind not in kinds:
        raise RecipeError(f"{name} kind {kind!r} is not known; use {', '.join(kinds)}")
    try:
        inspect.signature(kinds[kind]).bind(*arguments, **settings)
    except TypeError as error:
        raise RecipeError(f"{name} {kind!r}: {error}") from error
    return kinds[kind](*arguments, **settings)


def _check(recipe: Recipe, where: str) -> None:
    for key in ("name", "trained_on", "license", "start", "reported"):
        if not isinstance(getattr(recipe, key), str):
            raise RecipeError(f"{where}{key}={getattr(recipe, key)!r}; it must be a text")
    if recipe.normalization not in get_args(Normalization):
        kinds = " or ".join(map(repr, get_args(Normalization)))
        raise RecipeError(f"{where}normalization={recipe.normalization!r}; it must be {kinds}")
    if not isinstance(recipe.noise, dict):
        raise RecipeError(f"{where}noise={recipe.noise!r}; it must be a section [noise]")
    schedule = recipe.schedule
    check_number(f"{where}seed", recipe.seed, 0, LARGEST_SEED, whole=True)
    check_number(f"{where}window", recipe.window, 2, LONGEST_WINDOW, whole=True)
    check_number(f"{where}hop", recipe.hop, 1, recipe.window, whole=True)
    check_number(f"{where}epochs", schedule.epochs, 1, whole=True)
    check_number(f"{where}batch_size", schedule.batch_size, 1, whole=True)
    check_number(f"{where}batches_per_epoch", schedule.batches_per_epoch, 0, whole=True)
    check_number(f"{where}warm_up_batches", schedule.warm_up_batches, 0, whole=True)
    check_number(f"{where}minutes", schedule.minutes, 0)
    check_number(f"{where}learning_rate", recipe.optimizer.learning_rate, 0, above=True)
    check_number(f"{where}weight_decay", recipe.optimizer.weight_decay, 0, 1)
    check_number(f"{where}averaging", recipe.optimizer.averaging, 0, 0.9999)
    check_number(f"{where}clip_norm", recipe.optimizer.clip_norm, 0)
    for key in ("context_past", "context_ahead"):
        try:
            parse_scales(getattr(recipe, key))
        except (AttributeError, TypeError, ValueError) as error:
            raise RecipeError(
                f"{where}{key}={getattr(recipe, key)!r}; it must be SIZExCOUNT of blocks with commas: '5x30,25x30'"
            ) from error
    if recipe.sample_rate_hz is not None:
        check_number(f"{where}sample_rate_hz", recipe.sample_rate_hz, 0, above=True)
    for key, value in recipe.flat().items():
        if isinstance(value, str) and value.encode(errors="ignore").decode() != value:  # a lone surrogate
            raise RecipeError(f"{where}{key}={printable(value)!r} is not valid Unicode text; rename the file")


def _build(kind: type, table: Mapping[str, Any], where: str) -> Any:
    known = {item.name for item in fields(kind)}
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: key {key!r} is not known; use {', '.join(sorted(known))}")
    try:
        return kind(**table)
    except TypeError as error:
        missing = str(error).rpartition(": ")[2]
        raise RecipeError(f"{where}: missing: {missing}") from error
