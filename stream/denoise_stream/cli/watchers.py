"""The observers of a signal while it is denoised, as the options ask for them."""

from denoise_stream.cli.options import Options
from denoise_stream.engine.denoiser import Denoiser
from denoise_stream.files.protocols import Source
from denoise_stream.live.listening import Listener
from denoise_stream.native_messages import native_messages_hidden
from denoise_stream.runs.changes import ChangeMeter
from denoise_stream.runs.plots import BeforeAfterPlot
from denoise_stream.runs.report.facts import LevelMeter, engine_facts
from denoise_stream.runs.report.words import engine_in_words
from denoise_stream.runs.run import Observer, Stream
from denoise_stream.runs.series import SeriesChanges, SeriesStream


class Watchers:
    """The observers of the input and the output: meters, the picture, and what is played."""

    def __init__(
        self,
        signal: Source,
        stream: Stream,
        denoiser: Denoiser,
        options: Options,
        *,
        sound: bool,
    ) -> None:
        several = options.series_column is not None  # whose rows are not neighbours in time
        sample_rate_hz = stream.sample_rate_hz
        stamp_at = getattr(signal, "stamp_at", None)
        peaks = not sound and not options.keep_peaks
        self.names = _channel_names(signal)
        self.levels = LevelMeter(signal.channels)
        self.changes: ChangeMeter | SeriesChanges
        if isinstance(stream, SeriesStream):
            self.changes = SeriesChanges(stream, peaks=peaks, stamp_at=stamp_at)
        else:
            self.changes = ChangeMeter(
                signal.channels, peaks=peaks, noise=not sound, sample_rate_hz=sample_rate_hz, stamp_at=stamp_at
            )
        self.picture: BeforeAfterPlot | None = None
        self.listener: Listener | None = None
        if options.plot is not None:
            engine = engine_in_words(
                engine_facts(denoiser, sample_rate_hz, stream.latency_samples, stream.lookahead_samples)
            )
            note = f"; rows of several {options.series_column}, in the table's order" if several else ""
            self.picture = BeforeAfterPlot(
                self.names,
                None if several else sample_rate_hz,
                f"{signal.name}, before and after",
                units=getattr(signal, "column_units", ()),
                subtitle=f"{engine}{note}",
                sound=sound,
                start=getattr(signal, "start", None),
                seconds_at=getattr(signal, "seconds_at", None),
            )
        if options.listen and sample_rate_hz is not None:
            with native_messages_hidden():
                self.listener = Listener(options.output_device, signal.channels, sample_rate_hz)

    @property
    def all(self) -> list[Observer]:
        """The observers that were asked for."""
        possible = (self.levels, self.changes, self.picture, self.listener)
        return [watcher for watcher in possible if watcher is not None]


def _channel_names(signal: Source) -> list[str]:
    """Return the columns' names, or the channels' numbers."""
    names: list[str] | None = getattr(signal, "column_names", None)
    if names is not None:
        return names
    return ["signal"] if signal.channels == 1 else [f"channel {index + 1}" for index in range(signal.channels)]
