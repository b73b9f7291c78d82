"""The live view at the widths of terminals."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from denoise_stream.contract import Contract
from denoise_stream.live.devices import Device
from denoise_stream.live.display import meter
from denoise_stream.live.display.meter import PeakMeter
from denoise_stream.live.display.view import LiveView, handle_key
from denoise_stream.live.events import LiveState, Losses

MICROPHONE = Device(3, "a microphone with quite a long name", "ALSA", 1, 0, 48000.0, True, False)
LOUDSPEAKER = Device(4, "a loudspeaker with quite a long name", "ALSA", 0, 2, 48000.0, False, True)
SPEECH = Contract("speech", 150, 75, sample_rate_hz=16000.0, state_size=748)


def view_of(columns: int, mix: float = 1.0, is_speech: bool | None = True) -> LiveView:
    state = LiveState(input_rms=0.05, output_rms=0.03, dry_power=0.0025, wet_power=0.0009)
    session = SimpleNamespace(
        state=state,
        compute_ms=lambda: (0.62, 1.2),
        stream=SimpleNamespace(latency_samples=542),
        latency_s=0.0613,
        buffer_latency_s=0.0171,
    )
    run = SimpleNamespace(
        denoiser=SimpleNamespace(contract=SPEECH, hop=75, max_attenuation_db=12.0, gate_db=20.0),
        settings=SimpleNamespace(channels=1),
        microphone=MICROPHONE,
        loudspeaker=LOUDSPEAKER,
        sample_rate_hz=48000.0,
        session=session,
        mix=mix,
        hears_speech=is_speech,
        budget_ms=4.69,
        elapsed_s=61.0,
        losses=Losses(output_ms=330, skipped_ms=310),
    )
    run.fade_to = lambda mix: setattr(run, "mix", mix)
    return LiveView(run, "denoise-stream: microphone to speaker", Console(file=io.StringIO(), width=columns))


def lines_of(view: LiveView) -> list[str]:
    console = view._live.console
    with console.capture() as captured:
        console.print(view.screen())
    return captured.get().splitlines()


def test_facts_name_the_devices_the_model_and_the_parts_of_the_latency():
    lines = [" ".join(line.split()) for line in lines_of(view_of(140))]
    assert lines[2:9] == [
        "microphone 3 a microphone with quite a long name (ALSA), 48000 Hz, 1 channel",
        "loudspeaker 4 a loudspeaker with quite a long name (ALSA)",
        "model speech, window 150, hop 75; the band above 8000 Hz follows its gain",
        "limit at most 12 dB taken away",
        "gate 20 dB between words",
        "latency 11.3 ms model + 32.9 ms devices + 17.1 ms buffer = 61.3 ms",
        "budget 4.69 ms to compute each hop",
    ]


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_screen_fits_and_keeps_its_figures(columns):
    view = view_of(columns)
    view._messages = ["5 s: 330 ms of output silent; if this continues, use --latency 0.04 or close other programs"]
    lines = lines_of(view)
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for words in (
        "microphone ",
        "61.3 ms",
        "0.62",
        "330 ms of output silent, 310 ms skipped",
        "-26",
        "4.4 dB",
        "voice speech",
        "1:01",
    ):
        assert words in text
    assert "--latency 0.04 or close other programs" in text
    assert ("dBFS" in text) == (columns > 50)


def test_removed_is_hidden_while_the_denoiser_is_off():
    removed = next(line for line in lines_of(view_of(80, mix=0.0)) if line.startswith("removed"))
    assert "dB" not in removed


def test_voice_is_not_shown_where_the_model_knows_none():
    assert not any(line.startswith("voice") for line in lines_of(view_of(80, is_speech=None)))


def test_question_mark_lists_the_keys_and_hides_them_again():
    view = view_of(80)
    for is_shown in (True, False):
        assert handle_key("?", view._run, view, 1.0) == (True, 1.0)
        assert ("denoiser on or off" in "\n".join(lines_of(view))) == is_shown


def test_meter_holds_the_peak_and_marks_what_was_clipped(monkeypatch):
    now = 0.0
    monkeypatch.setattr(meter.time, "monotonic", lambda: now)
    bar = PeakMeter()
    assert "CLIP" not in bar.draw(-20.0, 0.5, 60).plain
    loud = bar.draw(-20.0, 1.0, 60).plain
    assert "CLIP" in loud
    now = 1.0
    assert bar.draw(-50.0, 0.01, 60).plain.index("▌") == loud.index("▌")
    now = 5.0
    quiet = bar.draw(-50.0, 0.01, 60).plain
    assert "CLIP" not in quiet
    assert quiet.index("▌") < loud.index("▌")


@pytest.mark.parametrize("level_db", [-120.0, -60.0, -0.5, 3.0])
@pytest.mark.parametrize("width", [37, 67, 107])
def test_meter_keeps_its_width(level_db, width):
    assert len(PeakMeter().draw(level_db, 10 ** (level_db / 20), width).plain) == width
