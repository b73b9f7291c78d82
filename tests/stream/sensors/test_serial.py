"""Serial ports, over pseudo-terminals: lines come in and go out, and a port that is unplugged is waited for."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import Denoiser
from sensors import Port, Program


@pytest.fixture
def port(folder) -> Port:
    return Port(folder / "port")


# Six hops of 75: once five of them are written, all values have been read, and none is under way when a run is ended.
VALUES = np.round(20 + np.random.default_rng(0).normal(size=450), 2)


def rows(values: np.ndarray, first: int = 0) -> bytes:
    return b"".join(b"%d,%.2f\r\n" % (index, value) for index, value in enumerate(values, first))


def second_column(table: bytes) -> np.ndarray:
    return np.array([float(row.split(b",")[1]) for row in table.splitlines() if row[:1].isdigit()])


def read(port: Port, *arguments: object) -> Program:
    program = Program("--input", f"serial:{port.path}@115200", *arguments)
    program.wait_for("reading serial port")
    return program


@pytest.mark.parametrize(("kind", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_every_row_of_a_port_is_denoised_though_a_signal_ends_the_run(port, models, kind, status):
    program = read(port, "--model", models["smoother"])
    port.send(b"count,temp\r\n" + rows(VALUES))
    program.wait_for_lines(376)
    assert program.end(kind) == status
    header, *_ = program.written.split(b"\r\n")
    assert header == b"count,temp"
    expected = Denoiser(models["smoother"]).denoise(VALUES)
    np.testing.assert_allclose(second_column(program.written), expected, atol=0.51e-3)
    assert b"450 samples" in program.said
    assert b"latency 150 samples" in program.said


def test_port_that_is_unplugged_is_waited_for_and_only_the_row_that_was_cut_is_lost(port, models):
    program = read(port, "--model", models["identity"])
    port.send(b"count,temp\r\n" + rows(VALUES[:225]) + b"225,1")
    program.wait_for_lines(151)
    port.unplug()
    program.wait_for("is lost (")
    port.plug_in()
    program.wait_for("is back after")
    port.send(rows(VALUES[225:], 226))
    program.wait_for_lines(376)
    assert program.end() == 0
    assert b"left out '225,1', a part of a line" in program.said
    np.testing.assert_allclose(second_column(program.written), VALUES, atol=1e-3)


def test_port_that_is_lost_ends_the_run_if_told_so_and_what_came_is_kept(port, folder, models):
    program = read(port, "--no-reconnect", "--model", models["identity"], "--output", "out.csv")
    port.send(rows(VALUES))
    port.unplug()
    assert program.end(None) == 1
    assert b"is lost (" in program.said
    assert b"without --no-reconnect the program waits for it; what had come by then is kept" in program.said
    np.testing.assert_allclose(second_column(Path("out.csv").read_bytes()), VALUES, atol=1e-3)


def test_line_that_was_under_way_when_the_port_opened_is_left_out(folder, monkeypatch, models):
    port = Port(folder / "port")
    program = Program("--input", f"serial:{port.path}@115200", "--model", models["identity"])
    while b"reading" not in program.said:  # so that the port opens in the middle of it
        os.write(port.device, b"77,77.77\r\n")
    program.wait_for("a part of a line")
    program.end()


def test_rows_go_out_through_a_port_and_into_the_same_one(port, models):
    program = read(port, "--output", f"serial:{port.path}@115200", "--model", models["identity"])
    port.send(b"count,temp\r\n" + rows(VALUES[:320]))
    written = port.receive(lines=226)
    assert written.startswith(b"count,temp\r\n0,")
    np.testing.assert_allclose(second_column(written), VALUES[:225], atol=1e-3)
    assert program.end() == 0


def test_bytes_that_are_no_text_are_refused_as_of_another_baud_rate(port, models):
    program = read(port, "--model", models["identity"])
    port.send(bytes(np.random.default_rng(0).integers(128, 256, 100, dtype=np.uint8)))
    assert program.end(None) == 1
    assert b"what arrives is not text" in program.said
    assert b"the device sends at another rate than 115200" in program.said


def test_port_of_which_nothing_came_says_so(port, call, models, monkeypatch):
    monkeypatch.setattr("denoise_stream.sensors.feed.SILENT_S", 0.1)
    status, said = call("--input", f"serial:{port.path}@9600", "--model", models["identity"], "--duration", "0.5")
    assert status == 1
    assert f"serial port {port.path}: nothing has arrived in 0.1 s; is the device on, and 9600 its rate?" in said
    assert said.endswith(f"serial port {port.path}: nothing arrived\n")


def test_port_that_is_not_there_is_refused_with_those_that_are(call, folder):
    status, said = call("--input", f"serial:{folder}/none@9600")
    assert status == 1
    assert f"cannot open serial port {folder}/none: there is no such port; " in said


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("serial:/dev/ttyUSB0", "states no baud rate; write serial:PORT@BAUD"),
        ("serial:/dev/ttyUSB0@fast", "'fast' is not a baud rate; use a whole number such as 115200"),
        ("lsl:", "names no stream; write lsl:NAME"),
        ("mqtt://host", "names no topic; write mqtt://HOST/TOPIC"),
        ("mqtt:///a", "names no host"),
        ("mqtt://host:99999999/a", "is not an address"),
        ("mqtt://host/rooms/+/temp", "names several topics"),
        ("mqtt://me:secret@host/a", "put it into the environment variable DENOISE_MQTT_PASSWORD"),
    ],
)
def test_address_that_lacks_a_part_is_wrong_usage(call, folder, address, sentence):
    status, said = call("--input", address)
    assert status == 2
    assert sentence in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--input", "lsl:A", "--output", "lsl:A"), "is the input too, which would hear itself"),
        (("--input", "lsl:A", "--decimal", ","), "--decimal applies to a table of text"),
        (("--input", "lsl:A", "--output", "a.wav"), "a table stays a table"),
        (("--input", "lsl:A", "--output", "a.tsv"), "end the name in .csv"),
        (("--input", "mic", "--output", "lsl:A"), "audio stays audio"),
        (("--input", "a.csv", "--output", "lsl:A"), "which a file lacks; use a live input"),
        (("--input", "lsl:A", "--duration", "0"), "--duration 0 is too short"),
        (("--input", "lsl:A", "--series-column", "a"), "--series-column applies to a table in a file"),
    ],
)
def test_sensors_do_not_go_with_everything(call, folder, arguments, sentence):
    Path("a.csv").write_text("v\n1\n")
    status, said = call(*arguments)
    assert (status, sentence in said) == (2, True), said


@pytest.mark.parametrize(
    ("package", "address"), [("serial", "serial:/dev/x@9600"), ("pylsl", "lsl:A"), ("paho", "mqtt://localhost/a")]
)
def test_missing_package_names_the_extra(call, folder, monkeypatch, package, address):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    status, said = call("--input", address)
    assert status == 1
    assert 'pip install "denoise-stream[sensors]"' in said
