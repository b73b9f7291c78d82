"""Say a thing once to each user: what was said is kept in a file of the user's settings folder."""

from pathlib import Path

import click


def is_first_time(name: str) -> bool:
    """Tell whether something is said for the first time, and remember it; where nothing can be kept, it always is."""
    mark = Path(click.get_app_dir("denoise-stream")) / f"said-{name}"
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True
