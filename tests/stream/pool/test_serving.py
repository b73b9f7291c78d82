"""The example server of the guide: real connections, many at once, each denoised like a signal of its own."""

import asyncio
import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from denoise_stream import Denoiser
from example_server import SERVER, denoise_remotely, resident_mb, running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server") / "log") as (address, _):
        yield address


def test_clients_at_once_get_their_own_signals_back_denoised(address):
    rng = np.random.default_rng(0)
    signals = [(3000 * rng.normal(size=int(rng.integers(500, 40_000)))).astype("<i2") for _ in range(20)]

    async def main() -> list[np.ndarray]:
        return await asyncio.gather(
            *(denoise_remotely(address, noisy, 16_000, 160 + 31 * index) for index, noisy in enumerate(signals))
        )

    denoiser = Denoiser("general", lookahead_samples=0)
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
        ("/?rate=" + "%C3%A9" * 400, b"\0\0", "could not convert string to float"),
        ("/?rate=nan", b"\0\0", "rate=nan is out of range"),
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
    noise = np.random.default_rng(0).bytes(30_000)

    async def main() -> np.ndarray:
        async with connect(address, max_queue=1, compression=None) as idle:

            async def flood() -> None:
                for _ in range(1500):
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


def test_client_that_vanishes_is_a_line_of_the_log(tmp_path):
    async def main(address: str) -> None:
        for _ in range(5):
            connection = await connect(address)
            await connection.send(bytes(20_000))
            connection.transport.abort()
        await denoise_remotely(address, np.ones(1000, "<i2"), 16_000, 100)

    with running(tmp_path / "log") as (address, _):
        asyncio.run(main(address))
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.endswith("went away") for line in lines] == [True] * 5


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 0),
        ("http://127.0.0.1:PORT", 0),
        ("https://app.example.org", 0),
        ("http://127.0.0.1", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_pages_of_other_hosts_are_refused(tmp_path, origin, status):
    async def main(address: str) -> None:
        port = address.rpartition(":")[2]
        page = origin and origin.replace("PORT", port)
        async with connect(address, origin=page) as connection:
            await connection.send("end")

    with running(tmp_path / "log", "--origin", "https://app.example.org") as (address, _):
        if status:
            with pytest.raises(InvalidStatus, match=str(status)):
                asyncio.run(main(address))
        else:
            asyncio.run(main(address))


def test_page_that_names_two_origins_is_refused(tmp_path):
    async def main(address: str) -> None:
        page = address.replace("ws:", "http:").rstrip("/")
        await connect(address, origin=page, additional_headers={"Origin": "http://evil.example"})

    with running(tmp_path / "log") as (address, _), pytest.raises(InvalidStatus, match="403"):
        asyncio.run(main(address))


def test_dns_name_of_this_machine_does_not_make_a_page_local():
    spec = importlib.util.spec_from_file_location("websocket_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    assert not server.may_connect("http://evil.example:8765", "evil.example:8765", [])
    assert server.may_connect("http://localhost:8765", "localhost:8765", [])
    assert server.may_connect("http://[::1]:8765", "[::1]:8765", [])


def test_more_clients_than_wanted_are_turned_away_until_one_leaves(tmp_path):
    async def main(address: str) -> None:
        async with connect(address) as first, connect(address):
            with pytest.raises(InvalidStatus, match="503"):
                await connect(address)
            await first.send("end")
            await first.wait_closed()
            async with connect(address) as third:
                await third.send("end")

    with running(tmp_path / "log", "--clients", "2") as (address, _):
        asyncio.run(main(address))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs /proc")
def test_clients_that_flood_and_never_read_take_little_memory(tmp_path):
    noise = np.random.default_rng(0).bytes(32_000)

    async def main(address: str, process: int) -> float:
        async with connect(address) as first:  # what the first window costs is no client's
            await first.send(noise)
            await first.recv()
        async with contextlib.AsyncExitStack() as opened:
            idle = [await opened.enter_async_context(connect(address, max_queue=1)) for _ in range(60)]

            async def flood(connection) -> None:
                with contextlib.suppress(ConnectionClosedError):  # by the server's patience, on a slow machine
                    for _ in range(200):
                        await connection.send(noise)

            before = resident_mb(process)
            floods = [asyncio.create_task(flood(connection)) for connection in idle]
            await asyncio.sleep(5)
            grown = resident_mb(process) - before
            for task in floods:
                task.cancel()
            await asyncio.gather(*floods, return_exceptions=True)
            for connection in idle:
                connection.transport.abort()
        return grown

    with running(tmp_path / "log") as (address, process):
        assert asyncio.run(main(address, process)) < 60 * 1.25  # about a megabyte each
