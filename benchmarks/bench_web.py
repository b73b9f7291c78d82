"""The page's weight, its start and a minute of the microphone in Chromium: `make bench-web`."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from embed import EMBED, load_module

ROOT = Path(__file__).parents[1]
PAGE = EMBED / "browser"


def main() -> None:
    """Build, serve and measure."""
    subprocess.run(["node", "build.mjs"], cwd=PAGE, check=True)  # of the modules that `make web` compiles
    server = load_module(PAGE / "serve.py").serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "URL": f"http://localhost:{server.server_port}/",
        "WAV": str(ROOT / "samples" / "speech_noisy.wav"),
        "SECONDS": sys.argv[1] if len(sys.argv) > 1 else "60",
        "CHROMIUM": str(shutil.which("chromium")),
    }
    subprocess.run(["node", "test/bench.js"], cwd=PAGE, env=os.environ | environment, check=True)
    server.shutdown()


if __name__ == "__main__":
    main()
