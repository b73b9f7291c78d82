"""Build a plug-in with the C compiler of this machine."""

import os
import shlex
import shutil
import subprocess

from denoise_export.plugin.plugin import Plugin
from denoise_stream import SinkError
from denoise_stream.files.paths import whole_file

COMPILERS = ("cc", "gcc", "clang")


def find_compiler() -> list[str] | None:
    """Return the words that call the C compiler: the variable CC, or what is installed; None if nothing is."""
    if stated := shlex.split(os.environ.get("CC", "")):
        return stated
    return next(([name] for name in COMPILERS if shutil.which(name)), None)


def build(plugin: Plugin, compiler: list[str]) -> None:
    """Build the library of a plug-in from its sources; what was there before stays until it is whole.

    Raises
    ------
    SinkError
        If the compiler cannot be started or fails; the sentence has the first line that it says.
    """
    with whole_file(plugin.library) as partial:
        command = plugin.command("", str(partial.absolute()))[1:]
        try:
            done = subprocess.run(
                [*compiler, *command], cwd=plugin.folder, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise SinkError(f"cannot start the compiler {compiler[0]}: {error.strerror}; set CC to another") from error
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
            raise SinkError(
                f"{compiler[0]} cannot build {plugin.library}: {said or f'exit status {done.returncode}'}; the sources "
                f"stay in {plugin.folder}"
            )
        partial.chmod(0o755)


def build_command(plugin: Plugin) -> str:
    """Return the command line that builds the library."""
    library = plugin.library.relative_to(plugin.folder)
    return f"cd {shlex.quote(str(plugin.folder))} && {shlex.join(plugin.command('cc', str(library)))}"
