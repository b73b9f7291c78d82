"""Draw what hostile clients of a WebSocket server send: opening handshakes and frames; strategies for Hypothesis."""

import struct
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mutations import damaged


@dataclass(frozen=True)
class Visit:
    """What a hostile client of a WebSocket server sends, and how it leaves.

    Attributes
    ----------
    request
        The opening handshake.
    frames
        What follows it.
    patient
        Whether it sends the frames after the answer to the handshake only.
    manner
        ``"leaves"`` when it has read the answer, ``"vanishes"`` at once, or ``"stays"`` and reads nothing.
    foreign
        Whether it is a page of another host beyond doubt.
    """

    request: bytes
    frames: bytes
    patient: bool
    manner: str
    foreign: bool


SAME = "http://127.0.0.1:PORT"
FOREIGN = [
    "http://evil.example",
    "null",
    "http://[",
    "https://127.0.0.1.evil.example",
    "http://é",
    "file://",
    "x:" * 999,
]
RATES = [
    *(
        "",
        "8000",
        "384000",
        "1000",
        "0",
        "-1",
        "nan",
        "inf",
        "1e300",
        "1e-300",
        "16000.5",
        "٣٠٠٠",
        "１６０００",
        "9" * 4000,
    ),
    *("%FF", "%00", "%C3%A9" * 400, "16000%0d%0aX:y", "1_6000", "0x10", "16000&rate=1", "%", "{0}%s%n", "&" * 4000),
]
PATHS = ["/", "*", "", "//", "/%00", "/../../etc/passwd", "http://[", "/?" + "x" * 9000]
HEADERS = {
    "Host": "127.0.0.1:PORT",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
VALUES = ["localhost:PORT", "evil.example", "", "é", "127.0.0.1:99999", "h2c", "close", "12", "9" * 5000, "x, y", "\0"]
LINES = ["X: " + "y" * 9000, f"Origin: {SAME}", "Host: evil.example", "Content-Length: 9", " x", ":", "é: é"]


@st.composite
def visits(draw: st.DrawFn) -> Visit:
    """Open a WebSocket with an odd query, origin, header or none, then send frames that may break the rules."""
    rates = st.sampled_from(RATES) | st.text(max_size=6).filter(str.isprintable)
    path = draw(st.just("/?rate=16000") | rates.map("/?rate={}".format) | st.sampled_from(PATHS))
    origin = draw(st.sampled_from([None] * 9 + ["", SAME, *FOREIGN]))
    headers = HEADERS | ({} if origin is None else {"Origin": origin})
    harm = draw(st.sampled_from(["none"] * 6 + ["header", "line", "bytes"]))
    if harm == "header":
        headers[draw(st.sampled_from(sorted(HEADERS)))] = draw(st.sampled_from(VALUES))
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    if harm == "line":
        lines.insert(draw(st.integers(1, len(headers) + 1)), draw(st.sampled_from(LINES)))
    request = "\r\n".join(lines).encode()
    if harm == "bytes":
        request = draw(damaged(request, most=2))
    manner = draw(st.sampled_from(["leaves", "leaves", "vanishes", "stays"]))
    patient = harm != "bytes" and draw(st.sampled_from([True] * 4 + [False]))
    return Visit(request, draw(frames()), patient, manner, origin in FOREIGN and harm != "bytes")


BODIES = [b"end", b"END", b"", b"\xff", bytes(2000), bytes(2001), bytes(1 << 15), bytes((1 << 15) + 2), b"\xc3\x28"]
BODIES += [np.full(500, value, "<f4").tobytes() for value in (np.nan, np.inf, 1e38)]
BODIES += [struct.pack(">H", code) + b"why" for code in (0, 999, 1000, 1005, 1015, 3000, 65_535)]
OPERATIONS = [0x82] * 9 + [0x81, 0x02, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0x09, 0x83, 0xF2]
"""Binary and text messages, parts of them, and their end; close, ping and pong; two that no one may send."""

LENGTHS = [0, 1, 125, 126, 65_535, 70_000, 1 << 20, 1 << 31, (1 << 63) - 1, 1 << 63]


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Write WebSocket frames: any operation, whole or in parts, any length stated, masked or not, cut anywhere."""
    sent = b""
    for _ in range(draw(st.integers(0, 8))):
        body = draw(st.sampled_from(BODIES) | st.binary(max_size=200))
        mask = draw(st.sampled_from([b"\x11\x22\x33\x44"] * 9 + [bytes(4), b""]))
        length = draw(st.sampled_from([len(body)] * 50 + LENGTHS))
        longest = draw(st.sampled_from([False] * 9 + [True]))  # eight bytes for a length that fits in fewer
        flag = 0x80 if mask else 0
        sent += bytes([draw(st.sampled_from(OPERATIONS))])
        if length > 65_535 or longest:
            sent += struct.pack(">BQ", flag | 127, length)
        elif length > 125:
            sent += struct.pack(">BH", flag | 126, length)
        else:
            sent += bytes([flag | length])
        keys = np.resize(np.frombuffer(mask or b"\0", np.uint8), len(body))
        sent += mask + (np.frombuffer(body, np.uint8) ^ keys).tobytes()
    return draw(damaged(sent, most=draw(st.sampled_from([0, 0, 0, 1]))))
