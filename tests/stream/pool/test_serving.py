"""The example server of the guide: real connections, many at once, each denoised like a signal of its own."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from denoise_stream import Denoiser

SERVER = Path(__file__).parents[3] / "docs" / "examples" / "websocket_server.py"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, SERVER, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"port (\d+)", process.stdout.readline())
    assert found is not None
    yield f"ws://127.0.0.1:{found[1]}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()


async def denoise_remotely(address: str, noisy: np.ndarray, rate: int, chunk: int) -> np.ndarray:
    async with connect(f"{address}/?rate={rate}") as connection:

        async def send() -> None:
            for start in range(0, len(noisy), chunk):
                await connection.send(noisy[start : start + chunk].tobytes())
            await connection.send("end")

        sending = asyncio.create_task(send())
        parts = [np.frombuffer(message, "<i2") async for message in connection]
        await sending
    return np.concatenate(parts)


def test_clients_at_once_get_their_own_signals_back_denoised(address):
    rng = np.random.default_rng(0)
    signals = [(3000 * rng.normal(size=int(rng.integers(500, 40_000)))).astype("<i2") for _ in range(20)]

    async def main() -> list[np.ndarray]:
        return await asyncio.gather(
            *(denoise_remotely(address, noisy, 16_000, 160 + 31 * index) for index, noisy in enumerate(signals))
        )

    denoiser = Denoiser("general")
    for noisy, clean in zip(signals, asyncio.run(main()), strict=True):
        expected = denoiser.denoise(noisy, 16_000)
        assert clean.shape == expected.shape
        assert np.abs(clean.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("path", "message", "words"),
    [
        ("/?rate=5", b"\0\0", "rate=5 is out of range"),
        ("/?rate=16000", b"\0\0\0", "whole 16-bit samples"),
        ("/", "hello", "whole 16-bit samples"),
        ("/", bytes(200_000), "message too big"),
    ],
)
def test_wrong_clients_are_told_why_they_are_sent_away(address, path, message, words):
    async def main() -> None:
        async with connect(f"{address}{path}") as connection:
            await connection.send(message)
            await connection.recv()

    with pytest.raises(ConnectionClosedError, match=words):
        asyncio.run(main())


def test_client_that_never_reads_does_not_hold_up_the_others(address):
    noisy = np.ones(30_000, "<i2")
    noise = np.random.default_rng(0).bytes(100_000)

    async def main() -> np.ndarray:
        async with connect(address, max_queue=1, compression=None) as idle:

            async def flood() -> None:
                for _ in range(400):
                    await idle.send(noise)

            flooding = asyncio.create_task(flood())
            await asyncio.sleep(0.5)
            clean = await asyncio.wait_for(denoise_remotely(address, noisy, 16_000, 320), 20)
            assert not flooding.done()
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            idle.transport.abort()
        return clean

    assert len(asyncio.run(main())) == 30_000


def test_client_that_vanishes_leaves_the_server_well(address):
    async def main() -> None:
        for _ in range(10):
            connection = await connect(address)
            await connection.send(bytes(2000))
            connection.transport.abort()
        clean = await denoise_remotely(address, np.ones(1000, "<i2"), 16_000, 100)
        assert len(clean) == 1000

    asyncio.run(main())
