"""What needs the frameworks runs where they are: ``make test-agents``, in an environment of its own."""

import importlib.util

collect_ignore = [f"test_{name}.py" for name in ("pipecat", "livekit") if importlib.util.find_spec(name) is None]
