"""Read the options of a live run."""

import math
from typing import TYPE_CHECKING

from denoise_stream.cli.ends.ends import Ends
from denoise_stream.cli.options import LIVE

if TYPE_CHECKING:
    from denoise_stream.live.run import LiveSettings


def live_settings(ends: Ends) -> "LiveSettings | None":
    """Return the settings of a live run; None if the source is not a microphone.

    Raises
    ------
    ValueError
        If a live option is out of range, or given for a file or pipe.
    """
    options = ends.options
    if options.duration is not None and not options.duration > 0:
        raise ValueError(f"--duration {options.duration:g} is too short; use a number of seconds above 0")
    if ends.source not in LIVE:
        live = {
            "--device": options.device,
            "--latency": options.latency,
            "--duration": None if ends.is_sensor else options.duration,
            "--reconnect": None if ends.is_sensor or ends.sink_address is not None else options.reconnect,
            "--output-device": options.output_device if ends.sink != "speaker" and not options.listen else None,
        }
        for name, value in live.items():
            if value is not None:
                raise ValueError(f"{name} applies to a live run; use it with --input mic")
        return None
    from denoise_stream.live.run import LiveSettings

    if ends.source == "monitor" and (options.device or options.output_device):
        raise ValueError("--input monitor hears the default loudspeaker; leave out --device and --output-device")
    if options.output_device is not None and ends.sink != "speaker":
        raise ValueError(f"--output-device plays, but --output is {ends.sink}")
    return LiveSettings(
        device=options.device,
        output_device=options.output_device,
        play=ends.sink == "speaker",
        sample_rate_hz=options.rate,
        channels=options.channels or 1,
        latency=_latency(options.latency),
        duration_s=options.duration,
        reconnect=options.reconnect,
    )


def _latency(latency: str | None) -> str | float | None:
    if latency is None or latency in ("low", "high"):
        return latency
    try:
        seconds = float(latency)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 10:
        raise ValueError(f"--latency {latency} is neither low, high nor a number of seconds from 0 to 10")
    return seconds
