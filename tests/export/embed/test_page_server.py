"""The server of the web page: for this machine's browser only, and nothing outside its folder."""

import contextlib
import http.client
import importlib.util
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SERVE = Path(__file__).parents[3] / "export" / "embed" / "browser" / "serve.py"


@pytest.fixture
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve_page", SERVE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(module: ModuleType, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Serve a folder; return the port and the folder."""
    folder = tmp_path / "dist"
    (folder / "inner").mkdir(parents=True)
    (folder / "index.html").write_text("the page")
    (folder / "worker.js").write_text("the worker")
    server = module.serve(folder=folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, folder
    server.shutdown()
    server.server_close()
    thread.join()


def get(port: int, path: str, host: str | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest("GET", path, skip_host=host is not None)
        if host:
            connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_page_is_served_to_this_machine(page):
    port, _ = page
    for path in ("/", "/index.html", "/?a=b", "/worker.js"):
        assert get(port, path)[0] == 200
    assert get(port, "/", f"localhost:{port}") == (200, b"the page")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1.evil.example", "", "localhost:1"])
def test_other_host_names_of_this_machine_are_refused(page, host):
    port, _ = page
    status, body = get(port, "/", host.replace("PORT", str(port)))
    assert status == 421
    assert b"the page" not in body


def test_no_link_and_no_path_leads_out_of_the_folder(page):
    port, folder = page
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent)
    (folder / "packed.js.gz").symlink_to(folder.parent / "secret.txt")
    for path in ("/link.txt", "/up/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "//secret.txt"):
        assert get(port, path)[0] in (301, 404), path
    assert get(port, "/up/")[1] == b"the page"
    assert get(port, "/packed.js", Accept_Encoding="gzip")[0] == 404
    (folder / "inside.js").symlink_to(folder / "worker.js")
    assert get(port, "/inside.js") == (200, b"the worker")


@pytest.mark.slow
def test_many_idle_clients_take_no_more_threads_than_there_are(module, page, monkeypatch):
    port, _ = page
    before = threading.active_count()
    with contextlib.ExitStack() as opened:
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(module.MOST_THREADS + 30)
        ]
        for connection in silent[module.MOST_THREADS :]:
            connection.settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # closed at once
        assert threading.active_count() - before <= module.MOST_THREADS


def test_idle_client_is_disconnected(module, page, monkeypatch):
    monkeypatch.setattr(module.Handler, "timeout", 0.1)
    with socket.create_connection(("127.0.0.1", page[0])) as silent:
        silent.settimeout(20)
        assert silent.recv(1) == b""
    assert get(page[0], "/")[0] == 200
