"""LSL streams, with real outlets and inlets: samples keep their time stamps."""

import time
import uuid

import numpy as np
import pylsl
import pytest

from denoise_stream import Denoiser
from sensors import Port, Program, wait_until

# Six hops of 75: once five of them are written, all samples have been read, and none is under way when a run is ended.
SAMPLES = np.random.default_rng(0).normal(size=(450, 3)).astype(np.float32)
STAMPS = 1000 + np.arange(450) / 100 + np.random.default_rng(1).uniform(0, 1e-3, 450)


@pytest.fixture
def name() -> str:
    """A name of its own: streams are seen by every program of the network."""
    return f"test {uuid.uuid4().hex[:8]}"


def open_outlet(name: str, source_id: str = "", kind: str = "float32") -> pylsl.StreamOutlet:
    info = pylsl.StreamInfo(name, "EEG", 3, 100, kind, source_id)
    info.set_channel_labels(["Fp1", "Fp2", "counter"])
    info.set_channel_units(["microvolts"] * 3)
    return pylsl.StreamOutlet(info)


def open_inlet(name: str) -> pylsl.StreamInlet:
    found = pylsl.resolve_byprop("name", name, timeout=30)
    assert found
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(30)
    return inlet


def pull(inlet: pylsl.StreamInlet, count: int) -> tuple[np.ndarray, np.ndarray]:
    samples, stamps = [], []

    def all_there() -> bool:
        more, times = inlet.pull_chunk(0.0)
        samples.extend(more)
        stamps.extend(times)
        return len(stamps) >= count

    wait_until(all_there, f"{count} samples")
    return np.array(samples), np.array(stamps)


def push(outlet: pylsl.StreamOutlet, part: slice = slice(None)) -> None:
    assert outlet.wait_for_consumers(60), "nobody listens: what is sent now would be lost"
    for sample, stamp in zip(SAMPLES[part].tolist(), STAMPS[part].tolist(), strict=True):
        outlet.push_sample(sample, stamp)


def test_samples_keep_their_stamps_names_and_the_channels_that_are_not_denoised(name, models):
    outlet = open_outlet(name)
    options = ["--columns", "Fp1,Fp2", "--model", models["smoother"]]
    program = Program("--input", f"lsl:{name}", "--output", f"lsl:{name} clean", *options)
    program.wait_for("reading LSL stream")
    inlet = open_inlet(f"{name} clean")
    full = inlet.info(30)
    assert (full.get_channel_labels(), full.get_channel_units()) == (["Fp1", "Fp2", "counter"], ["microvolts"] * 3)
    assert (full.type(), full.nominal_srate(), full.channel_format()) == ("EEG", 100, pylsl.cf_float32)
    push(outlet)
    samples, stamps = pull(inlet, 375)
    assert program.end() == 0
    rest, rest_stamps = pull(inlet, 450 - len(stamps))
    samples = np.concatenate((samples, rest))
    assert np.concatenate((stamps, rest_stamps)).tolist() == STAMPS.tolist()
    np.testing.assert_array_equal(samples[:, 2], SAMPLES[:, 2])
    np.testing.assert_allclose(samples[:, :2], Denoiser(models["smoother"]).denoise(SAMPLES[:, :2]), atol=1e-6)


def test_sender_that_goes_is_waited_for_and_what_it_sent_is_written_as_rows(name, models):
    outlet = open_outlet(name)
    program = Program("--input", f"lsl:{name}", "--model", models["identity"])
    program.wait_for("reading LSL stream")
    push(outlet, slice(0, 225))
    program.wait_for_lines(151)
    del outlet
    program.wait_for("is lost (its sender has gone); trying to reconnect")
    outlet = open_outlet(name)
    program.wait_for("is back after")
    push(outlet, slice(225, 450))
    program.wait_for_lines(376)
    assert program.end() == 0
    header, *rows = program.written.decode().splitlines()
    assert header == "time,Fp1,Fp2,counter"
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert table[:, 0].tolist() == STAMPS.tolist()
    np.testing.assert_allclose(table[:, 1:], SAMPLES, atol=1e-6)


@pytest.mark.slow
def test_regular_sender_that_lsl_itself_waits_for_is_told_of(name, models):
    outlet = open_outlet(name, "the same")
    program = Program("--input", f"lsl:{name}", "--model", models["identity"])
    program.wait_for("reading LSL stream")
    push(outlet, slice(0, 225))
    program.wait_for_lines(151)
    program.wait_for("is lost (silent for 5 s); trying to reconnect")
    push(outlet, slice(225, 450))
    program.wait_for("is back after")
    program.wait_for_lines(376)
    assert program.end() == 0
    assert program.written.count(b"\n") == 451


def test_rows_of_a_serial_port_are_stamped_with_the_time_of_their_arrival(name, folder, models):
    port = Port(folder / "port")
    address = f"serial:{port.path}@115200"
    program = Program("--input", address, "--output", f"lsl:{name}", "--model", models["identity"])
    program.wait_for("reading serial port")
    before = pylsl.local_clock()
    port.send(b"temp\n" + b"".join(b"%.2f\n" % value for value in SAMPLES[:140, 0]))
    between = pylsl.local_clock()
    inlet = open_inlet(name)
    time.sleep(0.2)
    port.send(b"".join(b"%.2f\n" % value for value in SAMPLES[140:, 0]))
    after = pylsl.local_clock()
    samples, stamps = pull(inlet, 375)
    assert program.end() == 0
    assert before <= stamps[0] <= stamps[139] <= between < stamps[140] <= stamps[-1] <= after
    np.testing.assert_allclose(samples[:, 0], SAMPLES[:375, 0], atol=0.6e-2)


def test_stream_that_is_not_there_is_refused_with_those_that_are(name, call, folder, monkeypatch):
    monkeypatch.setattr("denoise_stream.sensors.lsl.FOUND_WITHIN_S", 1.0)
    outlet = open_outlet(name)
    status, said = call("--input", "lsl:nothing of that name")
    assert status == 1
    assert "no LSL stream called nothing of that name appeared in 1 s; there are " in said
    assert name in said
    del outlet


def test_two_streams_of_a_name_and_streams_of_text_are_refused(name, call, folder):
    text = open_outlet(name, kind="string")
    status, said = call("--input", f"lsl:{name}")
    assert (status, "holds text, such as the markers of an experiment" in said) == (1, True)
    other = open_outlet(name)
    status, said = call("--input", f"lsl:{name}")
    assert (status, f"2 LSL streams are called {name} (on " in said) == (1, True)
    del text, other
