"""Read and write lines of text as the messages of an MQTT topic."""

import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from denoise_stream.errors import DenoiseError, SinkError, SourceError, first_line, needs_extra
from denoise_stream.sensors.addresses import MqttAddress
from denoise_stream.sensors.feed import LONGEST_DELAY_S, Circumstances, Clock, Feed

ANSWER_S = 10.0
"""How long the broker may take to accept a client or a subscription, in s."""

POLL_S = 0.1
"""How often the reader looks whether it is to stop, in s."""

KEEPALIVE_S = 20
"""How long a silent connection may last until it is tried, in s; after half as much more it counts as lost."""

KEPT_S = 3600
"""How long the broker keeps messages for a client that it has lost, in s."""

DELIVERY_S = 10.0
"""How long the last messages may take to reach the broker at the end, in s."""

MOST_UNANSWERED = 256
"""Messages that the broker may send again after a break; 20 are usual."""

MOST_UNDELIVERED = 100_000
"""Messages that wait for a lost broker before the program waits too."""

QUEUE_FULL = 15
"""What paho returns for a message that it has no room for (``MQTT_ERR_QUEUE_SIZE``)."""

UNSPECIFIED = 128
"""The reason that paho states for a connection that ended without one."""

LOGIN_REFUSED = (134, 135)
"""The reasons of MQTT 5 for a wrong user name or password, and for a client that is not authorized."""

PASSWORD = "DENOISE_MQTT_PASSWORD"


class _Connection:
    """A client that stays connected to a broker, and says when it is not.

    Kept: one session, which the broker keeps for an hour too, so that the messages of a break arrive after it.
    """

    def __init__(self, address: MqttAddress, circumstances: Circumstances, kind: type[DenoiseError]) -> None:
        with needs_extra("an MQTT topic", "sensors"):
            import paho.mqtt.client as paho
            from paho.mqtt.enums import CallbackAPIVersion
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties
        self.address = address
        self.error: DenoiseError | None = None
        self._kind = kind
        self._circumstances = circumstances
        self._forgets = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        self._forgets.SessionExpiryInterval = 0
        self._keeps = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        self._keeps.SessionExpiryInterval = KEPT_S
        self._lost_at: float | None = None
        self._ready = threading.Event()
        name = f"denoise-{uuid.uuid4().hex[:12]}"  # by which the broker knows the session after a break
        self.client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        self.client.reconnect_delay_set(1, int(LONGEST_DELAY_S))
        self.client.on_connect = self._connected
        self.client.on_disconnect = self._disconnected
        if address.user is not None:
            self.client.username_pw_set(address.user, os.environ.get(PASSWORD))

    def open(self) -> None:
        """Connect, and wait until the broker has accepted.

        Raises
        ------
        DenoiseError
            Of the kind that was asked for, if it cannot be reached or refuses.
        """
        broker = self.address.broker
        try:
            self.client.connect(self.address.host, self.address.port, KEEPALIVE_S, properties=self._keeps)
        except OSError as error:
            raise self._kind(f"cannot reach {broker}: {first_line(error)}; check host and port") from error
        self.client.loop_start()
        if not self._ready.wait(ANSWER_S):
            self.close()
            raise self._kind(f"{broker} does not answer as an MQTT broker of version 5; check host and port")
        if self.error is not None:
            self.close()
            raise self.error

    def accepted(self, session_present: bool) -> None:
        """Go on after the broker has accepted the client."""
        self.ready()

    def ready(self) -> None:
        """End the wait of :meth:`open`, and say that a lost broker is back."""
        if self._lost_at is not None:
            self._circumstances.begun(self.address.broker, self._lost_at)
            self._lost_at = None
        self._ready.set()

    def refuse(self, reason: str) -> None:
        """End with an error: another attempt would be refused too."""
        self.error = self._kind(f"{self.address.broker} refuses {reason}")
        self._ready.set()

    def check(self) -> None:
        """Raise the error that has ended the connection, if one has."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Disconnect; the broker forgets the client."""
        self.client.disconnect(properties=self._forgets)
        self.client.loop_stop()

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            asks = (
                f"; name the user as mqtt://USER@HOST/TOPIC and set {PASSWORD}" if reason.value in LOGIN_REFUSED else ""
            )
            self.refuse(f"the connection: {reason}{asks}")
        else:
            self.accepted(flags.session_present)

    def _disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure or self._lost_at is not None or not self._ready.is_set() or self.error is not None:
            return
        self._lost_at = time.monotonic()
        why = "the connection broke off" if reason.value == UNSPECIFIED else str(reason)
        if error := self._circumstances.lost(self.address.broker, why):
            self.error = self._kind(str(error))
            client.disconnect()


