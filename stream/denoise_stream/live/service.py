"""A systemd user unit that runs a command from login to logout."""

from collections.abc import Sequence
from pathlib import Path

_UNIT = """\
[Unit]
Description=denoise-stream: {name}
After=pipewire-pulse.service pulseaudio.service

[Service]
ExecStart={command}
WorkingDirectory=-{folder}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2

[Install]
WantedBy=default.target
"""

HOW_TO_INSTALL = (
    "save this as ~/.config/systemd/user/denoise-stream.service, then: systemctl --user daemon-reload && "
    "systemctl --user enable --now denoise-stream"
)


def service_unit(name: str, words: Sequence[str], folder: Path) -> str:
    """Return the unit that runs a command; one that is refused as wrong usage is not tried again.

    Parameters
    ----------
    name
        What to call it in the system's lists.
    words
        The program's absolute path and its arguments.
    folder
        Where relative paths among them start; if it is gone, the command starts elsewhere.
    """
    return _UNIT.format(
        name=name.replace("%", "%%"), command=" ".join(map(_quoted, words)), folder=str(folder).replace("%", "%%")
    )


def _quoted(word: str) -> str:
    """Quote a word as systemd.service(5) says under "Command lines"."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
