"""The commands that the README and the guides show, by what they need."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMBED = ROOT / "export" / "embed"
PAGES = [
    *(ROOT / "README.md", EMBED / "README.md", EMBED / "node" / "README.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PROGRAMS = re.compile(r"\bdenoise-(?:stream|evaluate|train|export)\b")

NOT_RUN = {
    r"^denoise-train speech --from": "minutes of tracing: tests/train/training/test_speech_training.py has a small one",
    r"faces-conv|lstm-predict|mnist-reduce": "hours: tests/train/training has each for an epoch",
    r"--from fourth/": "half an hour, from a network that is not kept: tests/train/training has a start from another",
    r"^npm install": "an archive that was packed before: tests/export/embed/test_embed_package.py",
    r"--install": "writes into the user's own folders: tests/export/plugin/test_making.py",
    r"^tail ": "follows a log without end: tests/stream/files/test_pipes.py",
    r"^ffmpeg .*lv2=": "finds an installed plug-in: tests/export/plugin/test_hosts.py",
    r"--input (serial|lsl|mqtt):": "a device or a broker of that address: tests/stream/sensors makes some of its own",
}
"""Commands that no test runs as printed, by a pattern, and why."""

NEEDS = {
    "a network of one's own": r"my\.keras|my_module|my\.onnx",
    "a store or a cluster": r"s3://|--engine ray|^sbatch",
    "a sound server": r"--input (mic|monitor)\b|--virtual-mic|--listen|^arecord",
    "a training": r"^denoise-train|\bruns/|mnist|t10k",
}
"""What the commands of a pattern need beside files; the first pattern counts."""


def commands(needs: str | None) -> list[str]:
    """Return the commands that need this beside files, or nothing else."""
    return [command for command in all_commands() if _not_run(command) is None and _needs(command) == needs]


def all_commands() -> list[str]:
    """Collect the lines of shell examples that call a program, without comments, and the commands within sentences."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [re.sub(r"\s+#.*", "", line).strip() for line in lines if PROGRAMS.search(line)]
        if not {"models", "embed"} & set(page.parts):  # there without all of their arguments
            inline = re.findall(r"`(denoise-\w+ [^`\n]*)`", text)
            found += [command for command in inline if not re.search(r"\b[A-Z]{3,}\b", command)]  # a placeholder
    return list(dict.fromkeys(found))


def _not_run(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), None)


def _needs(command: str) -> str | None:
    return next((need for need, pattern in NEEDS.items() if re.search(pattern, command)), None)
