"""What a plug-in is called, where its files lie, and the command that builds it."""

import re
from dataclasses import dataclass
from pathlib import Path

from denoise_stream.contract import Contract
from denoise_stream.engine.stages import latency_samples

CHANNELS = {"mono": 1, "stereo": 2}
"""The plug-ins in a library, and their channels."""

MODULES = ("denoise", "resampler", "channel", "plugin")
"""The parts in C that every plug-in has; the interface is one more."""

MOST_DB = 100.0
"""Upper end of the controls in dB; a maximum attenuation of that much means no limit."""


MOST_LETTERS = 100
"""Of a model's name that go into the names of files, whose systems allow 255 bytes."""


@dataclass(frozen=True)
class Control:
    """A control of a plug-in, with the range, the default and the meaning of the engine's setting."""

    name: str
    symbol: str
    most: float
    standard: float
    decibels: bool


MIX = Control("Mix", "mix", 1.0, 1.0, False)
MAX_ATTENUATION = Control("Max attenuation (dB)", "max_attenuation", MOST_DB, MOST_DB, True)
GATE = Control("Gate (dB)", "gate", MOST_DB, 0.0, True)


@dataclass(frozen=True)
class Plugin:
    """A plug-in of one model for one interface.

    Attributes
    ----------
    folder
        Where the sources are, and the library once it is built.
    interface
        "ladspa" or "lv2".
    contract
        The model's.
    """

    folder: Path
    interface: str
    contract: Contract

    @property
    def name(self) -> str:
        """The name of files and nodes, such as ``denoise-speech``."""
        return f"denoise-{_words(self.contract.name, '-')}"

    @property
    def label(self) -> str:
        """The stem of the LADSPA labels."""
        return _words(self.contract.name, "_")

    @property
    def uri(self) -> str:
        """The stem of the LV2 addresses."""
        return f"urn:denoise-stream:{_words(self.contract.name, '-')}"

    def identifier(self, kind: str) -> str:
        """Return the name by which programs find the plug-in, mono or stereo."""
        return f"{self.label}_{kind}" if self.interface == "ladspa" else f"{self.uri}:{kind}"

    @property
    def title(self) -> str:
        """What hosts call it."""
        return f"Denoiser: {self.contract.name}"

    @property
    def controls(self) -> list[Control]:
        """The controls in the order of their ports; a model for any rate has no gate between words."""
        return [MIX, MAX_ATTENUATION, *([GATE] if self.contract.sample_rate_hz is not None else [])]

    @property
    def bundle(self) -> Path:
        """What hosts look for: the library itself for LADSPA, the folder round it for LV2."""
        return self.folder / f"{self.name}.{'so' if self.interface == 'ladspa' else 'lv2'}"

    @property
    def library(self) -> Path:
        """The shared library."""
        return self.bundle if self.interface == "ladspa" else self.bundle / f"{self.name}.so"

    def latency_ms(self, rate_hz: float) -> float:
        """Return the delay of the output at a host's rate."""
        contract = self.contract
        return 1000.0 * (latency_samples(contract.window, rate_hz, contract.sample_rate_hz) - 1) / rate_hz

    @property
    def definitions(self) -> list[str]:
        """The compiler's options that set the kind of samples, and the gate of a model that has one."""
        return ["-DDENOISE_SAMPLE=double", *(["-DDENOISE_GATE_DB=0"] if GATE in self.controls else [])]

    def command(self, compiler: str, library: str, optimization: str = "-O3") -> list[str]:
        """Return the command that builds the library, in the folder of the sources."""
        flags = ["-std=c99", optimization, "-fPIC", "-shared", "-fvisibility=hidden", *self.definitions]
        sources = [f"{module}.c" for module in (*MODULES, self.interface)]
        return [compiler, *flags, *sources, "-lm", "-o", library]


def _words(name: str, joint: str) -> str:
    """Reduce a name to letters and digits, which labels, addresses and files can have, and not too many.

    >>> _words("my pump / 3", "_"), _words("Öl", "-"), _words("???", "-")
    ('my_pump_3', 'l', 'model')
    """
    return re.sub(r"[^A-Za-z0-9]+", joint, name).strip(joint)[:MOST_LETTERS].rstrip(joint) or "model"