class _Subscription(_Connection):
    """A client that receives what is published to a topic."""

    def __init__(self, address: MqttAddress, circumstances: Circumstances, put: Callable[[bytes], None]) -> None:
        super().__init__(address, circumstances, SourceError)
        self._put = put
        self._times_subscribed = 0
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=MOST_UNANSWERED)
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._received

    def accepted(self, session_present: bool) -> None:
        """Subscribe, unless the broker has kept the subscription over a break."""
        if session_present and self._times_subscribed:
            self.ready()
        else:
            self._times_subscribed += 1
            self.client.subscribe(self.address.topic, qos=2)

    def _subscribed(self, client: Any, userdata: Any, mid: int, reasons: list[Any], properties: Any) -> None:
        if reasons[0].is_failure:
            self.refuse(f"the topic {self.address.topic}: {reasons[0]}")
        else:
            self.ready()

    def _received(self, client: Any, userdata: Any, message: Any) -> None:
        # A retained message is one from before; after a break of ours it has come already. So has what the broker sends
        # again because a break held up our answer.
        known = (message.mid, message.payload) in self._recent
        self._recent.append((message.mid, message.payload))
        if not (message.dup and known) and not (message.retain and self._times_subscribed > 1):
            whole = message.payload.endswith((b"\n", b"\r"))
            self._put(message.payload if whole else message.payload + b"\n")


def open_feed(address: MqttAddress, circumstances: Circumstances, clock: Clock = time.monotonic) -> Feed[bytes]:
    """Subscribe to a topic in a thread; each message is a line, or several.

    The feed raises SourceError if the broker cannot be reached or refuses, and MissingExtra if paho-mqtt is missing.
    """

    def read(feed: Feed[bytes]) -> None:
        subscription = _Subscription(address, circumstances, feed.put)
        subscription.open()
        circumstances.begun(str(address))
        try:
            while not circumstances.stop.wait(POLL_S):
                subscription.check()
        finally:
            subscription.close()

    hint = f"does anything publish to {address.topic} on {address.broker}?"
    return Feed(str(address), read, circumstances, hint, len, clock)


class TopicWriter:
    """A file that publishes each line as a message, exactly once; those of a break are delivered after it.

    Raises
    ------
    SinkError
        If the broker cannot be reached or refuses.
    MissingExtra
        If paho-mqtt is not installed.
    """

    def __init__(self, address: MqttAddress, circumstances: Circumstances) -> None:
        self._connection = _Connection(address, circumstances, SinkError)
        self._connection.client.max_queued_messages_set(MOST_UNDELIVERED)
        self._connection.client.on_publish = self._published
        self._connection.open()
        self._circumstances = circumstances
        self._sent = 0
        self._delivered = 0

    def write(self, data: bytes) -> None:
        """Publish lines; wait while a lost broker has left too many undelivered.

        Raises
        ------
        SinkError
            If the broker is lost, and the run is to end or not to reconnect.
        """
        for line in data.splitlines():
            self._publish(line)

    def flush(self) -> None:
        """Nothing is left: messages are on their way when they are written."""

    def close(self, *, wait: bool) -> None:
        """Disconnect; if asked to, wait until all messages have reached the broker.

        Raises
        ------
        SinkError
            If some have not.
        """
        limit = time.monotonic() + (DELIVERY_S if wait else 0.0)
        while self._undelivered and time.monotonic() < limit and self._connection.error is None:
            time.sleep(POLL_S / 10)
        self._connection.close()
        if wait and self._undelivered:
            self._connection.check()
            broker = self._connection.address.broker
            raise SinkError(f"{self._undelivered} lines did not reach {broker} within {DELIVERY_S:g} s of the end")

    def _publish(self, line: bytes) -> None:
        while True:
            self._connection.check()
            sent = self._connection.client.publish(self._connection.address.topic, line, qos=2)
            if sent.rc != QUEUE_FULL:
                self._sent += 1
                return
            if self._circumstances.stop.wait(POLL_S):
                raise SinkError(f"{self._connection.address.broker} is lost; {MOST_UNDELIVERED} lines did not reach it")

    @property
    def _undelivered(self) -> int:
        return self._sent - self._delivered

    def _published(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._connection.refuse(f"a message for {self._connection.address.topic}: {reason}")
        else:
            self._delivered += 1
