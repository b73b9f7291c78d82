"""Serve the built page on this machine alone, with the headers that shared memory needs: `python serve.py [port]`."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DIST = Path(__file__).with_name("dist")
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, compressed where there is a compressed copy and the browser takes it."""

    protocol_version = "HTTP/1.1"
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
        """Choose the compressed copy before the answer begins."""
        path = self.translate_path(self.path)
        if Path(path).is_dir():
            path, self.path = str(Path(path) / "index.html"), "/index.html"
        if "gzip" in self.headers.get("Accept-Encoding", "") and Path(f"{path}.gz").is_file():
            self._headers["Content-Encoding"] = "gzip"
            self.path = f"{self.path.partition('?')[0]}.gz"
        return super().send_head()

    def guess_type(self, path):
        """Return the type of what a compressed copy holds."""
        return super().guess_type(str(path).removesuffix(".gz"))

    def end_headers(self):
        """Add the headers of cross-origin isolation; forbid caching of what may be rebuilt."""
        for name, value in {**self._headers, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}.items():
            self.send_header(name, value)
        self._headers.pop("Content-Encoding", None)
        super().end_headers()

    def log_message(self, *words):
        """Stay quiet."""


def serve(port=0, *, isolated=True, folder=DIST):
    """Make a server for the page; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder), isolated=isolated))


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
