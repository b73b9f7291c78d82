"""Describe a live run: facts about its devices and model, and a line for its state."""

import math
from typing import NamedTuple

from denoise_stream.engine.rates.high_band import follows_above_hz
from denoise_stream.live.run import LiveRun
from denoise_stream.runs.report.quantities import counted


class Fact(NamedTuple):
    """A name, its value, and a short value for narrow terminals."""

    name: str
    value: str
    narrow: str = ""

    @property
    def short(self) -> str:
        """The value for a narrow terminal."""
        return self.narrow or self.value


def facts(run: LiveRun) -> list[Fact]:
    """Return what is shown of a run beside its levels."""
    denoiser, contract, rate = run.denoiser, run.denoiser.contract, run.sample_rate_hz
    microphone = f"{run.microphone}, {rate:g} Hz, {counted(run.settings.channels, 'channel')}"
    above_hz = follows_above_hz(rate, contract.sample_rate_hz)
    above = f"; the band above {above_hz:g} Hz follows its gain" if above_hz else ""
    model = f"{contract.name}, window {contract.window}, hop {denoiser.hop}"
    found = [
        Fact("microphone", microphone, run.microphone.name),
        Fact("loudspeaker", "none")
        if run.loudspeaker is None
        else Fact("loudspeaker", str(run.loudspeaker), run.loudspeaker.name),
        Fact("model", model + above, contract.name),
    ]
    if denoiser.max_attenuation_db is not None:
        limit = f"at most {denoiser.max_attenuation_db:g} dB"
        found.append(Fact("limit", f"{limit} taken away", limit))
    if denoiser.gate_db is not None:
        found.append(Fact("gate", f"{denoiser.gate_db:g} dB between words"))
    return [*found, _latency(run), Fact("budget", f"{run.budget_ms:.2f} ms to compute each hop")]


def _latency(run: LiveRun) -> Fact:
    """Describe the latency now, and its parts."""
    total_ms = 1000 * run.session.latency_s
    model_ms = 1000 * run.session.stream.latency_samples / run.sample_rate_hz
    buffer_ms = 1000 * run.session.buffer_latency_s
    device_ms = max(0.0, total_ms - model_ms - buffer_ms)
    buffer = f" + {buffer_ms:.1f} ms buffer" if run.loudspeaker is not None else ""
    parts = f"{model_ms:.1f} ms model + {device_ms:.1f} ms devices{buffer}"
    return Fact("latency", f"{parts} = {total_ms:.1f} ms", f"{total_ms:.1f} ms")


def plain_line(run: LiveRun) -> str:
    """Describe the state of a run in one line."""
    median_ms, high_ms = run.session.compute_ms()
    state = run.session.state
    latency = f"latency {1000 * run.session.latency_s:.0f} ms, " if run.loudspeaker is not None else ""
    return (
        f"{run.elapsed_s:.0f} s: in {decibels(state.input_rms):.0f} dBFS, out {decibels(state.output_rms):.0f} dBFS, "
        f"{latency}{median_ms:.2f} ms per hop (p99 {high_ms:.2f}) of {run.budget_ms:.2f} ms, {run.losses}"
    )


def decibels(rms: float) -> float:
    """Convert a root mean square to dBFS, -120 at the least."""
    return max(-120.0, 20 * math.log10(max(rms, 1e-12)))
