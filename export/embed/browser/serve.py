"""Serve the built page on this machine alone, with the headers that shared memory needs: `python serve.py [port]`.

Requests for another host's name are refused (against DNS rebinding), no link leads out of the folder, idle clients are
disconnected, and the number of threads is bounded.
"""

import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore

DIST = Path(__file__).with_name("dist")
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
HOSTS = ("localhost", "127.0.0.1")
MOST_THREADS = 32
PATIENCE_S = 15


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, compressed where there is a compressed copy and the browser takes it."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }

    def __init__(self, *arguments, isolated=True, **options):
        self._headers = dict(ISOLATED) if isolated else {}
        super().__init__(*arguments, **options)

    def send_head(self):
        """Refuse requests that are not for the page; choose the compressed copy before the answer begins."""
        port = self.server.server_port
        if self.headers.get("Host") not in (*HOSTS, *(f"{host}:{port}" for host in HOSTS)):
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "this server knows localhost only")
        path = self.translate_path(self.path)
        if "\0" in path:
            return self.send_error(HTTPStatus.NOT_FOUND)
        if Path(path).is_dir():
            path, self.path = str(Path(path) / "index.html"), "/index.html"
        if "gzip" in self.headers.get("Accept-Encoding", "") and Path(f"{path}.gz").is_file():
            self._headers["Content-Encoding"] = "gzip"
            self.path = f"{self.path.partition('?')[0]}.gz"
        if not Path(self.translate_path(self.path)).resolve().is_relative_to(Path(self.directory).resolve()):
            return self.send_error(HTTPStatus.NOT_FOUND)
        return super().send_head()

    def guess_type(self, path):
        """Return the type of a compressed copy's content."""
        return super().guess_type(str(path).removesuffix(".gz"))

    def end_headers(self):
        """Add the headers of cross-origin isolation; forbid caching of files that may be rebuilt."""
        for name, value in {**self._headers, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}.items():
            self.send_header(name, value)
        self._headers.pop("Content-Encoding", None)
        super().end_headers()

    def log_message(self, *words):
        """Stay quiet."""


class Server(ThreadingHTTPServer):
    """A thread for each connection, up to a number of them; more are closed."""

    daemon_threads = True

    def __init__(self, *arguments):
        self._free = BoundedSemaphore(MOST_THREADS)
        super().__init__(*arguments)

    def process_request(self, request, address):
        """Serve a connection if a thread is free."""
        if self._free.acquire(blocking=False):
            super().process_request(request, address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, address):
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, address)
        finally:
            self._free.release()

    def handle_error(self, request, address):
        """Stay quiet about clients that went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


def serve(port=0, *, isolated=True, folder=DIST):
    """Make a server for the page; port 0 takes a free one."""
    return Server(("127.0.0.1", port), partial(Handler, directory=str(folder), isolated=isolated))


def main():
    """Serve until Ctrl-C."""
    if not (DIST / "index.html").is_file():
        sys.exit("the page is not built; run: make web")
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8787
    try:
        server = serve(port)
    except OSError as error:
        sys.exit(f"serve.py: port {port} cannot be used: {error.strerror}; choose another: serve.py {port + 1}")
    print(f"http://localhost:{server.server_port}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
