"""MQTT topics, with a real broker: messages come in and go out, and a broker that is lost is waited for."""

import signal
from collections.abc import Iterator

import numpy as np
import paho.mqtt.client as paho
import pytest

from denoise_stream import Denoiser
from sensors import Broker, Program, Relay, wait_until

VALUES = np.round(20 + np.random.default_rng(0).normal(size=400), 2)
MORE = np.full(150, 20.0)
"""Messages after the last one that is compared, so that the whole of it is written before the program is ended."""


@pytest.fixture
def broker(tmp_path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def client(broker) -> Iterator[paho.Client]:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(client: paho.Client, values: np.ndarray, topic: str = "room/air") -> None:
    for value in values:
        sent = client.publish(topic, f"{value:.2f}", qos=1)
    sent.wait_for_publish(30)


def received(client: paho.Client, topic: str) -> list[bytes]:
    messages: list[bytes] = []
    client.on_message = lambda client, userdata, message: messages.append(message.payload)
    subscribed = []
    client.on_subscribe = lambda *arguments: subscribed.append(True)
    client.subscribe(topic, qos=1)
    wait_until(lambda: subscribed, "the subscription")
    return messages


def test_every_message_is_denoised_and_published_though_connections_break(broker, client, models):
    relay = Relay(broker.port)
    source, sink = (f"mqtt://127.0.0.1:{relay.port}/room/{name}" for name in ("air", "clean"))
    messages = received(client, "room/clean")
    program = Program("--input", source, "--output", sink, "--model", models["smoother"])
    program.wait_for("reading MQTT topic room/air")
    publish(client, VALUES[:200])
    wait_until(lambda: len(messages) >= 75, "the first window")
    relay.cut()
    program.wait_for(f"the broker 127.0.0.1:{relay.port} is lost")
    publish(client, VALUES[200:300])  # which the broker keeps
    relay.refuses = False
    wait_until(lambda: program.said.count(b"is back after") == 2, "both connections")
    published = np.concatenate((VALUES, MORE))
    publish(client, published[300:])
    wait_until(lambda: len(messages) >= 400, "the messages of the break")
    assert program.end(signal.SIGTERM) == 143
    wait_until(lambda: len(messages) >= 475, "the tail")  # a window is 75 samples ahead of what is written
    relay.close()
    expected = Denoiser(models["smoother"]).denoise(published)[:400]
    np.testing.assert_allclose([float(message) for message in messages[:400]], expected, atol=0.51e-3)


def test_broker_that_starts_again_is_subscribed_to_again(broker, client, models):
    program = Program("--input", f"mqtt://127.0.0.1:{broker.port}/room/air", "--model", models["identity"])
    program.wait_for("reading MQTT topic room/air")
    client.publish("room/air", f"{VALUES[0]:.2f}", qos=1, retain=True).wait_for_publish(30)
    publish(client, VALUES[1:200])
    wait_until(lambda: program.written.count(b"\n") >= 75, "the first window")
    broker.stop()
    program.wait_for("is lost (")
    broker.start()
    program.wait_for("is back after")
    wait_until(client.is_connected, "the publisher")
    publish(client, np.concatenate((VALUES[200:], MORE)))
    program.wait_for_lines(len(VALUES))
    assert program.end() == 0
    written = [float(line) for line in program.written.split()]
    np.testing.assert_allclose(written[: len(VALUES)], VALUES, atol=1e-3)


def test_broker_that_refuses_or_is_not_there_says_so(tmp_path, call, folder):
    broker = Broker(tmp_path, "allow_anonymous false\n")
    address = f"mqtt://127.0.0.1:{broker.port}/a"
    status, said = call("--input", address)
    assert status == 1
    assert f"the broker 127.0.0.1:{broker.port} refuses the connection: Not authorized; name the user as" in said
    broker.stop()
    status, said = call("--input", address)
    assert status == 1
    assert f"cannot reach the broker 127.0.0.1:{broker.port}: Connection refused; check host and port" in said


def test_topic_on_which_nothing_is_published_says_so(broker, call, models, monkeypatch):
    monkeypatch.setattr("denoise_stream.sensors.feed.SILENT_S", 0.1)
    status, said = call("--input", f"mqtt://127.0.0.1:{broker.port}/nobody", "--duration", "1")
    assert status == 1
    assert "MQTT topic nobody: nothing has arrived in 0.1 s; does anything publish to nobody on the broker" in said
