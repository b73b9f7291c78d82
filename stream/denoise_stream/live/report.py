"""Collect what happened in a live run, for ``--report``."""

from typing import Any

from denoise_stream.live.run import LiveRun
from denoise_stream.runs.report.facts import engine_facts


def live_facts(run: LiveRun) -> dict[str, Any]:
    """Return the facts of a run that has ended."""
    session, tally, rate = run.session, run.tally, run.sample_rate_hz
    median_ms, high_ms = session.compute_ms()
    signal_s = tally.samples / rate
    engine = engine_facts(run.denoiser, rate, session.stream.latency_samples, session.stream.lookahead_samples)
    return engine | {
        "mix": run.mix,  # as it is at the end
        "microphone": run.microphone.name,
        "loudspeaker": None if run.loudspeaker is None else run.loudspeaker.name,
        "channels": run.settings.channels,
        "device_latency_ms": 1000 * session.device_latency_s,
        "buffer_latency_ms": 1000 * session.buffer_latency_s,
        "total_latency_ms": 1000 * session.latency_s,
        "block_ms": 1000 * session.block_samples / rate,
        "samples_in": tally.samples,
        "recorded_samples": 0 if run.recorder is None else run.recorder.samples,
        "duration_s": signal_s,
        "compute_time_s": tally.compute_time_s,
        "rtf": tally.compute_time_s / signal_s if signal_s else None,
        "compute_per_hop_ms": {"median": median_ms, "p99": high_ms, "budget": run.budget_ms},
        "reconnects": run.reconnects,
        "away_s": run.away_s,
        "losses": vars(tally.losses),
        "events": dict(tally.counts),
    }
