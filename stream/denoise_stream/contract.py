"""The contract: the metadata and tensors that a model file must have, and their check."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, cast

from denoise_stream.errors import ContractError, quoted

CONTRACT_VERSION = "1"
CONTEXT_CONTRACT_VERSION = "2"
"""Of models that take a context beside the window; all others are of version 1."""

LONGEST_WINDOW = 65_536
LONGEST_CONTEXT = 1 << 20
"""Samples on each side of a window."""

MOST_NUMBERS = 65_536
"""Numbers in a state, a context, a code or a forecast."""

Normalization = Literal["minmax", "none", "standard"]
Kind = Literal["signal", "image", "code", "forecast"]

OUTPUTS: dict[Kind, str] = {"signal": "clean", "image": "clean", "code": "code", "forecast": "forecast"}
"""The name of what a model gives, by its kind."""

Tensor = tuple[str, str, Sequence[int | str | None]]
"""Name, onnxruntime type (``tensor(float)``) and shape of one input or output."""


class Blocks(NamedTuple):
    """One scale of a context: ``number`` blocks in a row, each the mean of ``size`` samples."""

    size: int
    number: int

    @property
    def samples(self) -> int:
        """How far they reach from the window, in samples."""
        return self.size * self.number

    def __str__(self) -> str:
        return f"{self.size}x{self.number}"


@dataclass(frozen=True)
class Contract:
    """What a model's metadata states.

    Attributes
    ----------
    name
        The model's own name.
    window
        Samples per window.
    hop
        Recommended samples between window starts, 1 to ``window``.
    normalization
        ``"minmax"``: the caller scales each window to [0, 1]; ``"standard"``, for images and codes only: to mean 0 and
        standard deviation 1; ``"none"``: samples as they are.
    sample_rate_hz
        Rate the model was trained for, in Hz; None means any.
    state_size
        Numbers a stateful model carries from window to window; 0 for a stateless model.
    license, trained_on, training_recipe
        Where the model comes from, in words.
    kind
        What the model is for: ``"signal"`` and ``"image"`` give back what they get, denoised; ``"code"``, an encoder,
        and ``"forecast"`` give ``output_size`` numbers for a window.
    shape
        Height and width of the image that a window is, line by line; empty where it is none.
    output_size
        Numbers that a code or forecast has; 0 for other kinds.
    context_past, context_ahead
        The scales of the context before and after each window; see :mod:`denoise_stream.engine.context`. Both empty:
        the model takes no context.
    """

    name: str
    window: int
    hop: int
    normalization: Normalization = "minmax"
    sample_rate_hz: float | None = None
    state_size: int = 0
    license: str = ""
    trained_on: str = ""
    training_recipe: str = ""
    kind: Kind = "signal"
    shape: tuple[int, ...] = ()
    output_size: int = 0
    context_past: tuple[Blocks, ...] = ()
    context_ahead: tuple[Blocks, ...] = ()

    @property
    def version(self) -> str:
        """The contract's version: "2" for a model with a context, else "1"."""
        return CONTEXT_CONTRACT_VERSION if self.context_size else CONTRACT_VERSION

    @property
    def context_size(self) -> int:
        """Length of a window's context: two numbers, a mean and a known share, for each block."""
        return 2 * sum(blocks.number for blocks in (*self.context_past, *self.context_ahead))

    @property
    def past_samples(self) -> int:
        """Samples before a window that its context covers."""
        return max((blocks.samples for blocks in self.context_past), default=0)

    @property
    def most_lookahead_samples(self) -> int:
        """Longest look-ahead that the model can use, in samples after a window."""
        return max((blocks.samples for blocks in self.context_ahead), default=0)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], file: str) -> "Contract":
        """Read the contract from an ONNX file's metadata.

        Parameters
        ----------
        metadata
            The file's ``metadata_props``.
        file
            The file's name, for error messages.

        Raises
        ------
        ContractError
            If a key is missing or its value is not allowed; the sentence names the key, the value
            found and the value needed.
        """

        def text(key: str, needed: str) -> str:
            if key not in metadata:
                raise ContractError(f"{file}: metadata key {key!r} is missing; needed: {needed}")
            return metadata[key]

        def whole_number(key: str, low: int, high: int) -> int:
            needed = f"a whole number from {low} to {high}"
            found = text(key, needed)
            try:
                number = int(found)
            except ValueError:
                number = low - 1
            if not low <= number <= high:
                raise ContractError(f"{file}: metadata {key}={quoted(found)}; needed: {needed}")
            return number

        needed_version = f"{CONTRACT_VERSION!r} or {CONTEXT_CONTRACT_VERSION!r}"
        version = text("contract_version", needed_version)
        if version not in (CONTRACT_VERSION, CONTEXT_CONTRACT_VERSION):
            raise ContractError(f"{file}: metadata contract_version={quoted(version)}; needed: {needed_version}")
        window = whole_number("window", 2, LONGEST_WINDOW)
        kind = _kind(metadata.get("kind", "signal"), file)
        allowed = ["minmax", "none"] if kind == "signal" else ["minmax", "standard", "none"]
        needed = f"{', '.join(map(repr, allowed[:-1]))} or {allowed[-1]!r}"
        found = text("normalization", needed)
        if found not in allowed:
            raise ContractError(f"{file}: metadata normalization={quoted(found)}; needed: {needed}")
        contract = cls(
            name=text("name", "the model's name"),
            window=window,
            hop=whole_number("hop", 1, window),
            normalization=cast(Normalization, found),
            sample_rate_hz=_sample_rate_hz(text("sample_rate_hz", "a rate in Hz or 'any'"), file),
            state_size=whole_number("state_size", 0, MOST_NUMBERS) if "state_size" in metadata else 0,
            license=metadata.get("license", ""),
            trained_on=metadata.get("trained_on", ""),
            training_recipe=metadata.get("training_recipe", ""),
            kind=kind,
            shape=_shape(metadata.get("shape", ""), kind, window, file),
            output_size=whole_number("output_size", 1, MOST_NUMBERS) if kind in ("code", "forecast") else 0,
            context_past=_scales("context_past", metadata, file) if version == CONTEXT_CONTRACT_VERSION else (),
            context_ahead=_scales("context_ahead", metadata, file) if version == CONTEXT_CONTRACT_VERSION else (),
        )
        if contract.context_size > MOST_NUMBERS:
            raise ContractError(f"{file}: its context has {contract.context_size} numbers; {MOST_NUMBERS} is the most")
        if version == CONTEXT_CONTRACT_VERSION:
            contract.check_context(file)
        return contract

    def check_context(self, file: str) -> None:
        """Check that a model with a context is one that the engine can run.

        Raises
        ------
        ContractError
            If it has no context, or a state, or is not for scaled windows of a signal.
        """
        if not self.context_size:
            raise ContractError(
                f"{file}: metadata context_past=''; needed with a context: scales, such as '5x30,25x30'"
            )
        for key, found, needed in (
            ("kind", self.kind, "signal"),
            ("normalization", self.normalization, "minmax"),
            ("state_size", str(self.state_size), "0"),
        ):
            if found != needed:
                raise ContractError(f"{file}: metadata {key}={quoted(found)}; needed with a context: {needed!r}")

    def facts(self) -> dict[str, Any]:
        """Return the contract as a dictionary, without the fields of other kinds of models."""
        absent = {"kind": "signal", "shape": (), "output_size": 0, "context_past": "", "context_ahead": ""}
        scales = {key: ",".join(map(str, getattr(self, key))) for key in ("context_past", "context_ahead")}
        facts = asdict(self) | scales
        return {key: value for key, value in facts.items() if key not in absent or value != absent[key]}

    def to_metadata(self) -> dict[str, str]:
        """Return the contract as the strings that an ONNX file's metadata holds."""
        facts = {key: str(value) for key, value in self.facts().items()}
        facts["sample_rate_hz"] = "any" if self.sample_rate_hz is None else repr(self.sample_rate_hz).removesuffix(".0")
        if self.shape:
            facts["shape"] = "x".join(str(side) for side in self.shape)
        return {"contract_version": self.version, **facts}

    def check_tensors(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], file: str) -> None:
        """Check that the graph's inputs and outputs are those the contract asks for.

        Raises
        ------
        ContractError
            The sentence names the tensor, what was found and what is needed.
        """
        stateful = self.state_size > 0
        needed_inputs = {"noisy": self.window}
        needed_inputs |= {"state": self.state_size} if stateful else {}
        needed_inputs |= {"context": self.context_size} if self.context_size else {}
        sides = (
            ("input", inputs, needed_inputs),
            (
                "output",
                outputs,
                {OUTPUTS[self.kind]: self.output_size or self.window}
                | ({"state_out": self.state_size} if stateful else {}),
            ),
        )
        for side, tensors, needed in sides:
            names = [name for name, _, _ in tensors]
            if sorted(names) != sorted(needed):
                raise ContractError(
                    f"{file}: the graph's {side}s are {', '.join(names)}; needed: {', '.join(needed)}"
                    f" (state_size={self.state_size}, context_size={self.context_size})"
                )
            for name, kind, shape in tensors:
                if kind != "tensor(float)":
                    raise ContractError(f"{file}: {side} {name!r} is {kind}; needed: tensor(float)")
                if len(shape) != 2 or isinstance(shape[0], int) or shape[1] != needed[name]:
                    found = ", ".join(str(size) for size in shape)
                    raise ContractError(
                        f"{file}: {side} {name!r} has shape [{found}]; "
                        f"needed: [batch, {needed[name]}] with a free batch size"
                    )


