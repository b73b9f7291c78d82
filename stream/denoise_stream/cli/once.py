"""Show a hint only once per user: hints that were shown are listed in the user's settings folder."""

from pathlib import Path

import click


def is_first_time(name: str) -> bool:
    """Tell whether a hint is shown for the first time, and remember it; always true where nothing can be stored."""
    mark = Path(click.get_app_dir("denoise-stream")) / f"said-{name}"
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True
