"""A LADSPA host: loads a plug-in and runs it on arrays, in blocks of any lengths."""

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

INPUT, OUTPUT, CONTROL, AUDIO = 1, 2, 4, 8


class PortRange(ctypes.Structure):
    _fields_ = [("hints", ctypes.c_int), ("lower", ctypes.c_float), ("upper", ctypes.c_float)]


class Descriptor(ctypes.Structure):
    pass


ON_INSTANCE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong)
Descriptor._fields_ = [
    ("id", ctypes.c_ulong),
    ("label", ctypes.c_char_p),
    ("properties", ctypes.c_int),
    ("name", ctypes.c_char_p),
    ("maker", ctypes.c_char_p),
    ("copyright", ctypes.c_char_p),
    ("port_count", ctypes.c_ulong),
    ("ports", ctypes.POINTER(ctypes.c_int)),
    ("port_names", ctypes.POINTER(ctypes.c_char_p)),
    ("port_ranges", ctypes.POINTER(PortRange)),
    ("data", ctypes.c_void_p),
    ("instantiate", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Descriptor), ctypes.c_ulong)),
    ("connect_port", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p)),
    ("activate", ON_INSTANCE),
    ("run", RUN),
    ("run_adding", ctypes.c_void_p),
    ("set_run_adding_gain", ctypes.c_void_p),
    ("deactivate", ctypes.c_void_p),
    ("cleanup", ON_INSTANCE),
]


def descriptors(library: Path) -> Iterator[Descriptor]:
    """The plug-ins of a library."""
    find = ctypes.CDLL(str(library)).ladspa_descriptor
    find.restype = ctypes.POINTER(Descriptor)
    find.argtypes = [ctypes.c_ulong]
    index = 0
    while found := find(index):
        yield found.contents
        index += 1


class Instance:
    """One running plug-in, its controls at their defaults."""

    def __init__(self, library: Path, label: str, rate_hz: int) -> None:
        self._type = next(one for one in descriptors(library) if one.label == label.encode())
        self._handle = self._type.instantiate(self._type, rate_hz)
        assert self._handle, f"{label} refuses {rate_hz} Hz"
        names = [self._type.port_names[at].decode() for at in range(self._type.port_count)]
        kinds = [self._type.ports[at] for at in range(self._type.port_count)]
        self.controls = {}
        for port, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            if kind & CONTROL:
                limits = self._type.port_ranges[port]
                standard = limits.upper if limits.hints & 0x3C0 == 0x140 else limits.lower
                self.controls[name] = ctypes.c_float(standard)
                self._type.connect_port(self._handle, port, ctypes.byref(self.controls[name]))
        self._audio = {way: [at for at, kind in enumerate(kinds) if kind == AUDIO | way] for way in (INPUT, OUTPUT)}
        self.reset()

    def reset(self) -> None:
        self._type.activate(self._handle)

    def close(self) -> None:
        self._type.cleanup(self._handle)

    def set(self, **controls: float) -> None:
        names = {"mix": "Mix", "max_attenuation_db": "Max attenuation (dB)", "gate_db": "Gate (dB)"}
        for name, value in controls.items():
            self.controls[names[name]].value = value

    @property
    def latency(self) -> int:
        self._type.run(self._handle, 0)
        return int(self.controls["latency"].value)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Run one block ``(n, channels)`` in place, as hosts may."""
        block = np.array(samples.T, np.float32, order="C")
        for way in (INPUT, OUTPUT):
            for port, channel in zip(self._audio[way], block, strict=True):
                self._type.connect_port(self._handle, port, channel.ctypes.data_as(ctypes.c_void_p))
        self._type.run(self._handle, block.shape[1])
        return block.T

    def denoise(self, samples: np.ndarray, blocks: Iterable[int]) -> np.ndarray:
        """Run a signal ``(n, channels)`` in blocks of these lengths, again and again; return it less the latency."""
        parts, start, lengths = [], 0, list(blocks)
        while start < len(samples):
            for length in lengths:
                parts.append(self.process(samples[start : start + length]))
                start += length
        return np.concatenate(parts)[self.latency :]


def talk(rate_hz: int, seconds: float = 1.0, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Noise under tones that come and go, below and above the range of a 16 kHz model, ``(n, channels)`` float32."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in (200, 900, 3500, 0.21 * rate_hz)]
    speaking = (time_s % 0.7 < 0.2)[:, None]
    noise = 0.002 * rng.normal(size=(len(time_s), channels))
    return (0.1 * speaking * (np.array(tones).T @ rng.random((4, channels))) + noise).astype(np.float32)
