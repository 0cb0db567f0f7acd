"""Large answers, which a worker thread reads and shortens, so that the event loop goes on for everybody else."""

from collections.abc import Mapping
from typing import Any

LARGE = 256 * 1024  # characters; below that it takes a few milliseconds


class Large(dict[str, Any]):
    """An answer that had more characters than LARGE."""


def added_to(answer: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """An answer with something more, which stays as large as it was."""
    whole = {**answer, **more}
    return Large(whole) if isinstance(answer, Large) else whole
