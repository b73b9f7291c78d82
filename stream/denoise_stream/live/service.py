"""A systemd user unit that runs a command from login to logout."""

from collections.abc import Sequence

_UNIT = """\
[Unit]
Description=denoise-stream: {name}
After=pipewire-pulse.service pulseaudio.service

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""

HOW_TO_INSTALL = (
    "save this as ~/.config/systemd/user/denoise-stream.service, then: systemctl --user daemon-reload && "
    "systemctl --user enable --now denoise-stream"
)


def service_unit(name: str, words: Sequence[str]) -> str:
    """Return the unit that runs a command.

    Parameters
    ----------
    name
        What to call it in the system's lists.
    words
        The program's absolute path and its arguments.
    """
    return _UNIT.format(name=name.replace("%", "%%"), command=" ".join(map(_quoted, words)))


def _quoted(word: str) -> str:
    """Quote a word as systemd.service(5) says under "Command lines"."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
