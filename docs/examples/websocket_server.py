"""Denoise many callers at once over WebSockets: ``python websocket_server.py [--port 8765] [--model general]``.

A client connects to ``ws://host:port/?rate=16000`` and sends binary messages of 16-bit samples (little-endian, one
channel), of up to 128 KiB. It gets back as many samples, denoised, in messages of the same kind. The text message
``end`` asks for the rest; the server then closes the connection. A client that does not read slows itself down and
nobody else.
"""

import argparse
import asyncio
import signal
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import ServerConnection, serve

from denoise_stream import DenoiseError, PooledStream, StreamPool

SAMPLES = np.dtype("<i2")
POLICY_VIOLATION = 1008
MESSAGE_BYTES = 1 << 17
"""A stream holds up to three messages more than its queues: the size of a message bounds what a client costs."""


def rate_of(path: str) -> float:
    """Read the sample rate in Hz from the request's path."""
    (rate,) = parse_qs(urlsplit(path).query).get("rate", ["16000"])
    if not 1_000 <= float(rate) <= 384_000:
        raise ValueError(f"rate={rate} is out of range; use 1000 to 384000")
    return float(rate)


async def receive(connection: ServerConnection, stream: PooledStream) -> None:
    """Push what the client sends, until it ends the signal or goes away."""
    async for message in connection:
        if message == "end":
            break
        if isinstance(message, str) or len(message) % SAMPLES.itemsize:
            raise ValueError("send binary messages of whole 16-bit samples, or the text 'end'")
        await stream.push_async(np.frombuffer(message, SAMPLES))
    stream.end()


async def send(connection: ServerConnection, stream: PooledStream) -> None:
    """Send what is finished as soon as it is."""
    async for clean in stream:
        await connection.send(clean.astype(SAMPLES).tobytes())


async def serve_client(connection: ServerConnection, pool: StreamPool) -> None:
    """Denoise one client's signal."""
    try:
        assert connection.request is not None
        with pool.open(sample_rate_hz=rate_of(connection.request.path)) as stream:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(receive(connection, stream))
                tasks.create_task(send(connection, stream))
    except* (ValueError, DenoiseError) as errors:
        await connection.close(POLICY_VIOLATION, str(errors.exceptions[0])[:120])


async def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--model", default="general")
    parser.add_argument("--max-attenuation", type=float, metavar="DB")
    options = parser.parse_args()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with StreamPool(options.model, max_attenuation_db=options.max_attenuation) as pool:
        async with serve(
            lambda connection: serve_client(connection, pool), options.host, options.port, max_size=MESSAGE_BYTES
        ) as server:
            print(f"listening on port {next(iter(server.sockets)).getsockname()[1]}", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
