"""Read the addresses of sensors, without the packages that open them."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MQTT_PORT = 1883

_SENSOR = re.compile(r"(?:serial:|lsl:|mqtt://)", re.IGNORECASE)


@dataclass(frozen=True)
class SerialAddress:
    """A serial port, and its baud rate in bit/s."""

    port: str
    baud: int

    def __str__(self) -> str:
        return f"serial port {self.port}"


@dataclass(frozen=True)
class LslAddress:
    """The name of a stream of the Lab Streaming Layer."""

    name: str

    def __str__(self) -> str:
        return f"LSL stream {self.name}"


@dataclass(frozen=True)
class MqttAddress:
    """A topic of an MQTT broker, and the user who connects to it, if the broker asks for one."""

    host: str
    port: int
    topic: str
    user: str | None = None

    def __str__(self) -> str:
        return f"MQTT topic {self.topic}"

    @property
    def broker(self) -> str:
        """The broker in words."""
        return f"the broker {self.host}:{self.port}"


Address = SerialAddress | LslAddress | MqttAddress


def is_sensor(name: str) -> bool:
    """Tell the address of a sensor from the name of a file.

    >>> is_sensor("lsl:EEG"), is_sensor("mqtt://host/a"), is_sensor("serial.csv"), is_sensor("./lsl:EEG")
    (True, True, False, False)
    """
    return _SENSOR.match(name) is not None


def read_address(option: str, text: str) -> Address:
    """Return what the address of a sensor names.

    Parameters
    ----------
    option
        The option that holds it, for messages.
    text
        ``serial:PORT@BAUD``, ``lsl:NAME`` or ``mqtt://[USER@]HOST[:PORT]/TOPIC``.

    Raises
    ------
    ValueError
        If a part is missing or out of range.

    Examples
    --------
    >>> read_address("--input", "serial:/dev/ttyUSB0@115200")
    SerialAddress(port='/dev/ttyUSB0', baud=115200)
    >>> read_address("--input", "mqtt://pi.local/greenhouse/air")
    MqttAddress(host='pi.local', port=1883, topic='greenhouse/air', user=None)
    """
    kind, _, rest = text.partition(":")
    if kind.lower() == "serial":
        return _serial(option, text, rest)
    if kind.lower() == "lsl":
        if not rest:
            raise ValueError(f"{option} {text} names no stream; write lsl:NAME")
        return LslAddress(rest)
    return _mqtt(option, text)


def _serial(option: str, text: str, rest: str) -> SerialAddress:
    port, _, baud = rest.rpartition("@")
    if not port:
        raise ValueError(
            f"{option} {text} states no baud rate; write serial:PORT@BAUD with the rate at which the device sends, "
            "such as serial:/dev/ttyUSB0@115200"
        )
    if not (baud.isascii() and baud.isdigit() and int(baud) > 0):
        raise ValueError(f"{option} {text}: {baud!r} is not a baud rate; use a whole number such as 115200")
    return SerialAddress(port, int(baud))


def _mqtt(option: str, text: str) -> MqttAddress:
    form = "write mqtt://HOST/TOPIC, or mqtt://HOST:PORT/TOPIC"
    try:
        # What a URL takes for a query or a fragment belongs to the topic.
        parts = urlsplit(text, allow_fragments=False)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{option} {_without_password(text)} is not an address ({error}); {form}") from error
    if parts.password is not None:
        raise ValueError(
            f"{option} {_without_password(text)} holds a password, which the list of processes shows to everyone; put "
            "it into the environment variable DENOISE_MQTT_PASSWORD"
        )
    topic = _topic(parts)
    if not host or not topic:
        raise ValueError(f"{option} {text} names no {'topic' if host else 'host'}; {form}")
    if "+" in topic or "#" in topic:
        raise ValueError(
            f"{option} {text} names several topics, but samples of several sensors are not one signal; name one"
        )
    return MqttAddress(host, port or MQTT_PORT, topic, parts.username)


def _topic(parts: SplitResult) -> str:
    return parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")


def _without_password(text: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1@", text)
