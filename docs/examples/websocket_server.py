"""Denoise many callers at once over WebSockets: ``python websocket_server.py [--port 8765] [--model general]``.

A client connects to ``ws://host:port/?rate=16000`` and sends binary messages of 16-bit samples (little-endian, one
channel), of up to 32 KiB. It gets back as many samples, denoised, in messages of the same kind. The text message
``end`` asks for the rest; the server then closes the connection. A client that does not read slows itself down and
nobody else. What waits for a client is bounded, and so is the number of clients. Web pages of other hosts are refused.
"""

import argparse
import asyncio
import ipaddress
import logging
import signal
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from denoise_stream import DenoiseError, PooledStream, StreamPool

SAMPLES = np.dtype("<i2")
POLICY_VIOLATION = 1008
REASON_BYTES = 120  # of the 123 that a closing frame takes
MESSAGE_BYTES = 1 << 15
QUEUE_SAMPLES = 8_000
"""A stream holds four queues and three messages at most, as 64-bit numbers: with the connection about a megabyte."""
PATIENCE_S = 60
"""A client that sends nothing, or reads nothing, for so long is sent away."""

log = logging.getLogger("denoise")


def rate_of(path: str) -> float:
    """Read the sample rate in Hz from the request's path."""
    rate = parse_qs(urlsplit(path).query).get("rate", ["16000"])[0]
    if not 1_000 <= float(rate) <= 384_000:
        raise ValueError(f"rate={rate} is out of range; use 1000 to 384000")
    return float(rate)


def may_connect(origin: str | None, host: str | None, allowed: list[str]) -> bool:
    """Tell whether a page may connect: one that is listed, or of this very address; a name could be anybody's."""
    if origin is None or origin in allowed:  # only browsers send one
        return True
    try:
        address = urlsplit(origin)
        if address.hostname != "localhost":
            ipaddress.ip_address(address.hostname or "")
    except ValueError:
        return False
    return address.netloc == host


async def receive(connection: ServerConnection, stream: PooledStream) -> None:
    """Push what the client sends, until it ends the signal or goes away."""
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                message = await connection.recv()
        except ConnectionClosedOK:
            break
        if message == "end":
            break
        if isinstance(message, str) or len(message) % SAMPLES.itemsize:
            raise ValueError("send binary messages of whole 16-bit samples, or the text 'end'")
        await stream.push_async(np.frombuffer(message, SAMPLES))
    stream.end()


async def send(connection: ServerConnection, stream: PooledStream) -> None:
    """Send what is finished as soon as it is."""
    async for clean in stream:
        async with asyncio.timeout(PATIENCE_S):
            await connection.send(clean.astype(SAMPLES).tobytes())


async def serve_client(connection: ServerConnection, pool: StreamPool) -> None:
    """Denoise one client's signal."""
    reason = ""
    try:
        assert connection.request is not None
        with pool.open(sample_rate_hz=rate_of(connection.request.path)) as stream:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(receive(connection, stream))
                tasks.create_task(send(connection, stream))
    except* (ValueError, DenoiseError) as errors:
        reason = str(errors.exceptions[0])
    except* TimeoutError:
        reason = f"nothing was sent or read for {PATIENCE_S} s"
    except* ConnectionClosed:
        log.info("client %s went away", connection.remote_address)
    if reason:
        log.info("client %s is sent away: %r", connection.remote_address, reason[:200])
        await connection.close(POLICY_VIOLATION, reason.encode()[:REASON_BYTES].decode("utf-8", "ignore"))


async def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--model", default="general")
    parser.add_argument("--max-attenuation", type=float, metavar="DB")
    parser.add_argument("--clients", type=int, default=200, help="at once; more are turned away")
    parser.add_argument("--origin", action="append", default=[], help="such as https://app.example.org; repeatable")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # a client that breaks the protocol is not an event
    stop, clients = asyncio.Event(), set[ServerConnection]()

    def check(connection: ServerConnection, request: Request) -> Response | None:
        page, host = (", ".join(request.headers.get_all(name)) or None for name in ("Origin", "Host"))
        if not may_connect(page, host, options.origin):
            return connection.respond(HTTPStatus.FORBIDDEN, "pages of this origin may not connect; see --origin\n")
        if len(clients) >= options.clients:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{len(clients)} clients are served already\n")
        return None

    async def count_and_serve(connection: ServerConnection) -> None:
        clients.add(connection)
        try:
            await serve_client(connection, pool)
        finally:
            clients.discard(connection)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    limits = {"max_size": MESSAGE_BYTES, "max_queue": 2, "write_limit": MESSAGE_BYTES, "compression": None}
    with StreamPool(options.model, max_attenuation_db=options.max_attenuation, queue_samples=QUEUE_SAMPLES) as pool:
        async with serve(
            count_and_serve, options.host, options.port, process_request=check, open_timeout=10, **limits
        ) as server:
            print(f"listening on port {next(iter(server.sockets)).getsockname()[1]}", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
