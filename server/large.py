"""Large answers, which a worker thread reads and shortens, so that the event loop goes on for everybody else."""

from typing import Any

LARGE = 256 * 1024  # characters; below that it takes a few milliseconds


class Large(dict[str, Any]):
    """An answer that had more characters than LARGE."""
