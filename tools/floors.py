"""Print the oldest versions that pyproject.toml allows, as constraints for pip: ``python -m tools.floors``."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def floors(requirements: Iterable[str]) -> Iterator[str]:
    """Yield a constraint for each requirement with a lower bound.

    >>> list(floors(["numpy>=1.26", "moto[server]>=5", "denoise-stream[plot]"]))
    ['numpy==1.26', 'moto==5']
    """
    for requirement in requirements:
        found = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)", requirement)
        if found is not None:
            yield f"{found[1]}=={found[2]}"


def main() -> None:
    """Print all of them."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = project["optional-dependencies"].values()
    print(*sorted({*floors(project["dependencies"]), *(line for extra in extras for line in floors(extra))}), sep="\n")


if __name__ == "__main__":
    main()