def _kind(found: str, file: str) -> Kind:
    if found not in OUTPUTS:
        raise ContractError(f"{file}: metadata kind={quoted(found)}; needed: {', '.join(OUTPUTS)}")
    return found


def parse_scales(text: str) -> tuple[Blocks, ...]:
    """Read the scales of a context, ``SIZExCOUNT`` with commas; ValueError if they are none, or too long.

    >>> parse_scales("5x30,25x30")
    (Blocks(size=5, number=30), Blocks(size=25, number=30))
    """
    scales = tuple(Blocks(*(int(number) for number in part.split("x"))) for part in text.split(",") if text)
    if any(min(blocks) < 1 or blocks.samples > LONGEST_CONTEXT for blocks in scales):
        raise ValueError(f"{text!r} holds a scale without samples, or one of more than {LONGEST_CONTEXT}")
    return scales


def _scales(key: str, metadata: Mapping[str, str], file: str) -> tuple[Blocks, ...]:
    found = metadata.get(key, "")
    try:
        return parse_scales(found)
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"{file}: metadata {key}={quoted(found)}; needed: SIZExCOUNT of blocks with commas, such as '5x30,25x30', "
            f"{LONGEST_CONTEXT} samples at most"
        ) from error


def _shape(found: str, kind: Kind, window: int, file: str) -> tuple[int, ...]:
    """Read the shape of images, ``HEIGHTxWIDTH``; only they must have one."""
    if not found and kind != "image":
        return ()
    sides = found.split("x")
    if len(sides) == 2 and all(side.isdecimal() for side in sides) and int(sides[0]) * int(sides[1]) == window:
        return int(sides[0]), int(sides[1])
    raise ContractError(f"{file}: metadata shape={quoted(found)}; needed: HEIGHTxWIDTH, {window} pixels in all")


def _sample_rate_hz(found: str, file: str) -> float | None:
    if found == "any":
        return None
    try:
        rate = float(found)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise ContractError(f"{file}: metadata sample_rate_hz={quoted(found)}; needed: a rate in Hz or 'any'")
    return rate
