"""Compile a model to a WebAssembly module, and put the JavaScript that runs it beside it."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from denoise_export.channel.sources import channel_sources
from denoise_export.to_c.source import translated
from denoise_export.to_c.weights import Constants, Written, as_linked, pack
from denoise_stream import Contract, DenoiseError
from denoise_stream.files.paths import check_outputs, write_together
from denoise_stream.model import Model

TEMPLATES = Path(__file__).parent
SCRIPTS = ("denoise.js", "denoise.d.ts", "audio.js", "audio.d.ts", "worklet.js")
"""What runs a module, in Node and in a page; the same files for every model."""

FACTS_SECTION = "denoise-stream"
"""Name of the module's custom section that holds its facts as JSON."""

PACKAGES = "clang, lld and wasi-libc (on Debian: apt-get install clang lld wasi-libc)"
EXPORTS = (
    *("state_open", "state_init", "denoise_process", "denoise_flush", "malloc", "free"),
    *("channel_open", "channel_delay", "channel_run", "channel_restart", "channel_close"),
)
TARGET = "--target=wasm32-wasi"
# Without the vectorizer of straight-line code: clang 14 makes wrong code of channel.c with it.
COMPILING = [TARGET, "-std=c99", "-O3", "-msimd128", "-fno-slp-vectorize", "-DDENOISE_SAMPLE=double"]
LINKING = ["--no-entry", "--strip-all", *(f"--export={name}" for name in EXPORTS)]

DATA = """    .section ".custom_section.{facts}","",@
    .incbin "facts.json"

    .section .rodata.denoise_weights,"",@
    .globl denoise_weights
    .type denoise_weights,@object
denoise_weights:
    .incbin "weights.bin"
    .size denoise_weights, {size}
"""


def write_wasm(model: Path, folder: Path, *, force: bool = False) -> tuple[Path, int]:
    """Write a model as a WebAssembly module, with the JavaScript that runs it.

    The module computes what the C program does, with 64-bit samples. Its weights are packed without loss; it unpacks
    them when it is first used.

    Parameters
    ----------
    model
        The ONNX file.
    folder
        Where ``NAME.wasm``, named like the model's file, and the scripts go; made if it does not exist.
    force
        Replace files that exist. Scripts that are the same already are left alone.

    Returns
    -------
    module, size
        The path of the module, and its bytes.

    Raises
    ------
    ContractError
        As :func:`~denoise_export.to_c.source.write_c` does.
    DenoiseError
        If there is no compiler for WebAssembly.
    """
    scripts = {folder / name: (TEMPLATES / name).read_bytes() for name in SCRIPTS}
    module = folder / f"{model.stem}.wasm"
    new = [path for path, content in scripts.items() if not path.is_file() or path.read_bytes() != content]
    if folder.is_dir():
        check_outputs(module, *new, force=force)
    content = wasm_module(model)
    folder.mkdir(parents=True, exist_ok=True)
    write_together({path: scripts[path] for path in new} | {module: content})
    return module, len(content)


def wasm_module(model: Path) -> bytes:
    """Compile a model; return the module."""
    packed = b""

    def linked(constants: Constants) -> Written:
        nonlocal packed
        packed = pack(constants)[0]
        return as_linked(constants)

    source, header, _ = translated(model, linked)
    texts = {"denoise.h": header, "denoise.c": source, **channel_sources()}
    texts["exports.c"] = (TEMPLATES / "exports.c").read_text(encoding="utf-8")
    texts["data.s"] = DATA.format(facts=FACTS_SECTION, size=len(packed))
    texts["facts.json"] = json.dumps(_facts(Model(model).contract))
    lookahead = f"-DDENOISE_LOOKAHEAD={Model(model).contract.most_lookahead_samples}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "weights.bin").write_bytes(packed)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        _compile([file for file in texts if file.endswith((".c", ".s"))], lookahead, folder)
        return (folder / "module.wasm").read_bytes()


def _compile(sources: list[str], lookahead: str, folder: Path) -> None:
    """Compile and link ``module.wasm`` in a folder."""
    missing = [tool for tool in ("clang", "wasm-ld") if shutil.which(tool) is None]
    if missing:
        raise DenoiseError(f"--wasm needs {PACKAGES}; {' and '.join(missing)} cannot be found")
    objects = [f"{Path(source).stem}.o" for source in sources]
    for source, target in zip(sources, objects, strict=True):
        _run(["clang", *COMPILING, lookahead, "-c", source, "-o", target], folder)
    library = _run(["clang", TARGET, "-print-file-name=libc.a"], folder).strip()
    # Not through clang, which would have the linked module rewritten by wasm-opt where that is installed.
    _run(["wasm-ld", *LINKING, *objects, library, "-o", "module.wasm"], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error:" in line] or [done.stderr or "no message"]
        reason = errors[0].rpartition("error:")[2].strip()
        raise DenoiseError(f"--wasm needs {PACKAGES}; {command[0]} says: {reason}")
    return done.stdout


def _facts(contract: Contract) -> dict[str, Any]:
    """Return what a module says about itself."""
    return {
        "name": contract.name,
        "window": contract.window,
        "hop": contract.hop,
        "sampleRateHz": contract.sample_rate_hz,
        "mostLookaheadSamples": contract.most_lookahead_samples,
        "license": contract.license,
        "trainedOn": contract.trained_on,
    }
