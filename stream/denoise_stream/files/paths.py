"""Check what is read and written before the work begins, and write files whole or not at all."""

import contextlib
import glob
import itertools
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from denoise_stream.errors import SinkError, SourceError, first_line

ABANDONED_AFTER_S = 60.0
"""An unfinished file may be left from a killed program if nothing was written to it for this long."""

_unfinished: dict[Path, IO[bytes]] = {}
"""The unfinished files of this process, each with its lock."""


def denoised_name(path: Path) -> Path:
    """Return the name that a file's result gets where none is stated: ``NAME.denoised.EXT`` beside it."""
    return path.with_name(f"{path.stem}.denoised{path.suffix}")


def is_denoised_name(name: str) -> bool:
    """Tell whether a file is named like a result of this program.

    >>> [is_denoised_name(name) for name in ("a/b.denoised.wav", "b.denoised.2.wav", "b.wav", "denoised.wav")]
    [True, True, False, False]
    """
    return _DENOISED.search(name) is not None


_DENOISED = re.compile(r"[^/]\.denoised(?:\.\d+)?\.[^./]+$")


PICTURES = ("png", "svg", "pdf", "jpg")
"""Formats of pictures, by the endings of their names."""


def picture_format(path: Path) -> str:
    """Return the format of a picture, by the ending of its name; PNG without one.

    Raises
    ------
    ValueError
        If pictures of that ending cannot be written.

    >>> picture_format(Path("a.SVG")), picture_format(Path("a"))
    ('svg', 'png')
    """
    ending = path.suffix[1:].lower() or "png"
    if ending not in PICTURES:
        raise ValueError(f"{path} ends in .{ending}, and pictures are written as {', '.join(PICTURES)}; rename it")
    return ending


def check_writable(path: Path, *, force: bool, inputs: tuple[Path, ...] = ()) -> None:
    """Check before the work begins that an output may be written.

    Raises
    ------
    SinkError
        If it is an input, exists (without ``force``), is not a regular file, or its folder cannot be
        written.
    """
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise SinkError(f"{path} is the input itself; choose another output")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a regular file; write to a file, '-' (standard output) or 'null'")
    if path.exists() and not force:
        raise SinkError(f"{path} exists; use --force to replace it")
    folder = _real(path).parent
    if not folder.is_dir():
        raise SinkError(f"cannot write {path}: the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise SinkError(f"cannot write {path}: the folder {folder} is not writable")


def check_outputs(*paths: Path | None, force: bool, inputs: tuple[Path, ...] = ()) -> None:
    """Check every output that is not None, and that no two are the same file.

    Raises
    ------
    ValueError
        If two outputs name the same file.
    SinkError
        As :func:`check_writable` does.
    """
    outputs = [path for path in paths if path is not None]
    if len({_real(path) for path in outputs}) < len(outputs):
        raise ValueError(f"{' and '.join(str(path) for path in outputs)} name the same file twice")
    for path in outputs:
        check_writable(path, force=force, inputs=inputs)


@contextlib.contextmanager
def whole_file(path: Path, scratch: Path | None = None, *, replace: bool = True) -> Iterator[Path]:
    """Yield a temporary file that takes the name ``path`` when the block ends well.

    It lies beside ``path``, or in the folder ``scratch`` of the same file system. When the block fails, or the
    program is interrupted, the temporary file is removed and what was at ``path`` stays as it was.

    Parameters
    ----------
    path
        The file.
    scratch
        Where the temporary file is made.
    replace
        Whether a file of that name, which may have appeared meanwhile, is replaced.

    Raises
    ------
    SinkError
        If it cannot be written. If it must not replace what has appeared, the new file stays under a name close to
        ``path``, which the sentence tells.
    """
    target = _real(path)
    # The end of the name stays, extension and all; the whole must not exceed what a file system takes.
    end = f"-{target.name[-50:]}"
    partial = (scratch or target.parent) / f".partial-{secrets.token_hex(4)}{end}"
    _remove_abandoned(partial.parent, end)
    try:
        lock = partial.open("xb")
        _unfinished[partial] = lock
        _is_ours(lock)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        if replace:
            if target.exists():
                partial.chmod(target.stat().st_mode)
            partial.replace(target)
        else:
            _take_free_name(partial, target, path)
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
        if partial in _unfinished:
            _unfinished.pop(partial).close()


def _real(path: Path) -> Path:
    """Return the absolute path that the links of an output lead to.

    Raises
    ------
    SinkError
        If they lead in a circle.
    """
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    except (OSError, RuntimeError) as error:
        raise SinkError(f"cannot write {path}: {first_line(error)}") from error


def remove_unfinished() -> None:
    """Remove all unfinished files, before the program ends without unwinding."""
    for partial in list(_unfinished):
        partial.unlink(missing_ok=True)


def _remove_abandoned(folder: Path, end: str) -> None:
    """Remove unfinished files of the same output that killed programs left: nobody holds their locks."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f".partial-{'[0-9a-f]' * 8}{glob.escape(end)}"):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER_S:
                with left.open("rb") as file:
                    if _is_ours(file):
                        left.unlink(missing_ok=True)


def _is_ours(file: IO[bytes]) -> bool:
    """Lock a file that no other program has locked; tell whether that was possible, which needs POSIX."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _take_free_name(partial: Path, target: Path, path: Path) -> None:
    """Rename a file to a free name; a file that takes the name meanwhile is not replaced."""
    if _claim(partial, target):
        return
    others = (target.with_stem(f"{target.stem}.{number}") for number in itertools.count(2))
    kept = next(other for other in others if _claim(partial, other))
    raise SinkError(f"{path} appeared in the meantime and is not replaced; what was made is kept as {kept}")


def _claim(partial: Path, target: Path) -> bool:
    """Rename a file, unless the name is taken."""
    try:
        os.link(partial, target)  # which fails if there is one, without a moment between looking and taking
    except FileExistsError:
        return False
    except OSError:  # a file system without links: an empty file takes the name first
        try:
            target.open("xb").close()
        except FileExistsError:
            return False
        partial.replace(target)
    return True


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: none takes its name before all are written.

    Raises
    ------
    SinkError
        If one cannot be written. What was at the paths stays as it was.
    """
    with contextlib.ExitStack() as files:
        for path, content in contents.items():
            files.enter_context(whole_file(path)).write_bytes(content)


def write_json(path: Path, facts: Mapping[str, Any], *, replace: bool = True) -> None:
    """Write facts as an indented JSON file, whole or not at all."""
    with whole_file(path, replace=replace) as partial:
        partial.write_text(json.dumps(facts, indent=2) + "\n", newline="\n")


def check_readable(path: Path) -> None:
    """Raise a SourceError unless a path is a readable file that is not empty."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(f"{path} is not a regular file; pipe it in: --input - with --format")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path.name} is empty")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
